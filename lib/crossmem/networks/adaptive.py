"""Adaptive training: gradient descent through the chip's fault map."""

import itertools

import numpy as np

from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_rate,
)
from crossmem.networks.arrays import namespace_of, to_numpy
from crossmem.networks.base import AssociativeMemory, normalised_layer, readout_gain
from crossmem.networks.network import ACTIVATIONS
from crossmem.networks.noise import flipped_cues, gaussian_cues, shuffled_batches
from crossmem.networks.training import Recipe, train
from crossmem.storage import to_json

# Largest change of a local field in one step of Adam: on clean cues, on noisy ones, and for binary
# patterns on noisy ones through several updates. Chosen by trial; no dataset compares them.
FIELD_STEP, NOISY_FIELD_STEP, UNROLLED_FIELD_STEP = 0.6, 1.2, 2.1
# How far the fields of a layer with bounded weights can reach, see `readout_gain`: on clean cues,
# on noisy ones, and with the logistic loss. A smaller gain makes larger weights of the same fields,
# which lose less to programming errors and faults. The gain for noisy cues was chosen by the cosine
# of recall of three memories of 144 neurons, at one load each, as trained, written at once and in
# stages (appendix A4, dataset A4_gain). The other two were chosen by trial, without a dataset.
READOUT_GAIN, NOISY_READOUT_GAIN, LOGISTIC_READOUT_GAIN = 3.0, 4.0, 8.0
# Noise of the training cues at the first step and after the last, in units of a single number that
# is given for it: of binary patterns in one layer, and in a stack. Appendix A4 compares the first
# levels (A4_tuning, the last in proportion) and constant noise (A4_variants), for cues with 5 % of
# the bits flipped and memories of 144 neurons at one load each. The share of the first level that
# is left at the end was chosen by trial. For grey patterns A4_tuning_falls compares falling noise
# with constant noise, which is the default.
FALL, STACK_FALL = (1.2, 0.0), (2.4, 0.4)
LEAST_BATCH = 48  # patterns: a step costs little more for them, since it passes over all weights


