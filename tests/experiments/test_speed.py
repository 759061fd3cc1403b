"""The benchmarks compare like with like; how long anything takes is not tested."""

import itertools

import numpy as np
import pytest

from crossmem.experiments import Setup, Training, speed
from crossmem.labels import labelled
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch

RECIPES = {
    "published": Training("rmsprop", learning_rate=3e-4, steps=30),
    "other": Training("adam", learning_rate=1e-2, steps=20),
}
GREY = Setup(neurons=16, n_patterns=3, layers=2, width=8, activation="tanh", noise=0.3, cues=2)
STACK = {"hidden": (32,), "activation": "tanh"}


@pytest.fixture(scope="module")
def patterns():
    return Setup(n_patterns=12, activation="tanh").stored(0)


@pytest.fixture(scope="module")
def costs():
    return speed.recipe_costs(GREY, recipes=RECIPES, seeds=2)


# A training


def test_the_time_of_a_training_pays_its_start_once(monkeypatch):
    """The memory of the setup is timed over few steps, of which each takes half a second here."""
    fitted = []

    def clock(fit, repeats):
        fit()
        memory = fit.func.__self__
        fitted.append((memory.steps_, memory.period, memory.cue_noise, memory.layers_))
        return 7.0 + 0.5 * memory.steps_

    monkeypatch.setattr(speed, "best_seconds", clock)
    asked = GREY.at(optimizer="adam", steps=300, cue_noise=0.2, unroll=2, masked_fraction=0.5)
    assert speed.training_seconds(asked, timed=5) == pytest.approx(7 + 0.5 * 300)
    assert [entry[:3] for entry in fitted] == [(5, 2, 0.2), (15, 2, 0.2)]
    layers = fitted[-1][3]
    assert [layer.weights.shape for layer in layers] == [(8, 16), (16, 8)]
    assert 0.3 < np.mean(layers[0].weights == 0) < 0.7


def test_operations_by_hand():
    """One layer: forward and gradient. A stack of two: one more to carry the error back."""
    five = Setup(neurons=4, n_patterns=5).at(steps=7)
    assert speed.training_operations(five) == 2 * 2 * 16 * 5 * 7
    stack = five.at(layers=2, width=3)
    assert speed.training_operations(stack) == 2 * 5 * 12 * 5 * 7
    assert speed.training_operations(five.at(unroll=2)) == 2 * 5 * 16 * 5 * 7
    # Layers of unequal size: 3·(12 + 9 + 12) less the 12 of the first.
    assert speed.training_operations(five.at(layers=3, width=3)) == 2 * 87 * 5 * 7
    # Of noisy patterns a step shows a tenth, at least 48; the library's steps by default.
    noisy = Setup(neurons=4, n_patterns=1000).at(cue_noise=0.1, unroll=1)
    assert speed.training_operations(noisy) == 2 * 2 * 16 * 100 * 3000


# A step


@pytest.mark.parametrize("shapes", [[(6, 6)], [(3, 6), (6, 3)]])
def test_the_operations_of_a_step_are_those_of_its_products(monkeypatch, shapes):
    """Counted at the products themselves."""
    counted = []
    matmul = np.matmul

    def count(left, right, out):
        counted.append(left.size * right.shape[-1])
        return matmul(left, right, out=out)

    monkeypatch.setattr(np, "matmul", count)
    speed.training_step(shapes, 5)()
    assert sum(counted) == speed.products_per_pattern(shapes) * 5


def test_a_noisy_step_shows_a_part_of_the_patterns(monkeypatch):
    seen = []
    monkeypatch.setattr(speed, "flipped_cues", lambda clean, rate, rng, out: seen.append(clean))
    step = speed.training_step([(6, 6)], 4, flip_rate=0.1, stored=8)
    for _ in range(2):
        step()
    assert [cues.shape for cues in seen] == [(1, 4, 6)] * 2
    assert not np.array_equal(*seen)


def test_shares_are_labelled_by_training_optimizer_and_size():
    load = {"load": 1.0, "noisy_load": 0.5, "flip_rate": 0.05, "steps": 2}
    shares = speed.training_shares([16, 32], **load, rounds=1)
    assert dict(shares["share"].sizes) == {"training": 2, "optimizer": 2, "neurons": 2}


