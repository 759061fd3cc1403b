"""How many patterns a memory holds in a setup, and how many it may be expected to hold."""

import numpy as np

from crossmem.analysis import theory
from crossmem.analysis.capacity import CRITERIA, CapacitySearch
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import labelled, quantity
from crossmem.patterns import image_side, load_patterns
from crossmem.randomness import generator

# Patterns per neuron at which a search starts, fitted to earlier ones: by rule; for adaptive
# training by kind of patterns, without and with a hidden layer, each on clean cues, on noisy cues
# and on noisy cues through two updates. The loads of images grow with their size.
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
    setup, *, seed, threshold=0.99, resolution=0.4, criteria=CRITERIA, worst_pattern_seeds=None
):
    """Capacity, under one criterion or both, through masked weights (Fig. 3i, 3j, 4f, 4g, 5f, 5g).

    Parameters
    ----------
    setup : Setup
        Its number of patterns is not used.
    threshold : float
        Cosine similarity that counts as recalled.
    resolution : float
        As in `CapacitySearch.capacity`.
    criteria : list of str
        Of `analysis.capacity.CRITERIA`; they share their trainings.
    worst_pattern_seeds : int, optional
        Seeds from this one on are searched by the mean criterion only, for less than half of the
        trainings; their capacity by the worst pattern is NaN.
    """
    setup.require(**NO_CHIP, programming_error=0.0)
    devices = setup.memory(seed).devices(setup.neurons)
    # Masks cost a little more than their share of the weights: 1.1 to 1.3 in the exponent.
    share = devices / (2 * setup.neurons) * (1 - setup.masked_fraction) ** 1.25
    search = capacity_search(setup, seed, setup.masked_limits(seed))
    options = {"resolution": resolution, "guess": max(round(first_load(setup) * share), 1)}
    by_mean_only = worst_pattern_seeds is not None and seed >= worst_pattern_seeds
    left_out = "worst_pattern" if by_mean_only else None
    found = capacities(search, criteria, left_out, threshold=threshold, **options)
    return found | {"devices": quantity(devices, "1", "memristors, two per weight")}


def first_load(setup):
    """Patterns per weight and neuron at which a capacity search starts; it only saves time."""
    if setup.rule in FIRST_LOAD:
        return FIRST_LOAD[setup.rule]
    updates = setup.period if setup.training.cue_noise else 0  # on noisy cues
    kind = "random" if setup.source == "random" else "images"
    load = FIRST_LOAD[kind if setup.binary else "grey"][bool(setup.hidden)][min(updates, 2)]
    return load if kind == "random" and setup.binary else load * 0.12 * setup.neurons**0.41


def capacity_search(setup, seed, limits, memory=None, deploy=None):
    """A `CapacitySearch` whose patterns and cues belong to the seed, of the setup's own memory."""
    return CapacitySearch(
        memory or (lambda: setup.memory(seed)),
        setup.pool(seed),
        setup.corrupt,
        limits=limits,
        rng=generator(seed, "cues", setup.neurons, setup.level),
        cues=setup.cues,
        iterations=setup.iterations,
        deploy=deploy,
    )


def capacities(search, criteria, left_out=None, **options):
    """Capacity by criterion, NaN for one left out, and the trainings that the search took."""
    found = [
        np.nan if criterion == left_out else float(search.capacity(criterion=criterion, **options))
        for criterion in criteria
    ]
    return {
        "capacity": labelled(found, "patterns", "storage capacity", criterion=list(criteria)),
        "trainings": quantity(len(search.qualities), "1", "trainings of the search"),
    }


def expected_capacity(setup, bits_per_pixel=1.0):
    """Patterns that the working weights of a setup may hold, see `theory.counting_bound`."""
    weights = setup.memory(0).devices(setup.neurons) / 2
    working = weights * (1 - setup.masked_fraction)
    return float(theory.counting_bound(working, setup.neurons, bits_per_pixel))


def bits_per_pixel(setup, similarity=theory.RECALLED):
    """Information in a pixel of the patterns of a setup, in bits: an upper bound for images.

    Binary patterns are known exactly, grey ones up to a cosine similarity.
    """
    if setup.source == "random":
        return 1.0 if setup.binary else float(theory.rate_distortion_bits(similarity))
    images = load_patterns(setup.source, size=image_side(setup.neurons), binary=setup.binary)
    if setup.binary:
        return theory.bits_per_pixel(images)
    return theory.gaussian_bits_per_pixel(images, similarity)
