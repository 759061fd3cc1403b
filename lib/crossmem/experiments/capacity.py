"""Capacity of a memory."""

import numpy as np
import xarray as xr

from crossmem.analysis.capacity import CRITERIA, CapacitySearch
from crossmem.experiments.setup import (
    corruption,
    draw_pool,
    hidden_sizes,
    make_memory,
    masked_limits,
)
from crossmem.labels import quantity
from crossmem.randomness import generator

# Where capacity searches start, fitted to some: by rule, or for adaptive training without and with
# a hidden layer, on clean cues, noisy cues, and those through two updates. Images gain with size.
FIRST_LOAD = {
    "hebbian": 0.1,
    "storkey": 0.1,
    "pseudo-inverse": 0.35,
    "equilibrium": 0.5,
    "random": ((0.5, 0.5, 0.8), (0.6, 1.05, 1.05)),
    "images": ((0.54, 0.65, 1.85), (1.0, 2.85, 2.85)),
    "grey": ((0.0, 0.0, 0.0), (0.25, 0.75, 1.6)),
}


def storage_capacity(
    *,
    dataset,
    neurons,
    method="adaptive",
    layers=1,
    hidden=None,
    activation="sign",
    fault_rate=0.0,
    flip_rate=0.0,
    noise=0.0,
    threshold,
    cues,
    iterations,
    resolution,
    criteria=CRITERIA,
    per_pattern_seeds=None,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    cue_noise=0.0,
    unroll=1,
    seed,
):
    """Capacity, under one criterion or both, through masked weights (Fig. 3i, 3j, 4f, 4g, 5f, 5g).

    Parameters
    ----------
    threshold : float
        Cosine similarity that counts as recalled.
    resolution : float
        As in `CapacitySearch.capacity`.
    criteria : list of str
        Of `capacity.CRITERIA`; they share their trainings.
    per_pattern_seeds : int, optional
        Seeds from this one on are searched by the mean only, for less than half of the trainings;
        their capacity by each pattern is NaN.
    dataset, neurons, method, layers, hidden, activation, fault_rate, flip_rate, noise
        As in `stored_quality`.
    cues, iterations, optimizer, steps, learning_rate, cue_noise, unroll
        As in `stored_quality`.
    seed : int

    Returns
    -------
    dict
        ``capacity`` by criterion, the number of ``trainings`` it took, and the ``devices`` of the
        network: two per weight.
    """
    binary, sizes = activation == "sign", hidden_sizes(neurons, layers, hidden)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    training |= {"cue_noise": cue_noise, "unroll": unroll}
    network = {"hidden": sizes, "activation": activation}
    memory = make_memory(method, seed, **network, **training)
    search = CapacitySearch(
        lambda: make_memory(method, seed, **network, **training),
        draw_pool(dataset, neurons, seed, binary=binary),
        corruption(activation, flip_rate, noise),
        limits=masked_limits(memory.layer_shapes(neurons), fault_rate, seed),
        rng=generator(seed, "cues", neurons, flip_rate if binary else noise),
        cues=cues,
        iterations=iterations,
    )
    devices = memory.devices(neurons)
    load = _first_load(method, dataset, neurons, sizes, binary, unroll if cue_noise else 0)
    # Masks cost a little more than their share of the weights: 1.1 to 1.3 in the exponent.
    guess = max(round(load * devices / (2 * neurons) * (1 - fault_rate) ** 1.25), 1)
    by_mean_only = per_pattern_seeds is not None and seed >= per_pattern_seeds
    left_out = ("per_pattern",) if by_mean_only else ()
    return capacities(search, criteria, threshold, resolution, guess, left_out) | {
        "devices": quantity(devices, "1", "memristors, two per weight"),
    }


def capacities(search, criteria, threshold, resolution, guess, left_out=()):
    """Capacity by criterion, and the number of trainings that a `CapacitySearch` took for it.

    Criteria to be left out keep their place, filled with NaN.
    """
    options = {"threshold": threshold, "resolution": resolution, "guess": guess}
    found = [
        np.nan if criterion in left_out else float(search.capacity(criterion=criterion, **options))
        for criterion in criteria
    ]
    return {
        "capacity": xr.DataArray(
            quantity(found, "patterns", "storage capacity", "criterion"),
            coords={"criterion": list(criteria)},
        ),
        "trainings": quantity(len(search.qualities), "1", "trainings of the search"),
    }


def _first_load(method, dataset, neurons, sizes, binary, noisy_updates):
    """Patterns per weight and neuron at which a capacity search starts; it only saves time.

    ``noisy_updates`` is how many updates a training on noisy cues unrolls, 0 for clean cues.
    """
    if method in FIRST_LOAD:
        return FIRST_LOAD[method]
    kind = "random" if dataset == "random" else "images"
    load = FIRST_LOAD[kind if binary else "grey"][bool(sizes)][min(noisy_updates, 2)]
    return load if kind == "random" and binary else load * 0.12 * neurons**0.41
