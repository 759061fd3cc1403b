"""How many patterns a memory holds."""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np

from crossmem.checks import check_choice, check_count, check_not_negative, check_rate, check_rng
from crossmem.networks.network import as_network, cosine
from crossmem.patterns import check_patterns

# Typical exponents of the shortfall from perfect recall against the number of patterns.
EXPONENT = {"mean": 4.0, "worst_pattern": 2.8}
CRITERIA = tuple(EXPONENT)
WIDEST_STEP = 3.0  # largest factor between one number tried and the next
LEAST_STEP = 0.02  # smallest relative step: the scatter of the recall quality hides smaller ones


@dataclass(frozen=True)
class Quality:
    """Cosine similarity of recalled with stored patterns: the mean, and that of the worst pattern.

    Both are means over the cues of a pattern.
    """

    mean: float
    worst_pattern: float


def recall_quality(memory, patterns, corrupt, rng, *, cues=1, iterations=10):
    """`Quality` of the recall of stored patterns (P, N) by a memory or network.

    ``corrupt(patterns, rng)`` makes each of so many ``cues`` per pattern, and recall takes at most
    so many synchronous ``iterations``.
    """
    cosines = [
        cosine(memory.recall(corrupt(patterns, rng), iterations=iterations), patterns)
        for _ in range(cues)
    ]
    by_pattern = np.mean(cosines, axis=0)
    return Quality(float(by_pattern.mean()), float(by_pattern.min()))


