"""What finding the stuck devices costs, and how to find them with fewer reads."""

import functools
import math
import warnings
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, ncx2
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from crossmem.checks import check_choice, check_count, check_not_negative, check_positive, check_rng
from crossmem.chip.converters import quantize
from crossmem.chip.costs import COMPONENTS, PULSE_UNITS, Chip, check_complete, recall_cost
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import FaultMap
from crossmem.randomness import generator

ROUNDS = 3  # of cancelling the faults found so far, in `decode`


FALSE_DOUBT = 1e-3  # chance that a check doubts a right map


OVERLOOKED = 1e-3  # chance that it overlooks wrong devices of a column


class ScanCost(NamedTuple):
    """Cost of one scan: program high, read, program low, read."""

    vectors: int  # read operations, one after the other, that decide on the faults
    conversions: int  # analog-to-digital conversions in them, over all columns of all tiles
    pulses: float  # programming pulses, over all devices
    read_seconds: float  # time of the deciding reads
    write_seconds: float  # time of programming, with a verifying read after each pulse and before
    read_energy: float  # energy of the deciding reads, in J
    write_energy: float  # energy of programming, verifying reads included, in J


def scan_cost(n_out, n_in, mode, constants, *, vectors=0, tile=64, pulses, slowest):
    """Cost of scanning a layer of ``n_out`` x ``n_in`` pairs of devices.

    Parameters
    ----------
    mode : {"devices", "rows", "sampled"}
        One device of the chip at a time; one row of every tile at a time with its columns in
        parallel; or ``vectors`` (of both levels) into whole tiles, programmed row by row.
    constants : dict of float
        As for `costs.recall_cost`, and a value for each of `costs.PULSE_UNITS`.
    tile : int
        Rows and columns of a tile; tiles work at the same time, except with one device at a time.
    pulses, slowest : float
        Pulses of one write: of a device on average, and of the slowest in its row, for which the
        row waits.

    Raises
    ------
    ValueError
        If a size is below 1, a constant is missing or negative, or the mode is unknown.

    Notes
    -----
    Devices are read and pulsed between the two ends of their range: half of G_max on average.
    Each pulse and each read drives its line once; devices that are done are not read again.
    """
    for value, name in ((n_out, "n_out"), (n_in, "n_in")):
        check_count(value, name)
    check_complete(constants, PULSE_UNITS)
    amounts = {"pulses": pulses, "slowest": slowest}
    for name, value in (amounts | {key: constants[key] for key in PULSE_UNITS}).items():
        check_not_negative(value, name, 1.0)
    check_choice(mode, "mode", ("devices", "rows", "sampled"))
    constants = constants | {"mean_conductance": DeviceModel.g_max / 2}
    each, seconds = _one_read(constants, check_count(tile, "tile"))
    devices, strips = 2 * n_out * n_in, math.ceil(2 * n_out / tile)
    steps = devices if mode == "devices" else min(tile, n_in)
    lines = devices if mode == "devices" else n_in * strips  # driven to reach every device once
    waiting = pulses if mode == "devices" else slowest
    reads, drives, cells, conversions = 2 * steps, 2 * lines, 2 * devices, 2 * devices
    if mode == "sampled":
        reads = check_count(vectors, "vectors")
        drives, cells = reads * lines, reads * devices
        conversions = reads * 2 * n_out * math.ceil(n_in / tile)
    verifying = 2 * devices * (pulses + 1)
    seconds_of_pulse = 1e-9 * constants["pulse_time"]
    power = 1e-6 * constants["mean_conductance"] * constants["pulse_voltage"] ** 2  # W
    return ScanCost(
        vectors=reads,
        conversions=conversions,
        pulses=2 * devices * pulses,
        read_seconds=reads * seconds,
        write_seconds=2 * steps * (waiting * seconds_of_pulse + (waiting + 1) * seconds),
        read_energy=_reading(each, drives, cells, conversions),
        write_energy=_reading(each, 2 * lines * (2 * waiting + 1), verifying, verifying)
        + 2 * devices * pulses * power * seconds_of_pulse,
    )


def _one_read(constants, tile):
    """Energy in J of one event of each component of a read, and the time in s of a whole one."""
    chip = Chip(tile=max(tile + tile % 2, 2))
    one = recall_cost([(1, 1)], "synchronous", 1, constants, chip=chip)
    energy = 1e-12 * one["energy"] / one["count"]
    return dict(zip(COMPONENTS, energy.values, strict=True)), 1e-9 * float(one["latency"])


def _reading(each, drives, cells, conversions):
    """Energy in J of line drives, devices that carry current and columns that are converted."""
    column = each["tia"] + each["adc"] + each["digital"]
    return drives * each["dac"] + cells * each["array"] + conversions * column