def test_memory_grows_by_five_arrays_of_weights_and_three_of_patterns():
    growth = speed.step_growth([64, 128], [64, 256], steps=1)["bytes"]
    per_pattern = growth.diff("n_patterns").squeeze() / (4 * 192 * growth["neurons"])
    np.testing.assert_allclose(per_pattern, 3, rtol=0.05)
    weights = growth - 4 * 3 * growth["neurons"] * growth["n_patterns"]
    per_weight = weights.diff("neurons") / (4 * (128**2 - 64**2))
    np.testing.assert_allclose(per_weight, 5, rtol=0.1)


# A recall


def test_recalls_are_timed_cue_by_cue_and_as_a_batch(monkeypatch):
    """By a clock that charges three seconds for a call and one for each cue in it."""
    called = []

    def clock(recall, repeats):
        (cues,) = recall.args
        called.append((recall.keywords["iterations"], len(cues), repeats))
        return 3.0 + len(cues)

    monkeypatch.setattr(speed, "best_seconds", clock)
    setup = Setup(neurons=16, n_patterns=3, rule="hebbian", iterations=7)
    charged = labelled([1.2], "1", "iterations", width=[0])
    found = speed.processor_costs(setup, charged, batch=30, repeats=5, watts=15)
    assert called == [(7, 1, 5)] * 20 + [(2, 30, 5)]
    seconds = found["seconds"].sel(width=0)
    assert seconds.sel(way="one cue") == 4 and seconds.sel(way="batch") == pytest.approx(33 / 30)
    assert found["energy"].sel(width=0, way="one cue") == 60


def test_a_batch_gets_the_iterations_of_the_chip(monkeypatch):
    limits = []

    def clock(recall, repeats):
        if len(recall.args[0]) == 9:
            limits.append((recall.func.__self__.hidden, recall.keywords["iterations"]))
        return 1.0

    monkeypatch.setattr(speed, "best_seconds", clock)
    charged = labelled([2.0, 2.1], "1", "iterations", width=[0, 8])
    setup = Setup(neurons=16, n_patterns=3).at(steps=2)
    found = speed.processor_costs(setup, charged, batch=9, repeats=1, watts=15)
    assert limits == [((), 2), ((8,), 3)]
    assert found["iterations"].values.tolist() == [2, 3]


# Recipes


def test_costs_are_labelled_by_recipe_way_and_seed(costs, assert_labelled):
    assert dict(costs.sizes) == {"recipe": 2, "way": 3, "seed": 2}
    assert_labelled(costs.data_vars)
    ours = costs.sel(way=["one by one", "batch"])
    assert np.isfinite(ours["seconds"]).all() and bool((abs(ours["cosine"]) <= 1).all())
    assert costs["steps"].values.tolist() == [30, 20]
    assert costs["learning_rate"].values.tolist() == [3e-4, 1e-2]
    assert (ours["steps_taken"] == costs["steps"]).all()


def test_only_the_first_recipe_is_timed_in_pytorch_and_only_where_it_is_installed(costs):
    timed = np.isfinite(costs["seconds"].sel(way="PyTorch"))
    assert timed.all("seed").values.tolist() == [speed.HAS_TORCH, False]
    assert timed.any("seed").values.tolist() == [speed.HAS_TORCH, False]


def test_each_network_keeps_its_own_time_and_a_batch_shares_its(monkeypatch):
    """The published recipe stops at a tolerance: networks take different times."""
    times = itertools.count(1)

    def clock(function):
        function()
        return next(times)

    monkeypatch.setattr(speed, "best_seconds", clock)
    monkeypatch.setattr(speed, "HAS_TORCH", False)
    seconds = speed.recipe_costs(GREY, recipes=RECIPES, seeds=2)["seconds"]
    alone = seconds.sel(way="one by one").transpose("seed", "recipe")
    assert alone.values.tolist() == [[1, 2], [3, 4]]
    assert seconds.sel(way="batch").values.tolist() == [[2.5, 2.5], [3, 3]]
    assert np.isnan(seconds.sel(way="PyTorch")).all()


