"""Associative memories as scikit-learn estimators: four classical rules and adaptive training."""

import copy
import itertools
import json

import numpy as np
import xarray as xr
from scipy.linalg import orth
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from crossmem import dynamics
from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_rate,
)
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.dynamics import Layer
from crossmem.patterns import check_patterns
from crossmem.training import Recipe, train

LAYER_PARTS = ("weights", "bias", "gain", "low", "high")
# Largest change of a local field in one step of Adam: on clean cues, on noisy ones, and for binary
# patterns on noisy ones through several updates. Chosen by trial.
FIELD_STEP, NOISY_FIELD_STEP, UNROLLED_FIELD_STEP = 0.6, 1.2, 2.1
LEAST_BATCH = 48  # patterns: a step costs little more for them, since it passes over all weights
# Gain of a layer with bounded weights, times sqrt(n_in): how far its fields can reach. Chosen by
# trying 1, 2, 4, 8 and 16 at N = 144: 2 and 4 were best with the squared loss, whose value the
# cubic one takes; the logistic loss has no plateau and used more.
READOUT_GAIN = {"squared": 3.0, "cubic": 3.0, "logistic": 8.0}


class AssociativeMemory(BaseEstimator):
    """What every memory shares: fitting layers to patterns, recall and its score.

    Attributes
    ----------
    layers_ : list of Layer
        Weights in units of the largest conductance, in [-1, 1], as a crossbar holds them; the
        layer's gain undoes that scale.
    limits_ : list of WeightLimits
        What the weights were fitted within, without self-connections for a single layer.
    n_features_in_ : int
        Number N of visible neurons.
    """

    activation = "sign"

    def fit(self, patterns, y=None, *, limits=None):
        """Store patterns.

        Parameters
        ----------
        patterns : array_like (P, N)
            One pattern per row: ±1, or within [-1, 1] for ``activation="tanh"``.
        y : None
            Ignored; scikit-learn's interface has it.
        limits : list of WeightLimits or None, optional
            One per layer; None, for all or for one, leaves the weights unbounded.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For patterns or limits that the memory cannot take; the message says why.
        """
        self._check_parameters()
        patterns = self._check_stored(patterns)
        limits = check_limits(limits, self.layer_shapes(patterns.shape[1]))
        return self._keep(self._learn(patterns, limits), limits)

    def _check_parameters(self):
        """Raise for constructor parameters that training cannot use."""

    def _check_stored(self, patterns):
        """Patterns to store, as float32, if they are of the kind that the activation returns."""
        patterns = check_patterns(patterns)
        binary = bool((np.abs(patterns) == 1).all())
        if binary != (self.activation == "sign"):
            raise ValueError(
                "the patterns are all ±1, which tanh never reaches: use activation='sign'"
                if binary
                else "the patterns hold values other than ±1, which activation='sign' cannot "
                "return: use AdaptiveMemory(activation='tanh'), or binarise them with "
                "numpy.where(patterns > 0, 1, -1)"
            )
        return patterns.astype(np.float32)

    def _keep(self, layers, limits):
        """Take fitted layers."""
        self.layers_, self.limits_ = layers, limits
        self.n_features_in_ = layers[0].weights.shape[1]
        return self

    def devices(self, neurons):
        """Number of memristors that a memory of that many visible neurons needs, two per weight."""
        return sum(2 * n_out * n_in for n_out, n_in in self.layer_shapes(neurons))

    def layer_shapes(self, neurons):
        """Shapes (n_out, n_in) of the layers of a memory of that many visible neurons."""
        return [(neurons, neurons)]

    def recall(self, cues, *, iterations=10, update="synchronous", rng=None, trace=False):
        """Complete corrupted patterns; parameters and return value as in `dynamics.recall`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            For cues of the wrong shape or with values that are not finite.
        """
        check_is_fitted(self)
        return dynamics.recall(
            self.layers_,
            self._check_states(cues),
            iterations=iterations,
            activation=self.activation,
            update=update,
            rng=rng,
            trace=trace,
        )

    def score(self, cues, patterns, **recall_options):
        """Mean cosine similarity of the recalled cues with the patterns, arrays (n, N)."""
        recalled = self.recall(cues, **recall_options)
        patterns = self._check_states(patterns)
        if patterns.shape != recalled.shape:
            raise ValueError(
                f"{len(recalled)} cues and {len(patterns)} patterns: pass one pattern per cue"
            )
        return float(dynamics.cosine(recalled, patterns).mean())

    def to_dataset(self):
        """Everything that recall needs, and the limits, as a labelled Dataset for netCDF.

        Returns
        -------
        xarray.Dataset
            Per layer k: ``weights_k``, ``bias_k``, ``gain_k``, ``low_k`` and ``high_k``; the class
            and its parameters in the attributes. `from_dataset` turns it back.
        """
        check_is_fitted(self)
        variables = {}
        for k, (layer, limits) in enumerate(zip(self.layers_, self.limits_, strict=True)):
            pair, unit = (f"output_{k}", f"input_{k}"), {"units": "G_max"}
            described = {"units": "1", "long_name": f"read-out gain of layer {k}"}
            variables[f"gain_{k}"] = ((), layer.gain, described)
            described = {"units": "1", "long_name": f"biases of layer {k}"}
            variables[f"bias_{k}"] = (pair[:1], layer.bias, described)
            for name, values in (
                ("weights", layer.weights),
                ("low", limits.low),
                ("high", limits.high),
            ):
                variables[f"{name}_{k}"] = (
                    pair,
                    values,
                    unit | {"long_name": f"{name}, layer {k}"},
                )
        attributes = {
            "memory": type(self).__name__,
            "settings": json.dumps(self.get_params(), default=np.generic.item),
        }
        return xr.Dataset(variables, attrs=attributes)

    def _check_states(self, states):
        """Cues or patterns (n, N) of this memory's width, with values in [-1, 1]."""
        states = check_patterns(states)
        if states.shape[1] != self.n_features_in_:
            raise ValueError(
                f"Patterns have {states.shape[1]} elements, but this memory has "
                f"{self.n_features_in_} neurons; pass patterns of the size it was fitted to."
            )
        return states


