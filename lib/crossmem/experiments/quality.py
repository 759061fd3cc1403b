"""Recall of a given number of stored patterns."""

import xarray as xr

from crossmem.analysis.capacity import recall_quality
from crossmem.deploy.programming import miswritten
from crossmem.experiments.setup import (
    corruption,
    draw_pool,
    hidden_sizes,
    make_memory,
    masked_limits,
)
from crossmem.labels import quantity
from crossmem.networks.adaptive import fit_batch
from crossmem.randomness import generator


def stored_quality(
    *,
    dataset,
    neurons,
    patterns,
    method="adaptive",
    layers=1,
    hidden=None,
    activation="sign",
    fault_rate=0.0,
    flip_rate=0.0,
    noise=0.0,
    conductance_error=0.0,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    cue_noise=0.0,
    unroll=1,
    seeds,
):
    """Recall of a given number of stored patterns through masked weights (Fig. 3g, 3h, 4e).

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons, patterns : int
    method : str
        Key of `METHODS`.
    layers, hidden : int
        As in `hidden_sizes`.
    activation : {"sign", "tanh"}
        Binary or continuous patterns.
    fault_rate : float
        Share of masked weights.
    flip_rate, noise : float
        Corruption of the cues: probability of a flipped bit for sign neurons, standard deviation
        of Gaussian noise for tanh neurons.
    conductance_error : float
        As ``error`` of `miswritten`, in µS.
    cues, iterations : int
        As in `capacity.recall_quality`.
    optimizer, steps, learning_rate, cue_noise, unroll
        As in `AdaptiveMemory`.
    seeds : list of int
        Repetitions, trained as one batch where that is possible.

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine`` by seed.
    """
    if not isinstance(seeds, list | tuple) or not seeds:
        raise ValueError(f"seeds={seeds!r} must be a list of at least one, such as [0, 1, 2]")
    binary, sizes = activation == "sign", hidden_sizes(neurons, layers, hidden)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    training |= {"cue_noise": cue_noise, "unroll": unroll}
    network = {"hidden": sizes, "activation": activation}
    memories = [make_memory(method, seed, **network, **training) for seed in seeds]
    stored = [draw_pool(dataset, neurons, seed, patterns, binary=binary) for seed in seeds]
    shapes = memories[0].layer_shapes(neurons)
    limits = [masked_limits(shapes, fault_rate, seed) for seed in seeds]
    fit_batch(memories, stored, limits=limits)
    corrupt, level = corruption(activation, flip_rate, noise), flip_rate if binary else noise
    found = []
    for seed, memory, own in zip(seeds, memories, stored, strict=True):
        if conductance_error:
            rng = generator(seed, "conductance error", neurons)
            memory = miswritten(memory, conductance_error, rng)
        rng = generator(seed, "cues", neurons, patterns, level)
        found.append(recall_quality(memory, own, corrupt, rng, cues=cues, iterations=iterations))
    cosines = {
        "cosine": ([quality.mean for quality in found], "mean over patterns"),
        "worst_cosine": ([quality.per_pattern for quality in found], "worst pattern"),
    }
    return {
        name: xr.DataArray(
            quantity(value, "1", f"cosine similarity, {what}", "seed"), coords={"seed": seeds}
        )
        for name, (value, what) in cosines.items()
    }
