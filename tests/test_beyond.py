"""The small experiments of notebook 07, and the count of operations by hand."""

import numpy as np
import pytest

from crossmem.beyond import VARIANTS, recall_trace, training_operations, variant_quality
from crossmem.experiments import stored_quality

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


VARIED = SETTING | {"patterns": 60, "cue_noise": 0.05, "cues": 2, "steps": 100}


@pytest.mark.parametrize("hidden", [0, 8])
def test_constant_noise_is_the_training_of_the_library(hidden):
    seed = VARIED["seed"]
    found = variant_quality(**VARIED, hidden=hidden, variant="constant noise")
    settings = {name: value for name, value in VARIED.items() if name != "seed"}
    network = {"layers": 2, "hidden": hidden} if hidden else {}
    expected = stored_quality(**settings, **network, seeds=[seed])["cosine"].sel(seed=seed)
    assert float(found["cosine"].values) == float(expected)


def test_variants_differ_and_are_known_by_name():
    found = [float(variant_quality(**VARIED, hidden=0, variant=v)["cosine"].values) for v in VARIANTS]
    assert len(set(found)) == len(VARIANTS)
    with pytest.raises(ValueError, match="did you mean 'warm start'"):
        variant_quality(**VARIED, hidden=0, variant="warmstart")
