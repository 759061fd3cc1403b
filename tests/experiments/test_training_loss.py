"""The loss at the end of a training against one computed from the weights."""

import numpy as np
import pytest

from crossmem.experiments import Setup
from crossmem.experiments.training_loss import training_loss

SETUP = Setup(neurons=64, n_patterns=5, flip_rate=0.05).at(optimizer="adam", steps=50)


def ended(setup, seed=0):
    return {n: v.values.item() for n, v in training_loss(setup, seed=seed).items()}


def test_results_are_labelled_and_repeat(assert_labelled):
    assert_labelled(training_loss(SETUP, seed=0))
    assert ended(SETUP) == ended(SETUP) != ended(SETUP, seed=1)


def test_the_loss_is_that_of_the_weights():
    stored = SETUP.stored(0).astype(float)
    memory = SETUP.memory(0).fit(stored)
    (layer,) = memory.layers_
    weights = layer.gain * layer.weights.astype(float)
    loss = np.mean((stored - np.tanh(stored @ weights.T)) ** 2)
    assert ended(SETUP)["loss"] == pytest.approx(loss, rel=0.2)  # of one step earlier


def test_a_training_that_reaches_the_tolerance_stops():
    found = ended(SETUP.at(optimizer="rmsprop", learning_rate=1e-3, steps=10_000))
    assert found["loss"] <= 1e-8 and found["steps"] < 10_000
    assert found["cosine"] == pytest.approx(1)


def test_what_would_be_ignored_is_refused():
    for change in ({"rule": "hebbian"}, {"stuck_off": 0.1}, {"programming_error": 1.0}):
        with pytest.raises(ValueError, match="ignores"):
            ended(SETUP.at(**change))
