"""Written memories on chips with several flaws."""

import numpy as np
import pytest

from crossmem.deploy.staged import StagePlan
from crossmem.experiments import Setup
from crossmem.experiments.imperfections import describe_chips, imperfect_recall
from crossmem.experiments.staged import Writing, staged_quality
from crossmem.experiments.surroundings import IDEAL

GREY = Setup(layers=2, n_patterns=8, activation="tanh", noise=0.3, cues=3).at(
    cue_noise=0.3, steps=600
)
WRITING = Writing(plan=StagePlan(shares=(0.5, 1.0), rounds=(0.2,), steps=60))
CHIPS = [list(IDEAL), [3, 0.0, 0.0, 0.0], [None, 0.0, 5.0, 0.0], [None, 0.0, 0.0, 1e8]]

pytestmark = pytest.mark.usefixtures("one_thread")


def test_each_flaw_costs_something_and_an_ideal_chip_nothing(assert_labelled):
    found = imperfect_recall(GREY, writing=WRITING, chips=CHIPS, seed=0)
    assert_labelled(found)
    plain = staged_quality(GREY, writing=WRITING, seed=0)["cosine"].isel(way=slice(1, None))
    np.testing.assert_array_equal(found["cosine"].isel(chip=0), plain)
    worse = found["cosine"].isel(chip=slice(1, None))
    assert (worse < found["cosine"].isel(chip=0)).all()
    # One factor for each layer makes up for most of what the lines take.
    assert (found["cosine"].isel(chip=2) > 0.95).all()


def test_chips_do_not_depend_on_which_others_are_asked_for():
    both = imperfect_recall(GREY, writing=WRITING, chips=CHIPS[::3], seed=0)["cosine"]
    alone = imperfect_recall(GREY, writing=WRITING, chips=CHIPS[3:], seed=0)["cosine"]
    np.testing.assert_array_equal(both.isel(chip=1), alone.isel(chip=0))


def test_chips_are_described(assert_labelled):
    found = describe_chips(["none", "coarse"], CHIPS[:2])
    assert_labelled(found)
    assert np.isnan(found["bits"][0]) and found["bits"][1] == 3
