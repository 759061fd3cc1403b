"""The benchmarks compare like with like; how long anything takes is not tested."""

import itertools

import numpy as np
import pytest
from sklearn.base import clone

from crossmem import experiments, speed
from crossmem.memories import AdaptiveMemory, fit_batch

RECIPES = {
    "published": {"optimizer": "rmsprop", "learning_rate": 3e-4, "steps": 30},
    "other": {"optimizer": "adam", "learning_rate": 1e-2, "steps": 20},
}
SETTINGS = {
    "dataset": "digits",
    "neurons": 16,
    "patterns": 3,
    "hidden": 8,
    "noise": 0.3,
    "cues": 2,
    "iterations": 3,
    "seeds": 2,
}
CAPACITY = {
    "dataset": "digits",
    "neurons": 16,
    "fault_rate": 0.5,
    "method": "pseudo-inverse",
    "flip_rate": 0.05,
    "threshold": 0.99,
    "cues": 1,
    "iterations": 2,
    "resolution": 0.5,
}


@pytest.fixture(scope="module")
def patterns():
    return experiments.draw_pool("digits", 64, 0, 12, binary=False)


@pytest.fixture(scope="module")
def costs():
    return speed.recipe_costs(RECIPES, **SETTINGS)


def test_the_processor_has_a_name():
    assert speed.processor() == speed.processor().strip() != ""


def test_the_time_of_a_training_pays_its_start_once(monkeypatch):
    """The memory that is timed is the one asked for, with few steps; each costs half a second."""
    timed = []

    def clock(fit, repeats):
        fit()
        timed.append(fit.func.__self__.steps_)
        return 7.0 + 0.5 * timed[-1]

    monkeypatch.setattr(speed, "best_cpu_seconds", clock)
    fitted = []
    monkeypatch.setattr(speed, "clone", lambda memory: fitted.append(clone(memory)) or fitted[0])
    stack = {"hidden": (8,), "activation": "tanh", "optimizer": "adam", "steps": 300}
    asked = AdaptiveMemory(**stack, cue_noise=0.2, unroll=2)
    limits = experiments.masked_limits(asked.layer_shapes(16), 0.5, 0)
    stored = experiments.draw_pool("digits", 16, 0, 4, binary=False)
    found = speed.training_seconds(asked, stored, limits=limits, timed=5)
    assert found == pytest.approx(7 + 0.5 * 300)
    assert asked.steps == 300 and not hasattr(asked, "layers_")
    (memory,) = fitted
    assert timed == [5, 15] and (memory.unroll, memory.cue_noise) == (2, 0.2)
    assert [layer.weights.shape for layer in memory.layers_] == [(8, 16), (16, 8)]
    assert 0.3 < np.mean(memory.layers_[0].weights == 0) < 0.7


@pytest.mark.parametrize("recipe", [{"steps": 60}, {"steps": 25, "learning_rate": 3e-3}])
def test_the_pytorch_loop_takes_the_same_steps_from_the_same_weights(patterns, recipe):
    pytest.importorskip("torch", reason="PyTorch is optional")
    settings = {"hidden": (32,), "activation": "tanh", "seed": 3, **recipe}
    ours, theirs = (kind(**settings).fit(patterns) for kind in (AdaptiveMemory, speed.TorchMemory))
    assert theirs.steps_ == ours.steps_ == recipe["steps"]
    assert theirs.loss_ == pytest.approx(ours.loss_, rel=1e-4)
    for own, other in zip(ours.layers_, theirs.layers_, strict=True):
        np.testing.assert_allclose(other.gain * other.weights, own.gain * own.weights, atol=1e-5)
    cues = experiments.corruption("tanh", 0.0, 0.3)(patterns, np.random.default_rng(1))
    np.testing.assert_allclose(theirs.recall(cues), ours.recall(cues), atol=1e-3)


def test_the_pytorch_loop_stops_at_the_tolerance(patterns):
    pytest.importorskip("torch", reason="PyTorch is optional")
    memory = speed.TorchMemory(hidden=(32,), activation="tanh", steps=500, tolerance=0.1)
    memory.fit(patterns)
    assert memory.loss_ < 0.1 and memory.steps_ < 500


