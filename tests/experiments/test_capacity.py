"""Capacity in a setup: what the rules share, what both criteria cost, and small runs."""

import numpy as np
import pytest

from crossmem.analysis import theory
from crossmem.analysis.capacity import CRITERIA
from crossmem.experiments import RULES, Setup, storage_capacity
from crossmem.experiments.capacity import bits_per_pixel, expected_capacity
from crossmem.patterns import load_patterns

RANDOM = Setup(source="random", neurons=36, rule="pseudo-inverse", masked_fraction=0.2)
RANDOM = RANDOM.at(flip_rate=0.05)
ADAPTIVE = RANDOM.at(rule="adaptive", optimizer="adam", steps=300)
STACK = ADAPTIVE.at(layers=2, optimizer="rmsprop", learning_rate=1e-3, steps=1000)
GREY = STACK.at(activation="tanh", flip_rate=0.0, masked_fraction=0.0, learning_rate=3e-3)
FINE = {"resolution": 0.05, "seed": 0}


def by_mean(setup):
    return storage_capacity(setup, criteria=["mean"], **FINE)["capacity"].item()


def test_rules_share_patterns_masks_and_cues(recorded):
    """Wherever two searches try the same number of patterns."""
    logs = {}
    for rule in RULES:
        log = recorded(storage_capacity, RANDOM.at(rule=rule), **FINE)
        logs[rule] = {len(entry["patterns"]): entry for entry in log}
    reference = logs.pop("adaptive")
    compared = 0
    for log in logs.values():
        for count in reference.keys() & log.keys():
            compared += 1
            for name in ("patterns", "low", "cues"):
                assert np.array_equal(reference[count][name], log[count][name]), name
    assert compared >= 4


def test_masked_fractions_nest_their_masks(recorded):
    light, heavy = (
        recorded(storage_capacity, RANDOM.at(masked_fraction=share), **FINE)[0]["low"] == 0
        for share in (0.2, 0.5)
    )
    assert (heavy | ~light).all() and heavy.sum() > light.sum()


def test_both_criteria(assert_labelled):
    found, again = (storage_capacity(RANDOM, **FINE) for _ in range(2))
    assert_labelled(found)
    assert found["capacity"].dims == ("criterion",)
    assert found["capacity"].criterion.values.tolist() == list(CRITERIA)
    mean, worst = found["capacity"].values
    assert 0 < worst <= mean < 36
    for name in found:
        np.testing.assert_array_equal(found[name], again[name])


def test_one_criterion_finds_what_both_find():
    both = storage_capacity(RANDOM, **FINE)
    alone = storage_capacity(RANDOM, criteria=["mean"], **FINE)
    assert alone["capacity"].values == both["capacity"].sel(criterion="mean").values
    assert alone["trainings"].values <= both["trainings"].values


def test_seeds_beyond_those_of_the_worst_pattern_are_searched_by_the_mean():
    digits = ADAPTIVE.at(source="digits", masked_fraction=0.0, cues=5, steps=1000)
    both = storage_capacity(digits, **FINE)
    cheaper = storage_capacity(digits, worst_pattern_seeds=0, **FINE)
    assert cheaper["capacity"].sel(criterion="mean") == both["capacity"].sel(criterion="mean")
    assert np.isnan(cheaper["capacity"].sel(criterion="worst_pattern"))
    assert cheaper["trainings"].values < both["trainings"].values
    among_them = storage_capacity(digits, worst_pattern_seeds=1, **FINE)
    for name in both:
        np.testing.assert_array_equal(among_them[name], both[name])


def test_faults_cost_capacity_and_training_through_them_helps():
    half = {"masked_fraction": 0.5}
    inverse, adaptive = by_mean(RANDOM.at(**half)), by_mean(ADAPTIVE.at(**half))
    assert inverse < adaptive
    assert inverse < by_mean(RANDOM.at(masked_fraction=0.0))


def test_a_stack_needs_the_devices_of_one_layer_and_has_a_capacity():
    found = storage_capacity(STACK, criteria=["mean"], **FINE)
    # 36-18-36 has as many weights as 36-36, and no network holds more than 2 bits per weight.
    assert found["devices"].values == 2 * (36 * 18 + 18 * 36) == 2 * 36**2
    assert 0 < found["capacity"].item() <= 2 * 36
    narrow = storage_capacity(STACK.at(width=3), criteria=["mean"], **FINE)
    assert narrow["devices"].values == 2 * (36 * 3 + 3 * 36)
    assert narrow["capacity"].item() < found["capacity"].item()


def test_noise_costs_the_capacity_for_continuous_patterns():
    assert 0 <= by_mean(GREY.at(noise=0.5)) < by_mean(GREY)


def test_a_bad_threshold_is_named():
    with pytest.raises(ValueError, match=r"threshold is 99.*\[0, 1\]"):
        storage_capacity(RANDOM, seed=0, threshold=99)


# What may be expected


def test_expected_capacity_by_hand():
    """One layer: 2N. A stack of 2·36·9 weights, half of them masked, a third of a bit a pixel."""
    assert expected_capacity(Setup(neurons=36)) == 72
    stack = Setup(neurons=36, layers=2, width=9, masked_fraction=0.5)
    assert expected_capacity(stack, 1 / 3) == pytest.approx(2 * 324 * 3 / 36)


def test_information_of_the_patterns_of_a_setup():
    random, digits = Setup(source="random", neurons=16), Setup(neurons=16)
    grey = {"activation": "tanh"}
    assert bits_per_pixel(random) == 1
    assert bits_per_pixel(random.at(**grey), 0.9) == theory.rate_distortion_bits(0.9)
    assert bits_per_pixel(digits) == theory.bits_per_pixel(load_patterns(size=4))
    images = load_patterns(size=4, binary=False)
    assert bits_per_pixel(digits.at(**grey), 0.9) == theory.gaussian_bits_per_pixel(images, 0.9)
