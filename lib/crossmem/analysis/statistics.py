"""Intervals, exponents and crossings of a threshold."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats
import xarray as xr

from crossmem.checks import check_rng
from crossmem.randomness import generator


def refuse_missing(values, name):
    """Refuse NaN among values: one rule for all that is drawn, averaged or judged.

    Who leaves some out on purpose, such as seeds that were not searched, drops them before.
    """
    missing = int(np.isnan(values).sum())
    if missing:
        raise ValueError(
            f"{name} holds {missing} NaN among {np.size(values)} values: find out what failed, or "
            "drop with dropna what was left out on purpose"
        )


@dataclass(frozen=True)
class Exponent:
    """Slope of a log–log regression with its 95 % bootstrap interval.

    Attributes
    ----------
    value, low, high : float
        The exponent and its interval.
    prefactor : float
        capacity = prefactor · size ** value.
    """

    value: float
    low: float
    high: float
    prefactor: float


def scaling_exponent(sizes, capacities, rng, *, resamples=2000):
    """Exponent of capacity against size.

    Parameters
    ----------
    sizes : array (s,)
        Network sizes, at least two.
    capacities : array (seeds, s)
        One row per seed. The regression is through the logarithm of the means over seeds, which
        must be above 0; the interval comes from drawing seeds with replacement, and is NaN for a
        single seed.
    rng : numpy.random.Generator
        Draws the resamples.

    Returns
    -------
    Exponent

    Raises
    ------
    ValueError
        If the shapes do not match, a mean capacity is 0, or one is NaN.
    """
    sizes, capacities = np.asarray(sizes, dtype=float), np.asarray(capacities, dtype=float)
    if capacities.ndim != 2 or capacities.shape[1] != len(sizes) or len(sizes) < 2:
        raise ValueError(
            f"capacities of shape {capacities.shape} for {len(sizes)} sizes: pass (seeds, sizes) "
            "with at least two sizes"
        )
    refuse_missing(capacities, "capacities")
    if not (capacities.mean(axis=0) > 0).all():
        raise ValueError("a mean capacity is 0, which has no logarithm: leave that size out")
    offsets = np.log(sizes) - np.log(sizes).mean()

    def slope(means):
        """Least-squares slope of the logarithms, for one row of means or many."""
        return np.log(means) @ offsets / (offsets @ offsets)

    means = capacities.mean(axis=0)
    value = float(slope(means))
    prefactor = float(np.exp(np.log(means).mean() - value * np.log(sizes).mean()))
    check_rng(rng)
    if len(capacities) == 1:
        return Exponent(value, np.nan, np.nan, prefactor)
    draws = rng.integers(len(capacities), size=(resamples, len(capacities)))
    means = capacities[draws].mean(axis=1)
    low, high = np.quantile(slope(means[(means > 0).all(axis=1)]), [0.025, 0.975])
    return Exponent(value, float(low), float(high), prefactor)


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray


def mean_interval(values, dim="seed", *, resamples=2000):
    """Return the mean over a dimension with its 95 % bootstrap interval (percentiles).

    Parameters
    ----------
    values : xarray.DataArray, or array (seeds,)
    dim : str
        The dimension of the repetitions, at least two of them.
    resamples : int
        Number of bootstrap samples; their random numbers are always the same.

    Returns
    -------
    Interval
        Three arrays without the dimension.

    Raises
    ------
    ValueError
        If the dimension is missing or holds a single value, or a value is NaN.
    """
    if not isinstance(values, xr.DataArray):
        values = xr.DataArray(values, dims=dim)
    if values.sizes.get(dim, 0) < 2:
        raise ValueError(
            f"values have sizes {dict(values.sizes)}, but an interval needs at least 2 along "
            f"{dim!r}: run more of them"
        )
    values = values.astype(float)
    refuse_missing(values.values, "values")
    bootstrap = scipy.stats.bootstrap(
        (values.values,),
        np.mean,
        axis=values.get_axis_num(dim),
        n_resamples=resamples,
        batch=100,
        method="percentile",
        rng=generator(0, "mean_interval"),
    )
    mean = values.mean(dim)
    low, high = bootstrap.confidence_interval
    return Interval(mean, mean.copy(data=low), mean.copy(data=high))


def growth(values, dim):
    """Exponent with which capacities grow along a dimension, with its interval.

    Parameters
    ----------
    values : xarray.DataArray
        With the dimensions ``dim``, a size, and "seed", no others.
    dim : str

    Returns
    -------
    Exponent
    """
    values = values.transpose("seed", dim)
    stream = {"width": "hidden"}.get(dim, dim)  # names of the streams of the published intervals
    return scaling_exponent(values[dim], values, generator(0, "exponent", stream))


def crossing(places, quality, threshold=0.99, *, log=False, never=np.inf):
    """Place at which a quality first falls below a threshold, interpolated.

    Parameters
    ----------
    places : array (n,)
        Increasing, such as fault rates or times.
    quality : array (n,)
    threshold : float
        Reaching it is a success.
    log : bool
        Interpolate in the logarithm of the place, which is above 0, and not in the place itself.
    never : float
        What to return if the quality never falls below, such as the last place tried.

    Returns
    -------
    float
        Between the last place of the unbroken run of successes and the next; the first place if
        that fails already.

    Raises
    ------
    ValueError
        If the places do not increase, one of them is not above 0 where a logarithm is asked for,
        their number is not that of the quality, or the quality holds NaN.
    """
    places, quality = np.asarray(places, dtype=float), np.asarray(quality, dtype=float)
    increasing = (np.diff(places) > 0).all() and (not log or (places > 0).all())
    if places.shape != quality.shape or not increasing:
        raise ValueError(
            f"places are {places}: give one increasing{' positive' * log} place for each quality"
        )
    refuse_missing(quality, "quality")
    failed = np.flatnonzero(quality < threshold)
    if not failed.size:
        return float(never)
    after = failed[0]
    if after == 0:
        return float(places[0])
    before = after - 1
    share = (quality[before] - threshold) / (quality[before] - quality[after])
    if log:
        return float(places[before] * (places[after] / places[before]) ** share)
    return float(places[before] + share * (places[after] - places[before]))
