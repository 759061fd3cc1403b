"""Chips whose devices, not pairs, are faulty: optimal weights within reach, and ways to use them.

A weight is the difference of two devices. Where one of them is stuck, the pair still reaches an
interval of weights. The published training masks the whole pair; what else one can do is here.
"""

import copy
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar, nnls
from scipy.special import erf, log_ndtr, ndtr

from crossmem.capacity import CRITERIA, CapacitySearch
from crossmem.checks import check_choice, check_positive, check_rate
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.dynamics import Layer
from crossmem.experiments import capacities, corruption, draw_pool
from crossmem.memories import AdaptiveMemory, AssociativeMemory, program
from crossmem.randomness import generator
from crossmem.theory import gardner_capacity

# Spread of a programmed device in units of G_max: 3.894 µS of 150 µS (paper, Fig. 6a).
PROGRAMMING_ERROR = 0.026
# Price of a squared shortfall where not all margins can be positive: shortfalls alone decide.
LAST_RESORT = 1e4
GUESS = 0.2  # share of the bound at which a capacity search starts; it only saves time
TINY = 1e-9  # a squared stability, or an inverse margin, below this is rounding


class NeuronByNeuron:
    """What two memories share that solve one small problem per neuron, within its limits."""

    def _check_parameters(self):
        check_positive(self.flip_rate, "flip_rate", 0.05)
        if self.flip_rate >= 0.5:
            raise ValueError(
                f"flip_rate is {self.flip_rate}, but from 0.5 on a cue tells nothing of its "
                "pattern: give less"
            )
        check_positive(self.programming_error, "programming_error", PROGRAMMING_ERROR)

    def _learn(self, patterns, limits):
        low, high = (np.clip(bound, -1.0, 1.0) for bound in (limits[0].low, limits[0].high))
        patterns = patterns.astype(float)
        weights = np.empty(low.shape)
        for neuron, own in enumerate(zip(low, high, strict=True)):
            weights[neuron] = self._row(patterns[:, neuron, None] * patterns, *own)
        weights = limits[0].clip(weights.astype(np.float32)).astype(np.float32)
        kept = weights.astype(float)
        flips, noise = self._noise(len(kept))
        least = (patterns * (patterns @ kept.T)).min(axis=0)
        self.stability_ = least / np.sqrt(flips * (kept**2).sum(axis=1) + noise)
        return [Layer(weights, np.zeros(len(weights), np.float32), 1.0)]

    def _noise(self, inputs):
        """The field's variance per squared weight, and that of the programming errors."""
        return 4 * self.flip_rate * (1 - self.flip_rate), inputs * self.programming_error**2


