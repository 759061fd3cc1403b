"""Grid points: what the methods share, what a seed fixes, and small runs of each figure."""

import numpy as np
import pytest

from crossmem import experiments
from crossmem.capacity import CRITERIA
from crossmem.experiments import (
    METHODS,
    chip_recall,
    draw_pool,
    make_memory,
    masked_limits,
    storage_capacity,
    stored_quality,
)
from crossmem.memories import AdaptiveMemory

QUALITY = {
    "dataset": "digits",
    "neurons": 64,
    "patterns": 5,
    "fault_rate": 0.3,
    "method": "hebbian",
    "flip_rate": 0.05,
    "cues": 2,
    "iterations": 10,
    "seed": 0,
}
CAPACITY = {
    "dataset": "random",
    "neurons": 36,
    "fault_rate": 0.2,
    "method": "pseudo-inverse",
    "flip_rate": 0.05,
    "threshold": 0.99,
    "cues": 1,
    "iterations": 10,
    "resolution": 0.05,
    "seed": 0,
}
CHIP = {
    "dataset": "digits",
    "neurons": 64,
    "stuck_off": 0.0,
    "stuck_on": 0.0,
    "flip_rate": 0.05,
    "iterations": 5,
    "seed": 0,
}


def values(results):
    return {name: np.asarray(variable.values) for name, variable in results.items()}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def assert_labelled(results):
    for name, variable in results.items():
        assert set(variable.attrs) == {"units", "long_name"}, name
        assert all(variable.attrs.values()), name


# Pairing


class Recorder:
    """Stands in for a memory and notes what it is given; it returns every cue."""

    log = []

    def __init__(self, **training):
        pass

    def fit(self, patterns, limits):
        self.log.append({"patterns": patterns, "low": limits[0].low, "cues": []})
        return self

    def recall(self, cues, iterations):
        self.log[-1]["cues"].append(cues)
        return cues


@pytest.fixture
def recorded(monkeypatch):
    """Runs an experiment with stand-ins; returns what each fit was given."""
    for method in METHODS:
        monkeypatch.setitem(experiments.METHODS, method, Recorder)
    monkeypatch.setattr(experiments, "AdaptiveMemory", Recorder)

    def run(experiment, **settings):
        monkeypatch.setattr(Recorder, "log", [])
        experiment(**settings)
        return Recorder.log

    return run


def same(one, other, name):
    return np.array_equal(one[name], other[name])


@pytest.mark.parametrize(
    ("experiment", "settings"), [(stored_quality, QUALITY), (storage_capacity, CAPACITY)]
)
def test_methods_share_patterns_masks_and_cues(recorded, experiment, settings):
    logs = {}
    for method in METHODS:
        log = recorded(experiment, **(settings | {"method": method}))
        logs[method] = {len(entry["patterns"]): entry for entry in log}
    reference = logs.pop("adaptive")
    compared = 0
    for log in logs.values():
        for count in reference.keys() & log.keys():
            compared += 1
            for name in ("patterns", "low", "cues"):
                assert same(reference[count], log[count], name)
    assert compared >= 4


def test_fault_rates_share_patterns_and_cues_and_nest_their_masks(recorded):
    light, heavy = (
        recorded(stored_quality, **(QUALITY | {"fault_rate": rate}))[0] for rate in (0.2, 0.5)
    )
    assert same(light, heavy, "patterns")
    assert same(light, heavy, "cues")
    masked_light, masked_heavy = light["low"] == 0, heavy["low"] == 0
    assert masked_light.mean() == pytest.approx(0.2, abs=0.03)
    assert masked_heavy.mean() == pytest.approx(0.5, abs=0.03)
    assert (masked_heavy | ~masked_light).all()


def test_a_seed_changes_patterns_masks_and_cues(recorded):
    one, other = (recorded(stored_quality, **(QUALITY | {"seed": s}))[0] for s in (0, 1))
    for name in ("patterns", "low", "cues"):
        assert not same(one, other, name)


def test_cues_differ_from_each_other_and_from_their_patterns(recorded):
    entry = recorded(stored_quality, **QUALITY)[0]
    first, second = entry["cues"]
    assert (first != second).any()
    assert np.mean(first != entry["patterns"]) == pytest.approx(0.05, abs=0.04)


def test_pools_and_masks_are_those_of_their_coordinates():
    np.testing.assert_array_equal(draw_pool("digits", 64, 3), draw_pool("digits", 64, 3))
    assert draw_pool("random", 25, 0).shape == (75, 25)
    assert draw_pool("digits", 16, 0, 7).shape == (7, 16)
    assert masked_limits(9, 1.0, 0)[0].working.sum() == 0


