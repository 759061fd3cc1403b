"""Associative memories on memristor crossbars: train through the fault map, recall, measure."""

from crossmem import capacity, dynamics, experiments, theory
from crossmem.capacity import CapacitySearch, find_capacity, recall_quality, scaling_exponent
from crossmem.crossbar import Crossbar, FaultMap, WeightLimits
from crossmem.devices import DeviceModel
from crossmem.dynamics import Layer
from crossmem.memories import (
    AdaptiveMemory,
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
    fit_batch,
    program,
)
from crossmem.pairs import MaxMarginMemory, MaxRecallMemory
from crossmem.patterns import add_gaussian_noise, flip_bits, load_patterns, one_of_each

__all__ = [
    "AdaptiveMemory",
    "CapacitySearch",
    "Crossbar",
    "DeviceModel",
    "EquilibriumMemory",
    "FaultMap",
    "HebbianMemory",
    "Layer",
    "MaxMarginMemory",
    "MaxRecallMemory",
    "PseudoInverseMemory",
    "StorkeyMemory",
    "WeightLimits",
    "add_gaussian_noise",
    "capacity",
    "dynamics",
    "experiments",
    "find_capacity",
    "fit_batch",
    "flip_bits",
    "load_patterns",
    "one_of_each",
    "program",
    "recall_quality",
    "scaling_exponent",
    "theory",
]
