"""Training cues and batches against the distributions that they are drawn from."""

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from crossmem.networks.noise import flipped_cues, gaussian_cues, shuffled_batches


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape).astype(np.float32)


def test_bits_flip_independently(rng):
    """Each bit, each pair and their number as often as chance has it, where double hits abound."""
    rate, draws = 0.3, 4000
    targets = signs(rng, 4, 5)
    out, flipped = np.empty_like(targets), np.empty((draws, 20))
    for row in flipped:
        flipped_cues(targets, rate, rng, out)
        row[:] = (out != targets).ravel()
    scatter = np.sqrt(rate * (1 - rate) / draws)
    np.testing.assert_allclose(flipped.mean(axis=0), rate, atol=4 * scatter)
    pairs = np.corrcoef(flipped.T)[np.triu_indices(20, 1)]
    assert np.abs(pairs).max() < 4.5 / np.sqrt(draws)
    chances = binom.pmf(np.arange(21), 20, rate)
    counts = np.bincount(flipped.sum(axis=1).astype(int), minlength=21)
    likely = chances * draws >= 5
    found = [*counts[likely], counts[~likely].sum()]
    due = draws * np.array([*chances[likely], chances[~likely].sum()])
    assert chisquare(found, due).pvalue > 1e-3


def test_flipped_cues_have_the_asked_rate(rng):
    targets = signs(rng, 400, 400)
    cues = np.empty_like(targets)
    flipped_cues(targets, 0.05, rng, cues)
    assert set(np.unique(cues)) == {-1, 1}
    assert np.mean(cues != targets) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 160_000))
    flipped_cues(targets, 0.0, rng, cues)
    np.testing.assert_array_equal(cues, targets)


def test_gaussian_cues_have_the_asked_spread_and_are_clipped(rng):
    targets = signs(rng, 400, 400)
    cues = np.empty_like(targets)
    gaussian_cues(np.zeros_like(targets), 0.2, rng, cues)
    assert cues.std() == pytest.approx(0.2, rel=0.01)
    gaussian_cues(targets, 0.3, rng, cues)
    assert np.abs(cues).max() == 1
    assert np.mean(cues == targets) == pytest.approx(0.5, abs=0.01)  # half the noise points outward


def test_batches_show_every_pattern_once_before_any_twice(rng):
    batches = shuffled_batches(12, 4, rng)
    passes = [np.concatenate([next(batches) for _ in range(3)]) for _ in range(3)]
    for seen in passes:
        assert sorted(seen) == list(range(12))
    assert (passes[0] != passes[1]).any()


def test_what_a_pass_has_left_over_waits(rng):
    batches = shuffled_batches(5, 2, rng)
    for _ in range(4):
        assert len({*next(batches), *next(batches)}) == 4  # of one pass: no pattern twice
