"""Grid points: what the methods share, what a seed fixes, and small runs of each figure."""

from types import SimpleNamespace

import numpy as np
import pytest

from crossmem import experiments
from crossmem.capacity import CRITERIA
from crossmem.dynamics import Layer
from crossmem.experiments import (
    METHODS,
    OUTCOMES,
    attractors,
    chip_recall,
    draw_pool,
    hidden_sizes,
    make_memory,
    masked_limits,
    miswritten,
    outcomes,
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
    "seeds": [0],
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
STACK = {"layers": 2, "optimizer": "rmsprop", "learning_rate": 1e-3, "steps": 2000}
CONTINUOUS = {
    "activation": "tanh",
    "flip_rate": 0.0,
    "layers": 2,
    "learning_rate": 3e-3,
    "steps": 2000,
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

    def layer_shapes(self, neurons):
        return [(neurons, neurons)]

    def devices(self, neurons):
        return 2 * neurons**2

    def fit(self, patterns, limits):
        self.entry = {"patterns": patterns, "low": limits[0].low, "cues": []}
        self.log.append(self.entry)
        return self

    def recall(self, cues, iterations):
        self.entry["cues"].append(cues)
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
    one, other = recorded(stored_quality, **(QUALITY | {"seeds": [0, 1]}))
    for name in ("patterns", "low", "cues"):
        assert not same(one, other, name)


def test_cues_differ_from_each_other_and_from_their_patterns(recorded):
    entry = recorded(stored_quality, **QUALITY)[0]
    first, second = entry["cues"]
    assert (first != second).any()
    assert np.mean(first != entry["patterns"]) == pytest.approx(0.05, abs=0.04)


def test_cues_of_tanh_neurons_carry_gaussian_noise(recorded):
    settings = {
        "dataset": "random",
        "activation": "tanh",
        "patterns": 50,
        "noise": 0.2,
        "flip_rate": 0.0,
        "method": "adaptive",
    }
    entry = recorded(stored_quality, **(QUALITY | settings))[0]
    inside = np.abs(entry["patterns"]) < 0.4  # 3 σ from the bounds, where the noise is cut
    for cues in entry["cues"]:
        errors = (cues - entry["patterns"])[inside]
        assert errors.mean() == pytest.approx(0, abs=0.03)
        assert errors.std() == pytest.approx(0.2, rel=0.1)


def test_pools_and_masks_are_those_of_their_coordinates():
    np.testing.assert_array_equal(draw_pool("digits", 64, 3), draw_pool("digits", 64, 3))
    assert draw_pool("random", 25, 0).shape == (75, 25)
    assert draw_pool("digits", 16, 0, 7).shape == (7, 16)
    assert masked_limits([(9, 9)], 1.0, 0)[0].working.sum() == 0


def test_every_layer_of_a_stack_has_its_own_mask_and_masks_nest():
    shapes = [(30, 40), (40, 30)]
    light, heavy = (masked_limits(shapes, rate, 0) for rate in (0.2, 0.5))
    for few, many, shape in zip(light, heavy, shapes, strict=True):
        assert few.shape == shape
        assert np.mean(~few.working) == pytest.approx(0.2, abs=0.04)
        assert (many.working <= few.working).all()
    assert (light[0].low != light[1].low.T).any()


# Sizes


def test_two_layers_have_half_as_many_hidden_neurons():
    assert [hidden_sizes(n, 2) for n in (64, 144, 400)] == [(32,), (72,), (200,)]
    assert hidden_sizes(64) == hidden_sizes(64, 1) == ()
    assert hidden_sizes(64, 3, hidden=7) == (7, 7)


@pytest.mark.parametrize("layers", [2, 3, 4, 5, 9])
def test_hidden_neurons_are_as_many_as_the_weights_of_one_layer_allow(layers):
    for neurons in np.arange(2, 30) ** 2:
        sizes = hidden_sizes(int(neurons), layers)
        assert len(sizes) == layers - 1
        (h,) = set(sizes)
        weights = [2 * neurons * n + (layers - 2) * n**2 for n in (h, h + 1)]
        assert weights[0] <= neurons**2 < weights[1]


def test_a_stack_has_a_whole_number_of_layers():
    with pytest.raises(ValueError, match="layers is 0, but must be at least 1"):
        hidden_sizes(64, 0)
    with pytest.raises(TypeError, match="layers is 2.5, but must be an integer"):
        hidden_sizes(64, 2.5)


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
    assert found["cosine"].shape == found["worst_cosine"].shape == (1,)
    assert -1 <= found["worst_cosine"] <= found["cosine"] <= 1
    assert_equal(found, values(stored_quality(**settings)))


def test_adaptive_memory_recalls_a_few_digits_perfectly():
    found = values(stored_quality(**(QUALITY | {"method": "adaptive", "flip_rate": 0.0})))
    assert (found["cosine"], found["worst_cosine"]) == (1, 1)


@pytest.mark.parametrize("method", ["hebbian", "adaptive"])
def test_seeds_together_equal_seeds_alone(method):
    settings = QUALITY | {"method": method, "patterns": 15, "flip_rate": 0.2, "steps": 50}
    together = stored_quality(**(settings | {"seeds": [3, 0, 5]}))
    assert together["cosine"].seed.values.tolist() == [3, 0, 5]
    assert len(set(together["cosine"].values)) == 3
    for seed in (3, 0, 5):
        alone = stored_quality(**(settings | {"seeds": [seed]}))
        for name in together:
            assert together[name].sel(seed=seed) == alone[name].item()


def test_a_stack_recalls_a_few_digits_perfectly():
    settings = QUALITY | STACK | {"method": "adaptive", "flip_rate": 0.0, "seeds": [0, 1]}
    assert stored_quality(**settings)["worst_cosine"].values.tolist() == [1, 1]


def test_continuous_patterns_are_recalled_from_noisy_cues():
    settings = QUALITY | CONTINUOUS | {"method": "adaptive", "fault_rate": 0.0}
    for noise in (0.0, 0.2):
        assert stored_quality(**settings, noise=noise)["worst_cosine"] > 0.99


def test_a_closed_form_rule_cannot_store_continuous_patterns():
    with pytest.raises(ValueError, match="'hebbian' knows one layer of sign neurons only"):
        stored_quality(**QUALITY, activation="tanh")


def test_a_closed_form_rule_has_no_hidden_layers():
    with pytest.raises(ValueError, match="use method='adaptive' for hidden layers"):
        stored_quality(**QUALITY, layers=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": 8}, "hidden=8 with layers=1: a hidden layer needs layers=2"),
        ({"layers": 2, "hidden": 0}, "hidden"),
        ({"layers": 0}, "layers"),
        ({"noise": 0.3}, "sign neurons take a flip_rate"),
        ({"activation": "tanh"}, "tanh neurons a noise"),
        ({"seeds": 3}, "seeds=3 must be a list of at least one"),
        ({"seeds": []}, r"seeds=\[\] must be a list of at least one"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        stored_quality(**(QUALITY | {"method": "adaptive"} | settings))


# Conductance errors


def network(weight, size=400):
    weights = np.full((size, size), weight, dtype=np.float32)
    return SimpleNamespace(layers_=[Layer(weights, np.ones(size, np.float32), 2.0)])


def test_a_write_without_error_keeps_the_memory():
    rng = np.random.default_rng(0)
    layer = Layer(rng.uniform(-1, 1, (5, 4)).astype(np.float32), np.arange(5.0), 3.0)
    (written,) = miswritten(SimpleNamespace(layers_=[layer]), 0.0, rng).layers_
    np.testing.assert_array_equal(written.weights, layer.weights)
    np.testing.assert_array_equal(written.bias, layer.bias)
    assert written.gain == 3.0


@pytest.mark.parametrize("weight", [0.5, 0.0, -0.5])
def test_errors_of_a_pair_have_the_moments_of_rectified_gaussians(weight):
    """A device far from 0 µS errs by N(0, s²); one at 0 keeps the positive half, of mean s/√(2π)
    and variance s²(1/2 - 1/(2π)).
    """
    spread, memory = 9.0 / 150, network(weight)
    errors = miswritten(memory, 9.0, np.random.default_rng(1)).layers_[0].weights - weight
    half = spread**2 * (0.5 - 0.5 / np.pi)
    mean = -np.sign(weight) * spread / np.sqrt(2 * np.pi)
    assert errors.mean() == pytest.approx(mean, abs=5 * spread / 400)
    assert errors.var() == pytest.approx(half + (spread**2 if weight else half), rel=0.03)
    assert (memory.layers_[0].weights == weight).all()  # the original is left alone


def test_no_device_is_written_below_zero():
    """With both devices at 0 µS at least, a pair of weight 0 errs to neither side in 1 of 4."""
    written = miswritten(network(0.0), 1e4, np.random.default_rng(2)).layers_[0].weights
    assert np.mean(written == 0) == pytest.approx(0.25, abs=0.01)


def test_layers_err_independently():
    memory = SimpleNamespace(layers_=2 * network(0.5, 20).layers_)
    one, other = miswritten(memory, 5.0, np.random.default_rng(3)).layers_
    assert abs(np.corrcoef(one.weights.ravel(), other.weights.ravel())[0, 1]) < 0.2


def test_large_conductance_errors_spoil_recall():
    settings = QUALITY | {"method": "adaptive", "flip_rate": 0.0, "seeds": [0, 1]}
    assert (stored_quality(**settings)["cosine"] == 1).all()
    assert (stored_quality(**settings, conductance_error=150.0)["cosine"] < 0.95).all()
    with pytest.raises(ValueError, match="error is -1, but must be finite and >= 0"):
        stored_quality(**settings, conductance_error=-1)


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


def test_seeds_beyond_those_of_each_pattern_are_searched_by_the_mean():
    settings = CAPACITY | {"dataset": "digits", "method": "adaptive", "fault_rate": 0.0, "cues": 5}
    both = storage_capacity(**settings)
    cheaper = storage_capacity(**settings, per_pattern_seeds=settings["seed"])
    assert cheaper["capacity"].sel(criterion="mean") == both["capacity"].sel(criterion="mean")
    assert np.isnan(cheaper["capacity"].sel(criterion="per_pattern"))
    assert cheaper["trainings"].values < both["trainings"].values
    among_them = storage_capacity(**settings, per_pattern_seeds=settings["seed"] + 1)
    assert_equal(values(among_them), values(both))


def test_faults_cost_capacity_and_training_through_them_helps():
    settings = CAPACITY | {"fault_rate": 0.5, "criteria": ["mean"], "steps": 300}
    inverse = storage_capacity(**settings)["capacity"].item()
    adaptive = storage_capacity(**(settings | {"method": "adaptive"}))["capacity"].item()
    healthy = storage_capacity(**(settings | {"fault_rate": 0.0}))["capacity"].item()
    assert inverse < adaptive
    assert inverse < healthy


def test_a_stack_needs_the_devices_of_one_layer_and_has_a_capacity():
    settings = CAPACITY | STACK | {"method": "adaptive", "criteria": ["mean"]}
    results = storage_capacity(**settings)
    assert_labelled(results)
    # 36-18-36 has as many weights as 36-36, and no network holds more than 2 bits per weight.
    assert results["devices"].values == 2 * (36 * 18 + 18 * 36) == 2 * 36**2
    assert 0 < results["capacity"].item() <= 2 * 36
    narrow = storage_capacity(**settings, hidden=3)
    assert narrow["devices"].values == 2 * (36 * 3 + 3 * 36)
    assert narrow["capacity"].item() < results["capacity"].item()


def test_noise_costs_the_capacity_for_continuous_patterns():
    settings = CAPACITY | CONTINUOUS | {"method": "adaptive", "fault_rate": 0.0}
    settings |= {"criteria": ["mean"]}
    clean, noisy = (
        storage_capacity(**settings, noise=noise)["capacity"].item() for noise in (0.0, 0.5)
    )
    assert 0 <= noisy < clean


# Attractors

EASY = {
    "dataset": "digits",
    "neurons": 64,
    "patterns": 5,
    "levels": [0.0, 0.1, 0.5, 1.0],
    "cues": 10,
    "iterations": 50,
    "seed": 0,
}


def test_where_recalls_end_at_an_easy_load():
    results = attractors(**EASY)
    assert_labelled(results)
    share, settling = results["share"], results["settling"]
    assert share.dims == ("level", "outcome")
    assert share.outcome.values.tolist() == OUTCOMES
    np.testing.assert_allclose(share.sum("outcome"), 1)
    assert share.sel(level=0.0).values.tolist() == [1, 0, 0, 0]
    assert settling.sel(level=0.0) == 0
    assert share.sel(level=0.1, outcome="own pattern") > 0.9
    assert settling.sel(level=0.1) > 0
    # A random start knows nothing of its pattern, one of five and their mirror images.
    assert share.sel(level=0.5, outcome="own pattern") < 0.4
    # Without biases the negative of a stored pattern is as stable as the pattern.
    assert share.sel(level=1.0, outcome="other pattern") == 1


def test_attractors_of_a_stack_of_tanh_neurons():
    settings = EASY | STACK | {"activation": "tanh", "patterns": 4, "levels": [0.0, 0.1]}
    settings |= {"learning_rate": 3e-3, "steps": 4000}
    results = attractors(**settings)
    np.testing.assert_allclose(results["share"].sel(outcome="own pattern"), 1)
    # Below 1 a stored pattern attracts; the radius never exceeds the norm.
    radius, norm = results["radius"].values, results["norm"].values
    assert radius.shape == (4,)
    assert (radius <= norm + 1e-9).all()
    assert (radius < 1).all()


def exchange(neurons):
    """A network whose last two neurons exchange their states; a state rests if these are equal."""
    weights = np.eye(neurons)
    weights[-2:, -2:] = [[0, 1], [1, 0]]
    return [Layer(weights, np.zeros(neurons))]


def test_settling_is_the_mean_over_the_recalls_that_rest(monkeypatch):
    """Of four recalls three rest, after 0, 1 and 3 updates; the fourth moves for ever."""
    trace = np.ones((5, 4, 4))
    trace[:1, 1, 0] = trace[:3, 2, 0] = trace[::2, 3, 2] = trace[1::2, 3, 3] = -1
    stand_in = SimpleNamespace(
        layers_=exchange(4),
        activation="sign",
        fit=lambda patterns: None,
        recall=lambda cues, **options: trace,
    )
    monkeypatch.setattr(experiments, "make_memory", lambda *name, **settings: stand_in)
    settings = {"dataset": "random", "neurons": 4, "patterns": 2, "cues": 2, "levels": [0.1]}
    results = attractors(**(EASY | settings))
    assert results["settling"].values.tolist() == [pytest.approx(4 / 3)]
    trace[:, :, 2:] = trace[:, 3:, 2:]  # now none rests
    assert np.isnan(attractors(**(EASY | settings))["settling"].values).all()


def test_outcomes_by_hand():
    memory = SimpleNamespace(layers_=exchange(8), activation="sign")
    first = np.ones(8)
    second = np.array([1, 1, 1, 1, -1, -1, -1, -1.0])
    between = np.array([1, 1, 1, 1, -1, -1, 1, 1.0])
    cycling = np.array([1, 1, 1, 1, -1, -1, 1, -1.0])
    cases = [
        (first, "own pattern", True),
        (second, "own pattern", True),
        (second, "other pattern", True),  # where the first was to be recalled
        (-second, "other pattern", True),  # its own mirror image
        (-second, "other pattern", True),
        (between, "spurious", True),
        (between, "spurious", True),
        (cycling, "moving", False),
    ]
    states, names, rests = zip(*cases, strict=True)
    ended, rest = outcomes(memory, np.array(states), np.array([first, second]))
    assert ended.tolist() == list(names)
    assert rest.tolist() == list(rests)


# Chips


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


def test_a_stack_of_chips_recalls_ten_of_ten_digits():
    settings = CHIP | STACK | {"hidden": 16, "flip_rate": 0.1, "iterations": 10}
    results = chip_recall(**settings)
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


def test_chip_recall_of_continuous_patterns():
    found = values(chip_recall(**(CHIP | CONTINUOUS), noise=0.3))
    stored, states = found["pattern_pixels"], found["state"]
    inside = np.abs(stored) < 0.4  # where 0.3 is at least 2 σ from the bounds
    assert np.std((states[0] - stored)[inside]) == pytest.approx(0.3, abs=0.05)
    assert np.abs(states[1:]).max() < 1
    assert found["cosine"][-1].mean() > 0.9


def test_one_layer_of_tanh_neurons_on_a_chip_has_an_energy():
    settings = CHIP | {"activation": "tanh", "steps": 300, "noise": 0.1, "flip_rate": 0.0}
    found = values(chip_recall(**settings))
    assert found["energy"].shape == (6, 10)
    assert {"target", "readout", "expected", "measured"} <= found.keys()
