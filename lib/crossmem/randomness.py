"""Random generators that belong to a grid point, not to the order in which points are computed."""

import hashlib

import numpy as np

from crossmem.checks import check_count


def generator(seed, *coordinates):
    """Return the random generator of one grid point.

    The same arguments give the same stream in every process and on every machine; a change of any
    of them gives an independent stream (NumPy's `SeedSequence`).

    Parameters
    ----------
    seed : int
        Non-negative seed of the repetition.
    *coordinates : str, int, float or bool
        The coordinates of the grid point, and a word for the purpose ("fault map"). A whole
        number gives the same stream as int or float.
    """
    seed = check_count(seed, "seed", least=0)
    return np.random.default_rng(np.random.SeedSequence([seed, *map(_word, coordinates)]))


def _word(value):
    """Map a scalar to a 128-bit integer; `hash` differs between processes."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, str | int | float):
        kind = type(value).__name__
        raise TypeError(f"coordinate {value!r} is a {kind}: pass a string or a number.")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:16], "big")