class HebbianMemory(AssociativeMemory):
    """Hebb's rule W = XᵀX / N (Hopfield 1982)."""

    def _learn(self, patterns, limits):
        return [scaled_layer(patterns.T @ patterns / patterns.shape[1], limits[0])]


class StorkeyMemory(AssociativeMemory):
    """Storkey & Valabregue's local, incremental rule (Neural Networks 12, 869, 1999)."""

    def _learn(self, patterns, limits):
        neurons = patterns.shape[1]
        weights = np.zeros((neurons, neurons))
        for pattern in patterns.astype(float):
            # field[i, j]: local field of neuron i without the parts due to neurons i and j
            field = (weights @ pattern - np.diag(weights) * pattern)[:, None] - weights * pattern
            np.fill_diagonal(field, 0.0)
            crosstalk = pattern[:, None] * field.T
            weights += (np.outer(pattern, pattern) - crosstalk - crosstalk.T) / neurons
            np.fill_diagonal(weights, 0.0)
        return [scaled_layer(weights, limits[0])]


class PseudoInverseMemory(AssociativeMemory):
    """Projection onto the patterns' span (Personnaz et al. 1985; Kanter & Sompolinsky 1987)."""

    def _learn(self, patterns, limits):
        basis = orth(patterns.T.astype(float))
        return [scaled_layer(basis @ basis.T, limits[0])]


