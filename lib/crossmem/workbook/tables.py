"""Markdown tables: numbers in three significant digits, pipes escaped."""

import math
from numbers import Integral, Real

import numpy as np

from crossmem.checks import check_choice

#: Units of time in s, the longest first.
UNITS = ((3.156e7, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s"))
UNITS += ((1e-3, "ms"), (1e-6, "µs"))


def markdown(rows, columns, formats=None):
    """A Markdown table of rows, with one text or number for each of the columns.

    None and NaN are shown as a dash. `formats` are those of the numbers by column, such as
    ``{"ratio": ".2f"}``, or functions that write them, or one for all that are not whole; by
    default whole numbers are written in full and others with three significant digits.
    """
    fraction, formats = (formats, {}) if isinstance(formats, str) else (None, formats or {})
    for name in formats:
        check_choice(name, "column", columns)
    lines = [columns, ["---"] * len(columns)]
    for row in map(list, rows):
        if len(row) != len(columns):
            raise ValueError(
                f"the row {row} has {len(row)} cells: give {len(columns)}, one a column"
            )
        cells = zip(row, columns, strict=True)
        lines.append([text(cell, formats.get(column), fraction) for cell, column in cells])
    escaped = [[cell.replace("|", r"\|").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def text(value, form=None, fraction=None):
    """A cell: a text as it is, a number in a format or in three significant digits.

    `fraction` is the format of a number that is not whole.
    """
    value = value.item() if hasattr(value, "item") else value  # an array of a single number
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value
    if callable(form):
        return form(value)
    if form or isinstance(value, Integral):
        return format(value, form or "d")
    if fraction:
        return format(value, fraction)
    # Without a power of ten where the whole number is as short.
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def interval(mean, low, high, form=None):
    """A number with its interval, such as "1.95 [1.92, 1.99]"."""
    return f"{text(mean, form)} [{text(low, form)}, {text(high, form)}]"


def span(values, form=None):
    """The least and the greatest of some numbers, such as "1.5 to 8.2"; one if they look alike."""
    ends = [text(end, form) for end in (np.min(values), np.max(values))]
    return " to ".join(dict.fromkeys(ends))


def digits(value, count=2):
    """A number with so many significant digits, such as "0.031" or "1200"."""
    return f"{float(f'{float(value):.{count}g}'):g}"


def between(values, unit):
    """A typical value between a low and a high end, such as "16 mJ (0.29 to 1100 mJ)"."""
    low, middle, high = map(digits, values)
    return f"{middle} {unit} ({low} to {high} {unit})"


def change(mean, low, high, form=".4f"):
    """A difference with its interval and signs, such as "+0.0018 (+0.0011 to +0.0025)"."""
    mean, low, high = (text(value, f"+{form}") for value in (mean, low, high))
    return f"{mean} ({low} to {high})"


def duration(seconds, longest=None):
    """A time in words, such as "36 min"; without end, it is "more than" the longest one tried."""
    if math.isinf(seconds) and longest is not None:
        return f"more than {duration(longest)}"
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{digits(seconds / size)} {unit}"


def durations(middle, low, high, longest=None):
    """A time and its interval in words; the time alone where even its low end is endless."""
    if math.isinf(low):
        return duration(middle, longest)
    low, middle, high = (duration(seconds, longest) for seconds in (low, middle, high))
    return f"{middle} ({low} to {high})"
