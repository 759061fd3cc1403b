"""Optimal weights of a single layer within the limits of a chip, one small problem per neuron."""

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import log_ndtr

from crossmem.checks import check_positive
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.network import Layer

# Spread of a programmed device in units of G_max: 3.894 µS of 150 µS (paper, Fig. 6a).
PROGRAMMING_ERROR = 0.026
# Price of squared shortfalls where not all margins can be positive: they alone decide.
LAST_RESORT = 1e4
TINY = 1e-9  # a squared stability, or an inverse margin, below this is rounding


class NeuronByNeuron(AssociativeMemory):
    """What two memories share that solve one small problem per neuron, within its limits."""

    def __init__(self, *, flip_rate=0.05, programming_error=PROGRAMMING_ERROR):
        self.flip_rate = flip_rate
        self.programming_error = programming_error

    def check_parameters(self):
        if check_positive(self.flip_rate, "flip_rate", 0.05) >= 0.5:
            raise ValueError(f"flip_rate is {self.flip_rate}: give less than 0.5, which is chance")
        check_positive(self.programming_error, "programming_error", PROGRAMMING_ERROR)

    def _learn(self, patterns, limits):
        # Free weights are scaled to the largest conductance before they are programmed.
        low, high = (np.clip(bound, -1.0, 1.0) for bound in (limits[0].low, limits[0].high))
        patterns = patterns.astype(float)
        # The field's variance per squared weight, and that of the programming errors.
        flips = 4 * self.flip_rate * (1 - self.flip_rate)
        noise = len(low) * self.programming_error**2
        weights = np.empty(low.shape)
        for neuron, own in enumerate(zip(low, high, strict=True)):
            weights[neuron] = self._row(patterns[:, neuron, None] * patterns, *own, flips, noise)
        weights = limits[0].clip(weights.astype(np.float32)).astype(np.float32)
        kept = weights.astype(float)
        least = (patterns * (patterns @ kept.T)).min(axis=0)
        self.stability_ = least / np.sqrt(flips * (kept**2).sum(axis=1) + noise)
        return [Layer(weights, np.zeros(len(weights), np.float32))]


class MaxMarginMemory(NeuronByNeuron):
    """The most stable single layer that a chip can hold: one quadratic program per neuron.

    Neuron i with incoming weights w gives pattern p the margin x_i^p Σ_j w_j x_j^p. A cue whose
    bits are flipped with probability f spreads the field by √(4f(1 - f))·‖w‖, and weights that
    miss their targets by ε spread it by ε√n. The stability is the least margin m over the two:

        max over w in its box of  m / √(4f(1 - f)‖w‖² + ε²n),  m = min_p x_i^p Σ_j w_j x_j^p.

    Without a box the scale of w drops out as ε → 0, and this is a support vector machine. In a box
    a larger m needs weights that run into it, and a smaller one drowns in the stuck weights, which
    are part of ‖w‖², and in ε. With u = w/m and s = 1/m the same problem is

        min 4f(1 - f)|u|² + ε²n s²,  x_i^p Σ_j u_j x_j^p ≥ 1,  s·low ≤ u ≤ s·high,

    the point nearest to the origin under linear inequalities, which non-negative least squares
    finds in finitely many steps (Lawson & Hanson 1974, chapter 23, problem LDP). Where no weights
    in the box give every pattern a positive margin, the squares of the shortfalls decide.

    Parameters
    ----------
    flip_rate : float
        Probability f, in (0, 0.5), with which a bit of a cue is flipped.
    programming_error : float
        Standard deviation ε of a weight in units of G_max, above 0.

    Attributes
    ----------
    stability_ : array (N,)
        Least margin of each neuron over the spread of its field; negative where a pattern is lost.
    """

    def _row(self, signed, low, high, flips, noise):
        return most_stable(signed, low, high, flips, noise)


class MaxRecallMemory(NeuronByNeuron):
    """The single layer on a chip that most probably returns every pattern in one update.

    With a Gaussian field (see `MaxMarginMemory`), neuron i returns its bit with probability Φ(κ_p),

        κ_p = (1 - 2f) x_i^p Σ_j w_j x_j^p / √(4f(1 - f)‖w‖² + ε²n),

    and -Σ_p log Φ(κ_p) is minimised within the box by L-BFGS-B (Byrd et al. 1995), from weights as
    near to zero as the box allows. Training with corrupted cues estimates it from samples. It does
    not serve the worst pattern alone. Parameters and attributes are those of `MaxMarginMemory`.
    """

    def _row(self, signed, low, high, flips, noise):
        return minimize(
            negative_log_likelihood,
            np.clip(0.0, low, high),
            args=(signed, flips, noise, 1 - 2 * self.flip_rate),
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack((low, high)),
        ).x


def negative_log_likelihood(weights, signed, flips, noise, kept):
    """-Σ log Φ(κ_p) of one neuron with weights (N,), and its gradient; see `MaxRecallMemory`.

    ``kept`` is the share 1 - 2f of the margin that flips leave; all else is as in `most_stable`.
    """
    variance = flips * (weights @ weights) + noise
    spread = np.sqrt(variance)
    stability = kept * (signed @ weights) / spread
    logarithm = log_ndtr(stability)
    slope = -np.exp(-(stability**2) / 2 - logarithm) / np.sqrt(2 * np.pi)
    gradient = kept * (slope @ signed) / spread - (slope @ stability) * flips * weights / variance
    return -logarithm.sum(), gradient


def most_stable(signed, low, high, flips, noise):
    """Weights (N,) of one neuron, within finite limits (N,), that are the most stable.

    ``signed`` (P, N) holds x_i^p x_j^p, the patterns, each times the neuron's own value in it. The
    field's variance is ``flips`` times ‖w‖² plus ``noise``, both above 0. Weights stay as near to
    zero as the limits allow if others gain nothing.
    """
    weights = np.clip(0.0, low, high)
    free = low < high
    fixed = weights[~free]
    # Columns: the free weights u and then s, each in the unit that makes the objective |v|².
    unit = np.full(free.sum() + 1, flips**-0.5)
    unit[-1] = (flips * (fixed @ fixed) + noise) ** -0.5
    margins = np.column_stack((signed[:, free], signed[:, ~free] @ fixed)) * unit
    eye = np.eye(free.sum())
    box = np.block([[eye, -low[free, None]], [-eye, high[free, None]]]) * unit
    found = _least_distance(margins, box)
    if found is None:
        found = _least_distance(margins, box, LAST_RESORT)
    *u, s = found * unit
    if s > TINY:
        weights[free] = np.clip(np.divide(u, s), low[free], high[free])
    return weights


def _least_distance(margins, box, penalty=None):
    """The v of least norm with margins·v ≥ 1 and box·v ≥ 0; None if there is none.

    With a penalty, the margins may fall short by ξ, at the price penalty·|ξ|²: √penalty·ξ joins v.
    """
    count, width = margins.shape
    rows = np.vstack((margins, box))
    if penalty is not None:
        rows = np.hstack((rows, np.eye(len(rows), count) / np.sqrt(penalty)))
    bounds = np.repeat([1.0, 0.0], [count, len(box)])
    system, target = np.vstack((rows.T, bounds)), np.zeros(rows.shape[1] + 1)
    target[-1] = 1.0
    multipliers, _ = nnls(system, target, maxiter=10 * len(rows))
    residual = system @ multipliers - target
    if -residual[-1] < TINY:  # this is |residual|², or 1 / (1 + |v|²)
        return None
    return -residual[:width] / residual[-1]
