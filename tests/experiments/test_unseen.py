"""Images that were not stored: what theory says of Hebb's rule, and what counts as recalled."""

import numpy as np
import pytest
from scipy.special import ndtr

from crossmem.experiments import Setup
from crossmem.experiments.staged import Writing
from crossmem.experiments.unseen import unseen_quality

HEBB = Setup(source="random", neurons=400, rule="hebbian", n_patterns=40, iterations=1, cues=1)
FREE = Writing(free=True)


def quality(setup, seed=0, **own):
    return unseen_quality(setup, writing=FREE, way="trained", seed=seed, **own)


def test_hebb_after_one_update_keeps_what_is_stored_and_nothing_else(assert_labelled):
    """Crosstalk of variance P/N turns stored bits; an unseen state meets nothing else."""
    found = [quality(HEBB, seed) for seed in range(5)]
    assert_labelled(found[0])
    stored, unseen = (
        np.mean([one["after"].sel(images=kind, start="clean") for one in found])
        for kind in ("stored", "unseen")
    )
    assert stored == pytest.approx(1 - 2 * ndtr(-np.sqrt(400 / 40)), abs=2e-3)
    assert unseen == pytest.approx(0.0, abs=3 / np.sqrt(400 * 5 * 40))
    recalled = found[0]["recalled"].sel(start="clean")
    assert recalled.sel(images="stored") > 0.9 and recalled.sel(images="unseen") == 0


def test_starts_are_as_corrupted_as_the_setup_says():
    before = quality(HEBB.at(flip_rate=0.1), unseen=300)["before"]
    assert (before.sel(start="clean") == 1).all()
    np.testing.assert_allclose(before.sel(start="corrupted"), 0.8, atol=0.01)


def test_a_memory_that_returns_everything_recalls_what_it_never_saw():
    """No updates: a denoiser's limit, at which stored minus unseen is nothing."""
    found = quality(HEBB.at(iterations=0))
    assert (found["recalled"].sel(start="clean") == 1).all()


def test_unseen_images_are_tried_on_the_written_chip():
    setup = Setup(n_patterns=10, flip_rate=0.05, cues=2).at(cue_noise=0.05, steps=400)
    found = unseen_quality(setup, writing=Writing(), way="at once", unseen=50, seed=0)
    after = found["after"].sel(start="corrupted")
    assert after.sel(images="stored") > 0.97 > after.sel(images="unseen")
