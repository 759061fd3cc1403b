"""Closed-form rules and equilibrium propagation against formulas, algebra and gradients."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from crossmem.networks.rules import (
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
)
from crossmem.patterns import flip_bits


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def effective(memory):
    """Weights of the only layer with the gain undone, float64."""
    (layer,) = memory.layers_
    return layer.gain * layer.weights.astype(float)


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


def graded_weights(rng, neurons=6):
    """Symmetric weights, strong enough to hold a free equilibrium away from 0, and patterns."""
    patterns = signs(rng, 3, neurons)
    weights = patterns.T @ patterns / neurons + 0.2 * rng.normal(size=(neurons, neurons))
    return without_diagonal(weights + weights.T), patterns


def free_cost(memory, weights, patterns):
    free = memory.relax(weights, patterns, patterns, 0.0, 3000)
    return 0.5 * np.mean(np.sum((free - patterns) ** 2, axis=1))


def test_free_phase_ends_in_an_equilibrium(rng):
    weights, patterns = graded_weights(rng)
    free = EquilibriumMemory().relax(weights, patterns, patterns, 0.0, 3000)
    assert np.abs(free).max(axis=1).min() > 0.5
    np.testing.assert_allclose(free, np.tanh(free @ weights.T), atol=1e-10)


def test_contrast_is_the_negative_gradient_of_the_cost(rng):
    """Theorem 1 of Scellier & Bengio; a pair of neurons shares one symmetric weight."""
    weights, patterns = graded_weights(rng)
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nudge": 0}, "nudge is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"free_steps": 2.5}, "free_steps is 2.5"),
    ],
)
def test_bad_settings_of_equilibrium_propagation(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        EquilibriumMemory(**settings).fit(np.ones((2, 4)))
