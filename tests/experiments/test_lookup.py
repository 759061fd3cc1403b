"""Images written down and searched: the share of right rows in theory, and what faults cost."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from crossmem.experiments import Setup
from crossmem.experiments.lookup import lookup_capacity, write_images
from crossmem.experiments.staged import Writing

RANDOM = Setup(source="random", neurons=64, flip_rate=0.05, cues=5)


def right_rows(neurons, images, flip_rate, masked):
    """Probability that the right row wins, all products taken as Gaussian."""
    kept, sign = 1 - masked, 1 - 2 * flip_rate
    mean = neurons * sign * kept
    spread, others = np.sqrt(neurons * (kept - (sign * kept) ** 2)), np.sqrt(neurons * kept)

    def density(z):
        return norm.pdf(z, mean, spread) * norm.cdf(z / others) ** (images - 1)

    return quad(density, mean - 8 * spread, mean + 8 * spread)[0]


@pytest.mark.parametrize(("flip_rate", "masked"), [(0.35, 0.0), (0.25, 0.5), (0.05, 0.85)])
def test_the_right_row_wins_as_often_as_theory_says(flip_rate, masked):
    setup, shares = RANDOM.at(flip_rate=flip_rate, masked_fraction=masked), []
    for seed in range(20):
        images, rng = setup.pool(seed, 64), np.random.default_rng(seed)
        table = write_images(setup, images, 1, seed)
        right = [
            table.winners(setup.corrupt(images, rng)) == np.arange(len(images)) for _ in range(5)
        ]
        shares.append(np.mean(right))
    wanted, error = right_rows(64, 64, flip_rate, masked), np.std(shares) / np.sqrt(len(shares))
    assert 0.3 < wanted < 0.97
    assert np.mean(shares) == pytest.approx(wanted, abs=0.02 + 3 * error)


def test_a_chip_without_faults_holds_as_many_images_as_rows(assert_labelled):
    found = lookup_capacity(RANDOM, seed=0)
    assert_labelled(found)
    assert (found["capacity"] == 64).all() and (found["copies"] == 1).all()
    narrow = lookup_capacity(RANDOM.at(layers=2, width=16, cue_noise=0.05), seed=0)
    assert (narrow["capacity"] == 32).all()  # 2 · 64 · 16 pairs


def test_copies_make_up_for_masked_pixels():
    """A pixel without a pair stays that of the cue: its loss is 2 · 0.05 · q^copies."""
    found = lookup_capacity(RANDOM.at(neurons=400, masked_fraction=0.5), seed=0)
    assert found["copies"].sel(criterion="mean") == 4  # 0.1 · 0.5³ > 0.01 > 0.1 · 0.5⁴
    assert found["capacity"].sel(criterion="mean") == 100


def test_a_pair_with_one_stuck_device_still_tells_a_bit():
    setup = RANDOM.at(stuck_off=0.2)
    images = setup.pool(0, 64)
    table = write_images(setup, images, 1, 0)
    np.testing.assert_array_equal(table.known.mean().round(2), 1 - 0.2**2)
    told = np.sign(table.pixels) == images
    assert told[table.known].all() and not table.pixels[~table.known].any()


def test_grey_images_are_read_with_the_error_of_their_devices():
    setup = Setup(neurons=64, activation="tanh", layers=2, noise=0.3)
    images = setup.pool(0, 30)
    read = write_images(setup, images, 1, 0).recall(setup.corrupt(images, np.random.default_rng(0)))
    assert np.std(read - images) < 1.2 * 3.9 / 150


def test_faults_that_a_scan_missed_are_found_by_reading():
    found, known = (
        lookup_capacity(RANDOM.at(stuck_off=0.2), writing=writing, seed=0)["capacity"]
        for writing in (Writing(scanned=False), Writing())
    )
    assert found.equals(known) and (found > 0).all()


def test_grey_images_are_written_at_the_levels_of_the_devices():
    """Four levels are 0, 1/3, 2/3 and 1 of the largest conductance, for either sign."""
    setup = Setup(neurons=64, activation="tanh", layers=2, noise=0.3)
    images = setup.pool(0, 30)
    between = abs(images) < 0.95
    off = {}
    for levels in (0, 4):
        table = write_images(setup, images, 1, 0, writing=Writing(levels=levels))
        thirds = 3 * table.pixels[between]
        off[levels] = np.std(thirds - np.rint(thirds))
    assert off[4] < 3 * 1.3 * 3.9 / 150 < 0.2 < off[0]
