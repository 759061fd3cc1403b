"""Learning rules against published formulas, linear algebra and scikit-learn's opinion."""

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import hadamard
from scipy.stats import binom, chisquare
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from crossmem import memories
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.devices import DeviceModel
from crossmem.dynamics import cosine, is_fixed_point
from crossmem.memories import (
    AdaptiveMemory,
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
    fit_batch,
    flipped_cues,
    from_dataset,
    gaussian_cues,
    initial_weights,
    program,
    shuffled_batches,
)
from crossmem.pairs import MaxMarginMemory, MaxRecallMemory
from crossmem.patterns import flip_bits, load_patterns, one_of_each
from crossmem.results import load, save
from crossmem.training import Recipe, train

MEMORIES = {
    "hebbian": HebbianMemory(),
    "storkey": StorkeyMemory(),
    "pseudo-inverse": PseudoInverseMemory(),
    "equilibrium": EquilibriumMemory(epochs=60),
    "adaptive": AdaptiveMemory(optimizer="adam", steps=200),
    "largest margin": MaxMarginMemory(),
    "likeliest recall": MaxRecallMemory(),
}
EVERY_RULE = pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def effective(memory, layer=0):
    """Weights with the gain undone, float64."""
    return memory.layers_[layer].gain * memory.layers_[layer].weights.astype(float)


def without_diagonal(matrix):
    return matrix - np.diag(np.diag(matrix))


# Closed-form rules


def test_hebb_by_hand():
    """(1, 1, -1) and (1, -1, -1): neurons 0 and 2 always differ, 1 agrees with each once."""
    memory = HebbianMemory().fit([[1, 1, -1], [1, -1, -1]])
    np.testing.assert_allclose(effective(memory), np.array([[0, 0, -2], [0, 0, 0], [-2, 0, 0]]) / 3)
    assert memory.layers_[0].weights[0, 2] == -1  # scaled to the largest conductance


def test_storkey_equals_the_published_sums(rng):
    """w += (x_i x_j - x_i h_ji - h_ij x_j) / N with h_ij = sum over k other than i and j."""
    patterns, neurons = signs(rng, 4, 7), 7
    weights = np.zeros((neurons, neurons))
    for x in patterns:

        def field(i, j, w=weights, x=x):
            return sum(w[i, k] * x[k] for k in range(neurons) if k not in (i, j))

        change = np.zeros_like(weights)
        for i in range(neurons):
            for j in range(neurons):
                if i != j:
                    change[i, j] = x[i] * x[j] - x[i] * field(j, i) - field(i, j) * x[j]
        weights = weights + change / neurons
    memory = StorkeyMemory().fit(patterns)
    np.testing.assert_allclose(effective(memory), weights, atol=1e-6)


def test_pseudo_inverse_is_the_projection_onto_the_patterns(rng):
    patterns = signs(rng, 9, 20)
    found = effective(PseudoInverseMemory().fit(patterns))
    projection = np.linalg.pinv(patterns) @ patterns
    np.testing.assert_allclose(projection @ projection, projection, atol=1e-12)
    np.testing.assert_allclose(found, without_diagonal(projection), atol=1e-6)
    # Zeroing took the diagonal only: put back, the matrix is idempotent and keeps each pattern.
    restored = found + np.diag(np.diag(projection))
    np.testing.assert_allclose(restored @ restored, restored, atol=1e-5)
    np.testing.assert_allclose(patterns @ restored.T, patterns, atol=1e-5)


def test_pseudo_inverse_stores_all_but_one_row_of_a_hadamard_matrix():
    """N - 1 orthogonal patterns leave W = -h hᵀ/N off the diagonal, and every margin at 1/N."""
    matrix = hadamard(32).astype(float)
    patterns, left_out = np.delete(matrix, 5, axis=0), matrix[5]
    memory = PseudoInverseMemory().fit(patterns)
    np.testing.assert_allclose(
        effective(memory), without_diagonal(-np.outer(left_out, left_out) / 32), atol=1e-6
    )
    np.testing.assert_array_equal(memory.recall(patterns), patterns)


def test_pseudo_inverse_stores_random_independent_patterns(rng):
    patterns = signs(rng, 23, 24)
    assert np.linalg.matrix_rank(patterns) == 23
    null = np.linalg.svd(patterns)[2][-1]
    assert np.abs(null).min() > 1e-2  # the margins are its squares: none drowns in rounding
    memory = PseudoInverseMemory().fit(patterns)
    np.testing.assert_array_equal(memory.recall(patterns), patterns)


def test_pseudo_inverse_of_a_complete_basis_remembers_nothing():
    memory = PseudoInverseMemory().fit(hadamard(16).astype(float))
    assert (memory.layers_[0].weights == 0).all()


# Equilibrium propagation