class AdaptiveMemory(AssociativeMemory):
    """Gradient descent through the chip's fault map (He et al. 2026, equations 4 to 6).

    Parameters
    ----------
    hidden : tuple of int
        Sizes of the hidden layers; () is the Hopfield network, which has no self-connections.
    cue_noise : float or pair of float
        0 trains on the clean patterns, as published. Above 0, each step sees freshly corrupted
        cues with the clean pattern as target: each bit flipped with this probability, at most 0.5;
        or, with ``activation="tanh"``, clipped Gaussian noise of this standard deviation. A pair
        is the noise at the first step and after the last, with a straight line between them. One
        number stands for the noise of the cues to recall from, and takes a pair: of binary
        patterns 1.2 times the number to 0 in one layer, 2.4 to 0.4 times in a stack; the number
        itself throughout for continuous patterns. Appendix A4 compares other levels.
    activation : {"sign", "tanh"}
        Visible neurons in recall; both train as tanh.
    unroll : int
        Updates after which a pattern must come back. 1 makes it a fixed point, as published. With
        2 the neurons are their own hidden layer in between; recall takes an even number of updates,
        all neurons at once. None takes 1 for clean cues and, on noisy ones, what was best in
        appendix A4: 2, but 1 for binary patterns with a hidden layer.
    optimizer, learning_rate, steps, tolerance, loss
        As in `training.Recipe`. None takes the published RMSprop for clean cues, with the
        published steps and the published rate where it works: 1e-3 for 10,000 steps for one layer
        (the published 3e-2 saturates tanh with some bits wrong for good), 3e-4 for 60,000 steps
        for a stack. For noisy cues it takes Adam for 3,000 steps, or 4,500 for binary patterns with
        a hidden layer, at a rate that lets a neuron's field change by 1.2 in a step, or by 2.1 if
        binary memories unroll several updates; for clean cues Adam takes 1,000 steps, and 0.6.
        Adam's steps and rates were chosen by trial. The loss is the squared one, but for binary
        patterns on noisy cues: logistic in a single layer with one update, else cubic. Appendix A4
        compares the losses.
    batch : float
        Share of the patterns that a training step shows, in (0, 1], but at least 48 of them. None
        shows all of the clean patterns, as published, and a tenth of noisy ones.
    gain : float
        How far the fields of a layer with bounded weights can reach: its read-out gain times
        sqrt(n_in). None takes 3 for clean cues, 4 for noisy ones (compared in appendix A4), and 8
        for the logistic loss. It means nothing for free weights.
    seed : int
        Initial weights and training noise.

    Notes
    -----
    Patterns given to `fit` or `fit_batch` as an array of CuPy train on its GPU, with the random
    numbers that they would see without one. The network has its weights in main memory.

    Attributes
    ----------
    loss_, steps_ : float, int
        Mean loss per output when training stopped, and the steps taken.
    """

    def __init__(
        self,
        *,
        hidden=(),
        cue_noise=0.0,
        activation="sign",
        unroll=None,
        optimizer=None,
        learning_rate=None,
        steps=None,
        tolerance=1e-8,
        loss=None,
        batch=None,
        gain=None,
        seed=0,
    ):
        self.hidden, self.activation, self.unroll = hidden, activation, unroll
        self.cue_noise, self.batch, self.seed = cue_noise, batch, seed
        self.optimizer, self.learning_rate, self.loss = optimizer, learning_rate, loss
        self.steps, self.tolerance, self.gain = steps, tolerance, gain

    def noise_levels(self):
        """Noise of the training cues at the first step and after the last, 0 for clean ones."""
        if isinstance(self.cue_noise, tuple | list | np.ndarray):
            levels = tuple(self.cue_noise)
            if len(levels) == 2:
                return levels
            raise ValueError(f"cue_noise={levels} must be a number or a pair, such as (0.1, 0.0)")
        level = check_not_negative(self.cue_noise, "cue_noise")
        if self.activation == "tanh":
            return level, level
        return tuple(min(level * share, 0.5) for share in (STACK_FALL if self.hidden else FALL))

    @property
    def period(self):
        """Updates of the state after which a stored pattern comes back: ``unroll``, if given."""
        if self.unroll is not None:
            return self.unroll
        stack = self.activation == "sign" and self.hidden
        return 2 if any(self.noise_levels()) and not stack else 1

    def recipe(self, limits):
        """The `training.Recipe` within a list of WeightLimits; None takes the library's values."""
        noisy, binary = any(self.noise_levels()), self.activation == "sign"
        optimizer = self.optimizer or ("adam" if noisy else "rmsprop")
        if optimizer == "adam":
            # A sign-like step moves a field by the rate times the number of working inputs.
            inputs = max((limit.working.sum(axis=1).mean() for limit in limits), default=1.0)
            noisy_step = UNROLLED_FIELD_STEP if binary and self.period > 1 else NOISY_FIELD_STEP
            noisy_steps = 4500 if binary and self.hidden else 3000
            field_step, steps = (noisy_step, noisy_steps) if noisy else (FIELD_STEP, 1000)
            rate = field_step / max(inputs, 1.0)
        else:
            rate, steps = (3e-4, 60_000) if self.hidden else (1e-3, 10_000)
        alone = not self.hidden and self.period == 1  # other losses: A4_variants
        loss = ("logistic" if alone else "cubic") if noisy and binary else "squared"
        return Recipe(
            optimizer=optimizer,
            learning_rate=rate if self.learning_rate is None else self.learning_rate,
            steps=steps if self.steps is None else self.steps,
            tolerance=self.tolerance,
            loss=loss if self.loss is None else self.loss,
            unroll=self.period,
        )

    def gains(self, limits):
        """Read-out gain of each layer within a list of WeightLimits."""
        reach = self.gain
        if reach is None and self.recipe(limits).loss == "logistic":
            reach = LOGISTIC_READOUT_GAIN
        elif reach is None:
            reach = NOISY_READOUT_GAIN if any(self.noise_levels()) else READOUT_GAIN
        return [readout_gain(limit, reach) for limit in limits]

    def patterns_per_step(self, patterns):
        """How many of that many patterns a training step shows."""
        share = self.batch or (0.1 if any(self.noise_levels()) else 1.0)
        return min(max(round(share * patterns), LEAST_BATCH), patterns)

    def check_parameters(self):
        check_choice(self.activation, "activation", ACTIVATIONS)
        if not isinstance(self.hidden, tuple | list):
            raise TypeError(f"hidden={self.hidden!r} must be a tuple, such as (32,), or ()")
        for size in self.hidden:
            check_count(size, f"one of hidden={self.hidden!r}")
        for level in {*self.noise_levels(), *np.ravel(self.cue_noise).tolist()}:
            if self.activation == "tanh":
                check_not_negative(level, "cue_noise")
            elif check_rate(level, "cue_noise") > 0.5:
                raise ValueError(
                    f"cue_noise is {level}: give at most 0.5, at which cues are random"
                )
        if self.batch is not None:
            check_positive(self.batch, "batch", 0.1)
            check_rate(self.batch, "batch")
        if self.gain is not None:
            check_positive(self.gain, "gain", 4.5)
        if self.loss == "logistic" and self.activation == "tanh":
            raise ValueError(
                "loss='logistic' counts signs alone: give loss='squared' for activation='tanh'"
            )
        check_count(self.seed, "seed", least=0)
        self.recipe([])  # it checks the rest

    def check_input(self, patterns, limits):
        """As for every memory; patterns given as an array of CuPy stay on their GPU."""
        namespace = namespace_of(patterns)
        patterns, limits = super().check_input(to_numpy(patterns), limits)
        return namespace.asarray(patterns), limits

    def _learn(self, patterns, limits):
        return _learn_batch([self], patterns[None], [limits])[0]

    def _write_cues(self, targets, out, rng, done):
        """Write fresh cues of the targets into ``out`` when a share of the steps is done."""
        corrupt = gaussian_cues if self.activation == "tanh" else flipped_cues
        first, last = self.noise_levels()
        corrupt(targets, first + (last - first) * done, rng, out)


