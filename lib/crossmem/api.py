"""The public names, from the rooms where they live."""

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import FaultMap, WeightLimits
from crossmem.deploy.programming import program
from crossmem.deploy.staged import program_in_stages
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch
from crossmem.networks.eqprop import ResistiveNetworkClassifier
from crossmem.networks.network import Layer, Network
from crossmem.networks.rules import (
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
)
from crossmem.patterns import add_gaussian_noise, flip_bits, load_patterns, one_of_each

__all__ = [
    "AdaptiveMemory",
    "Crossbar",
    "DeviceModel",
    "EquilibriumMemory",
    "FaultMap",
    "HebbianMemory",
    "Layer",
    "Network",
    "PseudoInverseMemory",
    "ResistiveNetworkClassifier",
    "StorkeyMemory",
    "WeightLimits",
    "add_gaussian_noise",
    "fit_batch",
    "flip_bits",
    "load_patterns",
    "one_of_each",
    "program",
    "program_in_stages",
]