class MaxMarginMemory(NeuronByNeuron, AssociativeMemory):
    """The most stable single layer that a chip can hold: one quadratic program per neuron.

    Neuron i with incoming weights w gives pattern p the margin x_i^p Σ_j w_j x_j^p. A cue whose
    bits are flipped with probability f spreads the field by √(4f(1 - f))·|w|, and weights that
    miss their targets by ε spread it by ε√n. The stability is the least margin m over the two:

        max over w in its box of  m / √(4f(1 - f)|w|² + ε²n),  m = min_p x_i^p Σ_j w_j x_j^p.

    Without a box the scale of w drops out as ε → 0, and this is the perceptron of optimal
    stability, a support vector machine. A box of weights [low, high] is not free of scale: a
    larger m needs weights that run into it, a smaller one drowns in the stuck weights, which are
    part of |w|², and in ε. No search over m is needed: with u = w/m and s = 1/m the same problem is

        min 4f(1 - f)|u|² + ε²n s²,  x_i^p Σ_j u_j x_j^p ≥ 1,  s·low ≤ u ≤ s·high,

    the point nearest to the origin under linear inequalities, which non-negative least squares
    finds in finitely many steps (Lawson & Hanson 1974, chapter 23, problem LDP). Weights that
    cannot change, stuck pairs and the diagonal, are s times a constant.

    Where no weights in the box give every pattern a positive margin, the shortfalls of the margins
    from m enter, squared: ``penalty`` is their price, and None makes them a last resort.

    Parameters
    ----------
    flip_rate : float
        Probability f, in (0, 0.5), with which a bit of a cue is flipped.
    programming_error : float
        Standard deviation ε of a weight in units of G_max, above 0.
    penalty : float or None
        Price of a squared shortfall, in units where the objective above is 1/stability². A low one
        gives up on a few patterns to make the others more stable. None allows none where it can.

    Attributes
    ----------
    stability_ : array (N,)
        Least margin of each neuron over the spread of its field; negative where a pattern is lost.

    Notes
    -----
    Limits of ±inf count as ±1: free weights are scaled to the largest conductance before they are
    programmed.
    """

    def __init__(self, *, flip_rate=0.05, programming_error=PROGRAMMING_ERROR, penalty=None):
        self.flip_rate = flip_rate
        self.programming_error = programming_error
        self.penalty = penalty

    def _check_parameters(self):
        super()._check_parameters()
        if self.penalty is not None:
            check_positive(self.penalty, "penalty", 10.0)

    def _row(self, signed, low, high):
        """Weights of one neuron; see `most_stable`."""
        return most_stable(signed, low, high, *self._noise(len(low)), self.penalty)


class MaxRecallMemory(NeuronByNeuron, AssociativeMemory):
    """The single layer on a chip that most probably returns every pattern in one update.

    With a Gaussian field (see `MaxMarginMemory`), neuron i returns its bit of a corrupted pattern
    with probability Φ(κ_p),

        κ_p = (1 - 2f) x_i^p Σ_j w_j x_j^p / √(4f(1 - f)|w|² + ε²n),

    and -Σ_p log Φ(κ_p) is minimised within the box by L-BFGS-B (Byrd et al. 1995), from weights as
    near to zero as the box allows. This is what training with corrupted cues estimates from
    samples, without samples, steps or rates; and unlike the largest margin it does not serve the
    worst pattern alone.

    Parameters
    ----------
    flip_rate, programming_error : float
        As in `MaxMarginMemory`.

    Attributes
    ----------
    stability_ : array (N,)
        As in `MaxMarginMemory`.
    """

    def __init__(self, *, flip_rate=0.05, programming_error=PROGRAMMING_ERROR):
        self.flip_rate = flip_rate
        self.programming_error = programming_error

    def _row(self, signed, low, high):
        """Weights of one neuron; see `surprise`."""
        return minimize(
            surprise,
            np.clip(0.0, low, high),
            args=(signed, *self._noise(len(low)), 1 - 2 * self.flip_rate),
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack((low, high)),
        ).x


def surprise(weights, signed, flips, noise, kept):
    """-Σ log Φ(κ_p) of one neuron, and its gradient; see `MaxRecallMemory`.

    Parameters
    ----------
    weights : array (N,)
    signed, flips, noise
        As in `most_stable`.
    kept : float
        Share 1 - 2f of the margin that flips leave on average.

    Returns
    -------
    float, array (N,)
    """
    variance = flips * (weights @ weights) + noise
    spread = np.sqrt(variance)
    stability = kept * (signed @ weights) / spread
    logarithm = log_ndtr(stability)
    slope = -np.exp(-(stability**2) / 2 - logarithm) / np.sqrt(2 * np.pi)
    gradient = kept * (slope @ signed) / spread - (slope @ stability) * flips * weights / variance
    return -logarithm.sum(), gradient


