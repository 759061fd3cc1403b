"""Recall of memories that are written in different ways, on chips with more than one flaw."""

import numpy as np
import xarray as xr

from crossmem.experiments.quality import setup_quality
from crossmem.experiments.staged import chip_for, written
from crossmem.experiments.surroundings import surrounded
from crossmem.labels import quantity


def imperfect_recall(setup, *, writing, chips, seed):
    """Recall of a given number of patterns, written at once and in stages, on several chips.

    Trained once and written once in each way; the chips have the same devices.

    Parameters
    ----------
    setup, writing
        As in `staged_quality`.
    chips : list of lists
        What surrounds the devices, as in `surrounded`.
    """
    crossbars, limits = chip_for(setup, writing, seed)
    stored = setup.stored(seed)
    memory, found = setup.memory(seed).fit(stored, limits=limits), []
    for way in writing.ways[1:]:
        network, own = written(memory, stored, crossbars, writing, way, seed)
        seen = [surrounded(network, own, chip, stored, seed) for chip in chips]
        found.append(xr.concat([setup_quality(setup, x, stored, seed) for x in seen], "chip"))
    return xr.concat(found, xr.Variable("way", list(writing.ways[1:])))


def describe_chips(names, chips):
    """What surrounds the devices of ``chips``, a Dataset along their ``names``."""
    parts = {
        "bits": ("1", "bits of the converters, NaN for exact ones"),
        "read_noise": ("µS", "standard deviation of one read of a device"),
        "wire_resistance": ("Ω", "line resistance per segment"),
        "age": ("s", "time since programming"),
    }
    columns = np.array(chips, dtype=float).T
    found = {k: quantity(c, *m, "chip") for (k, m), c in zip(parts.items(), columns, strict=True)}
    return xr.Dataset(found, {"chip": quantity(names, "1", "flaws of the chip", "chip")})
