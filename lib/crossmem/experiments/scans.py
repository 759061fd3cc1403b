"""Sampled scans of faulty arrays, and recall with a wrong fault map."""

import numpy as np

from crossmem.checks import check_even, check_rate
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import FaultMap
from crossmem.chip.scanning import sampled_map
from crossmem.deploy.programming import program
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.setup import NO_MASKS
from crossmem.labels import quantity
from crossmem.randomness import generator


def sampled_scan(
    *, rows, columns, stuck_off, stuck_on, vectors, seed, tile_rows=None, adc_bits=None
):
    """Scan one faulty array with few read vectors and compare the map with the truth.

    Parameters
    ----------
    rows, columns : int
        Size of the array; a pair takes two columns.
    stuck_off, stuck_on : float
        Share of stuck devices.
    vectors, adc_bits : int or None
        As in `sampled_map`.
    tile_rows : int, optional
        Rows of a tile, even; by default the array is one tile.

    Returns
    -------
    dict
        Whether the map is ``exact``, the shares of faults ``missed`` and of working devices
        ``false``, the ``vectors`` read by level, and reads ``relative`` to all rows in turn.
    """
    tile, outputs = tile_rows or rows + rows % 2, check_even(columns, "columns") // 2
    rng = generator(seed, "sampled scan", rows, columns)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(outputs, rows, **rates, rng=rng, tile=tile)
    on = crossbar.conductance > 0  # fresh working devices are off
    truth = np.stack((crossbar.stuck & ~on, on))
    faults, used = sampled_map(crossbar, rng, vectors, adc_bits)
    found, relative = _listed(faults), sum(used) / (2 * min(tile, rows))
    return _errors_of_map(found, truth) | {
        "exact": quantity(bool((found == truth).all()), "1", "whether the map is exact"),
        "vectors": quantity(list(used), "1", "read vectors after writing high and low", "level"),
        "relative": quantity(relative, "1", "reads relative to all rows in turn"),
    }


def square_scan(*, rows, stuck_fraction, most_faults, seed):
    """`sampled_scan` of a square array with as few vectors as it needs; half of its faults are on.

    ``rows`` is the number of columns too, and ``stuck_fraction`` the share of stuck devices. Arrays
    with more than ``most_faults`` of them on average are NaN: decoding takes too long.
    """
    exact = relative = np.nan
    if stuck_fraction * rows**2 <= most_faults:
        rates = {"stuck_off": stuck_fraction / 2, "stuck_on": stuck_fraction / 2}
        found = sampled_scan(rows=rows, columns=rows, **rates, vectors=None, seed=seed)
        exact, relative = (float(found[name].values) for name in ("exact", "relative"))
    return {
        "exact": quantity(exact, "1", "whether the map is exact; NaN if left out"),
        "relative": quantity(relative, "1", "reads relative to all rows in turn; NaN if left out"),
    }


def imperfect_map(setup, *, missed, false, seed):
    """Recall on a chip of one layer that was trained for, and written, with a wrong fault map.

    The map lacks a share ``missed`` of the stuck devices and lists a share ``false`` of the working
    ones, at one end of the range or the other.
    """
    check_rate(missed, "missed")
    check_rate(false, "false")
    crossbar, true, rng = _scanned_chip(setup, seed)
    # One draw for all shares: a greater share keeps the errors of a smaller one.
    lost, end = rng.random((2, *true.stuck.shape))
    kept, invented = true.stuck & (lost >= missed), ~true.stuck & (lost < false)
    off = true.stuck_off & kept | invented & (end < 0.5)
    on = true.stuck_on & kept | invented & (end >= 0.5)
    known = np.select([kept, on, off], [true.stuck_conductance, true.g_max, 0.0], np.nan)
    crossbar.faults = FaultMap(off, on, known, true.reads, true.writes, true.g_max)
    return _recall_with_map(setup, crossbar, seed, rng)


def sampled_map_recall(setup, *, vectors, seed):
    """`imperfect_map` with the map of a sampled scan of so many vectors, on the same chips."""
    crossbar, true, rng = _scanned_chip(setup, seed)
    scan_rng = generator(seed, "sampled map", setup.neurons, vectors)
    found, _ = sampled_map(crossbar, scan_rng, vectors)
    errors = _errors_of_map(_listed(found), _listed(true))
    return _recall_with_map(setup, crossbar, seed, rng).assign(errors)


def _listed(faults):
    """Devices that a map lists as stuck off, and as stuck on, (2, n_out, n_in, 2)."""
    return np.stack((faults.stuck_off, faults.stuck_on))


def _errors_of_map(found, truth):
    """Errors of a map, from what is found and true, both as `_listed`."""
    working, listed = ~truth.any(axis=0), found.any(axis=0)
    missed = (truth & ~found).sum() / max(truth.sum(), 1)
    false = (listed & working).sum() / max(working.sum(), 1)
    return {
        "missed": quantity(missed, "1", "share of the faults missed"),
        "false": quantity(false, "1", "share of the working devices falsely listed"),
    }


def _scanned_chip(setup, seed):
    """The crossbar of a single layer, its true map, and the generator of what follows."""
    setup.require(**NO_MASKS, layers=1)
    rng = generator(seed, "imperfect map", setup.neurons)
    (crossbar,) = setup.fabricate(rng)
    return crossbar, crossbar.characterize(), rng


def _recall_with_map(setup, crossbar, seed, rng):
    """Train with the map that a crossbar remembers, write, recall."""
    stored = setup.stored(seed)
    memory = setup.memory(seed).fit(stored, limits=[crossbar.faults.weight_limits()])
    return setup_quality(setup, program(memory, [crossbar], rng), stored, seed)
