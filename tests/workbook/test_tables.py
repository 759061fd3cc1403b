"""Tables are Markdown whatever stands in their cells."""

import numpy as np
import pytest

from crossmem.workbook.tables import interval, markdown, span, text


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


def test_rows_and_formats_fit_the_columns():
    with pytest.raises(ValueError, match=r"\['a', 1\]"):
        markdown([["a", 1]], ["name"])
    with pytest.raises(ValueError, match="'ration'.*'ratio'"):
        markdown([], ["ratio"], {"ration": ".2f"})
