"""Markdown tables: numbers in three significant digits, pipes escaped."""

import math
from numbers import Integral, Real

import numpy as np

from crossmem.checks import check_choice


def markdown(rows, columns, formats=None):
    """A Markdown table of rows, with one text or number for each of the columns.

    None and NaN are shown as a dash. `formats` are those of the numbers by column, such as
    ``{"ratio": ".2f"}``; by default whole numbers are written in full and others with three
    significant digits.
    """
    formats = formats or {}
    for name in formats:
        check_choice(name, "column", columns)
    lines = [columns, ["---"] * len(columns)]
    for row in map(list, rows):
        if len(row) != len(columns):
            raise ValueError(
                f"the row {row} has {len(row)} cells: give {len(columns)}, one a column"
            )
        cells = zip(row, columns, strict=True)
        lines.append([text(cell, formats.get(column)) for cell, column in cells])
    return "\n".join("| " + " | ".join(map(_escaped, line)) + " |" for line in lines)


def text(value, form=None):
    """A cell: a text as it is, a number in a format or in three significant digits."""
    value = value.item() if hasattr(value, "item") else value  # an array of a single number
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return "–"
    if isinstance(value, str):
        return value
    if form:
        return format(value, form)
    if isinstance(value, Integral):
        return str(value)
    # Without a power of ten where the whole number is as short.
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def interval(mean, low, high, form=None):
    """A number with its interval, such as "1.95 [1.92, 1.99]"."""
    return f"{text(mean, form)} [{text(low, form)}, {text(high, form)}]"


def span(values, form=None):
    """The least and the greatest of some numbers, such as "1.5 to 8.2"."""
    return f"{text(np.min(values), form)} to {text(np.max(values), form)}"


def _escaped(cell):
    return cell.replace("|", r"\|").replace("\n", " ")
