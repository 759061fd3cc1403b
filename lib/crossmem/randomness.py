"""Random generators that belong to a grid point, not to the order in which points are computed."""

import hashlib

import numpy as np


def generator(seed, *coordinates):
    """Return the random generator of one grid point.

    Two calls with the same arguments give the same stream in every process and on every
    machine; a change of any argument gives an independent stream (NumPy's `SeedSequence`).

    Parameters
    ----------
    seed : int
        Non-negative seed of the repetition.
    *coordinates : str, int, float or bool
        What tells this stream from its siblings: the coordinates of the grid point, and a
        word for the purpose ("fault map"). A whole number gives the same stream as int or float.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    TypeError
        If the seed is not an integer or a coordinate is not a plain scalar.
    ValueError
        If the seed is negative.

    Examples
    --------
    >>> bool(generator(3, "cues", 64).random() == generator(3, "cues", 64.0).random())
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed is {seed!r}, but must be an integer: pass 0, 1, 2, ...")
    if seed < 0:
        raise ValueError(f"seed is {seed}, but must not be negative: pass 0, 1, 2, ...")
    return np.random.default_rng(
        np.random.SeedSequence([int(seed), *(_word(value) for value in coordinates)])
    )


def _word(value):
    """Map a scalar to a 128-bit integer; `hash` would not do, it differs between processes."""
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, str | int | float):
        raise TypeError(
            f"coordinate {value!r} is a {type(value).__name__}, but must be a string or a number: "
            "pass the plain scalars that name the grid point"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:16], "big")
