"""Variants of the training on noisy cues, with the same batch, rate and steps."""

import numpy as np
import xarray as xr

from crossmem.checks import check_choice, check_count
from crossmem.experiments.quality import setup_quality, stored_quality
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.labels import quantity
from crossmem.networks.adaptive import AdaptiveMemory, descend, initial_weights
from crossmem.networks.base import check_limits, normalised_layer
from crossmem.networks.network import Network
from crossmem.networks.training import LOSSES

# What a variant changes: the noise of the cues, the loss, or the patterns that it starts with.
LOSS_OF = {f"{loss} loss": loss for loss in LOSSES}
VARIANTS = (
    "falling noise",
    "constant noise",
    "mixed noise",
    "clean cues",
    "warm start",
    *LOSS_OF,
)


class MixedNoiseMemory(AdaptiveMemory):
    """Adaptive training with a noise between its two levels, drawn anew in each step."""

    def _write_cues(self, targets, out, rng, done):
        super()._write_cues(targets, out, rng, rng.random())


def variant_quality(setup, *, variant, seed):
    """Recall of a given number of binary patterns after a variant of the training on noisy cues.

    Parameters
    ----------
    setup : Setup
        Trained by Adam on noise that falls from a first level to a last; at least 2 patterns.
    variant : str
        Of `VARIANTS`: "falling noise" is the training of `AdaptiveMemory`, whose batch, rate and
        steps all others have as well. "constant noise" has the mean of its two levels, "mixed
        noise" is between them, anew in each step, and "clean cues" have none. "warm start" trains
        half of the patterns for half of the steps, then all of them from the weights that it has,
        with rate and noise at their first values again. The rest change the loss.
    seed : int

    Returns
    -------
    dict
        ``cosine`` with the stored pattern, mean over patterns.

    Raises
    ------
    ValueError
        For an unknown variant or fewer than two patterns.
    """
    setup.require(**NO_CHIP, **NO_MASKS, rule="adaptive", activation="sign")
    check_choice(variant, "variant", VARIANTS)
    count = check_count(setup.n_patterns, "n_patterns", least=2)
    stored = setup.stored(seed).astype(np.float32)
    limits, rng = check_limits(None, setup.shapes()), np.random.default_rng(seed)
    memory = variant_memory(setup.memory(seed), variant, limits)
    weights = [initial_weights(limit.shape, rng)[None] for limit in limits]
    steps = memory.steps
    stages = [(count // 2, steps // 2), (count, steps - steps // 2)]
    for shown, part in stages if variant == "warm start" else [(count, steps)]:
        memory.set_params(steps=part)
        weights = descend([memory], stored[None, :shown], weights, [limits], [rng]).weights
    network = Network(
        normalised_layer(weight[0], 1.0, limit)
        for weight, limit in zip(weights, limits, strict=True)
    )
    network = Network(network.layers, unroll=setup.training.unroll)
    quality = setup_quality(setup, network, stored, seed)
    return {"cosine": quantity(quality.mean, "1", "cosine similarity, mean over patterns")}


def variant_memory(memory, variant, limits):
    """The unfitted memory of a variant, with rate and steps of the training that it varies."""
    recipe, (first, last) = memory.recipe(limits), memory.noise_levels()
    settings = memory.get_params() | {
        "optimizer": recipe.optimizer,
        "learning_rate": recipe.learning_rate,
        "steps": recipe.steps,
        "tolerance": 0.0,  # every variant takes all steps
        "loss": LOSS_OF.get(variant, recipe.loss),
        "batch": memory.batch or 0.1,
    }
    if variant == "constant noise":
        settings["cue_noise"] = (first + (last - first) * 0.5,) * 2
    elif variant == "clean cues":
        settings["cue_noise"] = 0.0
    kind = MixedNoiseMemory if variant == "mixed noise" else AdaptiveMemory
    return kind(**settings)


def first_noise_quality(setup, *, first_noise, seeds):
    """Recall after training on cues whose noise starts at another level, see `stored_quality`.

    Parameters
    ----------
    setup : Setup
        Trained on noisy cues. The last level keeps its proportion to the first; 0 stays 0.
    first_noise : float
        Corruption of the training cues at the first step.
    seeds : list of int

    Returns
    -------
    dict
        ``cosine`` by recall and seed: after one pass through the network and after all iterations.
    """
    first, last = setup.memory(0).noise_levels()
    fall = last / first if first else 0.0
    setup = setup.at(cue_noise=(first_noise, first_noise * fall))
    read = {"one pass": setup.at(iterations=setup.training.unroll), "all iterations": setup}
    found = [stored_quality(setup, seeds=seeds)["cosine"] for setup in read.values()]
    return {"cosine": xr.concat(found, xr.Variable("recall", list(read)))}