def graded_network(rng, neurons=6):
    """Symmetric weights, strong enough to hold a free equilibrium away from 0, and patterns."""
    patterns = signs(rng, 3, neurons)
    weights = patterns.T @ patterns / neurons + 0.2 * rng.normal(size=(neurons, neurons))
    return without_diagonal(weights + weights.T), patterns


def free_cost(memory, weights, patterns):
    free = memory.relax(weights, patterns, patterns, 0.0, 3000)
    return 0.5 * np.mean(np.sum((free - patterns) ** 2, axis=1))


def test_free_phase_ends_in_an_equilibrium(rng):
    weights, patterns = graded_network(rng)
    free = EquilibriumMemory().relax(weights, patterns, patterns, 0.0, 3000)
    assert np.abs(free).max(axis=1).min() > 0.5
    np.testing.assert_allclose(free, np.tanh(free @ weights.T), atol=1e-10)


def test_contrast_is_the_negative_gradient_of_the_cost(rng):
    """Theorem 1 of Scellier & Bengio; a pair of neurons shares one symmetric weight."""
    weights, patterns = graded_network(rng)
    memory = EquilibriumMemory(nudge=1e-5, free_steps=3000, nudged_steps=3000)
    contrast = memory.contrast(weights, patterns)
    gradient, width = np.zeros_like(weights), 1e-5
    for i, j in zip(*np.triu_indices(len(weights), 1), strict=True):
        change = np.zeros_like(weights)
        change[i, j] = change[j, i] = width
        above = free_cost(memory, weights + change, patterns)
        below = free_cost(memory, weights - change, patterns)
        gradient[i, j] = gradient[j, i] = (above - below) / (2 * width)
    assert np.abs(gradient).max() > 1e-2
    np.testing.assert_allclose(
        without_diagonal(contrast), -gradient, rtol=1e-2, atol=1e-3 * np.abs(gradient).max()
    )


def test_equilibrium_propagation_stores_patterns_symmetrically(rng):
    patterns = signs(rng, 4, 40)
    memory = EquilibriumMemory(epochs=300).fit(patterns)
    np.testing.assert_array_equal(memory.recall(flip_bits(patterns, 0.05, rng)), patterns)
    np.testing.assert_allclose(memory.layers_[0].weights, memory.layers_[0].weights.T, atol=1e-5)


# Adaptive training


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
    bound = without_diagonal(np.full((1, neurons, neurons), 1e6)[0])[None]
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
    ids=str,
)
def test_what_noise_training_minimises(rng, options, loss):
    """By network: logistic, third power or square, at a noise too small to show."""
    patterns = signs(rng, 5, 16) * (0.8 if "activation" in options else 1.0)
    memory = AdaptiveMemory(cue_noise=1e-9, steps=30, **options).fit(patterns)
    state = patterns
    for layer in memory.layers_ * options.get("unroll", 1):
        field = layer.gain * (state @ layer.weights.T.astype(float))
        state = np.tanh(field)
    assert memory.loss_ == pytest.approx(loss(patterns, field).mean(), rel=1e-3)


def test_a_stack_recalls_continuous_patterns(rng):
    patterns = rng.uniform(-0.8, 0.8, (3, 16))
    memory = AdaptiveMemory(
        hidden=(24,), activation="tanh", optimizer="adam", learning_rate=5e-3, steps=3000
    ).fit(patterns)
    np.testing.assert_allclose(memory.recall(patterns, iterations=1), patterns, atol=0.01)
    assert [layer.weights.shape for layer in memory.layers_] == [(24, 16), (16, 24)]


def test_biases_are_trained_only_on_request(rng):
    patterns = np.ones((3, 9))  # a bias alone can hold these
    assert (AdaptiveMemory(steps=50).fit(patterns).layers_[0].bias == 0).all()
    with_bias = AdaptiveMemory(steps=50, bias=True).fit(patterns)
    assert (with_bias.layers_[0].bias > 0).all()


def test_noise_can_change_in_the_course_of_the_training(rng, monkeypatch):
    """In a straight line from the first level to the last; a pair of equal ones is constant."""
    levels = []

    def noted(targets, rate, rng, out):
        levels.append(rate)
        flipped_cues(targets, rate, rng, out)

    monkeypatch.setattr(memories, "flipped_cues", noted)
    patterns = signs(rng, 5, 16)
    AdaptiveMemory(steps=4, cue_noise=(0.4, 0.0)).fit(patterns)
    assert levels == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])
    one, pair = (AdaptiveMemory(steps=4, cue_noise=c).fit(patterns) for c in (0.1, [0.1, 0.1]))
    np.testing.assert_array_equal(one.layers_[0].weights, pair.layers_[0].weights)
    assert one.recipe(one.limits_) == pair.recipe(pair.limits_)