def fit_batch(memories, patterns, *, limits=None):
    """Fit several memories of equal shape, those that can as one stacked batch.

    A batch shares the overhead of calls. Each memory ends as `AssociativeMemory.fit` leaves it, and
    the errors are its own; different numbers of memories, patterns and limits are a ValueError.

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
    """
    limits = [None] * len(memories) if limits is None else limits
    if not len(memories) == len(patterns) == len(limits):
        raise ValueError(
            f"{len(memories)} memories, {len(patterns)} sets of patterns and {len(limits)} of "
            "limits: pass one of each per memory"
        )
    groups = {}
    for memory, stored, own in zip(memories, patterns, limits, strict=True):
        if type(memory) is not AdaptiveMemory:  # a subclass may fit in its own way
            memory.fit(stored, limits=own)
            continue
        stored, own = memory.check_input(stored, own)
        settings = to_json(memory.get_params() | {"seed": None})
        key = (settings, memory.recipe(own), stored.shape, namespace_of(stored))
        groups.setdefault(key, []).append((memory, stored, own))
    for group in groups.values():
        members, stored, own = zip(*group, strict=True)
        learned = _learn_batch(members, namespace_of(stored[0]).stack(stored), own)
        for memory, layers, limit in zip(members, learned, own, strict=True):
            memory.keep(layers, limit)
    return memories


def _learn_batch(memories, patterns, limits):
    """Layers of R adaptive memories; parameters as in `descend`."""
    rngs = [np.random.default_rng(memory.seed) for memory in memories]
    start = [
        [initial_weights(limit.shape, rng) for limit in own]
        for own, rng in zip(limits, rngs, strict=True)
    ]
    start = [np.stack(layer) for layer in zip(*start, strict=True)]
    trained = descend(memories, patterns, start, limits, rngs)
    learned = []
    for r, memory in enumerate(memories):
        memory.loss_, memory.steps_ = float(trained.losses[r]), int(trained.steps[r])
        parts = zip(trained.weights, memory.gains(limits[r]), limits[r], strict=True)
        learned.append([normalised_layer(w[r], gain, own) for w, gain, own in parts])
    return learned


def descend(memories, patterns, weights, limits, rngs, gains=None):
    """Train the effective weights (gain times weight) of R memories that differ in their seed.

    Each stores its own of the patterns (R, P, N) within its own list of WeightLimits; its generator
    draws cues and batches. Every layer starts from an array (R, n_out, n_in) of ``weights``. The
    ``gains`` of the layers, a list for each memory, are by default those of `AdaptiveMemory.gains`.
    """
    first, count, shown = memories[0], patterns.shape[1], itertools.count()
    recipe, size = first.recipe(limits[0]), first.patterns_per_step(count)
    batches = [shuffled_batches(count, size, rng) for rng in rngs]
    gains = gains or [first.gains(own) for own in limits]
    limits, gains = (zip(*own, strict=True) for own in (limits, gains))  # by layer

    def corrupt(targets, out):
        done = next(shown) / recipe.steps
        for memory, rng, clean, cues in zip(memories, rngs, targets, out, strict=True):
            memory._write_cues(clean, cues, rng, done)

    return train(
        patterns,
        weights,
        limits=[_effective_bounds(*layer) for layer in zip(limits, gains, strict=True)],
        recipe=recipe,
        corrupt=corrupt if any(first.noise_levels()) else None,
        draw=(lambda: [next(own) for own in batches]) if size < count else None,
    )


def _effective_bounds(limits, gains):
    """Least and greatest effective weights (R, n_out, n_in) of one layer of R memories."""
    gains = np.array(gains)[:, None, None]
    return gains * [limit.low for limit in limits], gains * [limit.high for limit in limits]


def initial_weights(shape, rng):
    """Uniform in ±1/sqrt(n_in), the default of the authors' framework (PyTorch's Linear)."""
    return rng.uniform(-1.0, 1.0, shape).astype(np.float32) / np.float32(np.sqrt(shape[1]))