def most_stable(signed, low, high, flips, noise, penalty=None):
    """Weights of one neuron, within their limits, that are the most stable against noise.

    Parameters
    ----------
    signed : array (P, N)
        x_i^p x_j^p: the patterns, each times the neuron's own value in it.
    low, high : array (N,)
        Finite limits; equal for a weight that cannot change.
    flips, noise : float
        The field's variance is ``flips`` times |w|² plus ``noise``; both above 0.
    penalty : float or None
        As in `MaxMarginMemory`.

    Returns
    -------
    array (N,)
        As near to zero as the limits allow if other weights gain nothing.
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
    found = _least_distance(margins, box, penalty)
    if found is None:
        found = _least_distance(margins, box, LAST_RESORT)
    *u, s = found * unit
    if s > TINY:
        weights[free] = np.clip(np.divide(u, s), low[free], high[free])
    return weights


def _least_distance(margins, box, penalty):
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


@dataclass(frozen=True)
class Way:
    """A way to store patterns on a chip with faulty devices.

    Attributes
    ----------
    training : {"published", "noise-trained", "two updates", "largest margin", "likeliest recall"}
        Clean cues; freshly corrupted cues; the same through two updates; `MaxMarginMemory`; or
        `MaxRecallMemory`.
    intervals : bool
        Train within what each pair can reach, rather than with zero for each touched pair.
    on_chip : bool
        Recall with the programmed conductances, rather than with the weights as trained.
    compensate : bool
        Program the working partner of a stuck device so that the pair comes as close to its weight
        as it can, rather than as if nothing were stuck.
    correct : bool
        Subtract from each neuron's field what the offsets of touched pairs add to it on average
        over the patterns.
    exchange : bool
        Let each neuron exchange its two columns where that suits the patterns; see `polarity`.
    """

    training: str = "published"
    intervals: bool = False
    on_chip: bool = True
    compensate: bool = True
    correct: bool = False
    exchange: bool = False


WAYS = {
    "ideal": Way(on_chip=False, compensate=False),
    "masked": Way(compensate=False),
    "corrected": Way(compensate=False, correct=True),
    "compensated": Way(),
    "noisy mask": Way("noise-trained"),
    "intervals": Way(intervals=True),
    "noise-trained": Way("noise-trained", intervals=True),
    "two updates": Way("two updates", intervals=True),
    "largest margin": Way("largest margin", intervals=True),
    "likeliest recall": Way("likeliest recall", intervals=True),
    "exchanged": Way("likeliest recall", intervals=True, exchange=True),
}


def chip_couplings(stuck_off, stuck_on, *, intervals=True, compensate=True):
    """What faulty devices leave of a neuron's couplings, in the terms of `gardner_capacity`.

    With p the share of working devices, p² of the pairs are free and 2p(1 - p) keep one sign, in
    one half or the other of [-1, 1], which counts half (Amit, Wong & Campbell 1989). A pair whose
    devices are stuck at opposite ends is ±1; without compensation, so is each other pair with a
    device stuck on, if its partner is not. The best weights in the box for random patterns are a
    Gaussian times s, clipped: the larger s, the less the stuck weights matter and the more of the
    capacity of free weights the box costs. Gordon's inequality gives the feasible load
    2(E w·g)² / E|w|², as it does Gardner's 2 without a box; s maximises it.

    Parameters
    ----------
    stuck_off, stuck_on : float
        Fault rates per device.
    intervals, compensate : bool
        As in `Way`; intervals make up for offsets by themselves. Offsets without compensation count
        as known to the training, so that what follows is a bound for any training that leaves the
        touched pairs alone.

    Returns
    -------
    connectivity, stuck_ratio : float
        Arguments of `gardner_capacity`. With all devices stuck, 0 and infinity, or 0 if no weight
        is stuck at ±1.
    """
    works = 1.0 - check_rate(stuck_off, "stuck_off") - check_rate(stuck_on, "stuck_on")
    if works < -TINY:
        raise ValueError(
            f"stuck_off {stuck_off:g} and stuck_on {stuck_on:g} sum to more than 1: "
            "lower one of them"
        )
    works = max(works, 0.0)
    adjustable = works**2 + (works * (1 - works) if intervals else 0.0)
    stuck = 2 * stuck_on * (stuck_off if compensate or intervals else 1 - stuck_on)
    if not adjustable:
        return 0.0, np.inf if stuck else 0.0
    if not stuck:
        return adjustable, 0.0

    def couplings(log_scale):
        gain, square = clipped_gaussian(np.exp(log_scale))
        return adjustable * gain**2 / square, np.sqrt(stuck / (adjustable * square))

    best = minimize_scalar(
        lambda log_scale: -_load(*couplings(log_scale)), bounds=(-4.0, 6.0), method="bounded"
    )
    return tuple(float(value) for value in couplings(best.x))


def _load(connectivity, stuck_ratio):
    return gardner_capacity(connectivity=connectivity, stuck_ratio=stuck_ratio)


def chip_bound(stuck_off, stuck_on, **rules):
    """Gardner's bound for a chip, in patterns per neuron; parameters as in `chip_couplings`."""
    return float(_load(*chip_couplings(stuck_off, stuck_on, **rules)))


