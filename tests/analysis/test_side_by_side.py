"""Capacities side by side: which seeds count, and what sweeps of other seeds leave open."""

import numpy as np
import pytest
import xarray as xr

from crossmem.analysis.comparison import ratio
from crossmem.analysis.side_by_side import beside, join


@pytest.fixture
def held():
    """Our training in stages holds 30 and more, the published one at once 10."""
    coords = {"training": ["ours", "published"], "way": ["at once", "in stages"]}
    coords |= {"criterion": ["mean", "worst_pattern"], "seed": [0, 1, 2]}
    found = xr.DataArray(np.full((2, 2, 2, 3), 20.0), coords, list(coords))
    found.loc["ours", "in stages", "mean"] = [30, 40, 50]
    found.loc["published", "at once", "mean"] = [10, 10, 10]
    found.loc["published", "in stages"] = np.nan
    return found


def test_ours_in_stages_beside_the_published_training_at_once(held):
    after, before = beside(held, "in stages", "at once")
    assert (after.values.tolist(), before.values.tolist()) == ([30, 40, 50], [10, 10, 10])
    assert ratio(after, before).values.tolist() == [3, 4, 5]


def test_only_seeds_that_both_were_searched_on_count(held):
    held.loc["ours", "in stages", "worst_pattern"] = [7, np.nan, np.nan]
    after, before = beside(held, "in stages", "at once", "worst_pattern")
    assert (after.values.tolist(), before.values.tolist()) == ([7], [20])


def test_sweeps_of_other_seeds_become_one():
    few = xr.DataArray([[4.0]], {"neurons": [400], "seed": [0]}, ("neurons", "seed"))
    many = xr.DataArray([[1.0, 2.0]], {"neurons": [64], "seed": [0, 1]}, ("neurons", "seed"))
    both = join("neurons", few, many)
    assert both["neurons"].values.tolist() == [64, 400]
    np.testing.assert_array_equal(both, [[1, 2], [4, np.nan]])
