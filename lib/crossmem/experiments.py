"""What one grid point of a figure does: pure functions of plain parameters and a seed.

Methods are compared on the same patterns, fault maps and cues: none of their random numbers
depends on the method, and a higher fault rate breaks the devices of a lower one and more.
"""

import copy
import math

import numpy as np
import xarray as xr

from crossmem.capacity import CRITERIA, CapacitySearch, recall_quality
from crossmem.checks import check_choice, check_count, check_not_negative
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.devices import DeviceModel
from crossmem.dynamics import (
    Layer,
    cosine,
    energy,
    is_fixed_point,
    settling_time,
    spectral_norm,
    spectral_radius,
)
from crossmem.memories import (
    AdaptiveMemory,
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
    fit_batch,
    program,
)
from crossmem.patterns import (
    add_gaussian_noise,
    flip_bits,
    image_side,
    load_patterns,
    one_of_each,
)
from crossmem.randomness import generator
from crossmem.theory import RECALLED

METHODS = {
    "hebbian": HebbianMemory,
    "storkey": StorkeyMemory,
    "pseudo-inverse": PseudoInverseMemory,
    "equilibrium": EquilibriumMemory,
    "adaptive": AdaptiveMemory,
}
# The random-pattern pool need only exceed every capacity: Gardner's 2N, with room to spare.
RANDOM_POOL = 3
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
OUTCOMES = ["own pattern", "other pattern", "spurious", "moving"]


def quantity(value, units, long_name, dims=()):
    """A labelled result; every variable of a dataset carries its units and its full name."""
    return xr.Variable(dims, value, {"units": units, "long_name": long_name})


def hidden_sizes(neurons, layers=1, hidden=None):
    """Sizes of the hidden layers of a stack.

    Parameters
    ----------
    neurons : int
        Visible neurons N.
    layers : int
        Layers of weights; 1 is the Hopfield network, without hidden neurons.
    hidden : int, optional
        Neurons of each hidden layer. By default as many as N² weights allow, so that all stacks
        need the devices of the single layer: N/2 for two layers (paper, Fig. 4f), in general the
        solution of 2Nh + (L - 2)h² = N².

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        For hidden neurons without a hidden layer, or a size below 1.
    """
    check_count(layers, "layers")
    if hidden is not None:
        check_count(hidden, "hidden")
    if layers == 1:
        if hidden is not None:
            raise ValueError(f"hidden={hidden} with layers=1: a hidden layer needs layers=2")
        return ()
    if hidden is None:
        inner = layers - 2
        share = (math.sqrt(inner + 1) - 1) / inner if inner else 0.5
        hidden = int(neurons * share)
    return (hidden,) * (layers - 1)


def make_memory(
    method,
    seed,
    *,
    hidden=(),
    activation="sign",
    optimizer="adam",
    steps=None,
    learning_rate=None,
    cue_noise=0.0,
    unroll=1,
):
    """An unfitted memory of the named method.

    All but the seed are heeded by adaptive training alone; ``learning_rate`` by equilibrium
    propagation too, in its own units.
    """
    check_choice(method, "method", METHODS)
    if method == "adaptive":
        settings = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
        settings |= {"cue_noise": cue_noise, "unroll": unroll}
        return AdaptiveMemory(hidden=hidden, activation=activation, seed=seed, **settings)
    if hidden or activation != "sign":
        raise ValueError(
            f"method={method!r} knows one layer of sign neurons only: use method='adaptive' for "
            "hidden layers or continuous patterns"
        )
    if method == "equilibrium" and learning_rate is not None:
        return EquilibriumMemory(learning_rate=learning_rate)
    return METHODS[method]()


def draw_pool(dataset, neurons, seed, count=None, *, binary=True):
    """Patterns in random order, (n, N): a new draw for each seed."""
    rng = generator(seed, "patterns", dataset, neurons)
    if dataset == "random" and count is None:
        count = RANDOM_POOL * neurons
    return load_patterns(dataset, size=image_side(neurons), binary=binary, count=count, rng=rng)


