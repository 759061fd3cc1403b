"""Intervals, exponents and crossings of a threshold."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats
import xarray as xr

from crossmem.checks import check_rng
from crossmem.randomness import generator


def tolerated_rate(rates, quality, threshold=0.99):
    """Corruption up to which the quality of recall stays at or above a threshold.

    Parameters
    ----------
    rates : array (r,)
        Fault rates, ascending.
    quality : array (r,)
        Cosine similarity at each of them.
    threshold : float

    Returns
    -------
    float
        Linear interpolation between the last rate of the unbroken run of successes and the next;
        the first rate if none succeeds, the last if all do.
    """
    rates, quality = np.asarray(rates, dtype=float), np.asarray(quality, dtype=float)
    failed = np.flatnonzero(~(quality >= threshold))  # NaN fails
    if not failed.size:
        return float(rates[-1])
    after = failed[0]
    if after == 0:
        return float(rates[0])
    share = (quality[after - 1] - threshold) / (quality[after - 1] - quality[after])
    return float(rates[after - 1] + share * (rates[after] - rates[after - 1]))


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
        If the shapes do not match, or a mean capacity is 0 or NaN.
    """
    sizes, capacities = np.asarray(sizes, dtype=float), np.asarray(capacities, dtype=float)
    if capacities.ndim != 2 or capacities.shape[1] != len(sizes) or len(sizes) < 2:
        raise ValueError(
            f"capacities of shape {capacities.shape} for {len(sizes)} sizes: pass (seeds, sizes) "
            "with at least two sizes"
        )

    if not (capacities.mean(axis=0) > 0).all():
        raise ValueError("a mean capacity is 0 or NaN, without logarithm: leave that size out")
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
    values : xarray.DataArray
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
        If the dimension is missing or holds a single value.
    """
    if values.sizes.get(dim, 0) < 2:
        raise ValueError(
            f"values have sizes {dict(values.sizes)}, but an interval needs at least 2 along "
            f"{dim!r}: run more of them"
        )
    bootstrap = scipy.stats.bootstrap(
        (values.astype(float).values,),
        np.mean,
        axis=values.get_axis_num(dim),
        n_resamples=resamples,
        batch=100,
        method="percentile",
        rng=generator(0, "mean_interval"),
    )
    mean = values.astype(float).mean(dim)
    low, high = bootstrap.confidence_interval
    return Interval(mean, mean.copy(data=low), mean.copy(data=high))


def growth(values, dim):
    """Return the exponent with which capacities grow along a dimension, with its interval.

    Parameters
    ----------
    values : xarray.DataArray
        With the dimensions ``dim``, a size, and "seed", no others. Seeds that are all NaN are left
        out.
    dim : str

    Returns
    -------
    capacity.Exponent
    """
    values = values.transpose("seed", dim).dropna("seed", how="all")
    return scaling_exponent(values[dim], values, generator(0, "exponent", dim))


def crossing(times, quality, bar):
    """When a falling quality first goes below a bar, linear in the logarithm of time in between.

    Parameters
    ----------
    times : array (n,)
        Increasing, above 0.
    quality : array (n,)
    bar : float

    Returns
    -------
    float
        The first of the times if the quality is below from the start; infinite if it never is.

    Raises
    ------
    ValueError
        If the two differ in length, or the times are not above 0 and increasing.
    """
    times, quality = np.asarray(times, dtype=float), np.asarray(quality, dtype=float)
    if times.shape != quality.shape or not (times > 0).all() or not (np.diff(times) > 0).all():
        raise ValueError(f"times are {times}: give one increasing positive time for each quality")
    below = np.flatnonzero(quality < bar)
    if not below.size:
        return np.inf
    at = below[0]
    if not at:
        return float(times[0])
    share = (quality[at - 1] - bar) / (quality[at - 1] - quality[at])
    return float(times[at - 1] * (times[at] / times[at - 1]) ** share)
