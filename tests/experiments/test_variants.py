"""Variants of the noise training: the library's own among them, and what each of them changes."""

import numpy as np
import pytest

from crossmem.experiments import Setup, stored_quality, variants
from crossmem.experiments.variants import VARIANTS, variant_quality
from crossmem.networks import adaptive

NOISY = Setup(n_patterns=60, flip_rate=0.05, iterations=4, cues=2)
NOISY = NOISY.at(cue_noise=[0.1, 0.02], unroll=1, steps=100)
STACK = NOISY.at(layers=2, width=8)
TWO = NOISY.at(unroll=2)


def quality(setup, variant):
    return float(variant_quality(setup, variant=variant, seed=1)["cosine"].values)


@pytest.mark.parametrize("setup", [NOISY, STACK, TWO])
def test_falling_noise_is_the_training_of_the_library(setup):
    expected = stored_quality(setup, seeds=[1])["cosine"].sel(seed=1)
    assert quality(setup, "falling noise") == float(expected)


@pytest.mark.parametrize(
    ("setup", "loss"), [(NOISY, "logistic loss"), (STACK, "cubic loss"), (TWO, "cubic loss")]
)
def test_each_variant_trains_something_else(setup, loss, assert_labelled):
    """But for the loss that the library chooses."""
    assert_labelled(variant_quality(setup, variant=loss, seed=1))
    found = {variant: quality(setup, variant) for variant in VARIANTS}
    assert found[loss] == found["falling noise"]
    assert len(set(found.values())) == len(VARIANTS) - 1


@pytest.fixture
def levels(monkeypatch):
    """Runs a variant for 60 steps and returns the noise of the cues in each of them."""
    corrupt = adaptive.flipped_cues

    def run(variant):
        seen = []

        def noted(targets, rate, rng, out):
            seen.append(rate)
            corrupt(targets, rate, rng, out)

        monkeypatch.setattr(adaptive, "flipped_cues", noted)
        variant_quality(NOISY.at(steps=60), variant=variant, seed=1)
        return np.array(seen)

    return run


def test_noise_of_each_step_by_hand(levels):
    falling = levels("falling noise")
    np.testing.assert_allclose(falling, 0.1 - 0.08 * np.arange(len(falling)) / 60)
    assert levels("constant noise") == pytest.approx(0.06)
    assert len(levels("clean cues")) == 0
    mixed = levels("mixed noise")
    assert 0.02 <= mixed.min() < 0.03 and 0.09 < mixed.max() <= 0.1
    assert np.abs(np.diff(mixed)).mean() > 0.01  # from step to step
    # Back at its first value once all of the patterns are trained.
    assert (levels("warm start") == 0.1).sum() == 2


def test_a_warm_start_takes_as_many_steps_in_all(monkeypatch):
    stages, descend = [], adaptive.descend

    def noted(memories, patterns, *rest):
        stages.append((patterns.shape[1], memories[0].steps))
        return descend(memories, patterns, *rest)

    for module in (adaptive, variants):
        monkeypatch.setattr(module, "descend", noted)
    odd = NOISY.at(n_patterns=21, steps=101)
    quality(odd, "warm start")
    quality(odd, "mixed noise")
    assert stages == [(10, 50), (21, 51), (21, 101)]


@pytest.mark.parametrize(
    ("change", "variant", "message"),
    [
        ({}, "warmstart", "variant='warmstart'.*'warm start'"),
        ({"n_patterns": 1}, "warm start", "n_patterns is 1.*at least 2"),
    ],
)
def test_what_no_variant_can_take_is_refused(change, variant, message):
    with pytest.raises(ValueError, match=message):
        quality(NOISY.at(**change), variant)