def corruption(activation, flip_rate=0.0, noise=0.0):
    """A ``corrupt(patterns, rng)``: flipped bits for sign neurons, Gaussian noise for tanh.

    Raises
    ------
    ValueError
        For the corruption of the other kind of neuron.
    """
    if noise if activation == "sign" else flip_rate:
        raise ValueError(
            f"flip_rate={flip_rate} and noise={noise} with activation={activation!r}: "
            "sign neurons take a flip_rate, tanh neurons a noise"
        )
    if activation == "tanh":
        return lambda patterns, rng: add_gaussian_noise(patterns, noise, rng)
    return lambda patterns, rng: flip_bits(patterns, flip_rate, rng)


def masked_limits(shapes, fault_rate, seed):
    """The paper's fault model for layers of shapes (n_out, n_in): a new map for each seed."""
    rng = generator(seed, "faults", shapes[0][1])
    return [WeightLimits.masked(shape, fault_rate, rng) for shape in shapes]


def miswritten(memory, error, rng):
    """A copy of a fitted memory whose devices miss their targets by a Gaussian error (Fig. 6b).

    Parameters
    ----------
    memory : AssociativeMemory
    error : float
        Standard deviation in µS; no conductance falls below zero.
    rng : numpy.random.Generator
    """
    check_not_negative(error, "error", 3.9)
    spread = error / DeviceModel.g_max
    wrong = copy.copy(memory)
    wrong.layers_ = []
    for layer in memory.layers_:
        pair = np.stack((layer.weights, -layer.weights)).clip(0)
        plus, minus = (pair + spread * rng.standard_normal(pair.shape)).clip(0)
        weights = (plus - minus).astype(np.float32)
        wrong.layers_.append(Layer(weights, layer.bias, layer.gain))
    return wrong


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