def clipped_gaussian(scale):
    """Mean of w·g and of w² for w = clip(scale·g, -1, 1) with g standard normal."""
    edge = 1 / scale
    inside = erf(edge / np.sqrt(2))
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    return scale * inside, scale**2 * (inside - 2 * edge * density) + 2 * ndtr(-edge)


def polarity(limits, patterns):
    """Which neurons of a single layer had better exchange their two columns.

    The comparator of a neuron may as well subtract G+ from G-: one bit per neuron turns the
    intervals of its row around. A row is turned if the middles of its intervals then agree better
    with Hebb's weights. They are fixed by the faults, and training within the intervals can only
    move away from them by half a conductance.

    Parameters
    ----------
    limits : WeightLimits
        Finite ones, of the chip as it is.
    patterns : array (P, N)

    Returns
    -------
    array (N, 1)
        -1 for a neuron that exchanges its columns, else 1.
    """
    hebb = np.asarray(patterns, dtype=float).T @ patterns
    np.fill_diagonal(hebb, 0.0)
    agreement = ((limits.low + limits.high) * hebb).sum(axis=1, keepdims=True)
    return np.where(agreement < 0, -1.0, 1.0)


def exchanged(limits, signs):
    """Limits of the same chip with the columns exchanged where ``signs`` (N, 1) are -1."""
    ends = signs * limits.low, signs * limits.high
    return WeightLimits(np.minimum(*ends), np.maximum(*ends))


@dataclass
class EitherPolarity:
    """Fits a memory within the limits that are left after the exchange of columns."""

    memory: AssociativeMemory

    def fit(self, patterns, *, limits):
        """The fitted memory; parameters as in `AssociativeMemory.fit`."""
        (chip,) = limits
        return self.memory.fit(patterns, limits=[exchanged(chip, polarity(chip, patterns))])


def turned(memory, signs):
    """A copy of a single-layer memory with the rows of weights times ``signs`` (N, 1)."""
    (layer,) = memory.layers_
    copied = copy.copy(memory)
    weights = (signs * layer.weights).astype(layer.weights.dtype)
    copied.layers_ = [Layer(weights, layer.bias, layer.gain)]
    return copied


def bias_corrected(memory, faults, patterns):
    """A copy of a single-layer memory that cancels the mean field of offsets of touched pairs.

    Parameters
    ----------
    memory : fitted AssociativeMemory
    faults : FaultMap
        Of its chip, where the partner of a stuck device is off.
    patterns : array (P, N)
        The mean pattern is what the neurons see on average.
    """
    stuck = np.where(faults.stuck, faults.stuck_conductance / faults.g_max, 0.0)
    offsets = stuck[..., 0] - stuck[..., 1]
    (layer,) = memory.layers_
    bias = layer.bias - layer.gain * offsets @ patterns.mean(axis=0)
    corrected = copy.copy(memory)
    corrected.layers_ = [Layer(layer.weights, bias.astype(layer.weights.dtype), layer.gain)]
    return corrected


