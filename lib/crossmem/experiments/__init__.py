"""What one grid point of a figure does: pure functions of a setup and a seed.

Rules are compared on the same patterns, fault maps and cues: none of their random numbers depends
on the rule, and a higher fault rate breaks the devices of a lower one and more.
"""

from crossmem.experiments.analog import analog_recall, drifted_recall
from crossmem.experiments.attractors import OUTCOMES, attractors, recall_trace
from crossmem.experiments.capacity import storage_capacity
from crossmem.experiments.chip import chip_recall, half_broken
from crossmem.experiments.quality import stored_quality
from crossmem.experiments.setup import METHODS, draw_pool, hidden_sizes
from crossmem.experiments.update_order import update_schemes
