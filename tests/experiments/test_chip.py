"""One pattern of each class on one chip: what the fault map is worth in training."""

import pytest

from crossmem.experiments.chip import half_broken
from crossmem.experiments.setup import Setup


def test_half_broken_digits_need_training_and_the_fault_map():
    sound = Setup(neurons=144, flip_rate=0.05)
    broken = sound.at(stuck_off=0.25, stuck_on=0.25, cue_noise=0.05, steps=1000)
    trained = half_broken(broken, limits="intervals", seed=1)["cosine"]
    assert trained.shape == (10,) and trained.values.mean() > 0.98
    assert half_broken(broken, limits="none", seed=1)["cosine"].values.mean() < 0.9
    formula = half_broken(sound.at(rule="pseudo-inverse"), limits="intervals", seed=1)["cosine"]
    assert formula.values.mean() > 0.98


def test_half_broken_refuses_an_unknown_limit():
    with pytest.raises(ValueError, match="limits='mask'.*'masked'"):
        half_broken(Setup(neurons=16), limits="mask", seed=0)
