"""What labelled results say beside each other: ratios, leads, and where a quality is lost."""

import numpy as np
import xarray as xr

from crossmem.analysis.statistics import crossing, mean_interval


def point_of(values, at, **place):
    """A point of one sweep in the place that it has in a sweep along another dimension.

    ``at`` says where the point lies in its own sweep, such as ``{"neurons": 400}``, and ``place``
    where in the other, such as ``masked_fraction=0.0``.
    """
    return values.sel(at, drop=True).expand_dims({dim: [value] for dim, value in place.items()})


def ratio(after, before):
    """Ratio of two capacities seed by seed, without the seeds on which ``before`` is 0 or NaN."""
    return (after / before.where(before > 0)).dropna("seed")


def gains(values, dim, reference):
    """What each entry along a dimension adds to the reference, an interval over the seeds each.

    ``values`` is an array (dim, seed). The dict leaves out entries that are the same as the
    reference on every seed.
    """
    added = values - values.sel({dim: reference}, drop=True)
    return {
        entry: mean_interval(added.sel({dim: entry}, drop=True))
        for entry in values[dim].values.tolist()
        if added.sel({dim: entry}).any()
    }


def side(interval):
    """On which side of zero an `Interval` lies: 1 above, -1 below, 0 if it holds zero."""
    return (interval.low > 0).astype(int) - (interval.high < 0).astype(int)


def tolerated(quality, dim, threshold=0.99):
    """Corruption up to which the quality (seed, dim) of each seed stays at or above a threshold.

    It is the coordinate of the dimension, such as a masked fraction; the last one tried, where no
    quality falls below.
    """
    places = quality[dim].values
    found = [
        crossing(places, row, threshold, never=places[-1])
        for row in quality.transpose("seed", dim).values
    ]
    return xr.DataArray(found, {"seed": quality["seed"]}, "seed")


def devices_saved(capacity, devices, wanted, available):
    """Share of the ``available`` memristors that a network saves if it holds what is ``wanted``.

    The network holds so many patterns, an array (seed, width), with so many devices (width,). Their
    number is interpolated in the logarithms between the widths tried. Where even the narrowest
    network holds more than wanted (seed,), the result (seed,) is what that network saves; where the
    widest holds less, it is NaN.
    """
    devices = devices.sortby("width")
    shares = []
    for seed in wanted["seed"].values:
        held = capacity.sel(seed=seed).sortby("width")
        growing = np.maximum.accumulate(held.values)  # a search may be a pattern off
        enough = np.interp(
            np.log(wanted.sel(seed=seed)), np.log(growing), np.log(devices), right=np.nan
        )
        shares.append(1 - np.exp(enough) / available)
    return xr.DataArray(shares, {"seed": wanted["seed"]}, "seed")


def first_exact(cosine):
    """Iteration at which each recall first equals its pattern; NaN for one that does not end there.

    ``cosine`` (iteration, ...) is the similarity with the stored pattern.
    """
    exact = cosine > 1 - 1e-6
    return exact.argmax("iteration").where(exact.isel(iteration=-1))


def log_slope(values, dim):
    """Slope of the logarithm of a series (dim,) against that of its coordinate."""
    return float(np.polyfit(np.log(values[dim]), np.log(values), 1)[0])


def times_as_fast(seconds, **reference):
    """How many times as fast each entry is as the one at a place, such as ``way="PyTorch"``."""
    return seconds.sel(reference, drop=True) / seconds


def closest(values, wanted):
    """The value of a list that is closest to a wanted one."""
    return min(values, key=lambda value: abs(value - wanted))


def entries(data, dim, **values):
    """Entries of a Dataset along a dimension, whose variables have the given values.

    A ValueError if no entry has them all.
    """
    chosen = np.all([data[name] == value for name, value in values.items()], axis=0)
    if not chosen.any():
        raise ValueError(f"no {dim} has {values}: choose values that were tried")
    return data.isel({dim: np.flatnonzero(chosen)})
