"""A sample of a sweep, and what it says of the dataset that is kept."""

import numpy as np
import pytest
import xarray as xr

from crossmem.workbook.sampling import compare, sampled, some_of
from crossmem.workbook.sweep import sweep

GRID = {"x": [1, 2, 3, 4], "kind": ["a", "b"]}


def value(x, kind):
    return {"square": xr.Variable("power", [x**2, x**3]), "count": x, "name": kind}


def test_a_sample_has_the_values_of_the_sweep_and_nan_elsewhere():
    whole, some = sweep(value, over=GRID, workers=1), sampled(value, over=GRID, size=3, workers=1)
    assert some.sizes == whole.sizes and some["x"].equals(whole["x"])
    computed = some["count"].notnull()
    assert computed.sum() == 3
    xr.testing.assert_equal(some["square"], whole["square"].where(computed))
    again = sampled(value, over=GRID, size=3, workers=1)
    xr.testing.assert_equal(some, again)  # the same points
    assert some.attrs["compute_time_s"] > 0


def test_a_sample_of_more_points_than_there_are_is_all_of_them():
    whole, some = sweep(value, over=GRID, workers=1), sampled(value, over=GRID, size=99, workers=1)
    np.testing.assert_array_equal(some["square"], whole["square"])


def test_some_of_the_cases():
    cases = {name: name.upper() for name in "abcdef"}
    some = some_of(cases, 2)
    assert len(some) == 2 and some.items() <= cases.items() and some == some_of(cases, 2)
    assert some_of(cases, 0) == some_of(cases, 6) == some_of(cases, 9) == cases


def kept():
    return xr.Dataset(
        {
            "cosine": ("seed", [0.9, np.nan, np.inf, 0.7]),
            "count": ("seed", [3, 4, 5, 6]),
            "name": ("seed", ["a", "b", "c", "d"]),
        },
        {"seed": [0, 1, 2, 3]},
    )


def test_what_was_not_computed_is_not_compared():
    found = kept().where(kept()["seed"] != 3)
    assert compare(found, kept()) == {"values": 5, "differ": 0, "worst": ""}


@pytest.mark.parametrize(
    ("seed", "name", "value", "sentence"),
    [
        (0, "cosine", 0.91, "cosine is 0.91 and was 0.9"),
        (1, "cosine", 0.5, "cosine is 0.5 and was nan"),  # a value that the file lacks
        (2, "cosine", 0.5, "cosine is 0.5 and was inf"),
        (3, "count", 7, "count is 7 and was 6"),
    ],
)
def test_a_value_that_differs_is_told(seed, name, value, sentence):
    found = kept()
    found[name] = found[name].astype(float)
    found[name].loc[seed] = value
    told = compare(found, kept())
    assert (told["differ"], told["worst"]) == (1, sentence)


def test_of_several_the_one_furthest_away_is_told():
    found = kept().assign(cosine=("seed", [0.901, np.nan, np.inf, 0.8]))
    told = compare(found, kept())
    assert (told["differ"], told["worst"]) == (2, "cosine is 0.8 and was 0.7")


def test_rounding_is_no_difference():
    found = kept().assign(cosine=kept()["cosine"] * (1 + 1e-9))
    assert compare(found, kept())["differ"] == 0


def test_a_variable_or_a_label_that_the_file_lacks_differs():
    assert "energy is not" in compare(kept().rename(count="energy"), kept())["worst"]
    longer = kept()[["count"]].pad(seed=(0, 1), constant_values=1).assign_coords(seed=range(5))
    assert compare(longer, kept())["differ"] == 1
