"""Checks at the door: each error names the value, the limit and the remedy in one sentence."""

import difflib
import math
import operator
from numbers import Real

import numpy as np


def nearest(name, valid):
    """Return the valid name that is closest to a misspelt one ('' if there is none)."""
    return next(iter(difflib.get_close_matches(str(name), list(valid), n=1, cutoff=0.0)), "")


def check_choice(value, name, choices):
    """Return `value` if it is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"{name}={value!r} is unknown: choose one of {', '.join(map(repr, choices))}; "
            f"did you mean {nearest(value, choices)!r}?"
        )
    return value


def check_count(value, name, least=1):
    """Return `value` as an int if it is a whole number of at least `least`."""
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, but must be an integer; give at least {least}.")
    if count < least:
        raise ValueError(f"{name} is {value}, but must be at least {least}; give a larger one.")
    return count


def check_positive(value, name, example=0.1):
    """Return `value` if it is a finite number above 0."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, but must be a number; give for example {example}.")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}, but must be above 0; give for example {example}.")
    return value


def check_rate(value, name="rate"):
    """Return `value` as a float if it lies in [0, 1]; `name` names it in the error."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, but it must be a number in [0, 1]; try 0.05.")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, but it must lie in [0, 1]; 5 % is written 0.05.")
    return float(value)


def check_not_negative(value, name, example=0.3):
    """Return `value` if it is a finite number of at least 0, such as a standard deviation."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, but must be a number; give for example {example}.")
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, but must be finite and >= 0; try {example}.")
    return value


def check_rng(rng):
    """Return `rng` if it is a numpy Generator, so that every result can be drawn again."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {rng!r}, but it must be a numpy Generator; "
            "pass numpy.random.default_rng(seed)."
        )
    return rng
