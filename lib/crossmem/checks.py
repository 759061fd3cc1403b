"""Checks at the door: each error names the value, the limit and the remedy in one sentence."""

import difflib
import math
import operator
from dataclasses import fields
from numbers import Real

import numpy as np


def nearest(name, valid):
    """Return the valid name closest to a misspelt one, whatever its case; '' if there is none."""
    folded = {str(choice).casefold(): choice for choice in valid}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.0)
    return folded[close[0]] if close else ""


def check_choice(value, name, choices):
    """Return `value` if it is one of the choices."""
    if value not in choices:
        raise ValueError(
            f"{name}={value!r} is unknown: choose one of {', '.join(map(repr, choices))}; "
            f"did you mean {nearest(value, choices)!r}?"
        )
    return value


def check_count(value, name, least=1, remedy="give a larger one"):
    """Return `value` as an int if it is a whole number of at least `least`."""
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, but must be an integer; give at least {least}.")
    if count < least:
        raise ValueError(f"{name} is {value}, but must be at least {least}; {remedy}.")
    return count


def check_even(value, name):
    """Return `value` as an int if it is even and at least 2: a pair of devices takes two lines."""
    count = check_count(value, name, least=2)
    if count % 2:
        raise ValueError(
            f"{name} is {value}, but must be even, since a pair takes two columns; "
            f"give {count + 1}."
        )
    return count


def check_number(value, name, example=0.1):
    """Return `value` if it is a real number."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}, but must be a number; give for example {example}.")
    return value


def check_positive(value, name, example=0.1):
    """Return `value` if it is a finite number above 0."""
    return _number(value, name, lambda x: 0 < x < math.inf, "above 0 and finite", example)


def check_not_negative(value, name, example=0.3):
    """Return `value` if it is a finite number of at least 0, such as a standard deviation."""
    return _number(value, name, lambda x: 0 <= x < math.inf, "at least 0 and finite", example)


def check_rate(value, name="rate"):
    """Return `value` as a float if it is a number in [0, 1]; 5 % is written 0.05."""
    return float(_number(value, name, lambda x: 0 <= x <= 1, "in [0, 1]", 0.05))


def check_fault_rates(stuck_off, stuck_on):
    """Check that the rates of both faults of a device lie in [0, 1], and so does their sum."""
    if round(check_rate(stuck_off, "stuck_off") + check_rate(stuck_on, "stuck_on"), 9) > 1:
        raise ValueError(
            f"stuck_off {stuck_off} and stuck_on {stuck_on} are together more than 1: lower one"
        )


def check_rng(rng):
    """Return `rng` if it is a numpy Generator, so that every result can be drawn again."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {rng!r}, but it must be a numpy Generator; "
            "pass numpy.random.default_rng(seed)."
        )
    return rng


def check_shape(values, shape, name, remedy):
    """Return an array if it has the shape, in which a word stands for any length but none."""
    wanted = [own if isinstance(n, str) else n for n, own in zip(shape, values.shape, strict=False)]
    if values.ndim != len(shape) or values.shape != tuple(wanted) or not values.size:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{name} of shape {values.shape} must have ({wanted}); {remedy}.")
    return values


def check_within(values, low, high, name, remedy, unit=""):
    """Return an array if all of it lies in [low, high], which NaN does not."""
    wrong = values[~((values >= low) & (values <= high))]
    if wrong.size:
        span = f"[{low:g}, {high:g}]{unit}"
        raise ValueError(f"{name} {wrong[0]:g}{unit} is outside {span}; {remedy}.")
    return values


def check_constants(model, positive=()):
    """Check that the fields of a dataclass are finite and >= 0, and those in `positive` above 0."""
    for field in fields(model):
        check = check_positive if field.name in positive else check_not_negative
        check(getattr(model, field.name), field.name, field.default)


def check_below(model, name, limit, share=1):
    """Check that one attribute of a model is below another one, or below a share of it."""
    value, bound = getattr(model, name), share * getattr(model, limit)
    if not value < bound:
        above = limit if share == 1 else f"{share:g} {limit}"
        raise ValueError(
            f"{name} is {value:g}, but must be below {above}, which is {bound:g}; "
            f"lower it, or raise {limit}."
        )


def check_lengths(least, most, **lists):
    """Check that each list, by its name, has as many values as there is room for."""
    for name, values in lists.items():
        if not least <= len(values) <= most:
            raise ValueError(
                f"{name} has {len(values)} values, but there is room for {least} to {most}; "
                "leave some out, or add some."
            )


def _number(value, name, fits, limits, example):
    check_number(value, name, example)
    if not fits(value):
        raise ValueError(f"{name} is {value}, but must be {limits}; give for example {example}.")
    return value
