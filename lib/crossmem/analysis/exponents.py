"""Scaling exponents of capacities that were searched on more seeds at some sizes than at others."""

import numpy as np

from crossmem.analysis.statistics import RESAMPLES, Exponent
from crossmem.randomness import generator


def uneven_growth(values, dim):
    """`Exponent` with which capacities grow along a dimension; NaN marks seeds that were not run.

    As `statistics.growth`, but each size draws its own seeds with replacement: their number may
    differ, and seeds of different sizes are independent.

    Parameters
    ----------
    values : DataArray (seed, dim)
        Capacities in patterns, at two sizes at least, each with at least one seed.

    Raises
    ------
    ValueError
        For fewer sizes, a size without a seed, or a mean capacity of 0.
    """
    sizes = values[dim].values.astype(float)
    by_size = [values.sel({dim: size}).dropna("seed").values.astype(float) for size in values[dim]]
    sums = [float(own.sum()) for own in by_size]
    if len(sizes) < 2 or min(sums) <= 0:
        raise ValueError(
            f"{dim} is {sizes} with capacities that add up to {sums}: an exponent needs two sizes "
            "at least, each with a capacity above 0"
        )
    offsets = np.log(sizes) - np.log(sizes).mean()
    weights = offsets / (offsets @ offsets)
    value = float(np.log([own.mean() for own in by_size]) @ weights)
    if min(map(len, by_size)) < 2:
        return Exponent(value, np.nan, np.nan)
    rng = generator(0, "uneven exponent", dim)
    means = np.stack([_resampled_means(own, rng) for own in by_size], axis=1)
    slopes = np.log(means[(means > 0).all(axis=1)]) @ weights
    low, high = np.quantile(slopes, [0.025, 0.975])
    return Exponent(value, float(low), float(high))


def local_growth(values, dim):
    """Exponents between neighbouring sizes: a list of (geometric mean of the sizes, `Exponent`).

    A power law has the same exponent everywhere; a capacity that saturates has falling ones.
    Parameters and errors are those of `uneven_growth`.
    """
    ordered = values.sortby(dim)
    pairs = [ordered.isel({dim: slice(k, k + 2)}) for k in range(ordered.sizes[dim] - 1)]
    return [(float(np.sqrt(pair[dim].prod())), uneven_growth(pair, dim)) for pair in pairs]


def _resampled_means(own, rng):
    return own[rng.integers(len(own), size=(RESAMPLES, len(own)))].mean(axis=1)
