"""What it takes to write a memory: pulses, reads, time and energy of the chip, and training."""

import numpy as np
import xarray as xr

from crossmem.chip.writing_costs import writing_cost
from crossmem.deploy.programming import paired
from crossmem.experiments.speed import training_seconds
from crossmem.experiments.staged import WAYS, chip_for
from crossmem.labels import quantity
from crossmem.randomness import generator

PARTS = {
    "pulses": ("1", "pulses"),
    "reads": ("1", "reads of a device"),
    "seconds": ("s", "time of pulses and reads"),
    "energy": ("J", "energy of pulses and reads"),
    "steps": ("1", "training steps"),
    "training": ("s", "processor time of the training"),
}


def counts_at_once(setup, *, writing, seed):
    """Pulses and reads of writing a trained memory at once, by write-and-verify alone.

    A device is read before its first pulse and after each pulse. It is the writing at once of
    `staged_quality`, whose parameters these are.

    Returns
    -------
    dict
        ``pulses`` and ``reads`` of all devices together.
    """
    crossbars, limits = chip_for(setup, writing, seed)
    stored = setup.stored(seed)
    network = setup.memory(seed).fit(stored, limits=limits).network_
    rng, pulses = generator(seed, "writing", "at once", *stored.shape[::-1]), 0
    for layer, crossbar in paired(network, crossbars):
        pulses += int(crossbar.program(layer.weights, rng).pulses.sum())
    reads = pulses + sum(crossbar.devices for crossbar in crossbars)
    found = {"pulses": pulses, "reads": reads}
    return {name: quantity(count, *PARTS[name]) for name, count in found.items()}


def writing_table(once, stages, setup, constants):
    """Cost of writing at once and in stages, a Dataset of `PARTS` by way.

    Parameters
    ----------
    once : Dataset
        ``pulses`` and ``reads``, as `counts_at_once` gives them.
    stages : Dataset
        ``pulses``, ``reads`` and ``steps`` by stage, as `staged_quality` gives them.
    setup : Setup
        The memory that was written; its training is timed.
    constants : dict of float
        As in `writing_cost`.
    """
    first, rows = setup.memory(0).recipe([]).steps, []
    one_step = training_seconds(setup) / first
    for counts in (once.assign(steps=0.0), stages.sum("stage")):
        pulses, reads, further = (float(counts[name]) for name in ("pulses", "reads", "steps"))
        cost, steps = writing_cost(pulses, reads, constants), first + further
        rows.append([pulses, reads, *cost, steps, one_step * steps])
    parts = zip(PARTS.items(), np.transpose(rows), strict=True)
    found = {name: quantity(column, *meaning, "way") for (name, meaning), column in parts}
    return xr.Dataset(found, {"way": list(WAYS[1:])})
