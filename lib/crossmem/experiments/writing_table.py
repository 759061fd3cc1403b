"""What it takes to write a memory: pulses, reads, time and energy of the chip, and training."""

import numpy as np
import xarray as xr

from crossmem.chip.writing_costs import writing_cost
from crossmem.experiments.speed import training_seconds
from crossmem.labels import quantity

PARTS = {
    "pulses": ("1", "pulses"),
    "reads": ("1", "reads of a device"),
    "seconds": ("s", "time of pulses and reads"),
    "energy": ("J", "energy of pulses and reads"),
    "steps": ("1", "training steps"),
    "training": ("s", "processor time of the training"),
}


def writing_table(counts, setup, constants, *, stages):
    """Cost of writing at once and in stages, a Dataset of `PARTS` by way.

    Parameters
    ----------
    counts : Dataset
        ``pulses``, ``reads`` and ``steps`` by stage, as `staged_quality` gives them.
    setup : Setup
        The memory that was written; its training is timed.
    constants : dict of float
        As in `writing_cost`.
    stages : int
        Number of the stages that write each pair once, which is what writing at once takes too.
    """
    first, rows = setup.memory(0).recipe([]).steps, []
    one_step = training_seconds(setup) / first
    for part in (slice(stages), slice(None)):
        pulses, reads = (float(counts[name].isel(stage=part).sum()) for name in ("pulses", "reads"))
        steps = first + (0 if part.stop else float(counts["steps"].sum()))
        cost = writing_cost(pulses, reads, constants)
        rows.append([pulses, reads, *cost, steps, one_step * steps])
    parts = zip(PARTS.items(), np.transpose(rows), strict=True)
    found = {name: quantity(column, *meaning, "way") for (name, meaning), column in parts}
    return xr.Dataset(found, {"way": ["at once", "in stages"]})
