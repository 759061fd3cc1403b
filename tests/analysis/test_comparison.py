"""Comparisons of small sweeps whose answer is known by hand."""

import numpy as np
import pytest
import xarray as xr

from crossmem.analysis import comparison
from crossmem.analysis.statistics import Interval, mean_interval


def capacities(values, criteria=("mean",), **coords):
    """Capacities (criterion, seed, ...) with the coordinates given."""
    values = np.asarray(values, dtype=float)
    coords = {"criterion": list(criteria), "seed": list(range(values.shape[1])), **coords}
    return xr.DataArray(values, coords, list(coords))


def by_seed(values, first=0):
    return xr.DataArray(np.asarray(values, float), {"seed": np.arange(len(values)) + first}, "seed")


def test_a_point_of_one_sweep_in_another():
    sizes = capacities([[[5.0, 9.0]]], neurons=[64, 100])
    point = comparison.point_of(sizes, {"neurons": 100}, masked_fraction=0.0)
    assert dict(point.sizes) == {"masked_fraction": 1, "criterion": 1, "seed": 1}
    assert "neurons" not in point.coords and float(point.item()) == 9


def test_ratios_leave_out_seeds_without_a_capacity():
    found = comparison.ratio(by_seed([6, 5, 4, np.nan]), by_seed([3, 0, 4, 2]))
    assert found.values.tolist() == [2, 1]
    assert found["seed"].values.tolist() == [0, 2]


def test_gains_on_a_reference_leave_out_what_is_the_same():
    values = xr.DataArray(
        [[1.0, 2, 3], [1, 2, 3], [2, 3, 5]],
        {"variant": ["used", "same", "other"], "seed": [0, 1, 2]},
        ("variant", "seed"),
    )
    found = comparison.gains(values, "variant", "used")
    assert found.keys() == {"other"}
    assert found["other"] == mean_interval(by_seed([1, 1, 2]))


def test_the_side_of_an_interval():
    low, high = (xr.DataArray(ends, dims="load") for ends in ([0.1, -1, -3, 0], [2, 1, -2, 1]))
    assert comparison.side(Interval(low, low, high)).values.tolist() == [1, 0, -1, 0]


def test_tolerated_corruption_by_hand():
    """One seed falls half-way between 0.2 and 0.4, one fails at once, one never."""
    rows = [[1.0, 0.995, 0.985], [0.9, 1.0, 1.0], [1.0, 1.0, 1.0]]
    quality = xr.DataArray(
        rows, {"seed": [4, 5, 6], "flip_rate": [0.0, 0.2, 0.4]}, ("seed", "flip_rate")
    )
    for values in (quality, quality.transpose()):
        found = comparison.tolerated(values, "flip_rate")
        assert found.values == pytest.approx([0.3, 0.0, 0.4])
        assert found["seed"].values.tolist() == [4, 5, 6]


def test_devices_saved_by_hand():
    """Capacity and devices both double with the width, so that they are in proportion."""
    capacity = capacities(
        [[[10, 20, 40], [10, 20, 40], [10, 20, 40], [10, 20, 40]]], width=[1, 2, 4]
    )
    capacity = capacity.sel(criterion="mean", drop=True)
    devices = xr.DataArray([100, 200, 400], {"width": [1, 2, 4]}, "width")
    wanted = by_seed([20, 20 * 2**0.5, 5, 50])
    for order in ([0, 1, 2], [2, 0, 1]):
        found = comparison.devices_saved(
            capacity[:, order], devices[order], wanted, available=1000
        ).values
        np.testing.assert_allclose(found, [0.8, 1 - 0.2 * 2**0.5, 0.9, np.nan])


def test_a_search_that_is_a_pattern_off_does_not_count_as_a_loss():
    capacity = xr.DataArray([[10.0, 9.0]], {"seed": [0], "width": [1, 2]}, ("seed", "width"))
    devices = xr.DataArray([100, 200], {"width": [1, 2]}, "width")
    found = comparison.devices_saved(capacity, devices, by_seed([10]), available=1000)
    assert found.item() in (pytest.approx(0.9), pytest.approx(0.8))


def test_when_recalls_are_exact():
    """One is exact from iteration 1 on, one leaves its pattern again, one starts there."""
    cosine = xr.DataArray(
        [[0.9, 0.9, 1.0], [1.0, 1.0, 1.0], [1.0, 0.8, 1.0]], dims=("iteration", "p")
    )
    np.testing.assert_array_equal(comparison.first_exact(cosine), [1, np.nan, 0])


def test_slope_of_a_power_law():
    sizes = xr.DataArray([64.0, 144, 400], {"neurons": [64, 144, 400]}, "neurons")
    assert comparison.log_slope(3 * sizes**1.5, "neurons") == pytest.approx(1.5)


def test_times_as_fast():
    seconds = xr.DataArray(
        [[6.0, 2.0]], {"recipe": ["a"], "way": ["loop", "batch"]}, ("recipe", "way")
    )
    found = comparison.times_as_fast(seconds, recipe="a", way="loop")
    assert found.values.tolist() == [[1, 3]]


def test_the_closest_value_is_taken():
    assert comparison.closest([2, 5, 8], 4) == 5
    assert comparison.closest([10.0], 1) == 10.0


def test_entries_have_the_values_asked_for():
    data = xr.Dataset({"cosine": ("chip", [1.0, 2, 3, 4]), "part": ("chip", ["a", "b", "b", "b"])})
    data["bits"] = ("chip", [np.nan, 4, 8, np.nan])
    assert comparison.entries(data, "chip", part="b")["cosine"].values.tolist() == [2, 3, 4]
    assert comparison.entries(data, "chip", part="b", bits=8)["cosine"].values.tolist() == [3]
    with pytest.raises(ValueError, match="'part': 'c'"):
        comparison.entries(data, "chip", part="c")
