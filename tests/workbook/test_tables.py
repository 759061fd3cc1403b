"""Tables are Markdown whatever stands in their cells."""

import math

import numpy as np
import pytest
import xarray as xr

from crossmem.workbook.tables import (
    between,
    change,
    digits,
    duration,
    durations,
    interval,
    markdown,
    span,
    text,
)


def test_a_table_is_markdown():
    rows = [["a|b", 0.12345], ["c\nd", 12]]
    assert markdown(rows, ["name", "ratio"]).splitlines() == [
        "| name | ratio |",
        "| --- | --- |",
        r"| a\|b | 0.123 |",
        "| c d | 12 |",
    ]


def test_a_column_has_its_format_for_numbers_only():
    rows = [[1.0, 0.5], ["none", np.float64(0.25)]]
    lines = markdown(rows, ["a", "b"], {"a": ".2f", "b": ".0%"}).splitlines()
    assert lines[2:] == ["| 1.00 | 50% |", "| none | 25% |"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("as it is", "as it is"),
        (1024, "1024"),
        (np.int64(60000), "60000"),
        (1234.5, "1234"),
        (126.1, "126"),
        (0.0512345, "0.0512"),
        (7.24e-05, "7.24e-05"),
        (np.float32(2.5), "2.5"),
        (np.array(2.5), "2.5"),
        (np.nan, "–"),
        (np.array(np.nan), "–"),
        (None, "–"),
    ],
)
def test_numbers_have_three_digits_and_counts_all(value, shown):
    assert text(value) == shown


def test_an_interval_stands_behind_its_number():
    assert interval(1.9527, 1.9212, 1.988) == "1.95 [1.92, 1.99]"
    assert interval(0.5, 0.25, 0.75, ".0%") == "50% [25%, 75%]"


def test_a_span_goes_from_the_least_to_the_greatest():
    assert span([3.14159, 1.5, 2]) == "1.5 to 3.14"
    assert span(np.array([[8.21], [1.53]]), ".1f") == "1.5 to 8.2"
    assert span([53.881, 53.884], ".4g") == "53.88"


def test_rows_and_formats_fit_the_columns():
    with pytest.raises(ValueError, match=r"\['a', 1\]"):
        markdown([["a", 1]], ["name"])
    with pytest.raises(ValueError, match="'ration'.*'ratio'"):
        markdown([], ["ratio"], {"ration": ".2f"})


def test_one_format_is_for_all_numbers_that_are_not_whole():
    rows = [["a", 12, 0.12345, np.nan], ["b", np.int64(3), xr.DataArray(2.0), None]]
    lines = markdown(rows, ["name", "P", "x", "y"], ".2f").splitlines()
    assert lines[2:] == ["| a | 12 | 0.12 | – |", "| b | 3 | 2.00 | – |"]


def test_a_format_may_be_a_function():
    lines = markdown([[4733.2, "as it is"]], ["energy", "note"], {"energy": digits}).splitlines()
    assert lines[2] == "| 4700 | as it is |"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.03149, "0.031"), (4733.2, "4700"), (0, "0"), (3.2e-5, "3.2e-05")]
)
def test_digits_are_significant_ones(value, shown):
    assert digits(value) == shown


def test_ends_and_changes_stand_in_parentheses():
    assert between(xr.DataArray([0.29, 16.2, 1104.0]), "mJ") == "16 mJ (0.29 to 1100 mJ)"
    assert change(0.0018, -0.0002, 0.0025) == "+0.0018 (-0.0002 to +0.0025)"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(7e7, "2.2 years"), (1e5, "1.2 days"), (2160, "36 min"), (0.0026, "2.6 ms"), (2e-7, "0.2 µs")],
)
def test_times_are_in_the_unit_that_suits_them(seconds, shown):
    assert duration(seconds) == shown


def test_a_time_without_end_is_longer_than_the_longest_tried():
    assert duration(math.inf, 1e8) == "more than 3.2 years"
    assert durations(math.inf, math.inf, math.inf, 1e8) == "more than 3.2 years"
    assert durations(120, 60, math.inf, 3600) == "2 min (1 min to more than 1 h)"
