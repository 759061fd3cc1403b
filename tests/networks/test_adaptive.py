"""Adaptive training against support vectors, the published recipe written out, and single fits."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.experiments.setup import Setup
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch, initial_weights
from crossmem.networks.network import cosine
from crossmem.networks.noise import flipped_cues
from crossmem.networks.rules import HebbianMemory
from crossmem.networks.stability import is_fixed_point
from crossmem.networks.training import Recipe, train
from crossmem.patterns import flip_bits, load_patterns


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def effective(memory, layer=0):
    """Weights with the gain undone, float64."""
    return memory.layers_[layer].gain * memory.layers_[layer].weights.astype(float)


def chip_limits(rng, shape):
    crossbar = Crossbar.fabricate(*shape, stuck_off=0.2, stuck_on=0.2, rng=rng)
    return crossbar.characterize().weight_limits()


def free(neurons):
    """No limits, as `recipe` takes them."""
    return [WeightLimits.masked((neurons, neurons), 0.0, np.random.default_rng(0))]


# What is stored


def separable(inputs, outputs):
    """Whether a hyperplane through the origin, found by scikit-learn, sorts every pattern.

    Each pattern enters with its negative, so that both classes are there even if a pixel is
    constant; without an intercept the two ask the same.
    """
    inputs, outputs = np.vstack([inputs, -inputs]), np.concatenate([outputs, -outputs])
    machine = LinearSVC(fit_intercept=False, loss="hinge", C=1e3, max_iter=50_000, random_state=0)
    return machine.fit(inputs, outputs).score(inputs, outputs) == 1


def storable(patterns, working):
    """Second opinion: can each neuron be separated from its working inputs?"""
    return all(
        separable(patterns[:, inputs], patterns[:, neuron]) for neuron, inputs in enumerate(working)
    )


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_adaptive_memory_stores_what_support_vectors_can_separate(rng, rate, optimizer):
    patterns, limits = signs(rng, 8, 26), WeightLimits.masked((26, 26), rate, rng)
    assert storable(patterns, limits.without_self_connections().working)
    memory = AdaptiveMemory(optimizer=optimizer).fit(patterns, limits=[limits])
    np.testing.assert_array_equal(memory.recall(patterns, iterations=1), patterns)
    # Hebb's rule cannot, so the set was worth learning.
    hebbian = HebbianMemory().fit(patterns, limits=[limits])
    assert (hebbian.recall(patterns, iterations=1) != patterns).any()


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_at_high_load_only_the_convex_loss_stores_what_is_separable(rng):
    """As many patterns as neurons: tanh saturates on a few wrong bits under the published loss."""
    patterns, neurons = signs(rng, 26, 26), 26
    assert storable(patterns, ~np.eye(neurons, dtype=bool))
    bound = 1e6 * (1 - np.eye(neurons))[None]
    start = rng.uniform(-0.2, 0.2, (1, neurons, neurons))
    wrong = {}
    for loss in ("squared", "logistic"):
        recipe = Recipe(optimizer="adam", learning_rate=0.02, steps=3000, loss=loss)
        trained = train(patterns[None], [start], limits=[(-bound, bound)], recipe=recipe)
        wrong[loss] = np.sum(np.sign(patterns @ trained.weights[0][0].T) != patterns)
    assert wrong["logistic"] == 0
    assert 0 < wrong["squared"] < 0.02 * patterns.size


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
def test_parity_is_neither_separable_nor_stored():
    """x2 = x0 x1 on all four cases: no hyperplane gives a neuron the product of two others."""
    patterns = np.array([[a, b, a * b] for a in (-1, 1) for b in (-1, 1)], dtype=float)
    assert not storable(patterns, ~np.eye(3, dtype=bool))
    memory = AdaptiveMemory(optimizer="adam").fit(patterns)
    assert (memory.recall(patterns, iterations=1) != patterns).any()
    # A hidden layer lifts that bound.
    deep = AdaptiveMemory(hidden=(12,), optimizer="adam", learning_rate=0.02).fit(patterns)
    np.testing.assert_array_equal(deep.recall(patterns, iterations=1), patterns)


def test_published_training_stores_to_the_published_loss(rng):
    patterns = signs(rng, 5, 16)
    memory = AdaptiveMemory().fit(patterns)
    assert memory.loss_ < 1e-8
    output = np.tanh(patterns @ effective(memory).T)
    assert np.mean((output - patterns) ** 2) == pytest.approx(memory.loss_, rel=0.01)


def test_noisy_training_widens_the_basins(rng):
    patterns = signs(rng, 20, 36)
    cues = np.vstack([flip_bits(patterns, 0.05, rng) for _ in range(20)])
    targets = np.tile(patterns, (20, 1))
    clean = AdaptiveMemory(optimizer="adam").fit(patterns).score(cues, targets)
    noisy = AdaptiveMemory(optimizer="adam", cue_noise=0.05).fit(patterns).score(cues, targets)
    assert noisy > clean + 0.01


def test_two_updates_bring_a_pattern_back_that_one_does_not():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (20, 64))
    memory = AdaptiveMemory(unroll=2, cue_noise=0.05, steps=500).fit(patterns)
    cues = patterns.copy()
    cues[:, :2] *= -1
    assert memory.score(cues, patterns) > 0.99
    states = memory.recall(patterns, iterations=4, trace=True)
    similar = np.abs((states * patterns).mean(axis=(1, 2)))
    assert (similar[[0, 2, 4]] > 0.99).all()
    assert (similar[[1, 3]] < 0.3).all()


def test_a_stored_digit_is_an_attracting_fixed_point_of_a_tanh_stack(rng):
    digits = load_patterns("digits", binary=False, count=4, rng=rng)
    memory = AdaptiveMemory(hidden=(32,), activation="tanh", learning_rate=3e-3, steps=4000)
    memory.fit(digits)
    cues = np.clip(digits + rng.normal(0, 0.1, digits.shape), -1, 1)
    for start in (digits, cues):
        ended = memory.recall(start, iterations=100)
        assert is_fixed_point(memory.network_, ended).all()
        assert cosine(ended, digits).min() > 0.99


def test_a_stack_recalls_continuous_patterns(rng):
    patterns = rng.uniform(-0.8, 0.8, (3, 16))
    memory = AdaptiveMemory(
        hidden=(24,), activation="tanh", optimizer="adam", learning_rate=5e-3, steps=3000
    ).fit(patterns)
    np.testing.assert_allclose(memory.recall(patterns, iterations=1), patterns, atol=0.01)
    assert [layer.weights.shape for layer in memory.layers_] == [(24, 16), (16, 24)]


# How it is trained


def test_zero_cue_noise_is_published_training(rng):
    """Clean patterns, squared error of tanh, RMSprop, no self-connections: step by step."""
    patterns, steps = signs(rng, 5, 16), 25
    weights = initial_weights((16, 16), np.random.default_rng(3)).astype(float)
    square, others = np.zeros_like(weights), 1 - np.eye(16)
    weights *= others
    for _ in range(steps):
        output = np.tanh(patterns @ weights.T)
        delta = 2 * (output - patterns) * (1 - output**2) / patterns.size
        gradient = delta.T @ patterns
        square = 0.99 * square + 0.01 * gradient**2
        weights -= 1e-3 * gradient / (np.sqrt(square) + 1e-8) * others
    silent = AdaptiveMemory(steps=steps, cue_noise=0.0, seed=3).fit(patterns).layers_[0]
    np.testing.assert_allclose(silent.gain * silent.weights, weights, rtol=1e-4, atol=1e-6)
    noisy = AdaptiveMemory(steps=steps, cue_noise=0.1, seed=3).fit(patterns).layers_[0]
    assert np.abs(noisy.gain * noisy.weights - weights).max() > 0.01


@pytest.mark.parametrize(
    ("options", "loss"),
    [
        ({}, lambda x, field: np.log1p(np.exp(-x * field))),
        ({"hidden": (9,)}, lambda x, field: abs(x - np.tanh(field)) ** 3),
        ({"unroll": 2}, lambda x, field: abs(x - np.tanh(field)) ** 3),
        ({"activation": "tanh"}, lambda x, field: (x - np.tanh(field)) ** 2),
        ({"hidden": (9,), "activation": "tanh"}, lambda x, field: (x - np.tanh(field)) ** 2),
    ],
    ids=["one layer", "a stack", "two updates", "tanh", "a tanh stack"],
)
def test_what_noise_training_minimises(rng, options, loss):
    """By network: logistic, third power or square, at a noise too small to show."""
    patterns = signs(rng, 5, 16) * (0.8 if "activation" in options else 1.0)
    options = {"unroll": 1} | options
    memory = AdaptiveMemory(cue_noise=1e-9, steps=30, **options).fit(patterns)
    state = patterns
    for layer in memory.layers_ * options["unroll"]:
        field = layer.gain * (state @ layer.weights.T.astype(float))
        state = np.tanh(field)
    assert memory.loss_ == pytest.approx(loss(patterns, field).mean(), rel=1e-3)


def test_noise_can_change_in_the_course_of_the_training(rng, monkeypatch):
    """In a straight line from the first level to the last; a pair of equal ones is constant."""
    levels = []

    def noted(targets, rate, rng, out):
        levels.append(rate)
        flipped_cues(targets, rate, rng, out)

    monkeypatch.setattr("crossmem.networks.adaptive.flipped_cues", noted)
    patterns = signs(rng, 5, 16)
    AdaptiveMemory(steps=4, cue_noise=(0.4, 0.0)).fit(patterns)
    assert levels == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])


@pytest.mark.parametrize(
    ("options", "level", "levels", "period"),
    [
        ({}, 0.0, (0.0, 0.0), 1),
        ({"hidden": (9,)}, 0.0, (0.0, 0.0), 1),
        ({}, 0.05, (0.06, 0.0), 2),
        ({"hidden": (9,)}, 0.05, (0.12, 0.02), 1),
        ({"hidden": (9,), "activation": "tanh"}, 0.3, (0.3, 0.3), 2),
        ({"activation": "tanh"}, 0.3, (0.3, 0.3), 2),
        ({"hidden": (9,), "unroll": 2}, 0.05, (0.12, 0.02), 2),
        ({"unroll": 1}, 0.05, (0.06, 0.0), 1),
        ({"hidden": (9,)}, 0.4, (0.5, 0.16), 1),
    ],
    ids=str,
)
def test_one_number_of_noise_stands_for_the_best_known_training(options, level, levels, period):
    """Capacities that a scalar gives are those of chapter 07; a pair is taken as it stands."""
    memory = AdaptiveMemory(cue_noise=level, **options)
    assert memory.noise_levels() == pytest.approx(levels)
    assert memory.period == period
    pair = AdaptiveMemory(cue_noise=memory.noise_levels(), **options)
    assert pair.recipe([]) == memory.recipe([])
    assert AdaptiveMemory(cue_noise=(0.1, 0.1), **options).noise_levels() == (0.1, 0.1)


def test_a_seed_repeats_itself(rng):
    patterns = signs(rng, 5, 16)

    def weights(seed):
        memory = AdaptiveMemory(optimizer="adam", steps=30, cue_noise=0.05, seed=seed)
        return memory.fit(patterns).layers_[0].weights

    np.testing.assert_array_equal(weights(3), weights(3))
    assert (weights(3) != weights(4)).any()


def test_the_loss_is_what_was_asked_for(rng):
    """The published one where none is given, on clean cues; that of the margin on noisy ones."""
    patterns, losses = signs(rng, 6, 16), {}
    for loss in (None, "squared", "cubic", "logistic"):
        memory = AdaptiveMemory(steps=40, loss=loss).fit(patterns)
        field = patterns @ effective(memory).T
        error = np.abs(np.tanh(field) - patterns)
        due = {
            "cubic": np.mean(error**3),
            "logistic": np.mean(np.log1p(np.exp(-patterns * field))),
        }
        assert memory.loss_ == pytest.approx(due.get(loss, np.mean(error**2)), rel=1e-4)
        losses[loss] = memory.layers_[0].weights
    np.testing.assert_array_equal(losses[None], losses["squared"])
    assert (losses["cubic"] != losses["squared"]).any()
    noisy = AdaptiveMemory(cue_noise=0.05, unroll=1)
    assert noisy.recipe(free(16)).loss == "logistic"
    assert noisy.set_params(loss="squared").recipe(free(16)).loss == "squared"


@pytest.mark.parametrize(
    ("settings", "optimizer", "rate", "steps"),
    [
        ({}, "rmsprop", 1e-3, 10_000),
        ({"hidden": (8,)}, "rmsprop", 3e-4, 60_000),
        ({"optimizer": "adam"}, "adam", 0.6 / 16, 1000),
        ({"cue_noise": 0.05}, "adam", 2.1 / 16, 3000),
        ({"cue_noise": 0.05, "unroll": 1}, "adam", 1.2 / 16, 3000),
        ({"cue_noise": 0.05, "hidden": (8,)}, "adam", 1.2 / 16, 4500),
        ({"cue_noise": 0.05, "optimizer": "rmsprop"}, "rmsprop", 1e-3, 10_000),
        ({"learning_rate": 0.01, "steps": 7}, "rmsprop", 0.01, 7),
    ],
    ids=str,
)
def test_default_recipes(settings, optimizer, rate, steps):
    """The published one for clean cues, Adam for noisy ones: here and in an experiment alike."""
    recipe = AdaptiveMemory(**settings).recipe(free(16))
    assert (recipe.optimizer, recipe.steps) == (optimizer, steps)
    assert recipe.learning_rate == pytest.approx(rate)
    width = settings.get("hidden", (None,))[0]
    training = {name: value for name, value in settings.items() if name != "hidden"}
    setup = Setup(neurons=16, layers=2 if width else 1, width=width).at(**training)
    assert setup.memory(0).recipe(free(16)) == recipe


@pytest.mark.parametrize(
    ("memory", "patterns", "shown"),
    [
        (AdaptiveMemory(), 300, 300),
        (AdaptiveMemory(cue_noise=0.05), 900, 90),
        (AdaptiveMemory(cue_noise=0.05), 100, 48),
        (AdaptiveMemory(cue_noise=0.05), 20, 20),
        (AdaptiveMemory(batch=0.5), 300, 150),
    ],
)
def test_patterns_shown_in_a_step(memory, patterns, shown):
    assert memory.patterns_per_step(patterns) == shown


# Limits


def test_stack_stays_within_the_limits_of_each_layer(rng):
    limits = [chip_limits(rng, (10, 16)), WeightLimits.masked((16, 10), 0.5, rng)]
    memory = AdaptiveMemory(hidden=(10,), steps=200).fit(signs(rng, 3, 16), limits=limits)
    for layer, limit in zip(memory.layers_, limits, strict=True):
        assert (layer.weights >= limit.low.astype(np.float32)).all()
        assert (layer.weights <= limit.high.astype(np.float32)).all()


def test_bounded_training_reports_the_loss_of_the_layer_it_returns(rng):
    """The gain stands between the bounds of the chip and those of the training."""
    patterns = signs(rng, 4, 20)
    memory = AdaptiveMemory(steps=300).fit(patterns, limits=[chip_limits(rng, (20, 20))])
    output = np.tanh(patterns @ effective(memory).T)
    assert np.mean((output - patterns) ** 2) == pytest.approx(memory.loss_, rel=1e-4)
    assert memory.layers_[0].gain == pytest.approx(3 / np.sqrt(20))


def test_the_gain_of_bounded_layers_can_be_chosen(rng):
    patterns, whole = signs(rng, 4, 20), np.ones((20, 20))
    memory = AdaptiveMemory(steps=50, gain=1.5)
    memory.fit(patterns, limits=[WeightLimits(-whole, whole)])
    assert memory.layers_[0].gain == pytest.approx(1.5 / np.sqrt(20))
    assert np.abs(memory.layers_[0].weights).max() <= 1
    free, same = (AdaptiveMemory(steps=50, gain=gain).fit(patterns) for gain in (1.5, None))
    np.testing.assert_array_equal(effective(free), effective(same))
    with pytest.raises(ValueError, match="gain is 0"):
        AdaptiveMemory(gain=0.0).fit(patterns)


def test_training_through_the_fault_map_beats_clipping(rng):
    """What the limits are for: the same chip, told before training or only afterwards."""
    patterns, limits = signs(rng, 8, 49), chip_limits(rng, (49, 49))
    told = AdaptiveMemory(optimizer="adam").fit(patterns, limits=[limits])
    untold = AdaptiveMemory(optimizer="adam").fit(patterns).network_
    clipped = untold.with_weights([limits.clip(untold.layers[0].weights)])
    assert untold.score(patterns, patterns) == pytest.approx(1)
    assert told.score(patterns, patterns) > clipped.score(patterns, patterns) + 0.05


def test_none_leaves_one_layer_of_a_stack_unbounded(rng):
    masked = WeightLimits.masked((3, 8), 0.5, rng)
    memory = AdaptiveMemory(hidden=(3,), steps=5).fit(signs(rng, 2, 8), limits=[masked, None])
    assert (memory.layers_[0].weights[~masked.working] == 0).all()
    assert memory.layers_[1].weights.all()


@pytest.mark.parametrize("cue_noise", [0.0, 0.05])
def test_full_intervals_are_no_limits_to_adaptive_training(rng, cue_noise):
    """As long as no weight wants more; the read-out gain is then the only difference."""
    patterns = signs(rng, 3, 36)
    settings = {"optimizer": "adam", "steps": 60, "learning_rate": 1e-3, "cue_noise": cue_noise}
    full = WeightLimits(-np.ones((36, 36)), np.ones((36, 36)))
    (loose,), (tight,) = (
        AdaptiveMemory(**settings).fit(patterns, limits=own).layers_ for own in (None, [full])
    )
    assert np.abs(tight.weights).max() < 1
    np.testing.assert_allclose(tight.gain * tight.weights, loose.gain * loose.weights, atol=1e-6)


# Bad settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, r"hidden=\(0,\)"),
        ({"hidden": (2.5,)}, r"hidden=\(2.5,\)"),
        ({"hidden": (8, -3)}, r"hidden=\(8, -3\)"),
        ({"hidden": (True,)}, r"hidden=\(True,\)"),
        ({"hidden": (np.True_,)}, r"hidden=\(np.True_,\)"),
        ({"hidden": 16}, "hidden=16"),
        ({"activation": "relu"}, "activation='relu'.*'sign'"),
        ({"activation": "tanh", "cue_noise": -0.1}, "cue_noise is -0.1"),
        ({"cue_noise": 1.5}, "cue_noise is 1.5"),
        ({"cue_noise": -0.1}, "cue_noise is -0.1"),
        ({"cue_noise": 0.6}, "cue_noise is 0.6.*0.5"),
        ({"cue_noise": (0.1, 0.6)}, "cue_noise is 0.6"),
        ({"cue_noise": (0.1,)}, r"cue_noise=\(0.1,\)"),
        ({"loss": "hinge"}, "loss='hinge'.*'logistic'"),
        ({"loss": "logistic", "activation": "tanh"}, "loss='logistic'.*activation='tanh'"),
        ({"optimizer": "sgd"}, "optimizer='sgd'"),
        ({"steps": 0}, "steps is 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"batch": 0.0}, "batch is 0.0"),
        ({"batch": 1.5}, "batch is 1.5"),
        ({"unroll": 0}, "unroll is 0"),
        ({"seed": None}, "seed is None"),
        ({"seed": -1}, "seed is -1"),
    ],
    ids=str,
)
def test_bad_settings(settings, message):
    for fit in (
        lambda memory: memory.check_parameters(),
        lambda memory: memory.fit(np.ones((2, 4))),
        lambda memory: fit_batch([memory], np.ones((1, 2, 4))),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            fit(AdaptiveMemory(**settings))


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_patterns_and_activation_must_fit_each_other(rng, hidden):
    binary, continuous = signs(rng, 2, 4), rng.uniform(-0.9, 0.9, (2, 4))
    with pytest.raises(ValueError, match="all ±1.*activation='sign'"):
        AdaptiveMemory(hidden=hidden, activation="tanh").fit(binary)
    with pytest.raises(ValueError, match="other than ±1.*activation='tanh'"):
        AdaptiveMemory(hidden=hidden).fit(continuous)
    with pytest.raises(ValueError, match="value 1.5"):
        AdaptiveMemory(hidden=hidden, activation="tanh").fit(np.full((2, 4), 1.5))