class CapacitySearch:
    """Trains memories of different numbers of patterns, each number at most once.

    The patterns of a smaller number are among those of a larger one, and the cues of a number do
    not depend on which numbers were tried before. ``qualities`` holds the `Quality` by number.

    Parameters
    ----------
    memory_factory : callable
        ``memory_factory()`` returns an unfitted memory, to be fitted within the ``limits``.
    pool : array (n, N)
        Patterns to draw from.
    corrupt, cues, iterations
        As in `recall_quality`.
    rng : numpy.random.Generator
        Draws the patterns and the cues.
    deploy : callable, optional
        ``deploy(memory, patterns)`` returns the network that recalls in place of a fitted memory.
    """

    def __init__(
        self, memory_factory, pool, corrupt, *, limits=None, rng, cues=1, iterations=10, deploy=None
    ):
        pool = check_patterns(pool)
        self.pool = pool[check_rng(rng).permutation(len(pool))]
        self.memory_factory, self.limits, self.deploy = memory_factory, limits, deploy
        cues, iterations = check_count(cues, "cues"), check_count(iterations, "iterations", least=0)
        self.recall = partial(recall_quality, corrupt=corrupt, cues=cues, iterations=iterations)
        self.cue_seed = int(rng.integers(2**32))
        self.qualities = {}

    def quality(self, count):
        """Recall quality with that many stored patterns; trained on the first request."""
        if count not in self.qualities:
            patterns = self.pool[:count]
            memory = self.memory_factory().fit(patterns, limits=self.limits)
            network = self.deploy(memory, patterns) if self.deploy else as_network(memory)
            rng = np.random.default_rng([self.cue_seed, count])
            # Without weights every state stays, so that even clean cues would seem recalled.
            stores = any(layer.weights.any() for layer in network.layers)
            found = self.recall(network, patterns, rng=rng) if stores else Quality(0.0, 0.0)
            self.qualities[count] = found
        return self.qualities[count]

    def capacity(self, *, threshold=0.99, criterion="mean", guess=None, resolution=0.4):
        """Number of patterns up to which recall reaches the threshold, an int.

        It is 0 if even one pattern fails, and the size of the pool, with a warning, if all is
        recalled.

        Parameters
        ----------
        threshold : float
            Cosine similarity that counts as recalled; the paper's is 0.99.
        criterion : {"mean", "worst_pattern"}
            Whether the mean over the patterns must reach it, or each pattern.
        guess : int, optional
            First number tried, if none was yet; an eighth of the neurons by default.
        resolution : float
            The search ends once the largest number recalled and the smallest not recalled differ
            by at most this share of the former (or by 1); the capacity is interpolated between
            them. With 0 it is exact, if recall worsens with every additional pattern.
        """
        check_choice(criterion, "criterion", CRITERIA)
        check_rate(threshold, "threshold")
        check_not_negative(resolution, "resolution", 0.4)
        top = len(self.pool)
        guess = max(self.pool.shape[1] // 8, 1) if guess is None else check_count(guess, "guess")
        bracket = Bracket(threshold, top, EXPONENT[criterion])
        known = sorted(self.qualities)  # such as those tried for the other criterion
        while not bracket.closed(resolution):
            inside = [count for count in known if bracket.low < count < bracket.high]
            trial = inside[0] if inside else bracket.next_trial(resolution, min(guess, top))
            bracket.add(trial, getattr(self.quality(trial), criterion))
        if bracket.low == top:
            recalled = f"all {top} patterns of the pool are recalled"
            warnings.warn(f"{recalled}: draw from a larger one, for it may hold more", stacklevel=2)
        return bracket.capacity()


class Bracket:
    """The numbers of patterns between which a capacity lies, and the number to try next.

    The shortfall from perfect recall grows roughly as a power of the number of patterns, with the
    ``exponent`` given as long as only one end was tried. The search follows this law, which takes
    fewer trials than bisection. ``low`` is the largest number recalled, ``high`` the smallest not
    recalled, at first beyond the ``top`` of what can be tried.
    """

    def __init__(self, threshold, top, exponent):
        self.threshold, self.top, self.exponent = threshold, top, exponent
        self.low, self.high = 0, top + 1
        self._shortfall = {}  # by number tried, in units of the largest that counts as recalled
        self._recalled = []  # by trial

    def closed(self, resolution):
        """Whether both ends lie close enough, or no number is left to try."""
        gap = self.high - self.low
        return gap <= 1 or (self.high <= self.top and gap <= resolution * self.low)

    def add(self, trial, quality):
        """Note the recall quality of a number between the ends; it becomes one of them."""
        recalled = quality >= self.threshold
        self._recalled.append(recalled)
        shortfall = (1.0 - quality) / max(1.0 - self.threshold, 1e-9)
        # Perfect recall does not tell how far away the capacity is, and a shortfall at the
        # threshold has the logarithm 0, by which `crossing` cannot divide: both are cut off.
        if recalled:
            self.low, self._shortfall[trial] = trial, min(max(shortfall, 0.05), 1.0)
        else:
            self.high, self._shortfall[trial] = trial, max(shortfall, 1.01)

    def crossing(self):
        """Where the power law through the ends meets the threshold."""
        tried = [end for end in (self.low, self.high) if end in self._shortfall]
        logs = [np.log(self._shortfall[end]) for end in tried]
        if len(tried) == 1:
            return tried[0] * np.exp(-logs[0] / self.exponent)
        return self.low * (self.high / self.low) ** (logs[0] / (logs[0] - logs[1]))

    def next_trial(self, resolution, guess):
        """The number to try next, between the ends; ``guess`` if none was tried.

        It lies a little beyond the crossing, as seen from the nearer end: if the law holds, the
        trial brings the farther end close. While one end is missing, the steps towards it grow.
        After three trials in a row on one side the law does not hold: it is the geometric middle.
        """
        if not self._recalled:
            return guess
        crossing, trials = self.crossing(), len(self._recalled)
        resolution = max(resolution, LEAST_STEP)
        if self.low and self.high <= self.top:
            step = (1.0 + resolution) ** 0.25
            upwards = crossing**2 < self.low * self.high
            trial = crossing * step if upwards else crossing / step
            if len(set(self._recalled[-3:])) == 1:
                trial = np.sqrt(self.low * self.high)
        else:
            step = (1.0 + resolution / 2) ** (2.0 ** min(trials - 1, 10))
            if self.low:
                trial = min(crossing * step, self.low * WIDEST_STEP)
            else:
                trial = max(crossing / step, self.high / WIDEST_STEP)
        return int(np.clip(round(trial), self.low + 1, self.high - 1))

    def capacity(self):
        """The crossing, rounded down; with nothing left between the ends, the lower one."""
        return self.low if self.high - self.low <= 1 else int(self.crossing())


def find_capacity(memory_factory, pool, corrupt, *, rng, limits=None, cues=1, iterations=10, **own):
    """Largest number of patterns that a memory recalls from corrupted cues.

    Parameters and errors are those of `CapacitySearch` and, for ``own``, of its method
    ``capacity``; use the class itself to ask for both criteria at the price of one.
    """
    options = {"limits": limits, "rng": rng, "cues": cues, "iterations": iterations}
    return CapacitySearch(memory_factory, pool, corrupt, **options).capacity(**own)