def attractors(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    levels,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Where recall ends, how soon, and how firmly the stored patterns attract (Suppl. Notes 5–7).

    A recall ends in its own pattern or another stored one (or its mirror image) if the cosine
    similarity is at least 0.99, in a spurious state if it rests elsewhere, or it still moves.

    Parameters
    ----------
    levels : list of float
        Corruptions of the cues: flip rates for sign neurons, of which 0.5 is a random start, or
        noise for tanh neurons.
    dataset, neurons, patterns, layers, hidden, activation, cues, optimizer, steps, learning_rate
        As in `stored_quality`.
    iterations : int
        Largest number of updates; allow more than recall does, so that slow ones can end.
    seed : int

    Returns
    -------
    dict
        ``share`` of the recalls by level and outcome, mean ``settling`` time of those that rest,
        and by stored pattern the spectral ``norm`` and ``radius`` of the Jacobian there.
    """
    binary, sizes = activation == "sign", hidden_sizes(neurons, layers, hidden)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    memory = make_memory("adaptive", seed, hidden=sizes, activation=activation, **training)
    stored = draw_pool(dataset, neurons, seed, patterns, binary=binary)
    memory.fit(stored)
    share, settling = [], []
    for level in levels:
        rng = generator(seed, "attractors", neurons, patterns, level)
        corrupt = corruption(activation, **{"flip_rate" if binary else "noise": level})
        starts = corrupt(np.tile(stored, (cues, 1)), rng)
        trace = memory.recall(starts, iterations=iterations, trace=True)
        ended, rest = outcomes(memory, trace[-1], stored)
        share.append([float((ended == name).mean()) for name in OUTCOMES])
        settling.append(float(settling_time(trace)[rest].mean()) if rest.any() else np.nan)
    coords = {"level": levels, "outcome": OUTCOMES}
    jacobians = {
        name: quantity([value(memory.layers_, x) for x in stored], "1", long_name, "pattern")
        for name, value, long_name in (
            ("norm", spectral_norm, "spectral norm of the Jacobian"),
            ("radius", spectral_radius, "spectral radius of the Jacobian"),
        )
    }
    return {
        "share": xr.DataArray(
            quantity(share, "1", "share of the recalls", ("level", "outcome")), coords=coords
        ),
        "settling": xr.DataArray(
            quantity(settling, "iterations", "mean settling time", "level"),
            coords={"level": levels},
        ),
        **jacobians,
    }


def outcomes(memory, states, stored):
    """What each end state (n, N) is, of `OUTCOMES`, and whether it rests; starts cycle ``stored``.

    Returns
    -------
    array (n,) of str, array (n,) of bool
    """
    rest = is_fixed_point(memory.layers_, states, activation=memory.activation)
    similar = cosine(states[:, None, :], stored[None])
    own = similar[np.arange(len(states)), np.arange(len(states)) % len(stored)]
    other = np.abs(similar).max(axis=1)
    cases = [own >= RECALLED, other >= RECALLED, rest]
    return np.select(cases, OUTCOMES[:3], OUTCOMES[3]), rest


def chip_memory(
    stored, *, layers, hidden, activation, stuck_off=0.0, stuck_on=0.0, training, seed, rng
):
    """A memory of patterns for one chip: fabricate, characterise, train within reach.

    Returns
    -------
    AssociativeMemory, list of Crossbar
        To be given to `memories.program`.
    """
    neurons = stored.shape[1]
    sizes = hidden_sizes(neurons, layers, hidden)
    memory = make_memory("adaptive", seed, hidden=sizes, activation=activation, **training)
    crossbars = [
        Crossbar.fabricate(*shape, stuck_off=stuck_off, stuck_on=stuck_on, rng=rng)
        for shape in memory.layer_shapes(neurons)
    ]
    memory.fit(stored, limits=[crossbar.characterize().weight_limits() for crossbar in crossbars])
    return memory, crossbars


def chip_recall(
    *,
    dataset,
    neurons,
    layers=1,
    hidden=None,
    activation="sign",
    stuck_off=0.0,
    stuck_on=0.0,
    flip_rate=0.0,
    noise=0.0,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """One pattern of each class, on programmed crossbars, recalled (Fig. 3b–f, 4b–d, 5b–e).

    Parameters
    ----------
    stuck_off, stuck_on : float
        Fault rates per device of the crossbars.
    dataset, neurons, layers, hidden, activation, flip_rate, noise, iterations
        As in `stored_quality`.
    optimizer, steps, learning_rate, seed
        As in `stored_quality`.

    Returns
    -------
    dict
        Target and read-out conductances of each crossbar, its number in the name and the
        dimensions if there are several; expected and measured products of the cues on the first;
        every state with its cosine similarity and, for a single layer, its energy.
    """
    rng, binary = generator(seed, "chip", neurons), activation == "sign"
    stored = one_of_each(dataset, size=image_side(neurons), binary=binary, rng=rng)
    cues = corruption(activation, flip_rate, noise)(stored, rng)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    network = {"layers": layers, "hidden": hidden, "activation": activation}
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    memory, crossbars = chip_memory(
        stored, **network, **rates, training=training, seed=seed, rng=rng
    )
    on_chip = program(memory, crossbars, rng)
    states = on_chip.recall(cues, iterations=iterations, trace=True)
    results = {}
    for k, (layer, crossbar) in enumerate(zip(memory.layers_, crossbars, strict=True), 1):
        tail = f"_{k}" if layers > 1 else ""
        pairs = (f"output{tail}", f"input{tail}", "device")
        targets, readout = crossbar.targets(layer.weights), crossbar.read_conductance()
        results[f"target{tail}"] = quantity(targets, "µS", "target", pairs)
        results[f"readout{tail}"] = quantity(readout, "µS", "read-out conductance", pairs)
    if layers == 1:
        first, products = memory.layers_[0], ("pattern", "output")
        measured = crossbars[0].multiply(cues, read_noise=True)
        results["expected"] = quantity(cues @ first.weights.T, "G_max", "expected", products)
        results["measured"] = quantity(measured, "G_max", "measured product", products)
        value = energy(on_chip.layers_[0], states)
        results["energy"] = quantity(value, "1", "energy", ("iteration", "pattern"))
    trace = ("iteration", "pattern")
    return results | {
        "pattern_pixels": quantity(stored, "1", "stored pattern", ("pattern", "pixel")),
        "state": quantity(states, "1", "neuron state", (*trace, "pixel")),
        "cosine": quantity(cosine(states, stored[None]), "1", "cosine similarity", trace),
    }
