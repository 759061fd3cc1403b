"""Finding the stuck devices with fewer reads than one per row."""

import functools
import math
import warnings

import numpy as np
from scipy.stats import chi2, ncx2
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from crossmem.checks import check_count, check_rng
from crossmem.chip.converters import quantize
from crossmem.chip.faults import FaultMap
from crossmem.randomness import generator

FALSE_ALARM_PROBABILITY = 1e-3  # that the check of a scan rejects a right map
MISS_PROBABILITY = 1e-3  # that it accepts a column with a wrong device


def sampled_map(crossbar, rng, vectors=None, adc_bits=None):
    """Find the stuck devices of a crossbar from currents of whole columns.

    All devices are programmed high, then low. Each time, vectors of ±1 drive all rows of a tile at
    once and every column converts. Its currents differ from those of working devices by few
    devices, each about G_max off: compressed sensing (Donoho 2006, IEEE Trans. Inf. Theory
    52:1289). Vectors with nearly zero sum cancel the current common to all devices. Stored weights
    are lost; the crossbar remembers the map, as by `characterize`. Write-and-verify reads every
    device itself, so that few vectors save time only where devices are written without it.

    Parameters
    ----------
    crossbar : Crossbar
    rng : numpy.random.Generator
        Draws the vectors, the programming errors and the read noise.
    vectors : int, optional
        Read vectors per level, at most those of `read_vectors`. By default they are added until the
        currents of further ones are predicted within the known noise in every column (chi-square).
    adc_bits : int, optional
        Resolution of the converters of the columns; exact by default. Their range is the largest
        current of all vectors except the constant one, which would fill it alone and is left out.

    Returns
    -------
    FaultMap
        Devices stuck off share one conductance, least squares from all currents; so do those on.
    tuple of int
        Read vectors after programming high, and low.
    """
    size = min(crossbar.tile, crossbar.shape[1])
    most = _order(size) - (adc_bits is not None)
    if vectors is not None and check_count(vectors, "vectors") > most:
        raise ValueError(f"vectors is {vectors}, but {size} rows have {most}; give at most {most}.")
    g_max, found, used, shared, reads, writes = crossbar.device.g_max, [], [], [], 0, 0
    n_out, n_in = crossbar.shape
    for target, sign in ((g_max, -1), (0.0, 1)):
        pulses = int(crossbar.write_level(target, check_rng(rng)).pulses.sum())
        level, blocks, noise = _measure(crossbar, target, rng, most, adc_bits)
        # What working devices would carry is subtracted; a fault is positive.
        blocks = [
            (own, sign * (currents - level * own.sum(axis=1, keepdims=True)))
            for own, currents in blocks
        ]
        stuck, count = _decode_all(blocks, g_max, noise, vectors)
        found.append(np.concatenate(stuck).reshape(n_in, n_out, 2).swapaxes(0, 1))
        used.append(count)
        shared.append(np.clip(level + sign * _deviation(blocks, stuck, count), 0.0, g_max))
        writes += pulses
        reads += pulses + crossbar.devices + count * 2 * n_out * len(blocks)
    off, on = found[0], found[1] & ~found[0]
    known = np.select([off, on], shared, np.nan)
    crossbar.faults = FaultMap(off, on, known, reads, writes, g_max)
    return crossbar.faults, tuple(used)


def read_vectors(rows, rng):
    """All vectors of ±1 for arrays of ``rows``, shape (n, rows), in random order.

    They are a Hadamard matrix of Paley's (1933, J. Math. Phys. 12:311): n is the least q + 1 not
    below ``rows`` with a prime q of the form 4k + 3 (68 for 64, 264 for 256). Its columns are
    orthogonal and have no group structure: in Sylvester's, two faults look like certain others
    in three of four vectors.
    """
    order = _order(rows)
    index = np.arange(order - 1)
    square = -np.ones(order - 1)
    square[index[1:] ** 2 % (order - 1)] = 1
    square[0] = 0
    matrix = np.ones((order, order))
    matrix[1:, 0] = -1
    matrix[1:, 1:] = square[index[:, None] - index] + np.eye(order - 1)
    shuffled = np.append(1 + rng.permutation(order - 1), 0)  # the constant vector comes last
    return matrix[shuffled][:, rng.permutation(order)[:rows]]


