"""Fields of frozen pairs against the statistics of the faults."""

import numpy as np
import pytest

from crossmem.experiments import Setup
from crossmem.experiments.frozen_pairs import field_parts

SETUP = Setup(neurons=100, flip_rate=0.1, rule="pseudo-inverse")
HALF = SETUP.at(stuck_off=0.25, stuck_on=0.25)
WAYS = ("intervals", "masked", "none")


def parts(setup, limits="intervals", seed=0):
    return {n: float(v.values) for n, v in field_parts(setup, limits=limits, seed=seed).items()}


def test_results_are_labelled_and_repeat(assert_labelled):
    assert_labelled(field_parts(HALF, limits="masked", seed=0))
    assert parts(HALF) == parts(HALF) != parts(HALF, seed=1)


def test_a_faultless_chip_has_no_frozen_pairs_and_turns_no_neuron():
    found = parts(SETUP)
    assert found["frozen"] == found["turned"] == 0
    assert found["writable"] > 0


def test_frozen_pairs_add_a_random_sum():
    """A pair has one device off and one on with probability 1/8, so the sum has 99/8 of ±1."""
    frozen = [parts(HALF, seed=seed)["frozen"] for seed in range(4)]
    assert np.mean(frozen) == pytest.approx(np.sqrt(99 / 8), rel=0.05)


def test_what_is_known_of_the_faults_does_not_change_them():
    assert len({parts(HALF, limits)["frozen"] for limits in WAYS}) == 1


def test_stuck_off_pairs_carry_nothing():
    found = parts(SETUP.at(stuck_off=0.4))
    assert found["frozen"] == 0


def test_masks_leave_less_signal_than_intervals():
    setup = HALF.at(rule="adaptive", optimizer="adam", cue_noise=0.05, unroll=1, steps=300)
    masked, within = parts(setup, "masked"), parts(setup)
    assert masked["writable"] < within["writable"]
    assert masked["turned"] > within["turned"]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"layers": 2}, "layers=2"), ({"cue_noise": 0.05, "unroll": 2}, "period=2")],
)
def test_what_has_no_field_of_one_update_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        parts(HALF.at(rule="adaptive", **change))