def stuck_rates(fault_rate, on_share):
    """Rates per device of both faults, as `Crossbar.fabricate` and `chip_couplings` take them."""
    on = check_rate(fault_rate, "fault_rate") * check_rate(on_share, "on_share")
    return {"stuck_off": fault_rate - on, "stuck_on": on}


def chip_capacity(
    *,
    dataset,
    neurons,
    way,
    fault_rate,
    on_share,
    flip_rate,
    cue_noise,
    threshold,
    cues,
    iterations,
    resolution,
    criteria=CRITERIA,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    noise_steps=None,
    noise_learning_rate=None,
    seed,
):
    """Capacity of one layer on a chip with faulty devices, used in one of the `WAYS`.

    The chip, its faults, the patterns and the cues are the same for every way, and a higher fault
    rate breaks the devices of a lower one and more.

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons : int
    way : str
        Key of `WAYS`.
    fault_rate : float
        Probability that a device is stuck.
    on_share : float
        Share of the stuck devices that are on: 0 for off only, 1 for on only.
    flip_rate : float
        Share of flipped bits in the cues.
    cue_noise : float
        Share of flipped bits for which the ways that know of noise are made: the memories of
        largest margin and likeliest recall, and the noise training, whose noise falls from twice
        this share to nothing. Less than ``flip_rate`` serves recall in several updates, of which
        all but the first see fewer flips.
    threshold, cues, iterations, resolution, criteria
        As in `experiments.storage_capacity`.
    optimizer, steps, learning_rate
        Of the published training, as in `experiments.make_memory`.
    noise_steps, noise_learning_rate
        Of the noise training with Adam, as in `AdaptiveMemory`; the rate is that of a single
        update, two take the library's.
    seed : int

    Returns
    -------
    dict
        ``capacity`` by criterion, and the number of ``trainings`` it took.
    """
    chosen = WAYS[check_choice(way, "way", WAYS)]
    rng = generator(seed, "chip with faulty devices", neurons)
    rates = stuck_rates(fault_rate, on_share)
    crossbar = Crossbar.fabricate(neurons, neurons, **rates, rng=rng)
    faults = crossbar.characterize()
    published = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    noisy = {"optimizer": "adam", "steps": noise_steps, "cue_noise": (2 * cue_noise, 0.0)}
    limits = faults.weight_limits() if chosen.intervals else faults.masked()

    def make():
        if chosen.training == "largest margin":
            memory = MaxMarginMemory(flip_rate=cue_noise)
        elif chosen.training == "likeliest recall":
            memory = MaxRecallMemory(flip_rate=cue_noise)
        elif chosen.training == "noise-trained":
            memory = AdaptiveMemory(learning_rate=noise_learning_rate, seed=seed, **noisy)
        elif chosen.training == "two updates":
            memory = AdaptiveMemory(unroll=2, seed=seed, **noisy)
        else:
            memory = AdaptiveMemory(seed=seed, **published)
        return EitherPolarity(memory) if chosen.exchange else memory

    def deploy(memory, patterns):
        chip = copy.deepcopy(crossbar)
        if not chosen.compensate:
            chip.faults = None
        errors = generator(seed, "programming the chip", neurons, len(patterns))
        if chosen.exchange:
            signs = polarity(limits, patterns)
            return turned(program(turned(memory, signs), [chip], errors), signs)
        on_chip = program(memory, [chip], errors)
        return bias_corrected(on_chip, faults, patterns) if chosen.correct else on_chip

    search = CapacitySearch(
        make,
        draw_pool(dataset, neurons, seed),
        corruption("sign", flip_rate),
        limits=[limits],
        rng=generator(seed, "cues", neurons, flip_rate),
        cues=cues,
        iterations=iterations,
        deploy=deploy if chosen.on_chip else None,
    )
    bound = neurons * chip_bound(**rates, intervals=chosen.intervals)
    guess = max(round(GUESS * bound), 1)
    return capacities(search, criteria, threshold, resolution, guess)
