"""Where an array lives: NumPy's in main memory, CuPy's on a GPU."""

import sys

import numpy as np


def namespace_of(array):
    """The module whose functions act on an array: `cupy` for an array of CuPy, else `numpy`.

    Who has such an array has imported CuPy, so that nothing is imported here. Arrays of other
    libraries, and lists, are converted to NumPy.
    """
    cupy = sys.modules.get("cupy")
    return np if cupy is None else cupy.get_array_module(array)


def to_numpy(array):
    """The array in main memory: a copy of one on a GPU; all else as it is."""
    namespace = namespace_of(array)
    return array if namespace is np else namespace.asnumpy(array)