def decode(vectors, currents, step, noise):
    """Which devices deviate by ``step``, boolean (m, columns): a Lasso, then matched filters.

    Takes read vectors (K, m) of ±1, the excess over the currents of working devices (K, columns) in
    µS times the input, and the spread of a working device in µS. Matched filters on what the faults
    found so far do not explain undo the shrinkage. Orthogonal matching pursuit (Tropp & Gilbert
    2007, IEEE Trans. Inf. Theory 53:4655) needs more vectors once a column holds many faults.
    """
    count, rows = vectors.shape
    penalty = max(0.5 * noise * np.sqrt(rows / count), 1e-3 * step)
    model = Lasso(penalty, positive=True, fit_intercept=False, precompute=True, tol=1e-3)
    with warnings.catch_warnings():  # the rounds correct what an unfinished fit leaves
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimate = model.fit(vectors, currents).coef_.reshape(-1, rows).T
    for _ in range(3):
        explained = step * (estimate > step / 2)
        estimate = explained + vectors.T @ (currents - vectors @ explained) / count
    return estimate > step / 2


def held_out(rows, step, noise, columns, most):
    """Fewest vectors, at most ``most``, by which a check of all columns detects wrong devices.

    One wrong device shows in every current; two cancel in all of n with a chance of 2**-n.
    """
    count = np.arange(1, most + 1)
    limit = chi2.isf(FALSE_ALARM_PROBABILITY / columns, count)
    missed = ncx2.cdf(limit, count, count * step**2 / (rows * noise**2))
    enough = np.flatnonzero(np.maximum(missed, 0.5**count) <= MISS_PROBABILITY)
    return int(count[enough[0]]) if enough.size else most


def _order(rows):
    """Order of the matrix of `read_vectors`."""
    q = max(3, rows - 1 + (4 - rows) % 4)
    while not all(q % d for d in range(3, math.isqrt(q) + 1, 2)):
        q += 4
    return q + 1


def _measure(crossbar, target, rng, most, adc_bits):
    """Drive each strip of tiles with read vectors after all devices were written to one level.

    Returns the mean conductance of working devices, the vectors (most, rows) and the currents
    (most, columns) of each strip, and the spread that a working device adds, all in µS.
    """
    device, size = crossbar.device, min(crossbar.tile, crossbar.shape[1])
    level, spread = _working(device)[int(target > 0)]
    noise = max(np.hypot(spread, device.read_noise), 1e-3 * device.g_max)
    basis = read_vectors(size, rng)[:most]
    blocks = []
    for start in range(0, crossbar.shape[1], size):
        cells = crossbar.conductance[:, start : start + size].swapaxes(0, 1)
        cells, own = cells.reshape(len(cells), -1), basis[:, : len(cells)]
        shape = (most, cells.shape[1])
        read_noise = device.read_noise * np.sqrt(len(cells)) * rng.standard_normal(shape)
        blocks.append((own, own @ cells + read_noise))
    if adc_bits is not None:
        scale = max(np.abs(currents).max() for _, currents in blocks)
        blocks = [(own, quantize(currents, adc_bits, scale)) for own, currents in blocks]
        rounding = 2 * scale / (2**adc_bits - 1) / np.sqrt(12)  # of a current
        noise = np.hypot(noise, rounding / np.sqrt(size))
    return level, blocks, noise


def _decode_all(blocks, step, noise, count):
    """Stuck devices (rows, columns) of each block, and the number of vectors read.

    Without a count, vectors are added, and columns decoded again, until a check of further vectors
    accepts all columns.
    """
    (most, columns), rows = blocks[0][1].shape, blocks[0][0].shape[1]
    total = columns * len(blocks)
    batch = held_out(rows, step, noise, total, most)
    fitted = batch if count is None else count
    stuck = [np.zeros((x.shape[1], columns), dtype=bool) for x, _ in blocks]
    rejected = [np.ones(columns, dtype=bool) for _ in blocks]
    while any(again.any() for again in rejected):
        for (x, y), found, again in zip(blocks, stuck, rejected, strict=True):
            if again.any():
                found[:, again] = decode(x[:fitted], y[:fitted, again], step, noise)
        if count is not None or fitted >= most:
            break
        new = slice(fitted, fitted + batch)
        for k, ((x, y), found) in enumerate(zip(blocks, stuck, strict=True)):
            left = y[new] - step * (x[new] @ found)
            excess = np.square(left).sum(axis=0) / (rows * noise**2)
            rejected[k] = chi2.sf(excess, len(left)) < FALSE_ALARM_PROBABILITY / total
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
