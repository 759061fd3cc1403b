"""A cascade of memories against one network of as many devices."""

import numpy as np

from crossmem.analysis.capacity import CRITERIA
from crossmem.checks import check_choice, check_count
from crossmem.chip.faults import WeightLimits
from crossmem.experiments.capacity import capacities, capacity_search, first_load
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import quantity
from crossmem.networks.cascade import ESCALATIONS, CascadeMemory
from crossmem.networks.network import cosine
from crossmem.randomness import generator

SYSTEMS = ("hidden layer", *ESCALATIONS)


def equal_devices(setup, system, parts, seed):
    """A memory of ``parts`` times N² weights, and its limits: one hidden layer, or a cascade.

    The setup has a single layer. A cascade is of so many single layers; the network with one hidden
    layer has N/2 hidden neurons for each.
    """
    setup.require(**NO_CHIP, programming_error=0.0, layers=1, activation="sign")
    check_choice(system, "system", SYSTEMS)
    check_count(parts, "parts")
    if system == "hidden layer":
        stack = setup.at(layers=2, width=parts * setup.neurons // 2)
        return stack.memory(seed), stack.masked_limits(seed)
    probes = {"flip_rate": setup.flip_rate, "cues": setup.cues, "seed": seed}
    memory = CascadeMemory(setup.memory(seed), memories=parts, escalate=system, **probes)
    rng = generator(seed, "faults of a cascade", setup.neurons)
    shapes, rate = memory.layer_shapes(setup.neurons), setup.masked_fraction
    return memory, [WeightLimits.masked(shape, rate, rng) for shape in shapes]


def equal_devices_capacity(
    setup, *, system, parts, seed, threshold=0.99, resolution=0.4, criteria=CRITERIA
):
    """Capacity of a system of ``parts`` times N² weights.

    Parameters
    ----------
    setup : Setup
        A single layer; its number of patterns is not used.
    system : {"hidden layer", "failed", "hardest", "random"}
        One network with a hidden layer, or a `CascadeMemory` by what it passes on.
    parts : int
        Single layers in the cascade.
    threshold, resolution, criteria
        As in `storage_capacity`.
    """
    memory, limits = equal_devices(setup, system, parts, seed)
    search = capacity_search(setup, seed, limits, memory=lambda: memory)
    working = parts * (1 - setup.masked_fraction) ** 1.25
    guess = max(round(first_load(setup) * setup.neurons * working), 1)
    options = {"threshold": threshold, "resolution": resolution, "guess": guess}
    found = capacities(search, criteria, **options)
    devices = quantity(memory.devices(setup.neurons), "1", "memristors, two per weight")
    return found | {"devices": devices}


def cascade_recall(setup, *, system, parts, seed):
    """Where a cascade stores the patterns of a setup, and which memory answers a cue.

    Parameters are those of `equal_devices_capacity`, but the system is a cascade.
    """
    check_choice(system, "system", ESCALATIONS)
    memory, limits = equal_devices(setup, system, parts, seed)
    patterns = setup.stored(seed)
    memory.fit(patterns, limits=limits)
    rng = generator(seed, "cues", setup.neurons, len(patterns), setup.level)
    every = np.arange(len(patterns))
    right, by_margin, chosen_cosine, known_cosine = [], [], [], []
    for _ in range(setup.cues):
        cues = setup.corrupt(patterns, rng)
        states, chosen = memory.network_.answers(cues, iterations=setup.iterations)
        cosines = cosine(states, patterns)
        right.append(chosen == memory.stored_in_)
        by_margin.append(margins(memory.network_, states).argmax(axis=0) == memory.stored_in_)
        chosen_cosine.append(cosines[chosen, every])
        known_cosine.append(cosines[memory.stored_in_, every])
    first = memory.stored_in_ == 0
    return {
        "right": quantity(np.mean(right), "1", "share of cues answered by the right memory"),
        "right_by_margin": quantity(np.mean(by_margin), "1", "the same, by the largest margin"),
        "cosine": quantity(np.mean(chosen_cosine), "1", "cosine similarity"),
        "cosine_known": quantity(np.mean(known_cosine), "1", "the same, with the memory known"),
        "passed_on": quantity(1 - first.mean(), "1", "share of patterns passed on"),
    }


def margins(cascade, states):
    """Mean margin of the answers (k, n, N) of single layers in units of their weights, (k, n)."""
    found = []
    for network, own in zip(cascade.networks, states, strict=True):
        weights = network.layers[0].weights
        scale = np.linalg.norm(weights, axis=1).clip(1e-9)
        found.append((own * (own @ weights.T) / scale).mean(axis=-1))
    return np.array(found)