def scan_share(scan, use):
    """Share that a scan has in the whole, ``use`` being the time or energy spent until the next."""
    check_positive(use, "use", 60.0)
    return check_not_negative(scan, "scan", 0.01) / (scan + use)


def sampled_map(crossbar, rng, vectors=None, adc_bits=None):
    """Find the stuck devices of a crossbar from currents of whole columns.

    All devices are programmed high, then low. Each time, vectors of ±1 drive all rows of a tile at
    once and every column converts. Its currents differ from those of working devices by few
    devices, each about G_max off: compressed sensing (Donoho 2006, IEEE Trans. Inf. Theory
    52:1289). Stored weights are lost; the crossbar remembers the map, as by `characterize`.

    Parameters
    ----------
    crossbar : Crossbar
    rng : numpy.random.Generator
        Draws the vectors, the programming errors and the read noise.
    vectors : int, optional
        Read vectors per level. By default they are added until the currents of further ones are
        predicted within the known noise in every column (chi-square).
    adc_bits : int, optional
        Resolution of the converters of the columns; exact by default. Their range is the largest
        current of all vectors but the constant one, which would fill it alone and is left out.

    Returns
    -------
    FaultMap
        All devices stuck off share one conductance, least squares from all currents; so do all
        stuck on.
    tuple of int
        Read vectors after programming high, and low.

    Raises
    ------
    ValueError
        If ``vectors`` is below 1 or above what `read_vectors` has.

    Notes
    -----
    Vectors of ±1 with nearly zero sum cancel the current common to all devices and have sqrt(2)
    less noise per fault than 0/1. All of them
    together measure each device as well as a read of its own. Write-and-verify reads every device
    itself, and gives up on the stuck ones: few vectors pay where devices are written without it.
    """
    (n_out, n_in), device = crossbar.shape, crossbar.device
    size = min(crossbar.tile, n_in)
    most = _order(size) - (adc_bits is not None)
    if vectors is not None and check_count(vectors, "vectors") > most:
        raise ValueError(f"vectors is {vectors}, but {size} rows have {most}; give at most {most}.")
    found, used, shared, reads, writes = [], [], [], 0, 0
    for target, sign in ((device.g_max, -1), (0.0, 1)):
        pulses = crossbar._write(np.full((n_out, n_in, 2), target), check_rng(rng)).pulses
        level, spread = _working(device)[int(target > 0)]
        noise = max(np.hypot(spread, device.read_noise), 1e-3 * device.g_max)
        basis = read_vectors(size, rng)[:most]
        blocks = []
        for start in range(0, n_in, size):
            cells = crossbar.conductance[:, start : start + size].swapaxes(0, 1)
            cells, own = cells.reshape(len(cells), -1), basis[:, : len(cells)]
            hiss = device.read_noise * np.sqrt(len(cells)) * rng.standard_normal((most, 2 * n_out))
            blocks.append((own, own @ cells + hiss))
        if adc_bits is not None:
            scale = max(np.abs(currents).max() for _, currents in blocks)
            blocks = [(own, quantize(currents, adc_bits, scale)) for own, currents in blocks]
            rounding = 2 * scale / (2**adc_bits - 1) / np.sqrt(12)  # of a current
            noise = np.hypot(noise, rounding / np.sqrt(size))
        # What working devices would carry is taken off; a fault is positive.
        blocks = [
            (own, sign * (currents - level * own.sum(axis=1, keepdims=True)))
            for own, currents in blocks
        ]
        stuck, count = _decode_all(blocks, device.g_max, noise, vectors)
        found.append(np.concatenate(stuck).reshape(n_in, n_out, 2).swapaxes(0, 1))
        used.append(count)
        shared.append(np.clip(level + sign * _deviation(blocks, stuck, count), 0.0, device.g_max))
        writes += int(pulses.sum())
        reads += int(pulses.sum()) + pulses.size + count * 2 * n_out * len(blocks)
    off, on = found[0], found[1] & ~found[0]
    known = np.select([off, on], shared, np.nan)
    crossbar.faults = FaultMap(off, on, known, reads, writes, device.g_max)
    return crossbar.faults, tuple(used)


