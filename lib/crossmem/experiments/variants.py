"""Variants of the training on noisy cues, with the same batch, rate and steps."""

from dataclasses import asdict

import numpy as np
import xarray as xr

from crossmem.checks import check_choice, check_count
from crossmem.experiments.quality import setup_quality, stored_quality
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.networks.adaptive import AdaptiveMemory, descend, initial_weights
from crossmem.networks.base import check_limits, normalised_layer
from crossmem.networks.training import LOSSES

# What a variant changes: the noise of the cues, the loss, or the patterns that it starts with.
LOSS_OF = {f"{loss} loss": loss for loss in LOSSES}
NOISES = ("falling noise", "constant noise", "mixed noise", "clean cues")
VARIANTS = (*NOISES, "warm start", *LOSS_OF)


class MixedNoiseMemory(AdaptiveMemory):
    """Adaptive training with a noise between its two levels, drawn anew in each step."""

    def _write_cues(self, targets, out, rng, done):
        super()._write_cues(targets, out, rng, rng.random())


class WarmStartMemory(AdaptiveMemory):
    """Adaptive training of half of the patterns for half of the steps, then of all of them.

    The second half starts from the weights of the first, its rate and noise at their first values.
    """

    def _learn(self, patterns, limits):
        rng, steps = np.random.default_rng(self.seed), self.steps
        weights = [initial_weights(limit.shape, rng)[None] for limit in limits]
        stages = [(len(patterns) // 2, steps // 2), (len(patterns), steps - steps // 2)]
        for shown, self.steps in stages:
            weights = descend([self], patterns[None, :shown], weights, [limits], [rng]).weights
        self.steps = steps
        trained = zip(weights, limits, strict=True)
        return [normalised_layer(w[0], 1.0, limit) for w, limit in trained]


def variant_quality(setup, *, variant, seed):
    """Recall of a given number of binary patterns after a variant of the training on noisy cues.

    Parameters
    ----------
    setup : Setup
        Trained by Adam on noise that falls from a first level to a last; at least 2 patterns.
    variant : str
        Of `VARIANTS`: "falling noise" is the training of `AdaptiveMemory`, whose batch, rate and
        steps all others have as well. "constant noise" has the mean of its two levels, "mixed
        noise" is between them, anew in each step, "clean cues" have none, and "warm start" is that
        of `WarmStartMemory`. The rest change the loss.
    """
    setup.require(**NO_CHIP, **NO_MASKS, rule="adaptive", activation="sign")
    check_choice(variant, "variant", VARIANTS)
    check_count(setup.n_patterns, "n_patterns", least=2)
    stored, memory = setup.stored(seed), setup.memory(seed)
    recipe, (first, last) = memory.recipe(check_limits(None, setup.shapes())), memory.noise_levels()
    own = {"loss": LOSS_OF.get(variant, recipe.loss), "batch": memory.batch or 0.1}
    settings = memory.get_params() | asdict(recipe) | own
    settings["tolerance"] = 0.0  # every variant takes all steps
    if variant == "constant noise":
        settings["cue_noise"] = (first + (last - first) * 0.5,) * 2
    elif variant == "clean cues":
        settings["cue_noise"] = 0.0
    kinds = {"mixed noise": MixedNoiseMemory, "warm start": WarmStartMemory}
    varied = kinds.get(variant, AdaptiveMemory)(**settings).fit(stored)
    return setup_quality(setup, varied, stored, seed)[["cosine"]]


def first_noise_quality(setup, *, first_noise, seeds):
    """`stored_quality` after one pass, and after all iterations, of a training with other noise.

    ``first_noise`` is that of the first step; that of the last keeps its proportion to it.
    """
    first, last = setup.memory(0).noise_levels()
    fall = last / first if first else 0.0
    setup = setup.at(cue_noise=(first_noise, first_noise * fall))
    read = {"one pass": setup.at(iterations=setup.period), "all iterations": setup}
    found = [stored_quality(setup, seeds=seeds)["cosine"] for setup in read.values()]
    return {"cosine": xr.concat(found, xr.Variable("recall", list(read)))}