class EquilibriumMemory(AssociativeMemory):
    """Equilibrium propagation on the graded Hopfield energy.

    The energy E(s) = -½ sᵀWs + Σ∫artanh(s) ds (Hopfield 1984) is relaxed from each pattern to a
    free equilibrium s⁰, then, with the cost ½β‖s - x‖² added, to a nudged one sᵝ; the weights
    follow the contrast (sᵝsᵝᵀ - s⁰s⁰ᵀ)/β, which tends to the negative gradient of the cost at the
    free equilibrium (Scellier & Bengio 2017, theorem 1).

    Parameters
    ----------
    nudge : float
        Strength β of the nudged phase, above 0.
    learning_rate : float
        Step along the mean contrast over the patterns.
    epochs : int
        Number of steps.
    free_steps, nudged_steps : int
        Relaxation steps of the two phases.
    """

    def __init__(
        self, *, nudge=0.5, learning_rate=0.01, epochs=1000, free_steps=10, nudged_steps=5
    ):
        self.nudge = nudge
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.free_steps = free_steps
        self.nudged_steps = nudged_steps

    def _learn(self, patterns, limits):
        (limits,) = limits
        weights = np.zeros(limits.shape, dtype=np.float32)
        for _ in range(self.epochs):
            contrast = self.contrast(weights, patterns)
            weights = limits.clip(weights + self.learning_rate * contrast).astype(np.float32)
        return [normalised_layer(weights, np.zeros(len(weights), np.float32), 1.0, limits)]

    def _check_parameters(self):
        check_positive(self.nudge, "nudge", 0.5)
        check_positive(self.learning_rate, "learning_rate", 0.01)
        for name in ("epochs", "free_steps", "nudged_steps"):
            check_count(getattr(self, name), name)

    def contrast(self, weights, patterns):
        """Mean contrast of the two phases over the patterns, (N, N) and (P, N) -> (N, N)."""
        free = self.relax(weights, patterns, patterns, 0.0, self.free_steps)
        nudged = self.relax(weights, free, patterns, self.nudge, self.nudged_steps)
        return (nudged.T @ nudged - free.T @ free) / (self.nudge * len(patterns))

    def relax(self, weights, states, targets, nudge, steps, rate=0.5):
        """Follow du/dt = -u + W s + β(x - s), s = tanh(u), from the given outputs, (P, N)."""
        potential = np.arctanh(np.clip(states, -0.995, 0.995))
        for _ in range(steps):
            output = np.tanh(potential)
            drive = output @ weights.T + nudge * (targets - output)
            potential += rate * (drive - potential)
        return np.tanh(potential)