def test_a_seed_repeats_itself(rng):
    patterns = signs(rng, 5, 16)

    def weights(seed):
        memory = AdaptiveMemory(optimizer="adam", steps=30, cue_noise=0.05, seed=seed)
        return memory.fit(patterns).layers_[0].weights

    np.testing.assert_array_equal(weights(3), weights(3))
    assert (weights(3) != weights(4)).any()


def test_bits_flip_independently(rng):
    """Each bit, each pair and their number as often as chance has it, where double hits abound."""
    rate, draws = 0.3, 4000
    targets = signs(rng, 4, 5).astype(np.float32)
    out, flipped = np.empty_like(targets), np.empty((draws, 20))
    for row in flipped:
        flipped_cues(targets, rate, rng, out)
        row[:] = (out != targets).ravel()
    scatter = np.sqrt(rate * (1 - rate) / draws)
    np.testing.assert_allclose(flipped.mean(axis=0), rate, atol=4 * scatter)
    pairs = np.corrcoef(flipped.T)[np.triu_indices(20, 1)]
    assert np.abs(pairs).max() < 4.5 / np.sqrt(draws)
    chances = binom.pmf(np.arange(21), 20, rate)
    counts = np.bincount(flipped.sum(axis=1).astype(int), minlength=21)
    likely = chances * draws >= 5
    found = [*counts[likely], counts[~likely].sum()]
    due = draws * np.array([*chances[likely], chances[~likely].sum()])
    assert chisquare(found, due).pvalue > 1e-3


def test_training_cues_have_the_asked_noise(rng):
    targets = signs(rng, 400, 400).astype(np.float32)
    cues = np.empty_like(targets)
    flipped_cues(targets, 0.05, rng, cues)
    assert set(np.unique(cues)) == {-1, 1}
    assert np.mean(cues != targets) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 160_000))
    flipped_cues(targets, 0.0, rng, cues)
    np.testing.assert_array_equal(cues, targets)
    gaussian_cues(np.zeros_like(targets), 0.2, rng, cues)
    assert cues.std() == pytest.approx(0.2, rel=0.01)
    gaussian_cues(targets, 0.3, rng, cues)
    assert np.abs(cues).max() == 1
    assert np.mean(cues == targets) == pytest.approx(0.5, abs=0.01)  # half the noise points outward


def test_a_stored_digit_is_an_attracting_fixed_point_of_a_tanh_stack(rng):
    digits = load_patterns("digits", binary=False, count=4, rng=rng)
    memory = AdaptiveMemory(hidden=(32,), activation="tanh", learning_rate=3e-3, steps=4000)
    memory.fit(digits)
    cues = np.clip(digits + rng.normal(0, 0.1, digits.shape), -1, 1)
    for start in (digits, cues):
        ended = memory.recall(start, iterations=100)
        assert is_fixed_point(memory.layers_, ended, activation="tanh", tolerance=1e-3).all()
        assert cosine(ended, digits).min() > 0.99


# Batches


def assert_same_memories(together, alone):
    """Bit for bit: layers, limits, loss and steps."""
    for one, other in zip(together, alone, strict=True):
        for a, b in zip(one.layers_, other.layers_, strict=True):
            np.testing.assert_array_equal(a.weights, b.weights)
            np.testing.assert_array_equal(a.bias, b.bias)
            assert a.gain == b.gain
        for a, b in zip(one.limits_, other.limits_, strict=True):
            np.testing.assert_array_equal(a.low, b.low)
        assert one.n_features_in_ == other.n_features_in_
        for name in ("loss_", "steps_"):
            assert getattr(one, name, None) == getattr(other, name, None)


def fitted_alone(memories, patterns, limits):
    return [
        clone(memory).fit(stored, limits=own)
        for memory, stored, own in zip(memories, patterns, limits, strict=True)
    ]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 6)])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
@pytest.mark.parametrize("options", [{}, {"cue_noise": 0.05}, {"bias": True}], ids=str)
def test_a_batch_equals_memories_fitted_alone(rng, hidden, activation, optimizer, options):
    """Each has its own mask; Adam's rate depends on it, so that there the batch splits."""
    options = options | {"hidden": hidden, "activation": activation, "optimizer": optimizer}
    memories = [AdaptiveMemory(steps=80, tolerance=0.3, seed=s, **options) for s in (0, 1, 2)]
    draw = (lambda: signs(rng, 4, 16)) if activation == "sign" else lambda: 0.8 * signs(rng, 4, 16)
    patterns = [draw() for _ in memories]
    limits = [
        [WeightLimits.masked(shape, rate, rng) for shape in memories[0].layer_shapes(16)]
        for rate in (0.2, 0.5, 0.2)
    ]
    alone = fitted_alone(memories, patterns, limits)
    assert len({memory.loss_ for memory in alone}) == 3
    batch = fit_batch(memories, patterns, limits=limits)
    assert all(one is other for one, other in zip(batch, memories, strict=True))
    assert_same_memories(batch, alone)


