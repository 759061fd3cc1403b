"""The sampled scan against cases by hand, the exhaustive scan and its own error probabilities."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import chi2

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.scanning import (
    FALSE_ALARM_PROBABILITY,
    MISS_PROBABILITY,
    decode,
    held_out,
    read_vectors,
    sampled_map,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def chip(n_out, n_in, off=(), on=(), *, tile=64, device=None, seed=0):
    """A chip with stuck devices at the indices (output, input, device) given, and its truth."""
    truth = np.zeros((2, n_out, n_in, 2), dtype=bool)
    for state, places in enumerate((off, on)):
        for place in places:
            truth[(state, *place)] = True
    device, rng = device or DeviceModel(), np.random.default_rng(seed)
    conductance = np.where(truth[1], device.g_max, 0.0)
    return Crossbar(conductance, truth.any(axis=0), rng=rng, device=device, tile=tile), truth


def agree(faults, truth):
    return (np.stack((faults.stuck_off, faults.stuck_on)) == truth).all()


def test_decode_a_noiseless_case_by_hand():
    # Rows 0 and 2 of the first column are stuck: 1 + 1, 1 - 1 and -1 - 1 times 150 µS. All other
    # non-negative solutions add to rows 0 and 3, or to 1 and 2, so theirs is a larger sum.
    vectors = np.array([[1, -1, 1, -1], [1, 1, -1, -1], [-1, 1, -1, 1.0]])
    currents = np.array([[300.0, 0], [0, 0], [-300, 0]])
    assert decode(vectors, currents, 150.0, 0.0).T.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_one_fault_per_column_is_exact_with_few_vectors():
    n_out, n_in = 32, 64
    place = np.random.default_rng(1).integers(n_in, size=2 * n_out)
    off = [(k // 2, i, k % 2) for k, i in enumerate(place) if k % 3]
    on = [(k // 2, i, k % 2) for k, i in enumerate(place) if not k % 3]
    crossbar, truth = chip(n_out, n_in, off, on)
    faults, used = sampled_map(crossbar, np.random.default_rng(2), vectors=24)
    assert agree(faults, truth) and used == (24, 24)
    assert crossbar.faults is faults
    # 48 vectors of 64 columns decide; every pulse has its read, and each write one more per device.
    assert faults.reads == 48 * 64 + faults.writes + 2 * crossbar.devices
    # The shared conductances are those of the chip: 0 and 150 µS, to the noise of a mean.
    assert faults.stuck_conductance[truth[0]] == pytest.approx(0, abs=3)
    assert faults.stuck_conductance[truth[1]] == pytest.approx(150, abs=3)
    assert np.isnan(faults.stuck_conductance[~truth.any(axis=0)]).all()


def test_the_limits_are_those_of_the_exhaustive_scan():
    setting = {"stuck_off": 0.01, "stuck_on": 0.02, "tile": 32}
    pair = [Crossbar.fabricate(20, 50, rng=np.random.default_rng(3), **setting) for _ in range(2)]
    full = pair[0].characterize()
    faults, used = sampled_map(pair[1], np.random.default_rng(4))
    assert (faults.stuck_off == full.stuck_off).all() and (faults.stuck_on == full.stuck_on).all()
    assert max(used) <= 32
    assert faults.weight_limits().low == pytest.approx(full.weight_limits().low, abs=0.03)


def test_a_noiseless_chip_and_odd_sizes():
    crossbar, truth = chip(3, 7, off=[(0, 6, 1)], on=[(2, 0, 0), (2, 1, 0)], tile=4)
    faults, used = sampled_map(crossbar, np.random.default_rng(0))
    assert agree(faults, truth) and used == (4, 4)
    crossbar, truth = chip(3, 7, off=[(0, 6, 1)], device=DeviceModel(read_noise=0.0))
    assert agree(sampled_map(crossbar, np.random.default_rng(0))[0], truth)


@pytest.mark.parametrize(
    ("rows", "count"), [(1, 4), (4, 4), (5, 8), (13, 20), (64, 68), (256, 264)]
)
def test_read_vectors_are_an_orthogonal_set(rows, count):
    vectors = read_vectors(rows, np.random.default_rng(0))
    assert vectors.shape == (count, rows) and (np.abs(vectors) == 1).all()
    assert (vectors.T @ vectors == count * np.eye(rows)).all()
    assert np.abs(vectors[:-1].sum(axis=1)).max() <= count - rows


def test_few_vectors_tell_pairs_of_faults_apart():
    # In Sylvester's matrix, pairs with the same product agree in three of four vectors.
    vectors = read_vectors(64, np.random.default_rng(0))
    a, b, c, d = (
        np.random.default_rng(1).permuted(np.tile(np.arange(64), (20_000, 1)), axis=1).T[:4]
    )
    same = (vectors[:, a] + vectors[:, b] == vectors[:, c] + vectors[:, d]).mean(axis=0)
    assert same.mean() == pytest.approx(3 / 8, abs=0.02) and same.max() < 0.65


def test_held_out_vectors_detect_one_wrong_device_and_accept_a_right_map():
    rows, noise, columns, trials = 64, 10.0, 50, 20_000
    count = held_out(rows, 150.0, noise, columns, rows)
    rng = np.random.default_rng(6)
    vectors = hadamard(rows)[1 : count + 1].astype(float)
    left = vectors @ (noise * rng.standard_normal((rows, trials)))
    limit = chi2.isf(FALSE_ALARM_PROBABILITY / columns, count)
    excess = [np.square(left + shift).sum(axis=0) / (rows * noise**2) for shift in (0.0, 150.0)]
    assert (excess[0] > limit).mean() < 1e-3
    assert (excess[1] < limit).mean() < 2 * MISS_PROBABILITY
    assert count >= 10  # two wrong devices cancel in nine with 2**-9, which is above a thousandth


@pytest.mark.parametrize("vectors", [0, 9])
def test_there_are_as_many_vectors_as_the_matrix_has(vectors):
    crossbar, _ = chip(2, 8)
    with pytest.raises(ValueError, match=f"vectors is {vectors}"):
        sampled_map(crossbar, np.random.default_rng(0), vectors=vectors)


def test_a_scan_needs_a_generator():
    with pytest.raises(TypeError, match="rng is 0"):
        sampled_map(chip(2, 8)[0], 0)
