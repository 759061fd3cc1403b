"""What one grid point of a figure does: pure functions of plain parameters and a seed.

Methods are compared on the same patterns, fault maps and cues: none of their random numbers
depends on the method, and a higher fault rate breaks the devices of a lower one and more.
"""

import xarray as xr

from crossmem.capacity import CRITERIA, CapacitySearch, recall_quality
from crossmem.checks import check_choice
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.dynamics import cosine, energy
from crossmem.memories import (
    AdaptiveMemory,
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
    program,
)
from crossmem.patterns import flip_bits, image_side, load_patterns, one_of_each
from crossmem.randomness import generator

METHODS = {
    "hebbian": HebbianMemory,
    "storkey": StorkeyMemory,
    "pseudo-inverse": PseudoInverseMemory,
    "equilibrium": EquilibriumMemory,
    "adaptive": AdaptiveMemory,
}
# Patterns per neuron and working weight at which a capacity search starts; it only saves time.
FIRST_LOAD = {"hebbian": 0.1, "storkey": 0.1, "pseudo-inverse": 0.3, "equilibrium": 0.5}
# The random-pattern pool need only exceed every capacity: Gardner's 2N, with room to spare.
RANDOM_POOL = 3


def quantity(value, units, long_name, dims=()):
    """A labelled result; every variable of a dataset carries its units and its full name."""
    return xr.Variable(dims, value, {"units": units, "long_name": long_name})


def make_memory(method, seed, *, optimizer="adam", steps=None, learning_rate=None):
    """An unfitted memory of the named method.

    ``optimizer`` and ``steps`` are heeded by adaptive training alone, ``learning_rate`` by
    equilibrium propagation too, in its own units.
    """
    check_choice(method, "method", METHODS)
    if method == "adaptive":
        settings = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
        return AdaptiveMemory(seed=seed, **settings)
    if method == "equilibrium" and learning_rate is not None:
        return EquilibriumMemory(learning_rate=learning_rate)
    return METHODS[method]()


def draw_pool(dataset, neurons, seed, count=None):
    """Patterns in random order, (n, N): a new draw for each seed."""
    rng = generator(seed, "patterns", dataset, neurons)
    if dataset == "random" and count is None:
        count = RANDOM_POOL * neurons
    return load_patterns(dataset, size=image_side(neurons), count=count, rng=rng)


def masked_limits(neurons, fault_rate, seed):
    """The paper's fault model for one square layer: a new map for each seed."""
    return [WeightLimits.masked((neurons, neurons), fault_rate, generator(seed, "faults", neurons))]


