"""What one grid point of a figure does: pure functions of a setup and a seed.

All of them return results by name, with their dimensions, units and long names. The seed, a whole
number, is that of a repetition. Docstrings say what is special to an experiment.

Rules are compared on the same patterns, fault maps and cues: none of their random numbers depends
on the rule, and a higher share of faults breaks the devices of a lower one and more.
"""

from crossmem.experiments.analog import analog_recall, drifted_recall
from crossmem.experiments.attractors import attractors, recall_trace
from crossmem.experiments.capacity import storage_capacity
from crossmem.experiments.chip import chip_recall, half_broken
from crossmem.experiments.quality import stored_quality
from crossmem.experiments.setup import RULES, Setup, Training
from crossmem.experiments.update_order import update_schemes

__all__ = ["RULES", "Setup", "Training", "analog_recall", "attractors", "chip_recall"]
__all__ += ["drifted_recall", "half_broken", "recall_trace", "storage_capacity", "stored_quality"]
__all__ += ["update_schemes"]