def test_members_of_a_batch_stop_at_their_own_step(rng):
    memories = [AdaptiveMemory(hidden=(8,), tolerance=1e-3, learning_rate=0.01) for _ in range(3)]
    patterns = [signs(rng, 2, 12), np.ones((2, 12)), signs(rng, 2, 12)]
    alone = fitted_alone(memories, patterns, [None] * 3)
    assert len({memory.steps_ for memory in alone}) == 3
    assert_same_memories(fit_batch(memories, patterns), alone)


def test_a_batch_may_mix_kinds_sizes_settings_and_limits(rng):
    shape = (16, 16)
    memories = [
        AdaptiveMemory(steps=60),
        PseudoInverseMemory(),
        AdaptiveMemory(steps=60, seed=1),
        AdaptiveMemory(steps=30),
        AdaptiveMemory(steps=60, hidden=(5,)),
        AdaptiveMemory(steps=60),
    ]
    patterns = [signs(rng, count, 16) for count in (3, 3, 3, 3, 3, 5)]
    masked, chip = WeightLimits.masked(shape, 0.3, rng), chip_limits(rng, shape)
    limits = [[masked], [masked], [chip], None, [chip_limits(rng, (5, 16)), None], None]
    alone = fitted_alone(memories, patterns, limits)
    assert_same_memories(fit_batch(memories, patterns, limits=limits), alone)


def test_noise_belongs_to_its_member(rng):
    """Members with and without noise differ in nothing else that training looks at."""
    levels = [np.float32(0.0), np.float32(0.2), np.float32(0.4)]
    memories = [AdaptiveMemory(activation="tanh", steps=30, cue_noise=noise) for noise in levels]
    patterns = 3 * [rng.uniform(-0.9, 0.9, (3, 9))]
    alone = fitted_alone(memories, patterns, [None] * 3)
    assert len({memory.loss_ for memory in alone}) == 3
    assert_same_memories(fit_batch(memories, patterns), alone)


def test_a_batch_needs_one_of_each_per_memory(rng):
    memories = [AdaptiveMemory(steps=5), AdaptiveMemory(steps=5)]
    with pytest.raises(ValueError, match=r"^2 memories, 3 sets of .* and 2 of .* one of each"):
        fit_batch(memories, signs(rng, 3, 2, 9))
    with pytest.raises(ValueError, match=r"^2 memories, 2 sets of .* and 1 of .* one of each"):
        fit_batch(memories, signs(rng, 2, 2, 9), limits=[None])
    with pytest.raises(ValueError, match="use activation='sign'"):
        fit_batch([AdaptiveMemory(activation="tanh")], signs(rng, 1, 2, 9))
    assert fit_batch([], []) == []


# Limits and chips


@pytest.mark.parametrize(("neurons", "hidden"), [(64, 16), (36, 40)])
def test_devices_are_two_per_weight(rng, neurons, hidden):
    assert HebbianMemory().devices(neurons) == AdaptiveMemory().devices(neurons) == 2 * neurons**2
    stack = AdaptiveMemory(hidden=(hidden,))
    assert stack.devices(neurons) == 2 * (neurons * hidden + hidden * neurons)
    deep = AdaptiveMemory(hidden=(hidden, 5))
    for memory in (stack, deep):
        crossbars = [Crossbar.fabricate(*s, rng=rng) for s in memory.layer_shapes(neurons)]
        assert memory.devices(neurons) == sum(crossbar.devices for crossbar in crossbars)


def chip_limits(rng, shape):
    crossbar = Crossbar.fabricate(*shape, stuck_off=0.2, stuck_on=0.2, rng=rng)
    return crossbar.characterize().weight_limits()


@EVERY_RULE
@pytest.mark.parametrize("kind", ["masked", "chip"])
def test_weights_stay_within_their_limits(rng, memory, kind):
    shape = (20, 20)
    limits = WeightLimits.masked(shape, 0.4, rng) if kind == "masked" else chip_limits(rng, shape)
    weights = clone(memory).fit(signs(rng, 3, 20), limits=[limits]).layers_[0].weights
    # The bounds in the weights' own precision: rounding to it is no violation.
    assert (weights >= limits.low.astype(np.float32))[~np.eye(20, dtype=bool)].all()
    assert (weights <= limits.high.astype(np.float32))[~np.eye(20, dtype=bool)].all()
    assert np.abs(weights).max() <= 1
    assert weights.any()
    # Self-connections are as near to zero as the chip allows.
    diagonal = np.clip(0, limits.low.diagonal(), limits.high.diagonal())
    np.testing.assert_allclose(weights.diagonal(), diagonal, atol=1e-7)


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