def stored_quality(
    *,
    dataset,
    neurons,
    patterns,
    fault_rate,
    method,
    flip_rate,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Recall of a given number of stored patterns through masked weights (Fig. 3g, 3h).

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons, patterns : int
    fault_rate : float
        Share of masked weights.
    method : str
        Key of `METHODS`.
    flip_rate : float
        Probability that a bit of the cue is flipped.
    cues, iterations : int
        As in `capacity.recall_quality`.
    optimizer, steps, learning_rate
        As in `make_memory`.
    seed : int

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine``.
    """
    stored = draw_pool(dataset, neurons, seed, patterns)
    limits = masked_limits(neurons, fault_rate, seed)
    memory = make_memory(
        method, seed, optimizer=optimizer, steps=steps, learning_rate=learning_rate
    ).fit(stored, limits=limits)
    quality = recall_quality(
        memory,
        stored,
        lambda clean, rng: flip_bits(clean, flip_rate, rng),
        generator(seed, "cues", neurons, patterns, flip_rate),
        cues=cues,
        iterations=iterations,
    )
    return {
        "cosine": quantity(quality.mean, "1", "cosine similarity, mean over patterns"),
        "worst_cosine": quantity(quality.per_pattern, "1", "cosine similarity, worst pattern"),
    }


def storage_capacity(
    *,
    dataset,
    neurons,
    fault_rate,
    method,
    flip_rate,
    threshold,
    cues,
    iterations,
    resolution,
    criteria=CRITERIA,
    optimizer="adam",
    steps=None,
    seed,
):
    """Capacity, under one criterion or both, through masked weights (Fig. 3i, 3j).

    Parameters
    ----------
    threshold : float
        Cosine similarity that counts as recalled.
    resolution : float
        As in `CapacitySearch.capacity`.
    criteria : list of str
        Of `capacity.CRITERIA`; they share their trainings.
    dataset, neurons, fault_rate, method, flip_rate, cues, iterations, optimizer, steps, seed
        As in `stored_quality`.

    Returns
    -------
    dict
        ``capacity`` by criterion, and the number of ``trainings`` it took.
    """
    search = CapacitySearch(
        lambda: make_memory(method, seed, optimizer=optimizer, steps=steps),
        draw_pool(dataset, neurons, seed),
        lambda clean, rng: flip_bits(clean, flip_rate, rng),
        limits=masked_limits(neurons, fault_rate, seed),
        rng=generator(seed, "cues", neurons, flip_rate),
        cues=cues,
        iterations=iterations,
    )
    guess = max(round(FIRST_LOAD.get(method, 0.7) * neurons * (1 - fault_rate)), 1)
    found = []
    for criterion in criteria:
        options = {"threshold": threshold, "resolution": resolution, "guess": guess}
        found.append(search.capacity(criterion=criterion, **options))
        guess = max(found[-1], 1)
    return {
        "capacity": xr.DataArray(
            quantity(found, "patterns", "storage capacity", "criterion"),
            coords={"criterion": list(criteria)},
        ),
        "trainings": quantity(len(search.qualities), "1", "trainings of the search"),
    }


def chip_recall(
    *,
    dataset,
    neurons,
    stuck_off,
    stuck_on,
    flip_rate,
    iterations,
    optimizer="adam",
    steps=None,
    seed,
):
    """One pattern of each class, stored on a programmed crossbar and recalled (Fig. 3b–f).

    Parameters
    ----------
    stuck_off, stuck_on : float
        Fault rates per device of the crossbar.
    dataset, neurons, flip_rate, iterations, optimizer, steps, seed
        As in `stored_quality`.

    Returns
    -------
    dict
        Target and read-out conductances, expected and measured products of the cues, and every
        state with its energy and its cosine similarity.
    """
    rng = generator(seed, "chip", neurons)
    stored = one_of_each(dataset, size=image_side(neurons), rng=rng)
    cues = flip_bits(stored, flip_rate, rng)
    crossbar = Crossbar.fabricate(neurons, neurons, stuck_off=stuck_off, stuck_on=stuck_on, rng=rng)
    limits = crossbar.characterize().weight_limits()
    memory = make_memory("adaptive", seed, optimizer=optimizer, steps=steps)
    memory.fit(stored, limits=[limits])
    on_chip = program(memory, [crossbar], rng)
    states = on_chip.recall(cues, iterations=iterations, trace=True)
    pairs, products = ("output", "input", "device"), ("pattern", "output")
    trace = ("iteration", "pattern")
    return {
        "target": quantity(crossbar.targets(memory.layers_[0].weights), "µS", "target", pairs),
        "readout": quantity(crossbar.read_conductance(), "µS", "read-out conductance", pairs),
        "expected": quantity(cues @ memory.layers_[0].weights.T, "G_max", "expected", products),
        "measured": quantity(
            crossbar.multiply(cues, read_noise=True), "G_max", "measured product", products
        ),
        "pattern_pixels": quantity(stored, "1", "stored pattern", ("pattern", "input")),
        "state": quantity(states, "1", "neuron state", (*trace, "input")),
        "energy": quantity(energy(on_chip.layers_[0], states), "1", "energy", trace),
        "cosine": quantity(cosine(states, stored[None]), "1", "cosine similarity", trace),
    }
