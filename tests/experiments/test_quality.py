"""Recall of stored patterns: what the rules share, what a seed fixes, and small runs."""

import numpy as np
import pytest

from crossmem.experiments import RULES, Setup, stored_quality

DIGITS = Setup(n_patterns=5, masked_fraction=0.3, flip_rate=0.05, cues=2)
FEW = DIGITS.at(n_patterns=5, masked_fraction=0.0, flip_rate=0.0, optimizer="adam")
STACK = DIGITS.at(layers=2, flip_rate=0.0, optimizer="rmsprop", learning_rate=1e-3, steps=2000)
GREY = Setup(n_patterns=5, layers=2, activation="tanh", cues=2)
GREY = GREY.at(optimizer="adam", learning_rate=3e-3, steps=1000)


def same(one, other, name):
    return np.array_equal(one[name], other[name])


# Pairing


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "adaptive"])
def test_rules_share_patterns_masks_and_cues(recorded, rule):
    (reference,) = recorded(stored_quality, DIGITS, seeds=[0])
    (other,) = recorded(stored_quality, DIGITS.at(rule=rule), seeds=[0])
    for name in ("patterns", "low", "cues"):
        assert same(reference, other, name), name


def test_networks_and_trainings_share_patterns_and_cues(recorded):
    (reference,) = recorded(stored_quality, DIGITS, seeds=[0])
    for change in ({"layers": 2}, {"optimizer": "adam"}, {"cue_noise": 0.1}, {"steps": 9}):
        (other,) = recorded(stored_quality, DIGITS.at(**change), seeds=[0])
        assert same(reference, other, "patterns") and same(reference, other, "cues")


def test_masked_fractions_share_patterns_and_cues_and_nest_their_masks(recorded):
    light, heavy = (
        recorded(stored_quality, DIGITS.at(masked_fraction=share), seeds=[0])[0]
        for share in (0.2, 0.5)
    )
    assert same(light, heavy, "patterns")
    assert same(light, heavy, "cues")
    masked_light, masked_heavy = light["low"] == 0, heavy["low"] == 0
    assert masked_light.mean() == pytest.approx(0.2, abs=0.03)
    assert masked_heavy.mean() == pytest.approx(0.5, abs=0.03)
    assert (masked_heavy | ~masked_light).all()


def test_a_seed_changes_patterns_masks_and_cues(recorded):
    one, other = recorded(stored_quality, DIGITS, seeds=[0, 1])
    for name in ("patterns", "low", "cues"):
        assert not same(one, other, name)


def test_cues_differ_from_each_other_and_from_their_patterns(recorded):
    (entry,) = recorded(stored_quality, DIGITS, seeds=[0])
    first, second = entry["cues"]
    assert (first != second).any()
    assert np.mean(first != entry["patterns"]) == pytest.approx(0.05, abs=0.04)


def test_cues_of_tanh_neurons_carry_gaussian_noise(recorded):
    grey = GREY.at(source="random", layers=1, n_patterns=50, noise=0.2)
    (entry,) = recorded(stored_quality, grey, seeds=[0])
    inside = np.abs(entry["patterns"]) < 0.4  # 3 σ from the bounds, where the noise is cut
    for cues in entry["cues"]:
        errors = (cues - entry["patterns"])[inside]
        assert errors.mean() == pytest.approx(0, abs=0.03)
        assert errors.std() == pytest.approx(0.2, rel=0.1)


# Small runs


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_stores_something(rule, assert_labelled):
    setup = DIGITS.at(rule=rule, steps=100)
    found, again = (stored_quality(setup, seeds=[0]) for _ in range(2))
    assert_labelled(found)
    mean, worst = found["cosine"].values, found["worst_cosine"].values
    assert mean.shape == worst.shape == (1,)
    assert -1 <= worst <= mean <= 1
    for name in found:
        np.testing.assert_array_equal(found[name], again[name])


@pytest.mark.parametrize("rule", ["hebbian", "adaptive"])
def test_seeds_together_equal_seeds_alone(rule):
    """A batch is only a faster way to train."""
    setup = DIGITS.at(rule=rule, n_patterns=15, flip_rate=0.2, steps=50)
    together = stored_quality(setup, seeds=[3, 0, 5])
    assert together["cosine"].seed.values.tolist() == [3, 0, 5]
    assert len(set(together["cosine"].values)) == 3
    for seed in (3, 0, 5):
        alone = stored_quality(setup, seeds=(seed,))
        for name in together:
            assert together[name].sel(seed=seed) == alone[name].item()


def test_a_few_digits_are_recalled_perfectly():
    assert stored_quality(FEW, seeds=[0, 1])["worst_cosine"].values.tolist() == [1, 1]
    assert stored_quality(STACK, seeds=[0, 1])["worst_cosine"].values.tolist() == [1, 1]


def test_continuous_patterns_are_recalled_from_noisy_cues():
    for noise in (0.0, 0.2):
        assert stored_quality(GREY.at(noise=noise), seeds=[0])["worst_cosine"] > 0.99


def test_large_programming_errors_spoil_recall():
    assert (stored_quality(FEW, seeds=[0, 1])["cosine"] == 1).all()
    spoilt = stored_quality(FEW.at(programming_error=150.0), seeds=[0, 1])
    assert (spoilt["cosine"] < 0.95).all()


@pytest.mark.parametrize("seeds", [3, [], None])
def test_seeds_are_a_list(seeds):
    with pytest.raises(ValueError, match="seeds=.*list"):
        stored_quality(DIGITS, seeds=seeds)