class AdaptiveMemory(AssociativeMemory):
    """Gradient descent through the chip's fault map (He et al. 2026, equations 4 to 6).

    Parameters
    ----------
    hidden : tuple of int
        Sizes of the hidden layers; () is the single-layer Hopfield network, which has no
        self-connections.
    cue_noise : float or pair of float
        0 trains on the clean patterns, as published. Above 0, each step sees freshly corrupted
        cues with the clean pattern as target: each bit flipped with this probability, at most 0.5;
        or, with ``activation="tanh"``, clipped Gaussian noise of this standard deviation. A pair
        changes in a straight line from its first value to its second in the course of the training.
    activation : {"sign", "tanh"}
        Visible neurons in recall; both train as tanh.
    unroll : int
        Updates of the state that one training pass runs through. 1 makes each pattern a fixed
        point, as published. With 2 the pattern must come back after two updates, so that the
        neurons are their own hidden layer in between: recall then takes an even number of updates.
    bias : bool
        Train a bias per neuron; the paper sets it to zero.
    optimizer, learning_rate, steps, tolerance
        As in `training.Recipe`. None takes the published RMSprop for clean cues, with the
        published steps and the published rate where it works: 1e-3 for 10,000 steps for one layer
        (the published 3e-2 saturates tanh with some bits wrong for good), 3e-4 for 60,000 steps
        for a stack. For noisy cues it takes Adam for 3,000 steps, at a rate that lets a neuron's
        field change by 1.2 in a step, or by 2.1 if binary memories unroll several updates; for
        clean cues Adam takes 1,000 steps, and 0.6.
    batch : float
        Share of the patterns that a training step shows, in (0, 1], but at least 48 of them. None
        shows all of the clean patterns, as published, and a tenth of noisy ones.
    seed : int
        Initial weights and training noise.

    Attributes
    ----------
    loss_ : float
        Mean loss per output when training stopped.
    steps_ : int
        Steps taken.

    Notes
    -----
    Clean cues are trained by the published loss, the square of tanh's error, and so are noisy ones
    with ``activation="tanh"``. Binary patterns on noisy cues take its third power; in a single
    layer that returns them in one update, the logistic loss of the margin (`training.Recipe`).
    """

    def __init__(
        self,
        *,
        hidden=(),
        cue_noise=0.0,
        activation="sign",
        unroll=1,
        bias=False,
        optimizer=None,
        learning_rate=None,
        steps=None,
        tolerance=1e-8,
        batch=None,
        seed=0,
    ):
        self.hidden = hidden
        self.cue_noise = cue_noise
        self.activation = activation
        self.unroll = unroll
        self.bias = bias
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.steps = steps
        self.tolerance = tolerance
        self.batch = batch
        self.seed = seed

    def layer_shapes(self, neurons):
        """Shapes (n_out, n_in) of the layers of a memory of that many visible neurons."""
        sizes = [neurons, *self.hidden, neurons]
        return [(n_out, n_in) for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)]

    def noise_levels(self):
        """Noise of the training cues at the first step and after the last, 0 for clean ones."""
        several = isinstance(self.cue_noise, tuple | list | np.ndarray)
        pair = self.cue_noise if several else [self.cue_noise] * 2
        if len(pair) != 2:
            raise ValueError(
                f"cue_noise={self.cue_noise!r} must be a number, or a pair of the first level and "
                "the last, such as (0.1, 0.0)"
            )
        return tuple(pair)

    def recipe(self, limits):
        """The training recipe within limits, with the library's values where None was given.

        Parameters
        ----------
        limits : list of WeightLimits

        Returns
        -------
        training.Recipe
        """
        noisy, binary = any(self.noise_levels()), self.activation == "sign"
        optimizer = self.optimizer or ("adam" if noisy else "rmsprop")
        if optimizer == "adam":
            # A sign-like step moves a field by the rate times the number of working inputs.
            inputs = max(limit.working.sum(axis=1).mean() for limit in limits)
            noisy_step = UNROLLED_FIELD_STEP if binary and self.unroll > 1 else NOISY_FIELD_STEP
            field_step, steps = (noisy_step, 3000) if noisy else (FIELD_STEP, 1000)
            rate = field_step / max(inputs, 1.0)
        else:
            rate, steps = (3e-4, 60_000) if self.hidden else (1e-3, 10_000)
        # By trial, see notebook 07: neurons that must separate the patterns by themselves gain from
        # the margin, those that share the work from heeding wrong bits more than nearly right ones.
        alone = not self.hidden and self.unroll == 1
        loss = ("logistic" if alone else "cubic") if noisy and binary else "squared"
        return Recipe(
            optimizer=optimizer,
            learning_rate=rate if self.learning_rate is None else self.learning_rate,
            steps=steps if self.steps is None else self.steps,
            tolerance=self.tolerance,
            loss=loss,
            unroll=self.unroll,
        )

    def patterns_per_step(self, patterns):
        """How many of that many patterns a training step shows."""
        share = self.batch or (0.1 if any(self.noise_levels()) else 1.0)
        return min(max(round(share * patterns), LEAST_BATCH), patterns)

    def recall(self, cues, *, iterations=10, **options):
        """As `AssociativeMemory.recall`; the iterations must be a multiple of ``unroll``.

        Trained through several updates, a memory needs the synchronous one: neurons updated in
        turn see a mixture of pattern and code, from which no pattern comes back.
        """
        if self.unroll > 1 and check_count(iterations, "iterations", least=0) % self.unroll:
            raise ValueError(
                f"iterations={iterations} ends between two passes of this memory, whose patterns "
                f"come back every {self.unroll} updates: use a multiple of unroll={self.unroll}"
            )
        return super().recall(cues, iterations=iterations, **options)

    def _check_parameters(self):
        check_choice(self.activation, "activation", dynamics.ACTIVATIONS)
        sizes = self.hidden if isinstance(self.hidden, tuple | list) else None
        whole = lambda n: isinstance(n, int | np.integer) and not isinstance(n, bool)  # noqa: E731
        if sizes is None or not all(whole(n) and n > 0 for n in sizes):
            raise ValueError(
                f"hidden={self.hidden!r} must be a tuple of whole numbers of at least 1, "
                "such as (32,), or () for a single layer"
            )
        for level in self.noise_levels():
            if self.activation == "tanh":
                check_not_negative(level, "cue_noise")
            elif check_rate(level, "cue_noise") > 0.5:
                raise ValueError(
                    f"cue_noise is {level}, but must be at most 0.5, at which cues are "
                    "random; give for example 0.05."
                )
        if self.batch is not None:
            check_positive(self.batch, "batch", 0.1)
            check_rate(self.batch, "batch")
        check_count(self.unroll, "unroll")
        check_count(self.seed, "seed", least=0)

    def _learn(self, patterns, limits):
        return _learn_batch([self], patterns[None], [limits])[0]

    def _write_cues(self, targets, out, rng, done):
        """Write fresh cues of the targets into ``out`` when a share of the steps is done."""
        corrupt = gaussian_cues if self.activation == "tanh" else flipped_cues
        first, last = self.noise_levels()
        corrupt(targets, first + (last - first) * done, rng, out)


