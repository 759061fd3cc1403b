"""Two trainings of a tiny network, whose capacities are given."""

import numpy as np
import pytest
import xarray as xr

from crossmem.analysis.statistics import mean_interval
from crossmem.experiments import Setup, Training
from crossmem.experiments.contests import contest

SMALL = Setup(neurons=16, layers=2, masked_fraction=0.5).at(optimizer="adam", steps=60)


def capacities(values, criteria=("mean",), **coords):
    values = np.asarray(values, float)
    coords = {"criterion": list(criteria), "seed": list(range(values.shape[1])), **coords}
    return xr.DataArray(values, coords, list(coords))


@pytest.fixture
def found():
    after = capacities([[[6, 60], [8, 80]]], neurons=[16, 25])
    before = Training("rmsprop", 0.001, 40)
    return contest(after, capacities([[2, 2]]), SMALL, before, neurons=16, cue_noise=0.1)


def test_multipliers_by_criterion():
    """The second criterion was searched on two seeds, on one of which nothing was held before."""
    nan, criteria = np.nan, ("mean", "worst_pattern")
    after = capacities([[8, 9, 6], [4, 6, nan]], criteria)
    before = capacities([[4, 3, 3], [2, 0, nan]], criteria)
    found = contest(after, before, SMALL, SMALL.training).held
    mean, worst = found["mean"], found["worst_pattern"]
    assert (mean.before, mean.after, mean.seeds) == (
        pytest.approx(10 / 3),
        pytest.approx(23 / 3),
        3,
    )
    assert mean.ratio.values.tolist() == [2, 3, 2]
    assert mean.interval == mean_interval(mean.ratio)
    assert (worst.before, worst.after, worst.seeds, worst.interval) == (1, 5, 1, None)
    assert contest(after, before.sel(criterion=["mean"]), SMALL, SMALL.training).held.keys() == {
        "mean"
    }
    assert str(mean).startswith("3 → 8, ×2.33 (2.00 to ") and str(worst) == "1 → 5"


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