def test_training_through_the_fault_map_beats_clipping(rng):
    """What the limits are for: the same chip, told before training or only afterwards."""
    patterns, limits = signs(rng, 8, 49), chip_limits(rng, (49, 49))
    told = AdaptiveMemory(optimizer="adam").fit(patterns, limits=[limits])
    untold = AdaptiveMemory(optimizer="adam").fit(patterns)
    before = untold.score(patterns, patterns)
    layer = untold.layers_[0]
    untold.layers_ = [type(layer)(limits.clip(layer.weights), layer.bias, layer.gain)]
    assert before == pytest.approx(1)
    assert told.score(patterns, patterns) > untold.score(patterns, patterns) + 0.05


# Fine pulses, a narrow tolerance and no noise: what is asked for is what is written.
IDEAL = DeviceModel(
    read_noise=0.0,
    relaxation=0.0,
    tolerance=0.05,
    overdrive=5e-4,
    overdrive_step=5e-4,
    max_pulses=1000,
)


@EVERY_RULE
def test_an_ideal_crossbar_keeps_weights_and_recall(rng, memory):
    patterns = signs(rng, 3, 20)
    fitted = clone(memory).fit(patterns)
    crossbar = Crossbar.fabricate(20, 20, rng=rng, device=IDEAL)
    on_chip = program(fitted, [crossbar], rng)
    wanted, written = fitted.layers_[0], on_chip.layers_[0]
    np.testing.assert_allclose(written.weights, wanted.weights, atol=2 * 0.05 / 150)
    assert written.gain == wanted.gain
    assert on_chip.layers_ is not fitted.layers_
    # States whose fields exceed what the tolerance can move must be recalled alike.
    fields = wanted.weights @ patterns.T
    clear = np.abs(fields).min(axis=0) > 20 * 2 * 0.05 / 150
    assert clear.any()
    np.testing.assert_array_equal(
        on_chip.recall(patterns[clear], iterations=1), fitted.recall(patterns[clear], iterations=1)
    )


def test_ten_digits_survive_the_paper_s_devices(rng):
    """Fig. 6b: at the published programming error binary recall is nearly perfect."""
    digits = one_of_each("digits", rng=rng)
    memory = AdaptiveMemory(optimizer="adam").fit(digits)
    on_chip = program(memory, [Crossbar.fabricate(64, 64, rng=rng)], rng)
    assert (on_chip.layers_[0].weights != memory.layers_[0].weights).any()
    assert on_chip.score(flip_bits(digits, 0.05, rng), digits) > 0.98


def test_a_stack_is_programmed_layer_by_layer(rng):
    memory = AdaptiveMemory(hidden=(6,), steps=50).fit(signs(rng, 3, 16))
    chips = [Crossbar.fabricate(*shape, rng=rng, device=IDEAL) for shape in ((6, 16), (16, 6))]
    for one, other in zip(program(memory, chips, rng).layers_, memory.layers_, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=2 * 0.05 / 150)


def test_crossbars_must_match_the_layers(rng):
    memory = HebbianMemory().fit(signs(rng, 2, 8))
    with pytest.raises(ValueError, match=r"0 crossbars for 1 layer"):
        program(memory, [], rng)
    with pytest.raises(ValueError, match=r"crossbar of shape \(8, 9\) for a layer of \(8, 8\)"):
        program(memory, [Crossbar.fabricate(8, 9, rng=rng)], rng)
    with pytest.raises(NotFittedError):
        program(HebbianMemory(), [Crossbar.fabricate(8, 8, rng=rng)], rng)


# scikit-learn's interface


def to_signs(values):
    """Signs of a finite matrix of real numbers; anything else passes unchanged."""
    try:
        array = np.asarray(values)
        array = array.astype(float if array.dtype.kind != "c" else complex)
    except (TypeError, ValueError):
        return values
    if array.ndim != 2 or np.iscomplexobj(array) or not np.isfinite(array).all():
        return values
    return np.where(array > 0, 1.0, -1.0)


class Signs:
    """Shows a memory the signs of what it is given.

    The common checks feed Gaussian numbers, which a memory of ±1 rightly refuses; with their signs
    they can test everything else.
    """

    def fit(self, patterns, y=None, *, limits=None):
        return super().fit(to_signs(patterns), y, limits=limits)


class SignsHebbian(Signs, HebbianMemory): ...


class SignsStorkey(Signs, StorkeyMemory): ...


class SignsPseudoInverse(Signs, PseudoInverseMemory): ...


class SignsEquilibrium(Signs, EquilibriumMemory): ...


class SignsAdaptive(Signs, AdaptiveMemory): ...


class SignsMaxMargin(Signs, MaxMarginMemory): ...


class SignsMaxRecall(Signs, MaxRecallMemory): ...


