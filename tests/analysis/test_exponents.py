"""Exponents of capacities with different numbers of seeds by size."""

import numpy as np
import pytest
import xarray as xr

from crossmem.analysis.exponents import local_growth, uneven_growth
from crossmem.analysis.statistics import growth


def capacities(rows, sizes):
    return xr.DataArray(rows, {"seed": range(len(rows)), "width": sizes}, ["seed", "width"])


def test_a_power_law_has_one_exponent_everywhere():
    sizes = np.array([10, 20, 40, 80])
    law = capacities([3.0 * sizes**1.6, 3.0 * sizes**1.6], sizes)
    assert uneven_growth(law, "width").value == pytest.approx(1.6)
    places, found = zip(*local_growth(law, "width"), strict=True)
    assert [one.value for one in found] == pytest.approx([1.6] * 3)
    assert places == pytest.approx([200**0.5, 800**0.5, 3200**0.5])


def test_it_is_the_exponent_of_growth_where_all_seeds_were_run():
    rng = np.random.default_rng(0)
    values = capacities(rng.uniform(0.8, 1.2, (10, 3)) * [10, 30, 90], [10, 20, 40])
    ours, usual = uneven_growth(values, "width"), growth(values, "width")
    assert ours.value == pytest.approx(usual.value)
    assert ours.low == pytest.approx(usual.low, abs=0.05)
    assert ours.high == pytest.approx(usual.high, abs=0.05)


def test_missing_seeds_leave_the_means_of_the_others():
    values = capacities([[10.0, 40.0], [12.0, np.nan], [14.0, np.nan]], [10, 20])
    found = uneven_growth(values, "width")
    assert found.value == pytest.approx(np.log(40 / 12) / np.log(2))
    assert np.isnan(found.low) and np.isnan(found.high)  # a single seed has no interval


def test_saturation_lowers_the_local_exponents():
    sizes = np.array([25, 50, 100, 200, 400])
    values = capacities([sizes / (1 + sizes / 100)] * 2, sizes)
    found = [one.value for _, one in local_growth(values, "width")]
    assert found == sorted(found, reverse=True) and found[0] > 2 * found[-1]


@pytest.mark.parametrize("row", [[10.0, 0.0], [10.0, np.nan]])
def test_what_has_no_exponent_is_refused(row):
    with pytest.raises(ValueError, match="two sizes"):
        uneven_growth(capacities([row, row], [10, 20]), "width")
