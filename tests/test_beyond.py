"""The small experiments of notebook 07, and the count of operations by hand."""

import numpy as np
import pytest

from crossmem.beyond import (
    VARIANTS,
    noise_level,
    recall_trace,
    training_operations,
    training_stages,
    variant_quality,
)
from crossmem.experiments import stored_quality


@pytest.fixture
def rng():
    return np.random.default_rng(3)


SETTING = {
    "dataset": "digits",
    "neurons": 64,
    "patterns": 12,
    "flip_rate": 0.05,
    "iterations": 4,
    "steps": 400,
    "seed": 1,
}


@pytest.mark.parametrize("update", ["synchronous", "asynchronous"])
def test_a_fixed_point_stays_whatever_the_order_of_updates(update):
    found = recall_trace(**SETTING, unroll=1, cue_noise=0.03, update=update)
    assert (found["cosine"].values[2:] > 0.99).all()


def test_two_updates_alternate_between_pattern_and_code():
    found = recall_trace(**SETTING, unroll=2, cue_noise=0.03, update="synchronous")
    cosine = found["cosine"].values
    assert (cosine[[2, 4]] > 0.98).all() and (np.abs(cosine[[1, 3]]) < 0.5).all()
    state = found["state"].values
    assert (state[1] == state[3]).mean() > 0.95  # the code, from the cue and from the pattern


def test_two_updates_need_all_neurons_at_once():
    found = recall_trace(**SETTING, unroll=2, cue_noise=0.03, update="asynchronous")
    assert found["cosine"].values[-1] < 0.9


def test_operations_by_hand():
    """One layer: forward and gradient. A stack of two: one more to carry the error back."""
    assert training_operations([(3, 2)], shown=5, steps=7) == 2 * 2 * 6 * 5 * 7
    assert training_operations([(3, 2), (2, 3)], shown=5, steps=7) == 2 * 5 * 6 * 5 * 7
    assert training_operations([(3, 3)], shown=5, steps=7, unroll=2) == 2 * 5 * 9 * 5 * 7


def test_layers_of_unequal_size_are_refused():
    with pytest.raises(ValueError, match="equal size"):
        training_operations([(3, 2), (4, 4)], shown=1, steps=1)


VARIED = SETTING | {"patterns": 60, "cue_noise": [0.1, 0.02], "cues": 2, "steps": 100}


@pytest.mark.parametrize("hidden, unroll", [(0, 1), (8, 1), (0, 2)])
def test_falling_noise_is_the_training_of_the_library(hidden, unroll):
    seed = VARIED["seed"]
    found = variant_quality(**VARIED, hidden=hidden, unroll=unroll, variant="falling noise")
    settings = {name: value for name, value in VARIED.items() if name != "seed"}
    network = {"unroll": unroll} | ({"layers": 2, "hidden": hidden} if hidden else {})
    expected = stored_quality(**settings, **network, seeds=[seed])["cosine"].sel(seed=seed)
    assert float(found["cosine"].values) == float(expected)


def test_noise_levels_by_hand(rng):
    level = lambda variant, done: noise_level(variant, (0.1, 0.0), done, rng)  # noqa: E731
    assert [level("falling noise", done) for done in (0, 0.5, 1)] == [0.1, 0.05, 0.0]
    assert level("clean cues", 0.3) == 0
    assert level("constant noise", 0.3) == 0.05
    assert level("warm start", 0.2) == level("squared loss", 0.2) == pytest.approx(0.08)
    mixed = [level("mixed noise", 0.3) for _ in range(2000)]
    assert 0 <= min(mixed) < 0.001 and 0.099 < max(mixed) <= 0.1
    assert np.mean(mixed) == pytest.approx(0.05, rel=0.05)


def test_a_warm_start_takes_as_many_steps_in_all():
    assert training_stages("warm start", 21, 101) == [(10, 50), (21, 51)]
    assert training_stages("mixed noise", 21, 101) == [(21, 101)]


@pytest.mark.parametrize(
    "hidden, unroll, loss",
    [(0, 1, "logistic loss"), (8, 1, "cubic loss"), (0, 2, "cubic loss")],
)
def test_each_variant_trains_something_else(hidden, unroll, loss):
    """But for the loss that the library chooses."""
    found = {
        variant: float(
            variant_quality(**VARIED, hidden=hidden, unroll=unroll, variant=variant)[
                "cosine"
            ].values
        )
        for variant in VARIANTS
    }
    assert found[loss] == found["falling noise"]
    assert len(set(found.values())) == len(VARIANTS) - 1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"variant": "warmstart"}, "did you mean 'warm start'"),
        ({"variant": "warm start", "patterns": 1}, "patterns is 1, but must be at least 2"),
        (
            {"variant": "mixed noise", "cue_noise": (1.3, 0.0)},
            r"cue_noise is 1.3, but it must lie in \[0, 1\]",
        ),
        (
            {"variant": "falling noise", "cue_noise": (0.7, 0.0)},
            "cue_noise is 0.7, but .* at most 0.5",
        ),
    ],
)
def test_what_no_variant_can_take_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        variant_quality(**VARIED | change, hidden=0, unroll=1)
