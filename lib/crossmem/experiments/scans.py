"""Sampled scans of faulty arrays, and recall with a wrong fault map."""

import numpy as np

from crossmem.analysis.capacity import recall_quality
from crossmem.checks import check_count, check_rate
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import FaultMap
from crossmem.chip.scanning import sampled_map
from crossmem.deploy.programming import program
from crossmem.experiments.setup import corruption, draw_pool
from crossmem.labels import quantity
from crossmem.networks.adaptive import AdaptiveMemory
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
        Fault rates per device.
    vectors, adc_bits : int or None
        As in `sampled_map`.
    seed : int
    tile_rows : int, optional
        Rows of a tile, even; by default the array is one tile.

    Returns
    -------
    dict
        Share of the faults ``missed``, share of the working devices in ``false`` alarm, whether the
        map is ``exact``, read ``vectors`` by level, and these ``relative`` to reading all rows of
        a tile.
    """
    if check_count(columns, "columns") % 2:
        raise ValueError(f"columns is {columns}, but a pair takes two; give an even number.")
    tile = tile_rows or check_count(rows, "rows") + rows % 2
    rng = generator(seed, "sampled scan", rows, columns)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(columns // 2, rows, **rates, rng=rng, tile=tile)
    on = crossbar.conductance > 0  # fresh working devices are off
    truth = np.stack((crossbar._stuck & ~on, on))
    faults, used = sampled_map(crossbar, rng, vectors, adc_bits)
    found = np.stack((faults.stuck_off, faults.stuck_on))
    working = ~truth.any(axis=0)
    missed = (truth & ~found).sum() / max(truth.sum(), 1)
    false = (found.any(axis=0) & working).sum() / max(working.sum(), 1)
    return {
        "missed": quantity(missed, "1", "share of the faults missed"),
        "false": quantity(false, "1", "share of the working devices falsely listed"),
        "exact": quantity(bool((found == truth).all()), "1", "whether the map is exact"),
        "vectors": quantity(list(used), "1", "read vectors after writing high and low", "level"),
        "relative": quantity(
            sum(used) / (2 * min(tile, rows)), "1", "reads relative to all rows in turn"
        ),
    }


def square_scan(*, rows, fault_rate, most_faults, seed):
    """`sampled_scan` of a square array with as few vectors as it needs; half of its faults are on.

    Parameters
    ----------
    rows : int
        Rows and columns of the array.
    fault_rate : float
        Per device.
    most_faults : int
        Arrays with more stuck devices than that in the mean are left out: their decoding takes too
        long.
    seed : int

    Returns
    -------
    dict
        ``exact`` and ``relative`` of `sampled_scan`, NaN for arrays left out.
    """
    meanings = {
        "exact": "whether the map is exact",
        "relative": "reads relative to all rows in turn",
    }
    values = dict.fromkeys(meanings, np.nan)
    if fault_rate * rows**2 <= most_faults:
        half = fault_rate / 2
        found = sampled_scan(
            rows=rows, columns=rows, stuck_off=half, stuck_on=half, vectors=None, seed=seed
        )
        values = {name: float(found[name].values) for name in meanings}
    return {
        name: quantity(values[name], "1", f"{meaning}; NaN for arrays left out")
        for name, meaning in meanings.items()
    }


def imperfect_map(
    *,
    dataset,
    neurons,
    patterns,
    stuck_off,
    stuck_on,
    missed,
    false,
    flip_rate,
    iterations,
    seed,
    cues=1,
    cue_noise=0.05,
):
    """Recall on a chip whose memory was trained, and written, with a wrong fault map.

    Parameters
    ----------
    dataset, neurons, patterns, flip_rate, iterations, seed, cues
        As in `experiments.stored_quality`, for one seed.
    stuck_off, stuck_on : float
        Fault rates per device.
    missed, false : float
        Share of the stuck devices that the map lacks, and of the working devices that it lists, at
        one end of the range or the other.
    cue_noise : float
        Of `AdaptiveMemory`.

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine`` of the patterns as recalled by the programmed chip.
    """
    check_rate(missed, "missed")
    check_rate(false, "false")
    rng = generator(seed, "imperfect map", neurons)
    stored = draw_pool(dataset, neurons, seed, patterns)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(neurons, neurons, **rates, rng=rng)
    true = crossbar.characterize()
    lost, end = rng.random((2, neurons, neurons, 2))  # a greater share keeps the errors of a lesser
    kept, invented = true.stuck & (lost >= missed), ~true.stuck & (lost < false)
    off = true.stuck_off & kept | invented & (end < 0.5)
    on = true.stuck_on & kept | invented & (end >= 0.5)
    known = np.select([kept, on, off], [true.stuck_conductance, true.g_max, 0.0], np.nan)
    crossbar.faults = FaultMap(off, on, known, true.reads, true.writes, true.g_max)
    return _recall_with_map(crossbar, stored, flip_rate, iterations, cues, cue_noise, seed, rng)


def sampled_map_recall(
    *,
    dataset,
    neurons,
    patterns,
    stuck_off,
    stuck_on,
    vectors,
    flip_rate,
    iterations,
    seed,
    cues=1,
    cue_noise=0.05,
):
    """Recall on a chip whose memory was trained, and written, with the map of a sampled scan.

    Parameters
    ----------
    vectors : int
        As in `sampled_map`; few of them miss faults and list working devices.
    dataset, neurons, patterns, stuck_off, stuck_on, flip_rate, iterations, seed, cues, cue_noise
        As in `imperfect_map`, whose chips these are.

    Returns
    -------
    dict
        As of `imperfect_map`, and the shares ``missed`` and ``false`` of the map.
    """
    rng = generator(seed, "imperfect map", neurons)
    stored = draw_pool(dataset, neurons, seed, patterns)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(neurons, neurons, **rates, rng=rng)
    true = crossbar.characterize()
    found, _ = sampled_map(crossbar, generator(seed, "sampled map", neurons, vectors), vectors)
    right = found.stuck_off & true.stuck_off | found.stuck_on & true.stuck_on
    missed = (true.stuck & ~right).sum() / max(true.stuck.sum(), 1)
    false = (found.stuck & ~true.stuck).sum() / max((~true.stuck).sum(), 1)
    return {
        "missed": quantity(missed, "1", "share of the faults missed"),
        "false": quantity(false, "1", "share of the working devices falsely listed"),
    } | _recall_with_map(crossbar, stored, flip_rate, iterations, cues, cue_noise, seed, rng)


def _recall_with_map(crossbar, stored, flip_rate, iterations, cues, cue_noise, seed, rng):
    """Train with the map that a crossbar remembers, write, recall."""
    patterns, neurons = stored.shape
    memory = AdaptiveMemory(optimizer="adam", cue_noise=cue_noise, seed=seed)
    memory.fit(stored, limits=[crossbar.faults.weight_limits()])
    on_chip, corrupt = program(memory, [crossbar], rng), corruption("sign", flip_rate)
    cue_rng = generator(seed, "cues", neurons, patterns, flip_rate)
    found = recall_quality(on_chip, stored, corrupt, cue_rng, cues=cues, iterations=iterations)
    return {
        "cosine": quantity(found.mean, "1", "mean cosine similarity"),
        "worst_cosine": quantity(found.per_pattern, "1", "worst cosine similarity"),
    }