def fit_batch(memories, patterns, *, limits=None):
    """Fit several memories of equal shape, those that can as one stacked batch.

    Small networks spend most of a training step on the overhead of calls; a batch shares it. Each
    memory ends as `AssociativeMemory.fit` would leave it.

    Parameters
    ----------
    memories : list of AssociativeMemory
        R of them, unfitted.
    patterns : array_like (R, P, N)
        What each memory stores.
    limits : list of R lists of WeightLimits or None, optional
        As in `AssociativeMemory.fit`, for each memory.

    Returns
    -------
    list of AssociativeMemory
        The same objects.

    Raises
    ------
    ValueError
        If the numbers of memories, pattern sets and limits differ, or `fit` would raise.
    """
    limits = [None] * len(memories) if limits is None else limits
    if not len(memories) == len(patterns) == len(limits):
        raise ValueError(
            f"{len(memories)} memories, {len(patterns)} sets of patterns and {len(limits)} of "
            "limits: pass one of each per memory"
        )
    groups = {}
    for memory, stored, own in zip(memories, patterns, limits, strict=True):
        if not isinstance(memory, AdaptiveMemory):
            memory.fit(stored, limits=own)
            continue
        memory._check_parameters()
        stored = memory._check_stored(stored)
        own = check_limits(own, memory.layer_shapes(stored.shape[1]))
        alike = json.dumps(memory.get_params() | {"seed": None}, default=np.generic.item)
        key = (alike, memory.recipe(own), stored.shape)
        groups.setdefault(key, []).append((memory, stored, own))
    for group in groups.values():
        members, stored, own = (list(column) for column in zip(*group, strict=True))
        learned = _learn_batch(members, np.stack(stored), own)
        for memory, layers, limit in zip(members, learned, own, strict=True):
            memory._keep(layers, limit)
    return memories


def _learn_batch(memories, patterns, limits):
    """Layers of R adaptive memories that differ in nothing but seed, patterns and limits.

    ``patterns`` is an array (R, P, N), ``limits`` a list of R checked lists.
    """
    one, recipe = memories[0], memories[0].recipe(limits[0])
    rngs = [np.random.default_rng(memory.seed) for memory in memories]
    gains = [[readout_gain(limit, recipe.loss) for limit in own] for own in limits]
    weights = [
        [initial_weights(limit.shape, rng) for limit in own]
        for own, rng in zip(limits, rngs, strict=True)
    ]
    bounds = [
        [(gain * limit.low, gain * limit.high) for gain, limit in zip(*pair, strict=True)]
        for pair in zip(gains, limits, strict=True)
    ]
    stack = lambda rows: [np.stack(column) for column in zip(*rows, strict=True)]  # noqa: E731
    biases = [np.zeros((len(memories), limit.shape[0]), np.float32) for limit in limits[0]]
    shown = itertools.count()

    def corrupt(targets, out):
        done = next(shown) / recipe.steps
        for memory, rng, clean, cues in zip(memories, rngs, targets, out, strict=True):
            memory._write_cues(clean, cues, rng, done)

    count = patterns.shape[1]
    size = one.patterns_per_step(count)
    decks = [shuffled_batches(count, size, rng) for rng in rngs]
    trained = train(
        patterns,
        stack(weights),
        limits=[stack(pairs) for pairs in zip(*bounds, strict=True)],
        biases=biases if one.bias else None,
        recipe=recipe,
        corrupt=corrupt if any(one.noise_levels()) else None,
        draw=(lambda: [next(deck) for deck in decks]) if size < count else None,
    )
    learned = []
    for r, memory in enumerate(memories):
        memory.loss_, memory.steps_ = float(trained.losses[r]), int(trained.steps[r])
        parts = zip(trained.weights, trained.biases or biases, gains[r], limits[r], strict=True)
        learned.append([normalised_layer(w[r], b[r], gain, limit) for w, b, gain, limit in parts])
    return learned


