"""Two trainings of a tiny network, whose capacities are given."""

import numpy as np
import pytest
import xarray as xr

from crossmem.experiments import Setup, Training
from crossmem.experiments.contests import contest

SMALL = Setup(neurons=16, layers=2, masked_fraction=0.5).at(optimizer="adam", steps=60)


def capacities(values, **coords):
    coords = {"criterion": ["mean"], "seed": [0, 1], **coords}
    return xr.DataArray(np.asarray(values, float), coords, list(coords))


@pytest.fixture
def found():
    after = capacities([[[6, 60], [8, 80]]], neurons=[16, 25])
    before = Training("rmsprop", 0.001, 40)
    return contest(after, capacities([[2, 2]]), SMALL, before, neurons=16, cue_noise=0.1)


def test_each_sweep_is_read_at_its_own_dimensions(found):
    assert found.held["mean"].ratio.values.tolist() == [3, 4]
    assert float(found.interval("mean").mean) == 3.5
    assert found.interval("worst_pattern") is None
    assert (found.setup.neurons, found.setup.training.cue_noise) == (16, 0.1)


@pytest.mark.parametrize(
    "change, name",
    [
        ({}, "hidden layer, N = 16, 50 % masked, noisy cues"),
        ({"layers": 1, "unroll": 2}, "one layer, N = 16, 50 % masked, two updates"),
        ({"width": 4, "masked_fraction": 0.0}, "4 hidden neurons, N = 16, noisy cues"),
        ({"activation": "tanh", "masked_fraction": 0.0}, "grey patterns, N = 16, noisy cues"),
        ({"source": "random"}, "random patterns, hidden layer, N = 16, 50 % masked, noisy cues"),
    ],
)
def test_names_say_what_is_compared(change, name):
    values = capacities([[2, 2]])
    assert contest(values, values, SMALL, SMALL.training, **change).name == name


def test_shares_by_hand(found):
    """Half of 2 * 16 * 8 weights of 2 bits hold 16 patterns of 16 pixels, of half a bit 32."""
    assert found.shares() == pytest.approx((2 / 16, 7 / 16))
    assert found.shares(0.5) == pytest.approx((2 / 32, 7 / 32))


def test_times_are_those_of_as_many_patterns_as_are_held(found, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "crossmem.experiments.contests.training_seconds", lambda setup: seen.append(setup) or 3.0
    )
    assert found.seconds(recipe_steps=400) == [30, 3, 3]
    assert [setup.n_patterns for setup in seen] == [2, 7]
    assert [setup.training.optimizer for setup in seen] == ["rmsprop", "adam"]