@pytest.mark.parametrize(
    "unknown", [{"hidden": ()}, {"cue_noise": 0.1}, {"bias": True}, {"optimizer": "adam"}]
)
def test_the_pytorch_loop_refuses_what_it_would_ignore(patterns, unknown):
    settings = {"hidden": (32,), "activation": "tanh", **unknown}
    with pytest.raises(ValueError, match="PyTorch loop"):
        speed.TorchMemory(**settings).fit(patterns)


def test_the_pytorch_loop_refuses_limits(patterns):
    memory = speed.TorchMemory(hidden=(32,), activation="tanh", steps=10)
    with pytest.raises(ValueError, match="limits"):
        memory.fit(patterns, limits=experiments.masked_limits([(32, 64), (64, 32)], 0.5, 0))


def test_costs_are_labelled_by_recipe_way_and_seed(costs):
    assert dict(costs.sizes) == {"recipe": 2, "way": 3, "seed": 2}
    assert set(costs.data_vars) == {
        *("seconds", "cosine", "loss", "steps_taken", "cue_cosine", "nearest_cosine"),
        *("steps", "learning_rate"),
    }
    ours = costs.sel(way=["one by one", "batch"])
    assert (ours["seconds"] > 0).all() and bool((abs(ours["cosine"]) <= 1).all())
    assert costs["steps"].values.tolist() == [30, 20]
    assert (ours["steps_taken"] == costs["steps"]).all()


def test_only_the_first_recipe_is_timed_in_pytorch_and_only_where_it_is_installed(costs):
    timed = np.isfinite(costs["seconds"].sel(way="PyTorch"))
    assert timed.all("seed").values.tolist() == [speed.has_torch(), False]
    assert timed.any("seed").values.tolist() == [speed.has_torch(), False]


def test_each_network_keeps_its_own_time_and_a_batch_shares_its(monkeypatch):
    """The published recipe stops at a tolerance: networks take different times."""
    times = itertools.count(1)

    def clock(function, repeats):
        function()
        return next(times)

    monkeypatch.setattr(speed, "best_cpu_seconds", clock)
    monkeypatch.setattr(speed, "has_torch", lambda: False)
    seconds = speed.recipe_costs(RECIPES, **SETTINGS)["seconds"]
    assert seconds.sel(way="one by one").transpose("seed", "recipe").values.tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert seconds.sel(way="batch").values.tolist() == [[2.5, 2.5], [3, 3]]


def test_costs_without_pytorch(monkeypatch):
    monkeypatch.setattr(speed, "has_torch", lambda: False)
    costs = speed.recipe_costs(RECIPES, **SETTINGS)
    assert np.isnan(costs["seconds"].sel(way="PyTorch")).all()
    assert np.isfinite(costs["seconds"].sel(way=["one by one", "batch"])).all()


def test_the_ways_train_the_same_networks(costs):
    for name in ("cosine", "loss"):
        one, batch = costs[name].sel(way="one by one"), costs[name].sel(way="batch")
        np.testing.assert_allclose(batch, one, rtol=1e-3)
    if speed.has_torch():
        np.testing.assert_allclose(
            costs["loss"].sel(recipe="published", way="PyTorch"),
            costs["loss"].sel(recipe="published", way="one by one"),
            rtol=1e-3,
        )


def test_the_dataset_holds_what_each_network_gives_by_itself(costs):
    seed = 1
    stored = experiments.draw_pool("digits", 16, seed, 3, binary=False)
    memory = AdaptiveMemory(hidden=(8,), activation="tanh", seed=seed, **RECIPES["other"])
    fit_batch([memory], stored[None])
    found = costs["loss"].sel(recipe="other", way="one by one", seed=seed)
    assert float(found) == pytest.approx(memory.loss_, rel=1e-4)


def test_the_yardstick_is_the_nearest_stored_pattern(costs):
    """By hand: (1, 0) lies nearer to (1, 1) than to (-2, 0); its larger norm must not win."""
    yardstick = speed.NearestPattern(np.array([[1.0, 1.0], [4.0, -1.0], [-2.0, 0.0]]))
    found = yardstick.recall(np.array([[1.0, 0.0], [-0.6, 0.1]]))
    np.testing.assert_array_equal(found, [[1.0, 1.0], [-2.0, 0.0]])
    assert (costs["nearest_cosine"] >= costs["cue_cosine"]).all()