def shuffled_batches(count, size, rng):
    """Endless batches of ``size`` of ``count`` indices: each pass takes them in a new order.

    What a pass has left over at its end, fewer than a batch, waits for a later pass.
    """
    while True:
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def flipped_cues(targets, rate, rng, out):
    """Write the targets into ``out`` with each bit flipped with probability ``rate``, below 1.

    Bits that a Poisson number of uniform throws hits are hit independently: with M bits and a mean
    of -M log(1 - rate) throws, each bit is missed with probability 1 - rate. That takes a random
    number per flip instead of one per bit, and no search for bits drawn twice. Both arrays must be
    contiguous, so that their flat views are views.
    """
    np.copyto(out, targets)
    throws = rng.poisson(-out.size * np.log1p(-rate))
    where = (rng.random(throws) * out.size).astype(np.intp)  # `integers` costs three times as much
    out.reshape(-1)[where] = -targets.reshape(-1)[where]


def gaussian_cues(targets, sigma, rng, out):
    """Write the targets plus Gaussian noise, clipped to [-1, 1], into ``out``."""
    rng.standard_normal(out=out, dtype=np.float32)
    out *= sigma
    out += targets
    np.maximum(out, -1.0, out=out)
    np.minimum(out, 1.0, out=out)


def initial_weights(shape, rng):
    """Uniform in ±1/sqrt(n_in), the default of the authors' framework (PyTorch's Linear)."""
    return rng.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(np.sqrt(shape[1]))


def is_free(limits):
    """Whether weights are free or masked, rather than bounded by what a chip can reach.

    Raises
    ------
    ValueError
        If some are unbounded and others bounded: no one scale would fit both.
    """
    unbounded = np.isinf(limits.low) & np.isinf(limits.high)
    masked = (limits.low == 0) & (limits.high == 0)
    if (unbounded | masked).all():
        return True
    if np.isinf(limits.low).any() or np.isinf(limits.high).any():
        raise ValueError(
            "the limits mix unbounded with bounded weights: bound all of them, e.g. by [-1, 1]"
        )
    return False


def readout_gain(limits, loss):
    """Gain of a layer: 1 for free weights; bounded ones need one that lets fields saturate tanh."""
    return 1.0 if is_free(limits) else READOUT_GAIN[loss] / limits.shape[1] ** 0.5


def scaled_layer(weights, limits):
    """Scale the result of a closed-form rule into [-1, 1], then clip it, as programming would."""
    weights = np.array(weights, dtype=float)
    np.fill_diagonal(weights, 0.0)  # before scaling: it is the largest entry, and not stored
    scale = np.abs(weights).max()
    # A projection onto every direction is the identity: what rounding leaves is not a memory.
    weights = weights / scale if scale > 1e-9 else np.zeros_like(weights)
    clipped = limits.clip(weights).astype(np.float32)
    return Layer(clipped, np.zeros(len(clipped), dtype=np.float32), float(scale) or 1.0)


