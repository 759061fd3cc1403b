"""How many patterns a memory holds, and how that number grows with the network."""

import warnings
from dataclasses import dataclass

import numpy as np

from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_rate,
    check_rng,
)
from crossmem.dynamics import cosine
from crossmem.patterns import check_patterns

CRITERIA = ("mean", "per_pattern")
BRACKET = 1.1  # factor between the first two guesses; it grows to 2 until the bracket closes


@dataclass(frozen=True)
class Quality:
    """Recall of P stored patterns from corrupted cues.

    Attributes
    ----------
    mean : float
        Cosine similarity with the stored pattern, mean over patterns and cues.
    per_pattern : float
        The same of the pattern that is recalled worst, mean over its cues.
    """

    mean: float
    per_pattern: float


def recall_quality(memory, patterns, corrupt, rng, *, cues=1, iterations=10):
    """Recall every stored pattern from corrupted cues.

    Parameters
    ----------
    memory : fitted AssociativeMemory
    patterns : array (P, N)
        What it stores.
    corrupt : callable
        ``corrupt(patterns, rng)`` returns corrupted copies.
    rng : numpy.random.Generator
    cues : int
        Corrupted cues per pattern.
    iterations : int
        Largest number of synchronous updates.

    Returns
    -------
    Quality
    """
    similarity = np.mean(
        [
            cosine(memory.recall(corrupt(patterns, rng), iterations=iterations), patterns)
            for _ in range(cues)
        ],
        axis=0,
    )
    return Quality(float(similarity.mean()), float(similarity.min()))


class CapacitySearch:
    """Trains memories of growing numbers of patterns, each number at most once.

    The patterns of a smaller number are among those of a larger one, and the cues of a number do
    not depend on which numbers were tried before.

    Parameters
    ----------
    memory_factory : callable
        ``memory_factory()`` returns an unfitted memory.
    pool : array (n, N)
        Patterns to draw from.
    corrupt : callable
        ``corrupt(patterns, rng)`` returns corrupted copies.
    limits : list of WeightLimits or None
        What the memory is fitted within.
    rng : numpy.random.Generator
        Draws the patterns and the cues.
    cues : int
        Corrupted cues per pattern.
    iterations : int
        Largest number of synchronous updates in recall.
    deploy : callable, optional
        ``deploy(memory, patterns)`` returns what recalls in place of a fitted memory, such as its
        copy on a chip.

    Attributes
    ----------
    qualities : dict of int to Quality
        What was measured, by number of patterns.
    """

    def __init__(
        self, memory_factory, pool, corrupt, *, limits, rng, cues=1, iterations=10, deploy=None
    ):
        pool = check_patterns(pool)
        self.pool = pool[check_rng(rng).permutation(len(pool))]
        self.memory_factory, self.corrupt, self.limits = memory_factory, corrupt, limits
        self.cues = check_count(cues, "cues")
        self.iterations = check_count(iterations, "iterations", least=0)
        self.deploy = deploy
        self.cue_seed = int(rng.integers(2**32))
        self.qualities = {}

    def quality(self, count):
        """Recall quality with that many stored patterns; trained on the first request."""
        if count not in self.qualities:
            patterns = self.pool[:count]
            memory = self.memory_factory().fit(patterns, limits=self.limits)
            if self.deploy:
                memory = self.deploy(memory, patterns)
            rng = np.random.default_rng([self.cue_seed, count])
            self.qualities[count] = recall_quality(
                memory, patterns, self.corrupt, rng, cues=self.cues, iterations=self.iterations
            )
        return self.qualities[count]

    def capacity(self, *, threshold=0.99, criterion="mean", guess=None, resolution=0.02):
        """Largest number of patterns recalled at the threshold, found by bracketing and bisection.

        Parameters
        ----------
        threshold : float
            Cosine similarity that counts as recalled; the paper's is 0.99.
        criterion : {"mean", "per_pattern"}
            Whether the mean over the patterns or every one must reach it.
        guess : int, optional
            First number tried; an eighth of the neurons by default.
        resolution : float
            Stop once the bracket is narrower than this share of the capacity (or than 1).

        Returns
        -------
        int
            0 if even one pattern fails; the size of the pool, with a warning, if all is recalled.

        Raises
        ------
        ValueError
            For an unknown criterion, or a threshold or resolution out of range.
        """
        check_choice(criterion, "criterion", CRITERIA)
        check_positive(threshold, "threshold", 0.99)
        check_rate(threshold, "threshold")
        check_not_negative(resolution, "resolution", 0.02)
        top = len(self.pool)
        low, high = 0, top + 1  # low patterns are recalled, high ones are not
        guess = max(self.pool.shape[1] // 8, 1) if guess is None else check_count(guess, "guess")
        trial, factor = min(guess, top), BRACKET
        while high - low > max(1, resolution * low):
            if getattr(self.quality(trial), criterion) >= threshold:
                low = trial
            else:
                high = trial
            if low and high <= top:
                trial = (low + high) // 2
                continue
            trial = min(int(np.ceil(trial * factor)), top) if low else max(int(trial / factor), 1)
            factor = min(factor**3, 2.0)
        if low == top:
            warnings.warn(
                f"all {top} patterns of the pool are recalled, so the capacity may be larger: "
                "draw from a larger pool",
                stacklevel=2,
            )
        return low


def find_capacity(
    memory_factory,
    pool,
    corrupt,
    *,
    threshold=0.99,
    criterion="mean",
    limits=None,
    rng,
    cues=1,
    iterations=10,
    guess=None,
    resolution=0.02,
):
    """Largest number of patterns that a memory recalls from corrupted cues.

    Parameters and errors are those of `CapacitySearch` and its method ``capacity``; use the class
    itself to ask for both criteria at the price of one.

    Returns
    -------
    int
    """
    search = CapacitySearch(
        memory_factory, pool, corrupt, limits=limits, rng=rng, cues=cues, iterations=iterations
    )
    return search.capacity(
        threshold=threshold, criterion=criterion, guess=guess, resolution=resolution
    )


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
