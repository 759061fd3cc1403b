"""One pattern of each class on one chip: results against the conductances that were read."""

import numpy as np
import pytest

from crossmem.experiments import Setup, chip_recall, half_broken
from crossmem.experiments.chip import train_on_chip
from crossmem.randomness import generator

CHIP = Setup(flip_rate=0.05, iterations=5).at(optimizer="adam", steps=300)
STACK = CHIP.at(layers=2, optimizer="rmsprop", learning_rate=1e-3, steps=2000)
GREY = CHIP.at(layers=2, activation="tanh", flip_rate=0.0, learning_rate=3e-3, steps=2000)


def values(results):
    return {name: np.asarray(variable.values) for name, variable in results.items()}


def test_a_memory_keeps_within_what_its_crossbars_reach():
    rng = generator(0, "test")
    setup = CHIP.at(neurons=16, layers=2, width=5, stuck_off=0.2, stuck_on=0.1, steps=20)
    memory, crossbars = train_on_chip(setup, setup.stored(0), rng, seed=0)
    assert [crossbar.shape for crossbar in crossbars] == setup.shapes()
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        limits = crossbar.faults.weight_limits()
        assert (layer.weights >= limits.low - 1e-6).all()
        assert (layer.weights <= limits.high + 1e-6).all()


def test_a_healthy_chip(assert_labelled):
    results = chip_recall(CHIP, seed=0)
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
    again = values(chip_recall(CHIP, seed=0))
    for name in found:
        np.testing.assert_array_equal(found[name], again[name], err_msg=name)


def test_a_broken_chip_shows_its_faults():
    found = values(chip_recall(CHIP.at(stuck_off=0.25, stuck_on=0.25), seed=0))
    stuck_on = found["readout"] > 140
    assert stuck_on.mean() > 0.2
    # Half of the devices are stuck, and the target asks none of them for what it cannot do.
    assert np.abs(found["readout"] - found["target"]).mean() < 5
    assert found["cosine"][-1].mean() > found["cosine"][0].mean()


def test_a_stack_of_chips_recalls_ten_of_ten_digits(assert_labelled):
    results = chip_recall(STACK.at(width=16, flip_rate=0.1, iterations=10), seed=0)
    assert_labelled(results)
    assert {"target_1", "readout_1", "target_2", "readout_2"} <= results.keys()
    assert "energy" not in results
    found = values(results)
    assert found["readout_1"].shape == (16, 64, 2)
    assert found["readout_2"].shape == (64, 16, 2)
    assert found["cosine"][0].max() < 1
    np.testing.assert_array_equal(found["cosine"][-1], np.ones(10))
    # Written out: the products of one crossbar, scaled and squashed, drive the next.
    first, second = (
        (found[name][..., 0] - found[name][..., 1]) / 150 for name in ("readout_1", "readout_2")
    )
    hidden = np.tanh(3 / np.sqrt(64) * found["state"][0] @ first.T)
    assert np.mean(np.sign(hidden @ second.T) == found["state"][1]) > 0.98


def test_continuous_patterns():
    found = values(chip_recall(GREY.at(noise=0.3), seed=0))
    stored, states = found["pattern_pixels"], found["state"]
    inside = np.abs(stored) < 0.4  # where 0.3 is at least 2 σ from the bounds
    assert np.std((states[0] - stored)[inside]) == pytest.approx(0.3, abs=0.05)
    assert np.abs(states[1:]).max() < 1
    assert found["cosine"][-1].mean() > 0.9


def test_one_layer_of_tanh_neurons_has_an_energy():
    found = values(chip_recall(GREY.at(layers=1, noise=0.1, steps=50), seed=0))
    assert found["energy"].shape == (6, 10)
    assert {"target", "readout", "expected", "measured"} <= found.keys()


# Half of the devices


def test_half_broken_digits_need_training_and_the_fault_map():
    sound = Setup(neurons=144, flip_rate=0.05).at(cue_noise=0.05, steps=1000)
    broken = sound.at(stuck_off=0.25, stuck_on=0.25)

    def recalled(setup, limits):
        return half_broken(setup, limits=limits, seed=1)["cosine"].values.mean()

    assert half_broken(broken, limits="intervals", seed=1)["cosine"].shape == (10,)
    assert recalled(broken, "intervals") > 0.98
    assert recalled(broken, "none") < 0.9
    assert recalled(sound.at(rule="pseudo-inverse"), "intervals") > 0.98


def test_half_broken_refuses_an_unknown_limit():
    with pytest.raises(ValueError, match="limits='mask'.*'masked'"):
        half_broken(Setup(neurons=16), limits="mask", seed=0)