def test_methods_by_name():
    memory = make_memory("adaptive", 4, optimizer="adam", steps=9)
    assert isinstance(memory, AdaptiveMemory)
    assert (memory.seed, memory.optimizer, memory.steps) == (4, "adam", 9)
    with pytest.raises(ValueError, match=r"method='hopfield' is unknown: choose one of .*hebbian"):
        make_memory("hopfield", 0)
    with pytest.raises(ValueError, match="neurons is 65, .* nearest are 64 and 81"):
        stored_quality(**(QUALITY | {"neurons": 65}))


# Small runs


@pytest.mark.parametrize("method", METHODS)
def test_stored_quality(method):
    settings = QUALITY | {"method": method, "steps": 100}
    results = stored_quality(**settings)
    assert_labelled(results)
    found = values(results)
    assert -1 <= found["worst_cosine"] <= found["cosine"] <= 1
    assert_equal(found, values(stored_quality(**settings)))


def test_adaptive_memory_recalls_a_few_digits_perfectly():
    found = values(stored_quality(**(QUALITY | {"method": "adaptive", "flip_rate": 0.0})))
    assert (found["cosine"], found["worst_cosine"]) == (1, 1)


def test_storage_capacity():
    results = storage_capacity(**CAPACITY)
    assert_labelled(results)
    assert results["capacity"].dims == ("criterion",)
    assert results["capacity"].criterion.values.tolist() == list(CRITERIA)
    by_mean, per_pattern = results["capacity"].values
    assert 0 < per_pattern <= by_mean < 36
    assert_equal(values(results), values(storage_capacity(**CAPACITY)))


def test_one_criterion_finds_what_both_find():
    both = storage_capacity(**CAPACITY)
    alone = storage_capacity(**CAPACITY, criteria=["mean"])
    assert alone["capacity"].values == both["capacity"].sel(criterion="mean").values
    assert alone["trainings"].values <= both["trainings"].values


def test_faults_cost_capacity_and_training_through_them_helps():
    settings = CAPACITY | {"fault_rate": 0.5, "criteria": ["mean"], "steps": 300}
    inverse = storage_capacity(**settings)["capacity"].item()
    adaptive = storage_capacity(**(settings | {"method": "adaptive"}))["capacity"].item()
    healthy = storage_capacity(**(settings | {"fault_rate": 0.0}))["capacity"].item()
    assert inverse < adaptive
    assert inverse < healthy


def test_chip_recall_of_a_healthy_chip():
    results = chip_recall(**CHIP, steps=300)
    assert_labelled(results)
    found = values(results)
    assert found["state"].shape == (6, 10, 64)
    # Programming error of the paper: 3.9 µS, plus a read.
    error = found["readout"] - found["target"]
    assert 2 < error.std() < 6
    assert found["target"].min() >= 0
    assert found["target"].max() <= 150
    # Written out: the products are those of the read-out pairs, up to one more read.
    pairs = (found["readout"][..., 0] - found["readout"][..., 1]) / 150
    by_hand = found["state"][0] @ pairs.T
    assert np.corrcoef(by_hand.ravel(), found["measured"].ravel())[0, 1] > 0.98
    assert np.corrcoef(found["expected"].ravel(), found["measured"].ravel())[0, 1] > 0.97
    # Recall: ten digits come back, and the energy falls as they do.
    stored = found["pattern_pixels"]
    np.testing.assert_allclose(found["cosine"][-1], np.mean(found["state"][-1] * stored, axis=1))
    assert found["cosine"][0].mean() == pytest.approx(0.9, abs=0.05)
    assert found["cosine"][-1].mean() > 0.98
    moved = (found["state"][-1] != found["state"][0]).any(axis=1)
    assert moved.sum() > 5
    assert (found["energy"][-1] < found["energy"][0])[moved].all()
    assert_equal(found, values(chip_recall(**CHIP, steps=300)))


def test_chip_recall_of_a_broken_chip_shows_its_faults():
    found = values(chip_recall(**(CHIP | {"stuck_off": 0.25, "stuck_on": 0.25}), steps=300))
    stuck_on = found["readout"] > 140
    assert stuck_on.mean() > 0.2
    # Half of the devices are stuck, and the target asks none of them for what it cannot do.
    assert np.abs(found["readout"] - found["target"]).mean() < 5
    assert found["cosine"][-1].mean() > found["cosine"][0].mean()