def test_nothing_to_time_is_an_error():
    with pytest.raises(ValueError, match="seeds"):
        speed.recipe_costs(RECIPES, **SETTINGS | {"seeds": 0})


def test_binary_memories_are_timed_with_their_own_settings():
    recipes = {"published": RECIPES["published"], "noisy": {"cue_noise": 0.05, "steps": 40}}
    settings = SETTINGS | {"activation": "sign", "noise": 0.05, "seeds": 1}
    costs = speed.recipe_costs(recipes, **settings)
    assert (costs["steps_taken"].sel(way="one by one")[:, 0] == [30, 40]).all()
    assert float(costs["learning_rate"].sel(recipe="published")) == pytest.approx(3e-4)
    assert float(costs["learning_rate"].sel(recipe="noisy")) > 0  # the library's own
    assert np.isnan(costs["seconds"].sel(way="batch")).all()  # one network is no batch
    (stored,) = [experiments.draw_pool("digits", 16, 0, 3)]
    alone = AdaptiveMemory(hidden=(8,), cue_noise=0.05, steps=40, seed=0).fit(stored)
    found = costs["loss"].sel(recipe="noisy", way="one by one", seed=0)
    assert float(found) == pytest.approx(alone.loss_, rel=1e-4)


@pytest.mark.parametrize(
    ("shapes", "operations"),
    [([(6, 6)], 2 * 2 * 36 * 5), ([(3, 6), (6, 3)], 2 * (2 + 3) * 18 * 5)],
)
def test_the_operations_of_a_step_are_those_of_its_products(monkeypatch, shapes, operations):
    """Counted at the products themselves."""
    counted = []
    matmul = np.matmul

    def count(left, right, out):
        counted.append(2 * left.size * right.shape[-1])
        return matmul(left, right, out=out)

    monkeypatch.setattr(np, "matmul", count)
    step, expected = speed.step_runner(shapes, 5)
    step()
    assert sum(counted) == expected == operations


def test_a_noisy_step_shows_a_part_of_the_patterns(monkeypatch):
    seen = []
    monkeypatch.setattr(speed, "flipped_cues", lambda clean, rate, rng, out: seen.append(clean))
    step, _ = speed.step_runner([(6, 6)], 4, flip_rate=0.1, stored=8)
    for _ in range(2):
        step()
    assert [cues.shape for cues in seen] == [(1, 4, 6)] * 2
    assert not np.array_equal(*seen)


def test_shares_are_labelled_by_training_optimizer_and_size():
    shares = speed.training_shares(
        [16, 32], load=1.0, noisy_load=0.5, flip_rate=0.05, steps=2, rounds=1
    )
    assert dict(shares["share"].sizes) == {"training": 2, "optimizer": 2, "neurons": 2}
    assert bool((shares["share"] > 0).all()) and float(shares["product_rate"]) > 0
    with pytest.raises(ValueError, match="rounds"):
        speed.training_shares([16], load=1, noisy_load=1, flip_rate=0.1, steps=1, rounds=0)


def test_memory_grows_by_five_arrays_of_weights_and_three_of_patterns():
    growth = speed.step_growth([64, 128], [64, 256], steps=1)["bytes"]
    per_pattern = growth.diff("patterns").squeeze() / (4 * 192 * growth["neurons"])
    np.testing.assert_allclose(per_pattern, 3, rtol=0.05)
    weights = growth - 4 * 3 * growth["neurons"] * growth["patterns"]
    per_weight = weights.diff("neurons") / (4 * (128**2 - 64**2))
    np.testing.assert_allclose(per_weight, 5, rtol=0.1)


def square(seed):
    return {"square": seed * seed}


def test_a_sweep_is_timed_here_and_on_dask():
    wall, computing = speed.sweep_seconds(square, {"seed": [1, 2, 3]}, {}, 1)
    assert 0 < computing < wall
    pytest.importorskip("distributed", reason="Dask is optional")
    wall, computing = speed.dask_seconds(
        experiments.storage_capacity,
        {"seed": [0, 1, 2]},
        CAPACITY,
        2,
    )
    assert 0 < computing < 2 * wall


def test_threads_are_restored():
    torch = pytest.importorskip("torch", reason="PyTorch is optional")
    before = torch.get_num_threads()
    with speed.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