def test_the_ways_train_the_same_networks(costs):
    for name in ("cosine", "loss"):
        one, batch = costs[name].sel(way="one by one"), costs[name].sel(way="batch")
        np.testing.assert_allclose(batch, one, rtol=1e-3)
    if speed.HAS_TORCH:
        np.testing.assert_allclose(
            costs["loss"].sel(recipe="published", way="PyTorch"),
            costs["loss"].sel(recipe="published", way="one by one"),
            rtol=1e-3,
        )


def test_the_dataset_holds_what_each_network_gives_by_itself(costs):
    memory = AdaptiveMemory(
        hidden=(8,), activation="tanh", seed=1, optimizer="adam", learning_rate=1e-2, steps=20
    )
    fit_batch([memory], GREY.stored(1)[None])
    found = costs["loss"].sel(recipe="other", way="one by one", seed=1)
    assert float(found) == pytest.approx(memory.loss_, rel=1e-4)


def test_the_yardstick_is_the_nearest_stored_pattern(costs):
    """By hand: (1, 0) lies nearer to (1, 1) than to (-2, 0); its larger norm must not win."""
    yardstick = speed.NearestPattern(np.array([[1.0, 1.0], [4.0, -1.0], [-2.0, 0.0]]))
    found = yardstick.recall(np.array([[1.0, 0.0], [-0.6, 0.1]]))
    np.testing.assert_array_equal(found, [[1.0, 1.0], [-2.0, 0.0]])
    assert (costs["nearest_cosine"] >= costs["cue_cosine"]).all()


def test_binary_memories_are_trained_with_their_own_settings():
    recipes = {"published": RECIPES["published"], "noisy": Training(cue_noise=0.05, steps=40)}
    binary = GREY.at(activation="sign", noise=0.0, flip_rate=0.05)
    costs = speed.recipe_costs(binary, recipes=recipes, seeds=1)
    assert (costs["steps_taken"].sel(way="one by one")[:, 0] == [30, 40]).all()
    assert float(costs["learning_rate"].sel(recipe="published")) == pytest.approx(3e-4)
    assert float(costs["learning_rate"].sel(recipe="noisy")) > 0  # the library's own
    assert np.isnan(costs["seconds"].sel(way="batch")).all()  # one network is no batch
    alone = AdaptiveMemory(hidden=(8,), cue_noise=0.05, steps=40).fit(binary.stored(0))
    found = costs["loss"].sel(recipe="noisy", way="one by one", seed=0)
    assert float(found) == pytest.approx(alone.loss_, rel=1e-4)


def test_nothing_to_time_is_an_error():
    with pytest.raises(ValueError, match="seeds is 0"):
        speed.recipe_costs(GREY, recipes=RECIPES, seeds=0)


# The PyTorch loop


@pytest.mark.parametrize("recipe", [{"steps": 60}, {"steps": 25, "learning_rate": 3e-3}])
def test_the_pytorch_loop_takes_the_same_steps_from_the_same_weights(patterns, recipe):
    pytest.importorskip("torch", reason="PyTorch is optional")
    ours, theirs = (
        kind(**STACK, seed=3, **recipe).fit(patterns)
        for kind in (AdaptiveMemory, speed.TorchMemory)
    )
    assert theirs.steps_ == ours.steps_ == recipe["steps"]
    assert theirs.loss_ == pytest.approx(ours.loss_, rel=1e-4)
    for own, other in zip(ours.layers_, theirs.layers_, strict=True):
        np.testing.assert_allclose(other.gain * other.weights, own.gain * own.weights, atol=1e-5)
    cues = np.clip(patterns + np.random.default_rng(1).normal(0, 0.3, patterns.shape), -1, 1)
    np.testing.assert_allclose(theirs.recall(cues), ours.recall(cues), atol=1e-3)


def test_the_pytorch_loop_stops_at_the_tolerance(patterns):
    pytest.importorskip("torch", reason="PyTorch is optional")
    memory = speed.TorchMemory(**STACK, steps=500, tolerance=0.1).fit(patterns)
    assert memory.loss_ < 0.1 and memory.steps_ < 500


def test_times_are_taken_on_one_thread():
    torch = pytest.importorskip("torch", reason="PyTorch is optional")
    before = torch.get_num_threads()
    used = []
    speed.best_seconds(lambda: used.append(torch.get_num_threads()))
    assert used == [1] and torch.get_num_threads() == before
