"""Intervals, exponents and crossings against closed forms, and one rule for missing values."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from crossmem.analysis.statistics import crossing, growth, lifetime, mean_interval


@pytest.fixture
def rng():
    return np.random.default_rng(1)


# Intervals


def test_interval_agrees_with_student_on_normal_data():
    values = np.random.default_rng(0).normal(5, 2, size=(400, 3))
    found = mean_interval(xr.DataArray(values, dims=("seed", "rule")))
    np.testing.assert_allclose(found.mean, values.mean(0))
    low, high = scipy.stats.t.interval(0.95, 399, values.mean(0), scipy.stats.sem(values))
    np.testing.assert_allclose(found.low, low, atol=0.03)
    np.testing.assert_allclose(found.high, high, atol=0.03)
    again = mean_interval(xr.DataArray(values, dims=("seed", "rule")))
    xr.testing.assert_identical(again.low, found.low)


def test_interval_of_equal_values_is_a_point():
    found = mean_interval(np.array([4, 4, 4]))
    assert (found.mean, found.low, found.high) == (4, 4, 4)


def test_interval_of_one_value_is_refused():
    with pytest.raises(ValueError, match="at least 2 along 'seed'"):
        mean_interval([4.0])


# Exponents


def held(sizes, capacities, dim="neurons"):
    """Capacities with one row per seed."""
    return xr.DataArray(np.asarray(capacities), {dim: sizes}, ("seed", dim))


@pytest.mark.parametrize("dim", ["neurons", "width"])
def test_power_law_without_scatter_is_recovered(dim):
    sizes = np.array([64, 144, 256, 400])
    fit = growth(held(sizes, np.outer([1.0, 1.1], 0.3 * sizes**1.49), dim).transpose(), dim)
    for value in (fit.value, fit.low, fit.high):
        assert value == pytest.approx(1.49, abs=1e-9)


def test_interval_agrees_with_the_standard_error(rng):
    """The bootstrap over seeds must be as wide as the scatter of the seeds' own slopes says."""
    sizes = np.array([64, 144, 256, 400])
    capacities = 0.3 * sizes**1.06 * rng.lognormal(0, 0.1, (40, 4))
    fit = growth(held(sizes, capacities), "neurons")
    slopes = np.polyfit(np.log(sizes), np.log(capacities).T, 1)[0]
    error = slopes.std(ddof=1) / np.sqrt(len(slopes))
    assert fit.value == pytest.approx(slopes.mean(), abs=error)
    assert fit.high - fit.low == pytest.approx(2 * 1.96 * error, rel=0.3)
    assert fit.low < 1.06 < fit.high


def test_exponent_repeats_itself():
    capacities = held([1, 2, 4], np.random.default_rng(0).uniform(10, 20, (6, 3)))
    assert growth(capacities, "neurons") == growth(capacities, "neurons")


@pytest.mark.parametrize(
    ("capacities", "named"), [([[10.0]], "at least two sizes"), ([[0.0, 20.0]], "is 0")]
)
def test_bad_scaling_data(capacities, named):
    with pytest.raises(ValueError, match=named):
        growth(held([64, 144][: len(capacities[0])], capacities), "neurons")


def test_one_seed_has_no_interval():
    fit = growth(held([64, 256], [[8.0, 32.0]]), "neurons")
    assert fit.value == pytest.approx(1.0)
    assert np.isnan([fit.low, fit.high]).all()


# Crossings of a threshold


@pytest.mark.parametrize(
    ("quality", "tolerated"),
    [
        ([1.0, 0.995, 0.985, 0.5], 0.3),  # half of the way from 0.995 to 0.985
        ([1.0, 0.98, 1.0, 1.0], 0.1),  # a later recovery does not count
        ([1.0, 0.99, 0.9, 0.8], 0.2),  # the threshold itself is a success
        ([1.0, 1.0, 1.0, 1.0], 0.6),
        ([0.9, 1.0, 1.0, 1.0], 0.0),
    ],
)
def test_tolerated_rate_by_hand(quality, tolerated):
    rates = [0.0, 0.2, 0.4, 0.6]
    assert crossing(rates, quality, 0.99, never=rates[-1]) == pytest.approx(tolerated)


def test_between_times_the_logarithm_counts():
    times = [1.0, 10.0, 100.0]
    assert crossing(times, [1.0, 0.8, 0.6], 0.7, log=True) == pytest.approx(10**1.5)
    assert crossing(times, [1.0, 0.8, 0.9], 0.8, log=True) == np.inf
    assert crossing(times, [0.5, 0.8, 0.9], 0.7, log=True) == 1.0


@pytest.mark.parametrize("times", [[0.0, 10.0, 100.0], [1.0, 1.0, 100.0], [1.0, 10.0]])
def test_places_of_a_crossing_increase_one_for_each_quality(times):
    with pytest.raises(ValueError, match="places are"):
        crossing(times, [1.0, 0.8, 0.6], 0.7, log=True)


# Missing values


def test_a_missing_value_is_never_averaged_away():
    capacity = held([10, 40], [[4.0, 17.0], [np.nan, 20.0], [5.0, 19.0]])
    for refused in (
        lambda: mean_interval([4.0, np.nan, 8.0]),
        lambda: mean_interval(capacity),
        lambda: growth(capacity, "neurons"),
        lambda: crossing([0.1, 0.2], [1.0, np.nan]),
    ):
        with pytest.raises(ValueError, match="1 NaN"):
            refused()


def test_who_left_seeds_out_drops_them():
    capacity = held([10, 40], [[4.0, 17.0], [5.0, 20.0], [np.nan, np.nan]])
    assert growth(capacity.dropna("seed"), "neurons") == growth(capacity[:2], "neurons")


# Lifetimes


def test_a_lifetime_ends_where_the_loss_is_reached():
    times = [1.0, 10.0, 100.0]
    values = xr.DataArray(
        [[0.9, 0.9], [0.9, 0.9], [0.7, 0.7]], {"time": times, "seed": [0, 1]}, ("time", "seed")
    )
    for found in lifetime(values, 0.1):
        assert found == pytest.approx(10**1.5)
    assert lifetime(values, 0.3) == (np.inf, np.inf, np.inf)


def test_a_lifetime_is_surer_the_more_the_seeds_agree():
    times, seeds = np.array([1.0, 10, 100]), np.linspace(-0.05, 0.05, 20)
    values = 0.9 - 0.1 * np.log10(times)[:, None] * (1 + 10 * seeds)
    values = xr.DataArray(values, {"time": times, "seed": range(20)}, ("time", "seed"))
    middle, low, high = lifetime(values, 0.05)
    assert 1 < low < middle < high < 100
    assert middle == pytest.approx(10**0.5)
