"""Line resistance solved here and by badcrossbar: currents and times."""

import contextlib
import importlib.util
import logging
import time
import warnings

import numpy as np
import xarray as xr

from crossmem.checks import check_count
from crossmem.chip.circuit import CrossbarCircuit
from crossmem.labels import quantity
from crossmem.randomness import generator


def circuit_seconds(vectors, singles, *, lines=64, wire_resistance=1.0):
    """Time of many products on one array, here and with badcrossbar (Joksas and Mehonic 2020).

    Parameters
    ----------
    vectors, singles : int
        Input vectors, and how many of them badcrossbar gets one by one.
    lines : int
        Rows and columns of the array.
    wire_resistance : float
        In Ω per segment.

    Returns
    -------
    xarray.Dataset
        Seconds of all vectors: ``ours``, badcrossbar called ``once`` per vector (scaled up) and
        with all of them in one call, ``batch``; the largest ``difference`` of a current over the
        largest current. Where badcrossbar is not installed, all but the first are NaN.
    """
    check_count(vectors, "vectors")
    check_count(singles, "singles")
    rng, wires = generator(0, "benchmark"), {"r_i": wire_resistance}
    conductance = rng.uniform(1, 150, (lines, lines))
    voltages = rng.uniform(-0.2, 0.2, (vectors, lines))
    start = time.perf_counter()
    currents = CrossbarCircuit(conductance, wire_resistance=wire_resistance).currents(voltages)
    ours, once, batch, difference = time.perf_counter() - start, np.nan, np.nan, np.nan
    if importlib.util.find_spec("badcrossbar"):
        with _badcrossbar() as compute:
            start = time.perf_counter()
            for voltage in voltages[:singles]:
                compute(voltage[:, None], 1e6 / conductance, **wires)
            once = (time.perf_counter() - start) * vectors / min(singles, vectors)
            start = time.perf_counter()
            theirs = compute(voltages.T, 1e6 / conductance, **wires).currents.output * 1e6
            batch = time.perf_counter() - start
        difference = float(np.abs(theirs - currents).max() / np.abs(currents).max())
    part = f"badcrossbar once per vector, from {singles} of {vectors}"
    found = {
        "ours": (ours, "s", f"this library, {vectors} vectors"),
        "once": (once, "s", part),
        "batch": (batch, "s", "badcrossbar, all vectors in one call"),
        "difference": (difference, "1", "largest difference of a current over the largest current"),
    }
    return xr.Dataset({name: quantity(*entry) for name, entry in found.items()})


@contextlib.contextmanager
def _badcrossbar():
    """The function of badcrossbar that solves a circuit, without its reports of each step."""
    with warnings.catch_warnings(record=True):  # its plots need one more package
        import badcrossbar
    logging.disable(logging.INFO)
    try:
        yield badcrossbar.compute
    finally:
        logging.disable(logging.NOTSET)
