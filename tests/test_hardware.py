"""Update schemes against recalls done by hand; the range of a ratio against every corner."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from crossmem.costs import load_costs, recall_cost, saving
from crossmem.dynamics import UPDATES, Layer, recall, step
from crossmem.hardware import in_a_cycle, random_draws, ratio_range, update_schemes
from crossmem.memories import AdaptiveMemory

TABLE = Path(__file__).resolve().parents[1] / "params" / "costs.yaml"
SCHEMES = {
    "dataset": "digits",
    "neurons": 64,
    "patterns": 2,
    "flip_rate": 0.1,
    "cues": 3,
    "iterations": 10,
    "optimizer": "rmsprop",
    "learning_rate": 1e-3,
    "steps": 400,
    "seed": 0,
}


def layer(weights):
    weights = np.asarray(weights, dtype=np.float32)
    return Layer(weights, np.zeros(len(weights), dtype=np.float32))


# Update schemes


@pytest.mark.parametrize("stack", [{}, {"layers": 2, "hidden": 16}])
def test_few_patterns_take_one_update_and_one_to_confirm(stack):
    """One update corrects every flip: each scheme then changes exactly the flipped bits."""
    found = update_schemes(**SCHEMES, **stack)
    sweeps = list(UPDATES)
    assert all(variable.attrs["units"] for variable in found.values())
    assert (found["cosine"] == 1).all()
    assert (found["updates"].sel(scheme=sweeps) == 2).all()
    assert (found["moving"].sel(scheme=sweeps) == 1).all()
    assert len(set(found["changes"].values.tolist())) == 1
    assert not found["oscillating"].any()


def test_random_draws_collect_all_neurons():
    """Until the last of k flips N·H(k) draws, then N·H(N) until every neuron was seen again."""
    found = update_schemes(**SCHEMES | {"cues": 200})
    flips = np.random.default_rng(0).binomial(64, 0.1, 10_000)
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, 65))))
    drawn = found["moving"].sel(scheme="random draws")
    assert float(drawn) == pytest.approx(harmonic[flips].mean(), rel=0.1)
    confirming = found["updates"].sel(scheme="random draws") - drawn
    assert float(confirming) == pytest.approx(harmonic[64], rel=0.05)


def test_two_neurons_that_copy_each_other_oscillate_only_together():
    copying = [layer([[0, 1], [1, 0]])]
    cue = [[1.0, -1.0]]
    together = recall(copying, cue, iterations=10, trace=True)
    apart = recall(copying, cue, iterations=10, update="asynchronous", trace=True)
    assert in_a_cycle(together).all()
    assert not in_a_cycle(apart).any()
    states, found = random_draws(copying, cue, 1000, np.random.default_rng(0))
    assert abs(states.sum()) == 2
    assert found["last"] == found["changes"] == 1
    assert 3 <= found["known"] <= 20


def test_a_longer_cycle_is_not_of_period_two():
    turning = [layer(np.roll(np.eye(3), 1, axis=0))]
    assert not in_a_cycle(recall(turning, [[1.0, -1.0, -1.0]], iterations=10, trace=True)).any()


@pytest.mark.parametrize("hidden", [(), (24,), (20, 24)])
def test_random_draws_end_in_fixed_points_and_count_what_changed(hidden):
    rng = np.random.default_rng(1)
    patterns = np.sign(rng.standard_normal((4, 36)))
    memory = AdaptiveMemory(hidden=hidden, optimizer="adam", seed=0).fit(patterns)
    cues = np.where(rng.random((40, 36)) < 0.15, -1, 1) * np.tile(patterns, (10, 1))
    states, found = random_draws(memory.layers_, cues, 20_000, rng)
    np.testing.assert_array_equal(step(memory.layers_, states), states)
    differ = (states != cues).sum(axis=1)
    assert (found["changes"] >= differ).all() and ((found["changes"] - differ) % 2 == 0).all()
    assert (found["known"] - found["last"] >= 36).all()
    assert ((found["last"] == 0) == (found["changes"] == 0)).all()


def test_random_draws_stop_at_the_limit():
    """A neuron that inhibits itself changes with every draw and is never known to rest."""
    states, found = random_draws([layer([[-1.0]])], [[1.0]], 7, np.random.default_rng(0))
    assert found == {"last": 7, "known": 7, "changes": 7}
    assert states == -1


def test_bad_iterations():
    with pytest.raises(ValueError, match="iterations is 1, but must be at least 2"):
        update_schemes(**SCHEMES | {"iterations": 1})


# Range of a ratio


def test_ratio_range_covers_every_corner():
    costs = load_costs(TABLE)

    def ratio(constants):
        sweep = recall_cost([(8, 8)], "asynchronous", 8, constants)
        return saving(sweep, recall_cost([(8, 8)], "synchronous", 1, constants)).energy

    groups = [["mean_conductance", "read_time"], ["dac_energy", "line_voltage"], ["adc_energy"]]
    low, high = ratio_range(ratio, costs, groups)
    singles = [key for group in groups for key in group]
    middle = {key: cost.typical for key, cost in costs.items()}
    corners = [
        ratio(middle | dict(zip(singles, values, strict=True)))
        for values in product(*((costs[key].low, costs[key].high) for key in singles))
    ]
    assert (low, high) == pytest.approx((min(corners), max(corners)))
    assert 1 < low < high < 8


@pytest.mark.parametrize(("shapes", "expected"), [([(64, 64)], 64), ([(16, 64), (64, 16)], 64 / 2)])
def test_latency_ratios_have_no_range(shapes, expected):
    """An iteration of each layer takes as long as a step of one, whatever the constants."""
    costs = load_costs(TABLE)
    times = [[key] for key in ("read_time", "drive_time", "adc_time", "digital_time")]

    def ratio(constants):
        sweep = recall_cost([(64, 64)], "asynchronous", 64, constants)
        return saving(sweep, recall_cost(shapes, "synchronous", 1, constants)).latency

    assert ratio_range(ratio, costs, times) == pytest.approx((expected, expected))
