"""Optimal single layers against hand, a linear program, support vectors and a general solver."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, check_grad, linprog, minimize
from sklearn.svm import LinearSVC

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.optimal import (
    MaxMarginMemory,
    MaxRecallMemory,
    most_stable,
    negative_log_likelihood,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def box(rng, size):
    """Limits of one neuron on a chip: free, of one sign, and stuck at -1, 0 or 1."""
    low, high = rng.choice([-1.0, 0.0], size), rng.choice([0.0, 1.0], size)
    stuck = rng.random(size) < 0.1
    at = rng.choice([-1.0, 1.0], size)
    return np.where(stuck, at, low), np.where(stuck, at, high)


def bounded(size):
    return [WeightLimits(-np.ones((size, size)), np.ones((size, size)))]


# The largest margin


def test_one_pattern_and_a_stuck_weight_by_hand():
    """max (c + 2w) / √(c² + 2w² + ε²) has dw = 0 at w = c + ε²/c, unless the box is smaller."""
    signed, noise = np.ones((1, 3)), 0.06
    for edge, expected in ((1.0, 0.5), (0.4, 0.4)):
        low, high = np.array([0.3, -edge, -edge]), np.array([0.3, edge, edge])
        weights = most_stable(signed, low, high, 1.0, noise)
        np.testing.assert_allclose(weights, [0.3, expected, expected], atol=1e-12)


@pytest.mark.parametrize("count", [3, 10])
def test_no_general_solver_finds_more_stable_weights(rng, count):
    signed, (low, high) = signs(rng, count, 24), box(rng, 24)
    flips, noise = 0.19, 0.05

    def stability(w):
        return (signed @ w).min() / np.sqrt(flips * (w @ w) + noise)

    ours = stability(most_stable(signed, low, high, flips, noise))
    free = low < high
    fixed = np.where(free, 0.0, low)

    def objective(x):
        w = fixed.copy()
        w[free] = x[:-1]
        return -x[-1] / np.sqrt(flips * (w @ w) + noise)

    rows = np.column_stack((signed[:, free], -np.ones(count)))
    found = minimize(
        objective,
        np.append(np.clip(signed[:, free].mean(axis=0), low[free], high[free]), 0.0),
        method="SLSQP",
        constraints=LinearConstraint(rows, -signed @ fixed, np.inf),
        bounds=[*zip(low[free], high[free], strict=True), (None, None)],
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    assert ours > 0
    assert ours == pytest.approx(-found.fun, rel=1e-5)


def test_without_flips_it_is_the_linear_program_of_the_largest_margin(rng):
    signed, (low, high) = signs(rng, 4, 24), box(rng, 24)
    weights = most_stable(signed, low, high, 1e-9, 1.0)
    found = linprog(
        np.append(np.zeros(24), -1.0),
        A_ub=np.column_stack((-signed, np.ones(4))),
        b_ub=np.zeros(4),
        bounds=[*zip(low, high, strict=True), (None, None)],
    )
    assert -found.fun > 0
    assert (signed @ weights).min() == pytest.approx(-found.fun, rel=1e-4)


def test_without_a_box_it_is_a_support_vector_machine(rng):
    """Without shortfalls, it minimises |w|² as LinearSVC does at a high price of them."""
    signed = signs(rng, 12, 20)
    own = most_stable(signed, -np.ones(20), np.ones(20), 0.19, 1e-10)
    svm = LinearSVC(C=2.6e7, fit_intercept=False, tol=1e-9, max_iter=10**6)
    label = np.resize([1, -1], 12)  # it wants two classes; mirrored rows are the same problem
    (theirs,) = svm.fit(label[:, None] * signed, label).coef_
    cosine = own @ theirs / np.linalg.norm(own) / np.linalg.norm(theirs)
    assert cosine == pytest.approx(1, abs=1e-5)


def test_contradicting_patterns_cost_only_each_other(rng):
    """Neuron 0 must be both in one context; the other patterns are still stored."""
    patterns = signs(rng, 4, 20)
    patterns[1] = patterns[0]
    patterns[1, 0] *= -1
    memory = MaxMarginMemory().fit(patterns, limits=bounded(20))
    margins = patterns[:, 0] * (patterns @ memory.layers_[0].weights[0])
    assert memory.stability_[0] <= 0
    assert (margins[2:] > 0).all()
    assert (memory.stability_[1:] > 0).all()


def test_nothing_to_gain_leaves_the_weights_at_rest():
    """A pattern and its contradiction alone: every weight serves one as it harms the other."""
    signed = np.array([[1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_array_equal(
        most_stable(signed, -np.ones(2), np.ones(2), 0.19, 0.1), [0.0, 0.0]
    )


def test_all_weights_stuck_stay_where_they_are():
    stuck = np.array([1.0, -1.0, 0.0])
    np.testing.assert_array_equal(most_stable(np.ones((2, 3)), stuck, stuck, 0.19, 0.1), stuck)


def test_stability_is_that_of_the_weights_kept(rng):
    patterns = signs(rng, 5, 16)
    crossbar = Crossbar.fabricate(16, 16, stuck_off=0.2, stuck_on=0.1, rng=rng)
    memory = MaxMarginMemory(flip_rate=0.1, programming_error=0.05)
    memory.fit(patterns, limits=[crossbar.characterize().weight_limits()])
    weights = memory.layers_[0].weights.astype(float)
    margins = (patterns * (patterns @ weights.T)).min(axis=0)
    spread = np.sqrt(0.36 * (weights**2).sum(axis=1) + 16 * 0.05**2)
    np.testing.assert_allclose(memory.stability_, margins / spread, rtol=1e-5, atol=1e-6)


def test_it_survives_more_flips_than_it_was_made_for(rng):
    """Optimal stability is worth having: wider basins than the published training's."""
    patterns = signs(rng, 20, 64)
    cues = np.where(rng.random((20, 64)) < 0.2, -patterns, patterns)
    published = AdaptiveMemory(optimizer="adam", steps=500).fit(patterns, limits=bounded(64))
    assert MaxMarginMemory().fit(patterns).score(cues, patterns, iterations=1) > published.score(
        cues, patterns, iterations=1
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip_rate": 0.0}, "flip_rate is 0.0"),
        ({"flip_rate": 0.5}, "flip_rate is 0.5"),
        ({"programming_error": 0.0}, "programming_error is 0.0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        MaxMarginMemory(**settings).fit(np.ones((1, 4)))


# The likeliest recall


def test_the_gradient_of_the_negative_log_likelihood_is_its_difference_quotient(rng):
    arguments = signs(rng, 5, 12), 0.19, 0.1, 0.9
    value = lambda w: negative_log_likelihood(w, *arguments)[0]  # noqa: E731
    slope = lambda w: negative_log_likelihood(w, *arguments)[1]  # noqa: E731
    assert check_grad(value, slope, rng.uniform(-1, 1, 12)) < 1e-5


def test_the_likelihood_counts_failed_recalls(rng):
    """Its exponential is the share of cues from which one update restores the neuron's bit."""
    patterns, weights = signs(rng, 1, 200), rng.uniform(-1, 1, 200)
    signed = patterns[0] * patterns
    weights += 0.03 * np.sign(signed[0])  # a margin that flips sometimes overcome
    flips, error = 0.1, 0.05
    predicted = np.exp(-negative_log_likelihood(weights, signed, 4 * 0.09, 200 * error**2, 0.8)[0])
    cues = signed * np.where(rng.random((20_000, 200)) < flips, -1, 1)
    written = weights + error * rng.standard_normal((20_000, 200))
    restored = (np.einsum("ci,ci->c", cues, written) > 0).mean()
    assert 0.6 < restored < 0.99
    assert predicted == pytest.approx(restored, abs=0.015)


def test_likeliest_recall_is_a_minimum_within_the_box(rng):
    patterns = signs(rng, 8, 20)
    crossbar = Crossbar.fabricate(20, 20, stuck_off=0.2, stuck_on=0.1, rng=rng)
    limits = crossbar.characterize().weight_limits().without_self_connections()
    weights = MaxRecallMemory().fit(patterns, limits=[limits]).layers_[0].weights
    noise = 0.19, 20 * MaxRecallMemory().programming_error ** 2, 0.9
    for neuron, row in enumerate(weights.astype(float)):
        low, high = limits.low[neuron], limits.high[neuron]
        _, slope = negative_log_likelihood(row, patterns[:, neuron, None] * patterns, *noise)
        assert (slope[row > low + 1e-6] < 1e-3).all()  # lowering the weight would not help
        assert (slope[row < high - 1e-6] > -1e-3).all()  # nor raising it


def test_likeliest_recall_recalls_more_and_protects_the_worst_pattern_less(rng):
    patterns, cues = signs(rng, 24, 64), 10
    limits = [Crossbar.fabricate(64, 64, stuck_off=0.2, rng=rng).characterize().weight_limits()]
    shown = np.tile(patterns, (cues, 1))
    corrupted = np.where(rng.random(shown.shape) < 0.05, -shown, shown)
    margin, recall = (
        kind().fit(patterns, limits=limits) for kind in (MaxMarginMemory, MaxRecallMemory)
    )
    assert margin.stability_.mean() > recall.stability_.mean()
    assert recall.score(corrupted, shown, iterations=1) > margin.score(
        corrupted, shown, iterations=1
    )


# Limits of a perfect chip


@pytest.mark.parametrize("kind", [MaxMarginMemory, MaxRecallMemory])
def test_full_intervals_are_no_limits_to_the_optimal_memories(rng, kind):
    patterns = signs(rng, 6, 20)
    free, full = (kind().fit(patterns, limits=own) for own in (None, bounded(20)))
    np.testing.assert_array_equal(free.layers_[0].weights, full.layers_[0].weights)