def normalised_layer(effective, bias, gain, limits):
    """A layer whose weights lie in [-1, 1], from trained effective weights (gain times weight)."""
    if is_free(limits):
        gain = float(np.abs(effective).max()) or 1.0
    # Dividing may round past a bound by one unit in the last place.
    weights = limits.clip(effective / np.float32(gain)).astype(np.float32)
    return Layer(weights, bias, gain)


def check_limits(limits, shapes):
    """One WeightLimits per layer, unbounded where None was given; no self-connections."""
    if isinstance(limits, WeightLimits):
        raise TypeError("limits is a single WeightLimits; pass a list with one per layer.")
    limits = [None] * len(shapes) if limits is None else list(limits)
    if len(limits) != len(shapes):
        raise ValueError(
            f"{len(limits)} limits for {len(shapes)} layer(s): pass one WeightLimits per layer"
        )
    checked = []
    for limit, shape in zip(limits, shapes, strict=True):
        if limit is None:
            limit = WeightLimits(np.full(shape, -np.inf), np.full(shape, np.inf))
        if not isinstance(limit, WeightLimits):
            raise TypeError(
                f"limits hold a {type(limit).__name__}, but each must be a WeightLimits or None; "
                "make one with crossbar.characterize().weight_limits()."
            )
        if limit.shape != shape:
            raise ValueError(
                f"limits of shape {limit.shape} for a layer of shape {shape} (n_out, n_in): "
                "make them from a crossbar of the layer's shape"
            )
        checked.append(limit)
    if len(shapes) == 1:
        checked[0] = checked[0].without_self_connections()
    return checked


def from_dataset(dataset):
    """The fitted memory that `AssociativeMemory.to_dataset` described; it recalls bit for bit.

    Raises
    ------
    ValueError
        If the dataset does not hold a memory.
    """
    kinds = {kind.__name__: kind for kind in AssociativeMemory.__subclasses__()}
    if dataset.attrs.get("memory") not in kinds:
        raise ValueError(
            f"the dataset holds {dataset.attrs.get('memory')!r}, not one of the memories "
            f"{', '.join(kinds)}: pass what to_dataset returned"
        )
    settings = json.loads(dataset.attrs["settings"])
    if "hidden" in settings:
        settings["hidden"] = tuple(settings["hidden"])  # JSON knows only lists
    memory = kinds[dataset.attrs["memory"]](**settings)
    count = sum(name.startswith("weights_") for name in dataset.data_vars)
    layer = [{n: dataset[f"{n}_{k}"].values for n in LAYER_PARTS} for k in range(count)]
    memory.layers_ = [Layer(d["weights"], d["bias"], float(d["gain"])) for d in layer]
    memory.limits_ = [WeightLimits(d["low"], d["high"]) for d in layer]
    memory.n_features_in_ = memory.layers_[0].weights.shape[1]
    return memory


def program(memory, crossbars, rng):
    """Write a fitted memory onto crossbars.

    Parameters
    ----------
    memory : AssociativeMemory
        Fitted.
    crossbars : list of Crossbar
        One per layer, of the layer's shape; they are programmed in place.
    rng : numpy.random.Generator
        Draws the programming errors.

    Returns
    -------
    AssociativeMemory
        A copy whose weights are the conductances that resulted, faults and errors included.

    Raises
    ------
    ValueError
        If the crossbars do not match the layers.
    """
    check_is_fitted(memory)
    if isinstance(crossbars, Crossbar):
        raise TypeError("crossbars is a single Crossbar; pass a list with one per layer.")
    if len(crossbars) != len(memory.layers_):
        raise ValueError(
            f"{len(crossbars)} crossbars for {len(memory.layers_)} layer(s): pass one per layer"
        )
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        if crossbar.shape != layer.weights.shape:
            raise ValueError(
                f"a crossbar of shape {crossbar.shape} for a layer of {layer.weights.shape}: "
                "fabricate one of the layer's shape (n_out, n_in)"
            )
    on_chip = copy.copy(memory)
    on_chip.layers_ = []
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        crossbar.program(layer.weights, rng)
        weights = crossbar.weights.astype(np.float32)
        on_chip.layers_.append(Layer(weights, layer.bias, layer.gain))
    return on_chip