TWO_MATRICES = "score compares cues with a matrix of patterns, not with one label per row"
NO_SPARSE = "the refusal of sparse input is numpy's, not in scikit-learn's words"
EXPECTED_FAILURES = {
    "check_fit_score_takes_y": TWO_MATRICES,
    "check_n_features_in_after_fitting": TWO_MATRICES,
    "check_pipeline_consistency": TWO_MATRICES,
    "check_complex_data": "complex patterns are refused as not ±1, not in scikit-learn's words",
    "check_estimators_empty_data_messages": "empty input is refused in the words of this project",
    "check_estimator_sparse_tag": NO_SPARSE,
    "check_estimator_sparse_array": NO_SPARSE,
    "check_estimator_sparse_matrix": NO_SPARSE,
}


@pytest.mark.filterwarnings("ignore:Casting complex values")
@parametrize_with_checks(
    [
        SignsHebbian(),
        SignsStorkey(),
        SignsPseudoInverse(),
        SignsEquilibrium(epochs=5),
        SignsAdaptive(steps=5),
        SignsMaxMargin(),
        SignsMaxRecall(),
    ],
    expected_failed_checks=lambda memory: EXPECTED_FAILURES,
)
def test_common_checks_of_scikit_learn(estimator, check):
    check(estimator)


@EVERY_RULE
def test_parameters_are_stored_untouched_and_cloned(memory):
    copied = clone(memory)
    assert copied.get_params() == memory.get_params()
    assert not hasattr(copied, "layers_")
    for name, value in memory.get_params().items():
        assert getattr(copied, name) is value or getattr(copied, name) == value


def test_fit_returns_self_and_fitted_attributes(rng):
    memory = AdaptiveMemory(steps=20)
    assert memory.fit(signs(rng, 2, 9)) is memory
    assert (memory.n_features_in_, memory.steps_, len(memory.layers_)) == (9, 20, 1)


def test_score_is_the_mean_cosine(rng):
    patterns = signs(rng, 2, 16)
    memory = PseudoInverseMemory().fit(patterns)
    recalled = memory.recall(-patterns)
    by_hand = np.mean(np.sum(recalled * patterns, axis=1) / 16)
    assert memory.score(-patterns, patterns) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == -1  # a negative pattern is as stable as the pattern


# Bad input


@EVERY_RULE
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (np.full((2, 4), np.nan), "NaN"),
        (np.ones(4), r"shape \(4,\).*patterns\[None, :\]"),
        (np.ones((0, 4)), r"shape \(0, 4\)"),
        (np.full((2, 4), 0.5), "other than ±1, which activation='sign' cannot return: use .* or"),
        (np.full((2, 4), 2.0), r"reach 2 .* must lie in \[-1, 1\]; scale them"),
    ],
)
def test_bad_patterns(memory, patterns, message):
    with pytest.raises(ValueError, match=message):
        clone(memory).fit(patterns)


@EVERY_RULE
def test_bad_limits(rng, memory):
    patterns, square = signs(rng, 2, 4), WeightLimits(-np.ones((4, 4)), np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"2 limits for 1 layer\(s\)"):
        clone(memory).fit(patterns, limits=[square, square])
    with pytest.raises(ValueError, match=r"shape \(4, 5\) for a layer of shape \(4, 4\)"):
        wrong = WeightLimits(-np.ones((4, 5)), np.ones((4, 5)))
        clone(memory).fit(patterns, limits=[wrong])
    with pytest.raises(ValueError, match=r"low 1 exceeds high -1"):
        clone(memory).fit(patterns, limits=[WeightLimits(np.ones((4, 4)), -np.ones((4, 4)))])


@EVERY_RULE
def test_unfitted_memories_say_so(memory):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clone(memory).recall(np.ones((1, 4)))