def read_vectors(rows, rng):
    """All vectors of ±1 for arrays of ``rows``, shape (n, rows), in random order.

    They are a Hadamard matrix of Paley's (1933, J. Math. Phys. 12:311): n is the least q + 1 not
    below ``rows`` with a prime q of the form 4k + 3 (68 for 64, 264 for 256). Its columns are
    orthogonal and have no group structure: in Sylvester's, two faults look like certain others
    in three of four vectors.
    """
    order = _order(rows)
    square = -np.ones(order - 1)
    square[np.arange(1, order - 1) ** 2 % (order - 1)] = 1
    square[0] = 0
    index = np.arange(order - 1)
    matrix = np.ones((order, order))
    matrix[1:, 0] = -1
    matrix[1:, 1:] = square[index[:, None] - index] + np.eye(order - 1)
    shuffled = np.append(1 + rng.permutation(order - 1), 0)  # the constant vector comes last
    return matrix[shuffled][:, rng.permutation(order)[:rows]]


def _order(rows):
    """Order of the matrix of `read_vectors`."""
    q = max(3, rows - 1 + (4 - rows) % 4)
    while not all(q % d for d in range(3, math.isqrt(q) + 1, 2)):
        q += 4
    return q + 1


def decode(vectors, currents, step, noise):
    """Which devices deviate by ``step``, (m, columns) of bool: a Lasso, then matched filters.

    Parameters
    ----------
    vectors : array (K, m)
        Read vectors of ±1.
    currents : array (K, columns)
        What each column carries more than working devices would, in µS times the input.
    step, noise : float
        Deviation of a stuck device, positive, and the spread of a working one, in µS.

    Notes
    -----
    A few rounds of matched filters on what the faults found so far leave unexplained undo the
    shrinkage. Orthogonal matching pursuit (Tropp & Gilbert 2007, IEEE Trans. Inf. Theory 53:4655)
    needs more vectors once a column holds many faults.
    """
    count, rows = vectors.shape
    penalty = max(0.5 * noise * np.sqrt(rows / count), 1e-3 * step)
    model = Lasso(penalty, positive=True, fit_intercept=False, precompute=True, tol=1e-3)
    with warnings.catch_warnings():  # the rounds mend what an unfinished fit leaves
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimate = model.fit(vectors, currents).coef_.reshape(-1, rows).T
    for _ in range(ROUNDS):
        explained = step * (estimate > step / 2)
        estimate = explained + vectors.T @ (currents - vectors @ explained) / count
    return estimate > step / 2


def held_out(rows, step, noise, columns, most):
    """Fewest vectors, at most ``most``, by which a check of all columns sees wrong devices.

    One wrong device shows in every current; two cancel in all of n with a chance of 2**-n.
    """
    count = np.arange(1, most + 1)
    limit = chi2.isf(FALSE_DOUBT / columns, count)
    blind = ncx2.cdf(limit, count, count * step**2 / (rows * noise**2))
    enough = np.flatnonzero(np.maximum(blind, 0.5**count) <= OVERLOOKED)
    return int(count[enough[0]]) if enough.size else most


def _decode_all(blocks, step, noise, count):
    """Stuck devices (rows, columns) of each block, and the number of vectors read.

    Only columns that the last check doubts are decoded again.
    """
    (most, columns), rows = blocks[0][1].shape, blocks[0][0].shape[1]
    total = columns * len(blocks)
    batch = held_out(rows, step, noise, total, most)
    fitted = batch if count is None else count
    stuck = [np.zeros((x.shape[1], columns), dtype=bool) for x, _ in blocks]
    doubted = [np.ones(columns, dtype=bool) for _ in blocks]
    while any(doubt.any() for doubt in doubted):
        for (x, y), found, doubt in zip(blocks, stuck, doubted, strict=True):
            if doubt.any():
                found[:, doubt] = decode(x[:fitted], y[:fitted, doubt], step, noise)
        if count is not None or fitted >= most:
            break
        new = slice(fitted, fitted + batch)
        for k, ((x, y), found) in enumerate(zip(blocks, stuck, strict=True)):
            left = y[new] - step * (x[new] @ found)
            excess = np.square(left).sum(axis=0) / (rows * noise**2)
            doubted[k] = chi2.sf(excess, len(left)) < FALSE_DOUBT / total
        fitted = min(fitted + batch, most)
    return stuck, fitted


def _deviation(blocks, stuck, count):
    """Least-squares deviation in µS that all stuck devices share; NaN without any."""
    both = [(x[:count] @ s, y[:count]) for (x, y), s in zip(blocks, stuck, strict=True)]
    weight = sum((drive**2).sum() for drive, _ in both)
    return sum((drive * y).sum() for drive, y in both) / weight if weight else np.nan


@functools.lru_cache
def _working(device):
    """Mean and spread in µS of working devices written low, and written high: the data sheet."""
    rng = generator(0, "working devices")
    high = device.write_and_verify(np.full(10_000, device.g_max), 0.0, rng).conductance
    low = device.write_and_verify(0.0, high, rng).conductance
    return tuple((float(cells.mean()), float(cells.std())) for cells in (low, high))
