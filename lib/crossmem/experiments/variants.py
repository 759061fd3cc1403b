"""Variants of the training on noisy cues."""

import itertools
import math
from dataclasses import replace

import numpy as np

from crossmem.analysis.capacity import recall_quality
from crossmem.checks import check_choice, check_count
from crossmem.experiments.setup import corruption, draw_pool, make_memory
from crossmem.labels import quantity
from crossmem.networks.adaptive import initial_weights
from crossmem.networks.base import check_limits, normalised_layer
from crossmem.networks.noise import flipped_cues, shuffled_batches
from crossmem.networks.training import LOSSES, train
from crossmem.randomness import generator

# What a variant changes: the noise of the cues, the loss, or the patterns that it starts with.
NOISES = ("constant noise", "mixed noise", "clean cues")


VARIANT_LOSS = {f"{loss} loss": loss for loss in LOSSES}


VARIANTS = ("falling noise", *NOISES, "warm start", *VARIANT_LOSS)


def variant_quality(
    *,
    dataset,
    neurons,
    hidden,
    patterns,
    unroll,
    variant,
    cue_noise,
    steps,
    flip_rate,
    cues,
    iterations,
    seed,
):
    """Recall of a given number of binary patterns after a variant of the training on noisy cues.

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons : int
    patterns : int
        At least 2.
    hidden : int
        Hidden neurons, 0 for a single layer.
    variant : str
        Of `VARIANTS`: "falling noise" is the training of `AdaptiveMemory`, whose batch, rate and
        steps all others have as well. "constant noise" has the mean of its two levels, "mixed
        noise" is between them, anew in each step, and "clean cues" have none. "warm start" trains
        half of the patterns for half of the steps, then all of them from the weights that it has,
        with rate and noise at their first values again. The rest change the loss.
    cue_noise : pair of float
        First level of the noise and last.
    unroll, steps : int
        As in `AdaptiveMemory`.
    flip_rate : float
        Share of flipped bits in the cues of recall.
    cues, iterations : int
        As in `capacity.recall_quality`.
    seed : int

    Returns
    -------
    dict
        ``cosine`` with the stored pattern, mean over patterns.

    Raises
    ------
    ValueError
        For an unknown variant, fewer than two patterns, or noise that the memory cannot take.
    """
    check_choice(variant, "variant", VARIANTS)
    check_count(patterns, "patterns", least=2)
    stored = draw_pool(dataset, neurons, seed, patterns).astype(np.float32)
    training = {"optimizer": "adam", "steps": steps, "cue_noise": cue_noise, "unroll": unroll}
    memory = make_memory("adaptive", seed, hidden=(hidden,) if hidden else (), **training)
    memory._check_parameters()
    limits, rng = check_limits(None, memory.layer_shapes(neurons)), np.random.default_rng(seed)
    weights = [initial_weights(limit.shape, rng)[None] for limit in limits]
    for count, part in training_stages(variant, patterns, steps):
        weights = _train_variant(memory, stored[:count], weights, limits, variant, part, rng)
    memory.n_features_in_ = neurons
    memory.layers_ = [
        normalised_layer(weight[0], np.zeros(len(weight[0]), np.float32), 1.0, limit)
        for weight, limit in zip(weights, limits, strict=True)
    ]
    rng = generator(seed, "cues", neurons, patterns, flip_rate)
    corrupt = corruption("sign", flip_rate)
    quality = recall_quality(memory, stored, corrupt, rng, cues=cues, iterations=iterations)
    return {"cosine": quantity(quality.mean, "1", "cosine similarity, mean over patterns")}


def training_stages(variant, patterns, steps):
    """How many patterns a variant trains for how many steps, stage by stage."""
    if variant == "warm start":
        return [(patterns // 2, steps // 2), (patterns, steps - steps // 2)]
    return [(patterns, steps)]


def noise_level(variant, levels, done, rng):
    """Noise of the cues when a share ``done`` of the steps is over, between a pair of levels."""
    if variant == "clean cues":
        return 0.0
    if variant == "constant noise":
        done = 0.5
    elif variant == "mixed noise":
        done = rng.random()
    first, last = levels
    return first + (last - first) * done


def _train_variant(memory, stored, weights, limits, variant, steps, rng):
    """Weights after one stage of a variant of the training."""
    shown = itertools.count()

    def corrupt(targets, out):
        level = noise_level(variant, memory.noise_levels(), next(shown) / steps, rng)
        flipped_cues(targets[0], level, rng, out[0])

    recipe = memory.recipe(limits)
    loss = VARIANT_LOSS.get(variant, recipe.loss)
    count, size = len(stored), memory.patterns_per_step(len(stored))
    deck = shuffled_batches(count, size, rng)
    return train(
        stored[None],
        weights,
        limits=[(limit.low[None], limit.high[None]) for limit in limits],
        recipe=replace(recipe, steps=steps, loss=loss),
        corrupt=corrupt,
        draw=(lambda: [next(deck)]) if size < count else None,
    ).weights


def training_operations(shapes, shown, steps, unroll=1):
    """Additions and multiplications in the matrix products of a training.

    Each use of a layer takes a product forward and one for the gradient, and all but the first one
    to carry the error back.

    Parameters
    ----------
    shapes : list of (int, int)
        Shape (n_out, n_in) of each layer, all of the same number of weights.
    shown : int or array
        Patterns shown in a step.
    steps : int or array
    unroll : int
        As in `training.Recipe`.

    Returns
    -------
    int or array

    Raises
    ------
    ValueError
        If the layers differ in their number of weights.
    """
    weights = {math.prod(shape) for shape in shapes}
    if len(weights) != 1:
        raise ValueError(f"layers of {sorted(weights)} weights: give layers of equal size")
    products = 3 * len(shapes) * check_count(unroll, "unroll") - 1
    return 2 * products * weights.pop() * shown * steps