def test_bad_cues(rng):
    memory = HebbianMemory().fit(signs(rng, 2, 6))
    with pytest.raises(ValueError, match=r"5 elements, but this memory has 6 neurons"):
        memory.recall(np.ones((1, 5)))
    with pytest.raises(ValueError, match="NaN"):
        memory.recall(np.full((1, 6), np.nan))
    with pytest.raises(ValueError, match=r"shape \(6,\)"):
        memory.recall(np.ones(6))
    with pytest.raises(ValueError, match="1 cues and 2 patterns"):
        memory.score(np.ones((1, 6)), np.ones((2, 6)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": (0,)}, r"hidden=\(0,\) must be a tuple of whole numbers of at least 1"),
        ({"hidden": (2.5,)}, r"hidden=\(2.5,\) must be a tuple"),
        ({"hidden": (-3,)}, r"hidden=\(-3,\) must be a tuple .* such as \(32,\), or \(\) for"),
        ({"hidden": (8, 0)}, r"hidden=\(8, 0\) must be a tuple of whole numbers of at least 1"),
        ({"hidden": (True,)}, r"hidden=\(True,\) must be a tuple of whole numbers"),
        ({"hidden": (np.True_,)}, r"hidden=\(np.True_,\) must be a tuple of whole numbers"),
        ({"hidden": 16}, "hidden=16 must be a tuple"),
        ({"activation": "relu"}, "activation='relu' is unknown: choose one of"),
        (
            {"activation": "tanh", "cue_noise": -0.1},
            "cue_noise is -0.1, but must be finite and >= 0",
        ),
        ({"cue_noise": 1.5}, r"cue_noise is 1.5, but it must lie in \[0, 1\]"),
        ({"cue_noise": -0.1}, r"cue_noise is -0.1, but it must lie in \[0, 1\]"),
        ({"cue_noise": 0.6}, "cue_noise is 0.6, but must be at most 0.5"),
        ({"cue_noise": (0.1, 0.6)}, "cue_noise is 0.6, but must be at most 0.5"),
        ({"cue_noise": (0.1,)}, r"cue_noise=\(0.1,\) must be a number, or a pair .* \(0.1, 0.0\)"),
        ({"optimizer": "sgd"}, "optimizer='sgd' is unknown"),
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0, but must be above 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveMemory(**settings).fit(np.ones((2, 4)))


def test_settings_of_equilibrium_propagation_must_be_positive():
    with pytest.raises(ValueError, match="nudge is 0, but must be above 0"):
        EquilibriumMemory(nudge=0).fit(np.ones((2, 4)))


def test_a_seed_is_a_whole_number():
    with pytest.raises(TypeError, match="seed is None, but must be an integer"):
        AdaptiveMemory(seed=None).fit(np.ones((2, 4)))


def test_limits_of_one_kind_in_a_list():
    unbounded = WeightLimits.masked((4, 4), 0.0, np.random.default_rng(0))
    with pytest.raises(TypeError, match="pass a list with one per layer"):
        AdaptiveMemory().fit(np.ones((2, 4)), limits=unbounded)
    mixed = np.where(np.eye(4)[::-1] > 0, 0.5, np.inf)
    with pytest.raises(ValueError, match="mix unbounded with bounded"):
        AdaptiveMemory().fit(np.ones((2, 4)), limits=[WeightLimits(-mixed, mixed)])


def test_a_refused_fit_leaves_the_memory_as_it_was():
    memory = HebbianMemory().fit(np.ones((1, 4)))
    with pytest.raises(ValueError, match="limits of shape"):
        memory.fit(np.ones((1, 6)), limits=[WeightLimits(np.zeros((5, 5)), np.zeros((5, 5)))])
    assert memory.recall(np.ones((1, 4))).shape == (1, 4)


def test_continuous_patterns_must_fit_tanh():
    with pytest.raises(ValueError, match=r"reach 1.5 .* must lie in \[-1, 1\]"):
        AdaptiveMemory(activation="tanh").fit(np.full((2, 4), 1.5))


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_patterns_and_activation_must_fit_each_other(rng, hidden):
    binary, continuous = signs(rng, 2, 4), rng.uniform(-0.9, 0.9, (2, 4))
    with pytest.raises(ValueError, match=r"all ±1, which tanh never .*: use activation='sign'"):
        AdaptiveMemory(hidden=hidden, activation="tanh").fit(binary)
    with pytest.raises(ValueError, match=r"use AdaptiveMemory\(activation='tanh'\), or binarise"):
        AdaptiveMemory(hidden=hidden).fit(continuous)


def test_bad_continuous_cues(rng):
    memory = AdaptiveMemory(activation="tanh", steps=5).fit(rng.uniform(-0.9, 0.9, (2, 4)))
    for bad in (np.nan, np.inf):
        cues = np.array([[0.1, bad, 0.3, 0.4]])
        with pytest.raises(ValueError, match="hold NaN or infinity, .*; remove those rows"):
            memory.recall(cues)
    with pytest.raises(ValueError, match=r"reach 3 in magnitude, .*; scale them first"):
        memory.recall(np.full((1, 4), 3.0))


def test_a_stack_takes_limits_for_every_layer(rng):
    memory, masked = AdaptiveMemory(hidden=(3,), steps=5), WeightLimits.masked((3, 8), 0.5, rng)
    with pytest.raises(ValueError, match=r"1 limits for 2 layer\(s\): pass one .* per layer"):
        memory.fit(signs(rng, 2, 8), limits=[masked])
    with pytest.raises(ValueError, match=r"shape \(3, 8\) for a layer of shape \(8, 3\)"):
        memory.fit(signs(rng, 2, 8), limits=[masked, masked])
    with pytest.raises(ValueError, match=r"low 1 exceeds high 0"):
        memory.fit(signs(rng, 2, 8), limits=[None, WeightLimits(np.ones((8, 3)), np.zeros((8, 3)))])


def test_none_leaves_one_layer_of_a_stack_unbounded(rng):
    masked = WeightLimits.masked((3, 8), 0.5, rng)
    memory = AdaptiveMemory(hidden=(3,), steps=5).fit(signs(rng, 2, 8), limits=[masked, None])
    assert (memory.layers_[0].weights[~masked.working] == 0).all()
    assert memory.layers_[1].weights.all()


# keeping a memory


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_a_saved_memory_recalls_bit_for_bit(rng, tmp_path, hidden):
    patterns = rng.uniform(-1, 1, (3, 16))
    limits = [
        Crossbar.fabricate(*shape, stuck_off=0.2, rng=rng).characterize().weight_limits()
        for shape in AdaptiveMemory(hidden=hidden).layer_shapes(16)
    ]
    memory = AdaptiveMemory(
        hidden=hidden, activation="tanh", bias=True, optimizer="adam", steps=100, seed=3
    ).fit(patterns, limits=limits)
    save(memory.to_dataset(), tmp_path / "memory.nc")
    reopened = from_dataset(load(tmp_path / "memory.nc"))
    cues = rng.uniform(-1, 1, (20, 16))
    np.testing.assert_array_equal(reopened.recall(cues), memory.recall(cues))
    assert reopened.get_params() == memory.get_params()
    for kept, limit in zip(reopened.limits_, memory.limits_, strict=True):
        np.testing.assert_array_equal(kept.low, limit.low)
        np.testing.assert_array_equal(kept.high, limit.high)


@EVERY_RULE
def test_every_rule_can_be_saved(memory, rng):
    patterns = signs(rng, 2, 9)
    fitted = clone(memory).fit(patterns, limits=[WeightLimits.masked((9, 9), 0.2, rng)])
    np.testing.assert_array_equal(
        from_dataset(fitted.to_dataset()).recall(patterns), fitted.recall(patterns)
    )


def test_a_dataset_without_a_memory_is_refused():
    with pytest.raises(ValueError, match="holds None, not one of the memories"):
        from_dataset(xr.Dataset())
    with pytest.raises(NotFittedError):
        HebbianMemory().to_dataset()


def test_likely_slips_get_a_sentence(rng):
    memory, chip = HebbianMemory().fit(signs(rng, 2, 8)), Crossbar.fabricate(8, 8, rng=rng)
    with pytest.raises(TypeError, match="crossbars is a single Crossbar; pass a list"):
        program(memory, chip, rng)
    with pytest.raises(TypeError, match="limits hold a tuple, but each must be a WeightLimits"):
        HebbianMemory().fit(signs(rng, 2, 8), limits=[(-1, 1)])


def test_a_size_may_be_a_numpy_integer(rng):
    memory = AdaptiveMemory(hidden=(np.int64(4),), optimizer="adam", steps=5).fit(signs(rng, 2, 8))
    assert from_dataset(memory.to_dataset()).hidden == (4,)


def test_a_rate_may_be_a_numpy_float(rng):
    memory = AdaptiveMemory(learning_rate=np.float32(1e-3), steps=5).fit(signs(rng, 2, 8))
    assert from_dataset(memory.to_dataset()).learning_rate == np.float32(1e-3)


# Training on a part of the patterns, and through several updates


def test_batches_show_every_pattern_once_before_any_twice():
    batches = shuffled_batches(12, 4, np.random.default_rng(0))
    for _ in range(3):
        seen = np.concatenate([next(batches) for _ in range(3)])
        assert sorted(seen) == list(range(12))


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


def test_recall_must_end_with_a_whole_pass():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (3, 16))
    memory = AdaptiveMemory(unroll=2, cue_noise=0.05, steps=10).fit(patterns)
    with pytest.raises(ValueError, match="iterations=9 .* multiple of unroll=2"):
        memory.recall(patterns, iterations=9)


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"batch": 0.0}, "batch"), ({"batch": 1.5}, "batch"), ({"unroll": 0}, "unroll")],
)
def test_bad_batches_and_updates(setting, message):
    with pytest.raises(ValueError, match=message):
        AdaptiveMemory(**setting).fit(np.ones((2, 4)) * [[1], [-1]])


def test_small_batches_in_a_stack_of_seeds_equal_networks_alone():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (2, 60, 16))
    settings = {"cue_noise": 0.05, "steps": 20, "hidden": (8,)}
    together = fit_batch([AdaptiveMemory(**settings, seed=s) for s in (3, 4)], patterns)
    for memory, own in zip(together, patterns, strict=True):
        alone = AdaptiveMemory(**settings, seed=memory.seed).fit(own)
        for one, other in zip(memory.layers_, alone.layers_, strict=True):
            np.testing.assert_array_equal(one.weights, other.weights)
