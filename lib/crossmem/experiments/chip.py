"""Digits on one simulated chip."""

from crossmem.checks import check_choice
from crossmem.chip.crossbar import Crossbar
from crossmem.deploy.programming import program
from crossmem.experiments.setup import METHODS, corruption, hidden_sizes, make_memory
from crossmem.labels import quantity
from crossmem.networks.network import cosine
from crossmem.networks.stability import energy
from crossmem.patterns import flip_bits, image_side, one_of_each
from crossmem.randomness import generator


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


def half_broken(*, method, limits, neurons, stuck_off, stuck_on, flip_rate, cue_noise, steps, seed):
    """Ten digits on a faulty chip: the story of the first notebook, for one more chip.

    Parameters
    ----------
    method : str
        Key of `experiments.METHODS`.
    limits : {"intervals", "masked", "none"}
        What the memory is told of the faults: what each pair can still reach, that touched pairs
        are zero (the paper's rule), or nothing.
    neurons : int
    stuck_off, stuck_on : float
        Fault rates per device.
    flip_rate : float
        Probability that a bit of the cue is flipped.
    cue_noise, steps : float, int
        Of `AdaptiveMemory`; the other methods ignore them.
    seed : int

    Returns
    -------
    dict
        ``cosine`` similarity of each digit as recalled by the chip.
    """
    rng = generator(seed, "half broken", neurons)
    digits = one_of_each("digits", size=image_side(neurons), rng=rng)
    cues = flip_bits(digits, flip_rate, rng)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(neurons, neurons, **rates, rng=rng)
    faults = crossbar.characterize()
    told = {"intervals": [faults.weight_limits()], "masked": [faults.masked()], "none": None}
    check_choice(limits, "limits", told)
    training = {"optimizer": "adam", "cue_noise": cue_noise, "steps": steps, "seed": seed}
    memory = METHODS[method](**training if method == "adaptive" else {})
    memory.fit(digits, limits=told[limits])
    recalled = program(memory, [crossbar], rng).recall(cues)
    return {"cosine": quantity(cosine(recalled, digits), "1", "cosine similarity", "digit")}
