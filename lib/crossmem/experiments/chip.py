"""One pattern of each class on one simulated chip."""

from crossmem.checks import check_choice
from crossmem.deploy.programming import program
from crossmem.experiments.setup import NO_MASKS
from crossmem.labels import quantity
from crossmem.networks.network import cosine
from crossmem.networks.stability import energy
from crossmem.patterns import image_side, one_of_each
from crossmem.randomness import generator


def train_on_chip(setup, stored, rng, seed):
    """A memory of patterns for one chip: fabricate, characterise, train within its limits.

    Returns
    -------
    AssociativeMemory, list of Crossbar
        To be given to `deploy.programming.program`.
    """
    crossbars = setup.fabricate(rng)
    limits = [crossbar.characterize().weight_limits() for crossbar in crossbars]
    return setup.memory(seed).fit(stored, limits=limits), crossbars


def chip_recall(setup, *, seed):
    """One pattern of each class, on programmed crossbars, recalled (Fig. 3b–f, 4b–d, 5b–e).

    Parameters
    ----------
    setup : Setup
        Its number of patterns is not used.
    seed : int

    Returns
    -------
    dict
        Target and read-out conductances of each crossbar, its number in the name and the
        dimensions if there are several; expected and measured products of the cues on the first;
        every state with its cosine similarity and, for a single layer, its energy.
    """
    setup.require(**NO_MASKS)
    rng, size = generator(seed, "chip", setup.neurons), image_side(setup.neurons)
    stored = one_of_each(setup.source, size=size, binary=setup.binary, rng=rng)
    cues = setup.corrupt(stored, rng)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)
    on_chip = program(memory, crossbars, rng)
    states = on_chip.recall(cues, iterations=setup.iterations, trace=True)
    results = {}
    for k, (layer, crossbar) in enumerate(zip(memory.layers_, crossbars, strict=True), 1):
        tail = f"_{k}" if setup.layers > 1 else ""
        pairs = (f"output{tail}", f"input{tail}", "device")
        targets, readout = crossbar.targets(layer.weights), crossbar.read_conductance()
        results[f"target{tail}"] = quantity(targets, "µS", "target", pairs)
        results[f"readout{tail}"] = quantity(readout, "µS", "read-out conductance", pairs)
    if setup.layers == 1:
        first, products = memory.layers_[0], ("pattern", "output")
        measured = crossbars[0].multiply(cues, noisy=True)
        results["expected"] = quantity(cues @ first.weights.T, "G_max", "expected", products)
        results["measured"] = quantity(measured, "G_max", "measured product", products)
        value = energy(on_chip.layers[0], states)
        results["energy"] = quantity(value, "1", "energy", ("iteration", "pattern"))
    trace = ("iteration", "pattern")
    return results | {
        "pattern_pixels": quantity(stored, "1", "stored pattern", ("pattern", "pixel")),
        "state": quantity(states, "1", "neuron state", (*trace, "pixel")),
        "cosine": quantity(cosine(states, stored[None]), "1", "cosine similarity", trace),
    }


def half_broken(setup, *, limits, seed):
    """One pattern of each class on a faulty chip, by what the training knows of its faults.

    Parameters
    ----------
    setup : Setup
        One layer of sign neurons. Its number of patterns is not used.
    limits : {"intervals", "masked", "none"}
        What the training knows of the faults: what each pair can still reach, that touched pairs
        are zero (the paper's rule), or nothing.
    seed : int

    Returns
    -------
    dict
        ``cosine`` similarity of each digit as recalled by the chip.
    """
    setup.require(**NO_MASKS, layers=1, activation="sign")
    check_choice(limits, "limits", ("intervals", "masked", "none"))
    rng = generator(seed, "half broken", setup.neurons)
    digits = one_of_each(setup.source, size=image_side(setup.neurons), rng=rng)
    cues = setup.corrupt(digits, rng)
    (crossbar,) = setup.fabricate(rng)
    faults = crossbar.characterize()
    known = {"intervals": faults.weight_limits(), "masked": faults.masked(), "none": None}
    memory = setup.memory(seed).fit(digits, limits=[known[limits]])
    recalled = program(memory, [crossbar], rng).recall(cues, iterations=setup.iterations)
    return {"cosine": quantity(cosine(recalled, digits), "1", "cosine similarity", "digit")}
