"""Update schemes against recalls done by hand, and against the theory of random draws."""

import numpy as np
import pytest

from crossmem.experiments import Setup, update_schemes
from crossmem.experiments.update_order import in_a_cycle, random_draws
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import UPDATES, Layer, Network, step

FEW = Setup(n_patterns=2, flip_rate=0.1, cues=3)
FEW = FEW.at(optimizer="rmsprop", learning_rate=1e-3, steps=400)


def network(weights):
    weights = np.asarray(weights, dtype=np.float32)
    return Network([Layer(weights, np.zeros(len(weights), dtype=np.float32))])


@pytest.mark.parametrize("stack", [{}, {"layers": 2, "width": 16}])
def test_few_patterns_take_one_update_and_one_to_confirm(stack, assert_labelled):
    """One update corrects every flip: each scheme then changes exactly the flipped bits."""
    found = update_schemes(FEW.at(**stack), seed=0)
    assert_labelled(found)
    sweeps = list(UPDATES)
    assert (found["cosine"] == 1).all()
    assert (found["updates"].sel(scheme=sweeps) == 2).all()
    assert (found["moving"].sel(scheme=sweeps) == 1).all()
    assert len(set(found["changes"].values.tolist())) == 1
    assert not found["oscillating"].any()


def test_random_draws_collect_all_neurons():
    """Until the last of k flips N·H(k) draws, then N·H(N) until every neuron was seen again."""
    found = update_schemes(FEW.at(cues=200), seed=0)
    flips = np.random.default_rng(0).binomial(64, 0.1, 10_000)
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, 65))))
    drawn = found["moving"].sel(scheme="random draws")
    assert float(drawn) == pytest.approx(harmonic[flips].mean(), rel=0.1)
    confirming = found["updates"].sel(scheme="random draws") - drawn
    assert float(confirming) == pytest.approx(harmonic[64], rel=0.05)


def test_two_neurons_that_copy_each_other_oscillate_only_together():
    copying = network([[0, 1], [1, 0]])
    cue = [[1.0, -1.0]]
    together = copying.recall(cue, iterations=10, trace=True)
    apart = copying.recall(cue, iterations=10, update="asynchronous", trace=True)
    assert in_a_cycle(together).all()
    assert not in_a_cycle(apart).any()
    states, found = random_draws(copying, cue, 1000, np.random.default_rng(0))
    assert abs(states.sum()) == 2
    assert found["last"] == found["changes"] == 1
    assert 3 <= found["known"] <= 20


def test_a_longer_cycle_is_not_of_period_two():
    rotating = network(np.roll(np.eye(3), 1, axis=0))
    assert not in_a_cycle(rotating.recall([[1.0, -1.0, -1.0]], iterations=10, trace=True)).any()


@pytest.mark.parametrize("hidden", [(), (24,), (20, 24)])
def test_random_draws_end_in_fixed_points_and_count_what_changed(hidden):
    rng = np.random.default_rng(1)
    patterns = np.sign(rng.standard_normal((4, 36)))
    fitted = AdaptiveMemory(hidden=hidden, optimizer="adam", seed=0).fit(patterns).network_
    cues = np.where(rng.random((40, 36)) < 0.15, -1, 1) * np.tile(patterns, (10, 1))
    states, found = random_draws(fitted, cues, 20_000, rng)
    np.testing.assert_array_equal(step(fitted.layers, states), states)
    differ = (states != cues).sum(axis=1)
    assert (found["changes"] >= differ).all() and ((found["changes"] - differ) % 2 == 0).all()
    assert (found["known"] - found["last"] >= 36).all()
    assert ((found["last"] == 0) == (found["changes"] == 0)).all()


def test_random_draws_stop_at_the_limit():
    """A neuron that inhibits itself changes with every draw and is never known to rest."""
    states, found = random_draws(network([[-1.0]]), [[1.0]], 7, np.random.default_rng(0))
    assert found == {"last": 7, "known": 7, "changes": 7}
    assert states == -1


def test_a_cycle_needs_two_iterations():
    with pytest.raises(ValueError, match="iterations is 1.*at least 2"):
        update_schemes(FEW.at(iterations=1), seed=0)
