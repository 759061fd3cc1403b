"""How many patterns a memory holds that is a resistive network."""

from sklearn.base import clone

from crossmem.analysis.capacity import CRITERIA
from crossmem.experiments.capacity import capacities, capacity_search
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.labels import quantity
from crossmem.networks.eqprop import Recipe
from crossmem.networks.resistive_memory import ResistiveMemory


def resistive_capacity(setup, *, seed, hidden, cue_noise, copies, epochs, gain, step):
    """Capacity of a resistive memory by both criteria, on the patterns and cues of other memories.

    Parameters
    ----------
    setup : Setup
        Its patterns, cues and recall; its rule is not used.
    seed : int
    hidden : int
        Nodes of the hidden layer; 0 for a single crossbar.
    cue_noise, copies, epochs, gain
        As in `ResistiveMemory`.
    step : float
        As in `Recipe`.

    Returns
    -------
    dict
        As of `storage_capacity`, with the threshold and the resolution of its defaults.
    """
    setup.require(**NO_CHIP, **NO_MASKS)
    own = ResistiveMemory(
        hidden=(hidden,) if hidden else (),
        cue_noise=cue_noise,
        copies=copies,
        gain=gain,
        epochs=epochs,
        recipe=Recipe(step=step),
        seed=seed,
    )
    search = capacity_search(
        setup, seed, None, memory=lambda: clone(own), deploy=lambda fitted, patterns: fitted
    )
    devices = own.devices(setup.neurons)
    found = capacities(search, CRITERIA, resolution=0.4)
    return found | {"devices": quantity(devices, "1", "memristors")}
