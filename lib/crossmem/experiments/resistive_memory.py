"""How many patterns a memory holds that is a resistive network."""

from crossmem.analysis.capacity import CRITERIA
from crossmem.experiments.capacity import capacities, capacity_search
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.labels import quantity
from crossmem.networks.resistive_memory import ResistiveMemory


def resistive_capacity(setup, *, seed, memory, guess, threshold=0.99, resolution=0.4):
    """Capacity of a resistive memory by both criteria, from the same patterns and cues as others.

    Parameters
    ----------
    setup : Setup
        Its patterns, cues and recall; its rule is not used.
    seed : int
    memory : dict
        Parameters of the `ResistiveMemory`.
    guess : int
        Number of patterns tried first.
    threshold, resolution : float
        As in `storage_capacity`.
    """
    setup.require(**NO_CHIP, **NO_MASKS)
    own = ResistiveMemory(**memory, seed=seed)
    search = capacity_search(
        setup,
        seed,
        None,
        memory=lambda: ResistiveMemory(**memory, seed=seed),
        deploy=lambda fitted, patterns: fitted,
    )
    found = capacities(search, CRITERIA, threshold=threshold, resolution=resolution, guess=guess)
    return found | {"devices": quantity(own.devices(setup.neurons), "1", "memristors")}
