"""One pattern of each class on one simulated chip."""

from crossmem.checks import check_choice
from crossmem.chip.faults import FaultMap
from crossmem.deploy.programming import program
from crossmem.experiments.setup import NO_MASKS
from crossmem.labels import quantity
from crossmem.networks.network import cosine
from crossmem.networks.stability import energy
from crossmem.patterns import image_side, one_of_each
from crossmem.randomness import generator


def train_on_chip(setup, stored, rng, seed, limits="intervals"):
    """A memory of patterns for one chip, to be given to `program` with its crossbars.

    Fabricates, characterises, and trains within ``limits``: the "intervals" that each pair can
    still reach, "masked", which is zero for touched pairs (the paper's rule), or "none".

    Returns
    -------
    AssociativeMemory, list of Crossbar
    """
    known = {"intervals": FaultMap.weight_limits, "masked": FaultMap.masked, "none": lambda _: None}
    within, crossbars = known[check_choice(limits, "limits", known)], setup.fabricate(rng)
    limits = [within(crossbar.characterize()) for crossbar in crossbars]
    return setup.memory(seed).fit(stored, limits=limits), crossbars


def chip_recall(setup, *, seed):
    """One pattern of each class, on programmed crossbars, recalled (Fig. 3b–f, 4b–d, 5b–e).

    The number of patterns of the setup is not used. The results are target and read-out
    conductances of each crossbar, its number in the name and the dimensions if there are several,
    and every state with its cosine similarity; for a single layer its energy too, and expected and
    measured products of the cues.
    """
    setup.require(**NO_MASKS)
    rng, size = generator(seed, "chip", setup.neurons), image_side(setup.neurons)
    stored = one_of_each(setup.source, size=size, binary=setup.binary, rng=rng)
    cues = setup.corrupt(stored, rng)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)
    on_chip = program(memory, crossbars, rng)
    states = on_chip.recall(cues, iterations=setup.iterations, trace=True)
    results, trace = {}, ("iteration", "pattern")
    for k, (layer, crossbar) in enumerate(zip(memory.layers_, crossbars, strict=True), 1):
        tail = f"_{k}" if setup.layers > 1 else ""
        pairs = (f"output{tail}", f"input{tail}", "device")
        targets, readout = crossbar.targets(layer.weights), crossbar.read_conductance()
        results[f"target{tail}"] = quantity(targets, "µS", "target", pairs)
        results[f"readout{tail}"] = quantity(readout, "µS", "read-out conductance", pairs)
    if setup.layers == 1:
        expected, products = cues @ memory.layers_[0].weights.T, ("pattern", "output")
        measured = crossbars[0].multiply(cues, noisy=True)
        results["expected"] = quantity(expected, "G_max", "expected", products)
        results["measured"] = quantity(measured, "G_max", "measured product", products)
        results["energy"] = quantity(energy(on_chip.layers[0], states), "1", "energy", trace)
    return results | {
        "pattern_pixels": quantity(stored, "1", "stored pattern", ("pattern", "pixel")),
        "state": quantity(states, "1", "neuron state", (*trace, "pixel")),
        "cosine": quantity(cosine(states, stored[None]), "1", "cosine similarity", trace),
    }


def half_broken(setup, *, limits, seed):
    """One pattern of each class on a faulty chip, by what the training knows of its faults.

    The setup has one layer of sign neurons, and its number of patterns is not used; ``limits`` is
    as in `train_on_chip`.
    """
    setup.require(**NO_MASKS, layers=1, activation="sign")
    rng = generator(seed, "half broken", setup.neurons)
    digits = one_of_each(setup.source, size=image_side(setup.neurons), rng=rng)
    cues = setup.corrupt(digits, rng)
    memory, crossbars = train_on_chip(setup, digits, rng, seed, limits)
    recalled = program(memory, crossbars, rng).recall(cues, iterations=setup.iterations)
    return {"cosine": quantity(cosine(recalled, digits), "1", "cosine similarity", "digit")}
