"""Intervals, exponents and crossings of a threshold."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats
import xarray as xr

from crossmem.randomness import generator

RESAMPLES = 2000  # of every bootstrap


def refuse_missing(values, name):
    """Refuse NaN among values: one rule for all that is drawn, averaged or judged.

    Who leaves some out on purpose, such as seeds that were not searched, drops them before.
    """
    missing = int(np.isnan(values).sum())
    if missing:
        raise ValueError(
            f"{name} holds {missing} NaN among {np.size(values)} values: find out what failed, or "
            "drop what was left out on purpose"
        )


@dataclass(frozen=True)
class Exponent:
    """Slope of a log–log regression with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def growth(values, dim):
    """`Exponent` with which capacities grow along a dimension, an array (seed, dim).

    The regression is through the logarithm of the means over seeds; the interval comes from drawing
    seeds with replacement, and is NaN for a single seed. Fewer than two sizes, a mean capacity of 0
    and NaN are a ValueError.
    """
    sizes = values[dim].values.astype(float)
    capacities = np.asarray(values.transpose("seed", dim), dtype=float)
    if len(sizes) < 2:
        raise ValueError(f"{dim} is {sizes}: an exponent needs at least two sizes; run more")
    refuse_missing(capacities, "capacities")
    means = capacities.mean(axis=0)
    if not (means > 0).all():
        raise ValueError("a mean capacity is 0, which has no logarithm: leave that size out")
    offsets = np.log(sizes) - np.log(sizes).mean()

    def slope(means):
        return np.log(means) @ offsets / (offsets @ offsets)

    value, seeds = float(slope(means)), len(capacities)
    if seeds == 1:
        return Exponent(value, np.nan, np.nan)
    stream = {"width": "hidden"}.get(dim, dim)  # names of the streams of the published intervals
    draws = generator(0, "exponent", stream).integers(seeds, size=(RESAMPLES, seeds))
    means = capacities[draws].mean(axis=1)
    low, high = np.quantile(slope(means[(means > 0).all(axis=1)]), [0.025, 0.975])
    return Exponent(value, float(low), float(high))


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray


def mean_interval(values, dim="seed"):
    """Mean over a dimension with its 95 % bootstrap interval (percentiles), an `Interval`.

    ``values`` are a DataArray, or an array (seeds,). There are at least two repetitions along the
    dimension, and no NaN, else it is a ValueError. The same values give the same interval.
    """
    if not isinstance(values, xr.DataArray):
        values = xr.DataArray(values, dims=dim)
    if values.sizes.get(dim, 0) < 2:
        sizes = dict(values.sizes)
        raise ValueError(f"values have sizes {sizes}: run at least 2 along {dim!r}")
    values = values.astype(float)
    refuse_missing(values.values, "values")
    bootstrap = scipy.stats.bootstrap(
        (values.values,),
        np.mean,
        axis=values.get_axis_num(dim),
        n_resamples=RESAMPLES,
        batch=100,
        method="percentile",
        rng=generator(0, "mean_interval"),
    )
    mean, ends = values.mean(dim), bootstrap.confidence_interval
    return Interval(mean, mean.copy(data=ends.low), mean.copy(data=ends.high))


def crossing(places, quality, threshold=0.99, *, log=False, never=np.inf):
    """Place at which a quality first falls below a threshold, interpolated: a float.

    It lies between the last place of the unbroken run of successes and the next, and is the first
    place if that fails already. NaN, and places that do not increase, are a ValueError.

    Parameters
    ----------
    places, quality : array (n,)
        The places are fault rates or times, for example.
    threshold : float
        Reaching it is a success.
    log : bool
        Interpolate in the logarithm of the place, which is above 0, and not in the place itself.
    never : float
        What to return if the quality never falls below, such as the last place tried.
    """
    places, quality = np.asarray(places, dtype=float), np.asarray(quality, dtype=float)
    increasing = (np.diff(places) > 0).all() and (not log or (places > 0).all())
    if places.shape != quality.shape or not increasing:
        raise ValueError(f"places are {places}: give one increasing place for each quality")
    refuse_missing(quality, "quality")
    failed = np.flatnonzero(quality < threshold)
    if not failed.size:
        return float(never)
    first = failed[0]
    if first == 0:
        return float(places[0])
    (before, after), (good, bad) = places[first - 1 : first + 1], quality[first - 1 : first + 1]
    share = (good - threshold) / (good - bad)
    return float(before * (after / before) ** share if log else before + share * (after - before))


def lifetime(values, loss, dim="time"):
    """Times until the mean, and the ends of its 95 % interval, have lost so much of the first mean.

    ``values`` (dim, seed) are a quality at times above 0; between them the logarithm counts. An
    `Interval` of floats, infinite where the loss is never reached.
    """
    curves = mean_interval(values)
    bar = float(curves.mean[0]) - loss
    return Interval(*(crossing(values[dim], curve, bar, log=True) for curve in curves))
