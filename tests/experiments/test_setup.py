"""The door of an experiment: what a setup refuses, where its values go, and what it draws."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import crossmem.experiments as e
from crossmem.experiments.pairs import chip_capacity
from crossmem.experiments.setup import RULES, Setup, Training
from crossmem.experiments.variants import variant_quality
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.base import check_limits

# The door


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"source": "MNIST"}, "source='MNIST'.*'mnist'"),
        ({"neurons": 65}, "neurons is 65.*64 and 81"),
        ({"neurons": 0}, "neurons is 0"),
        ({"n_patterns": 0}, "n_patterns is 0.*at least 1"),
        ({"rule": "hopfield"}, "rule='hopfield'.*'hebbian'"),
        ({"rule": ["hebbian"]}, "rule=.*'hebbian'"),
        ({"layers": 0}, "layers is 0.*at least 1"),
        ({"layers": 0, "rule": "hebbian"}, "layers is 0.*at least 1"),
        ({"width": 8}, "width=8 with layers=1.*layers=2"),
        ({"width": 8, "rule": "hebbian"}, "width=8 with layers=1.*layers=2"),
        ({"layers": 2, "width": 0}, "width is 0.*at least 1"),
        ({"layers": 2, "neurons": 1}, "width is 0.*at least 1"),
        ({"activation": "tan"}, "activation='tan'.*'tanh'"),
        ({"masked_fraction": 1.2}, r"masked_fraction is 1.2.*\[0, 1\]"),
        ({"flip_rate": float("nan")}, r"flip_rate is nan.*\[0, 1\]"),
        ({"stuck_off": -0.1}, r"stuck_off is -0.1.*\[0, 1\]"),
        ({"stuck_off": 0.7, "stuck_on": 0.6}, "stuck_off 0.7.*stuck_on 0.6.*more than 1"),
        ({"programming_error": -1.0}, "programming_error is -1.0.*at least 0"),
        ({"activation": "tanh", "noise": -0.3}, "noise is -0.3.*at least 0"),
        ({"noise": 0.3}, "noise=0.3.*activation='sign'.*flip_rate"),
        ({"activation": "tanh", "flip_rate": 0.1}, "flip_rate=0.1.*activation='tanh'.*noise"),
        ({"cues": 0}, "cues is 0.*at least 1"),
        ({"iterations": -1}, "iterations is -1.*at least 0"),
        ({"rule": "storkey", "layers": 2}, "rule='storkey'.*'adaptive'"),
        ({"rule": "storkey", "activation": "tanh"}, "rule='storkey'.*'adaptive'"),
        ({"unroll": 3}, "iterations=10.*multiple of unroll=3"),
        ({"unroll": 0}, "unroll is 0.*at least 1"),
        ({"optimizer": "adm"}, "optimizer='adm'.*'adam'"),
        ({"optimizer": "adm", "rule": "hebbian"}, "optimizer='adm'.*'adam'"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0.*above 0"),
        ({"steps": 0}, "steps is 0.*at least 1"),
        ({"loss": "cube"}, "loss='cube'.*'cubic'"),
        ({"batch": 2.0}, r"batch is 2.0.*\[0, 1\]"),
        ({"cue_noise": 0.7}, "cue_noise is 0.7.*at most 0.5"),
        ({"cue_noise": 0.7, "rule": "hebbian"}, "cue_noise is 0.7.*at most 0.5"),
        ({"cue_noise": [0.1, 0.2, 0.3]}, r"cue_noise=\(0.1, 0.2, 0.3\).*pair"),
    ],
)
def test_a_bad_value_is_named_with_its_limit(bad, message):
    with pytest.raises(ValueError, match=message):
        Setup().at(**bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"neurons": 64.0}, "neurons is 64.0.*integer"),
        ({"layers": 2.5}, "layers is 2.5.*integer"),
        ({"steps": 2.5}, "steps is 2.5.*integer"),
        ({"masked_fraction": None}, "masked_fraction is None.*number"),
        ({"cue_noise": "low"}, "cue_noise is 'low'.*number"),
        ({"training": {"steps": 3}}, r"training is \{'steps': 3\}.*Training\("),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(bad, message):
    with pytest.raises(TypeError, match=message):
        Setup().at(**bad)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("neuron", "neurons"), ("cuenoise", "cue_noise"), ("stuck", "stuck_on"), ("Steps", "steps")],
)
def test_an_unknown_name_is_met_with_the_nearest(name, meant):
    with pytest.raises(TypeError, match=f"{name!r}.*{meant!r}"):
        Setup().at(**{name: 1})


def test_a_training_is_checked_before_it_meets_a_setup():
    with pytest.raises(ValueError, match="optimizer='adm'.*'adam'"):
        Training("adm")
    with pytest.raises(ValueError, match="steps is 0.*at least 1"):
        Training(steps=0)


CHIP, MASKS = ["stuck_off", "stuck_on"], ["masked_fraction", "programming_error"]
RULE, TANH = {"rule": "storkey"}, {"activation": "tanh"}


@pytest.mark.parametrize(
    ("experiment", "own", "ignored"),
    [
        (e.stored_quality, {"seeds": [0]}, CHIP),
        (e.storage_capacity, {"seed": 0}, [*CHIP, "programming_error"]),
        (e.attractors, {"levels": [0.1], "seed": 0}, [*CHIP, *MASKS, "flip_rate"]),
        (e.recall_trace, {"update": "synchronous", "seed": 0}, [*CHIP, "programming_error"]),
        (e.update_schemes, {"seed": 0}, [*CHIP, "programming_error", TANH]),
        (e.chip_recall, {"seed": 0}, MASKS),
        (e.half_broken, {"limits": "none", "seed": 0}, [*MASKS, {"layers": 2}, TANH]),
        (e.analog_recall, {"chips": [], "seed": 0}, MASKS),
        (e.drifted_recall, {"times": [1.0], "seed": 0}, MASKS),
        (variant_quality, {"variant": "clean cues", "seed": 0}, [*CHIP, *MASKS, RULE, TANH]),
        (
            chip_capacity,
            {"way": "ideal", "stuck_fraction": 0.1, "on_share": 0.5, "noisy": None, "seed": 0},
            [*CHIP, *MASKS, {"layers": 2}, TANH],
        ),
    ],
)
def test_what_an_experiment_would_ignore_is_refused(experiment, own, ignored):
    for change in ignored:
        change = {change: 0.25} if isinstance(change, str) else change
        (name,) = change
        with pytest.raises(ValueError, match=f"{name}=.*use {name}="):
            experiment(Setup(neurons=16).at(**change), **own)


# Where values go


def test_values_go_where_they_belong():
    setup = Setup(flip_rate=0.05).at(neurons=100, cue_noise=0.06, steps=50)
    assert setup == Setup(flip_rate=0.05, neurons=100, training=Training(cue_noise=0.06, steps=50))
    assert setup.at(training=Training(unroll=2), steps=9).training == Training(unroll=2, steps=9)
    assert setup.at() == setup


def test_no_name_belongs_to_both():
    assert not {entry.name for entry in fields(Setup)} & {entry.name for entry in fields(Training)}


@pytest.mark.parametrize("pair", [[0.1, 0.0], np.array([0.1, 0.0]), (0.1, 0.0)])
def test_a_pair_from_a_file_becomes_a_tuple(pair):
    """So that setups can be compared and hashed."""
    setup = Setup().at(cue_noise=pair)
    assert setup.training.cue_noise == (0.1, 0.0)
    assert setup == Setup(training=Training(cue_noise=(0.1, 0.0)))
    assert len({setup, Setup().at(cue_noise=(0.1, 0.0))}) == 1


def test_a_setup_is_frozen():
    setup = Setup()
    with pytest.raises(FrozenInstanceError):
        setup.neurons = 100
    with pytest.raises(FrozenInstanceError):
        setup.training.steps = 5


# The memory


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"optimizer": "adam"},
        {"cue_noise": (0.06, 0.0)},
        {"cue_noise": 0.05, "unroll": 2, "batch": 0.5},
        {"loss": "cubic", "learning_rate": 2e-3, "steps": 77},
    ],
)
def test_there_is_one_default_of_the_training(training):
    """What is None in a setup is what `AdaptiveMemory` takes alone."""
    setup, alone = Setup(neurons=16).at(**training), AdaptiveMemory(**training, seed=4)
    assert setup.memory(4).get_params() == alone.get_params()
    limits = check_limits(None, [(16, 16)])
    assert setup.memory(4).recipe(limits) == alone.recipe(limits)


def test_a_setup_trains_as_the_memory_alone_does():
    setup = Setup(neurons=16, n_patterns=3)
    stored = setup.stored(0)
    ours, alone = (memory.fit(stored) for memory in (setup.memory(0), AdaptiveMemory(seed=0)))
    assert ours.steps_ == alone.steps_
    np.testing.assert_array_equal(ours.layers_[0].weights, alone.layers_[0].weights)


@pytest.mark.parametrize("rule", RULES)
def test_rules_by_name(rule):
    assert type(Setup(rule=rule).memory(0)) is RULES[rule]


def test_the_learning_rate_reaches_equilibrium_propagation():
    setup = Setup(rule="equilibrium")
    assert setup.at(learning_rate=0.2).memory(0).learning_rate == 0.2
    assert setup.memory(0).learning_rate == RULES["equilibrium"]().learning_rate


# Sizes


def test_two_layers_have_half_as_many_hidden_neurons():
    assert [Setup(neurons=n, layers=2).hidden for n in (64, 144, 400)] == [(32,), (72,), (200,)]
    assert Setup().hidden == ()
    assert Setup(layers=3, width=7).hidden == (7, 7)
    assert Setup(layers=3, width=7).shapes() == [(7, 64), (7, 7), (64, 7)]


@pytest.mark.parametrize("layers", [2, 3, 4, 5, 9])
def test_hidden_neurons_are_as_many_as_the_weights_of_one_layer_allow(layers):
    for neurons in np.arange(3, 30) ** 2:
        sizes = Setup(neurons=int(neurons), layers=layers).hidden
        assert len(sizes) == layers - 1
        (h,) = set(sizes)
        weights = [2 * neurons * n + (layers - 2) * n**2 for n in (h, h + 1)]
        assert weights[0] <= neurons**2 < weights[1]


# Draws


def test_pools_belong_to_source_size_and_seed():
    digits = Setup(neurons=16)
    np.testing.assert_array_equal(digits.pool(3), digits.pool(3))
    assert (digits.pool(3, 5) != digits.pool(4, 5)).any()
    assert Setup(source="random", neurons=25).pool(0).shape == (75, 25)
    assert digits.pool(0, 7).shape == (7, 16)
    np.testing.assert_array_equal(digits.at(n_patterns=4).stored(3), digits.pool(3, 4))


def test_continuous_pools_are_grey():
    grey = Setup(activation="tanh").stored(0)
    assert np.abs(grey).max() <= 1 and (np.abs(grey) < 1).any()


def test_corruption_suits_the_neurons():
    rng = np.random.default_rng(0)
    binary = Setup(flip_rate=0.2).corrupt(np.ones((200, 64)), rng)
    assert np.mean(binary == -1) == pytest.approx(0.2, abs=0.02)
    grey = Setup(activation="tanh", noise=0.2).corrupt(np.zeros((200, 64)), rng)
    assert grey.std() == pytest.approx(0.2, rel=0.05)


def test_every_layer_has_its_own_mask_and_masks_nest():
    setup = Setup(neurons=36, layers=2, width=30)
    light, heavy = (setup.at(masked_fraction=share).masked_limits(0) for share in (0.2, 0.5))
    for few, many, shape in zip(light, heavy, setup.shapes(), strict=True):
        assert few.shape == shape
        assert np.mean(~few.working) == pytest.approx(0.2, abs=0.04)
        assert (many.working <= few.working).all()
    assert (light[0].low != light[1].low.T).any()
    assert not setup.at(masked_fraction=1.0).masked_limits(0)[0].working.any()


def test_more_stuck_devices_are_the_same_and_more():
    setup = Setup(neurons=36, layers=2)
    few, many = (
        setup.at(stuck_off=share, stuck_on=share).fabricate(np.random.default_rng(2))
        for share in (0.1, 0.2)
    )
    assert [crossbar.shape for crossbar in few] == setup.shapes()
    for light, heavy in zip(few, many, strict=True):
        light, heavy = light.characterize(), heavy.characterize()
        assert (heavy.stuck_off >= light.stuck_off).all()
        assert (heavy.stuck_on >= light.stuck_on).all()
        assert heavy.stuck.sum() > light.stuck.sum()
