"""Largest margins against hand, LP, SVM and a general solver; ways to use a chip; their theory."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, check_grad, linprog, minimize
from sklearn.svm import LinearSVC

from crossmem import plotting
from crossmem.crossbar import Crossbar, WeightLimits
from crossmem.memories import AdaptiveMemory, program
from crossmem.pairs import (
    WAYS,
    EitherPolarity,
    MaxMarginMemory,
    MaxRecallMemory,
    bias_corrected,
    chip_bound,
    chip_capacity,
    chip_couplings,
    clipped_gaussian,
    exchanged,
    most_stable,
    polarity,
    surprise,
    turned,
)

CHIP = {
    "dataset": "digits",
    "neurons": 36,
    "fault_rate": 0.2,
    "on_share": 0.5,
    "flip_rate": 0.05,
    "cue_noise": 0.05,
    "threshold": 0.97,
    "cues": 2,
    "iterations": 10,
    "resolution": 0.05,
    "steps": 400,
    "noise_steps": 400,
    "seed": 0,
}


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


@pytest.mark.parametrize("penalty", [0.5, 50.0, None])
def test_without_a_box_it_is_a_support_vector_machine(rng, penalty):
    """penalty |ξ|² + flips |w|² is, divided by 2 flips, what LinearSVC minimises."""
    signed, flips = signs(rng, 12, 20), 0.19
    own = most_stable(signed, -np.ones(20), np.ones(20), flips, 1e-10, penalty)
    svm = LinearSVC(C=(penalty or 1e7) / (2 * flips), fit_intercept=False, tol=1e-9, max_iter=10**6)
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
        ({"flip_rate": 0.0}, "flip_rate is 0.0, but must be above 0"),
        ({"flip_rate": 0.5}, "flip_rate is 0.5, but from 0.5 on .* give less"),
        ({"programming_error": 0.0}, "programming_error is 0.0, but must be above 0"),
        ({"penalty": -1.0}, "penalty is -1.0, but must be above 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        MaxMarginMemory(**settings).fit(np.ones((1, 4)))


# The likeliest recall


def test_the_gradient_of_the_surprise_is_its_difference_quotient(rng):
    arguments = signs(rng, 5, 12), 0.19, 0.1, 0.9
    value = lambda w: surprise(w, *arguments)[0]  # noqa: E731
    slope = lambda w: surprise(w, *arguments)[1]  # noqa: E731
    assert check_grad(value, slope, rng.uniform(-1, 1, 12)) < 1e-5


def test_the_surprise_counts_failed_recalls(rng):
    """Its exponential is the share of cues from which one update restores the neuron's bit."""
    patterns, weights = signs(rng, 1, 200), rng.uniform(-1, 1, 200)
    signed = patterns[0] * patterns
    weights += 0.03 * np.sign(signed[0])  # a margin that flips sometimes overcome
    flips, error = 0.1, 0.05
    predicted = np.exp(-surprise(weights, signed, 4 * 0.09, 200 * error**2, 0.8)[0])
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
        _, slope = surprise(row, patterns[:, neuron, None] * patterns, *noise)
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


@pytest.mark.parametrize("cue_noise", [0.0, 0.05])
def test_full_intervals_are_no_limits_to_adaptive_training(rng, cue_noise):
    """As long as no weight wants more; the read-out gain is then the only difference."""
    patterns = signs(rng, 3, 36)
    settings = {"optimizer": "adam", "steps": 60, "learning_rate": 1e-3, "cue_noise": cue_noise}
    free, full = (
        AdaptiveMemory(**settings).fit(patterns, limits=own) for own in (None, bounded(36))
    )
    (loose,), (tight,) = free.layers_, full.layers_
    assert np.abs(tight.weights).max() < 1
    np.testing.assert_allclose(tight.gain * tight.weights, loose.gain * loose.weights, atol=1e-6)


# Ways to use a chip


def capacity(way, **changes):
    return int(chip_capacity(**CHIP | {"way": way, "criteria": ["mean"]} | changes)["capacity"][0])


def test_without_faults_the_ways_of_masking_are_one():
    found = {way: capacity(way, fault_rate=0.0) for way in ("masked", "corrected", "compensated")}
    assert len(set(found.values())) == 1
    assert found["masked"] > 4


def test_offsets_cost_the_masking_most_and_intervals_hold_the_most():
    found = {way: capacity(way) for way in WAYS}
    assert found["masked"] < found["ideal"]
    assert found["masked"] < found["compensated"] < found["intervals"]
    assert found["largest margin"] > found["compensated"]
    assert found["noise-trained"] > found["compensated"]
    assert found["likeliest recall"] > found["intervals"]
    assert found["exchanged"] > found["intervals"]
    assert found["two updates"] > found["noise-trained"]
    assert found["masked"] < found["noisy mask"] < found["noise-trained"]


def test_every_way_has_a_style():
    assert list(plotting.WAY_STYLE) == list(WAYS)


def test_both_criteria_and_their_order():
    found = chip_capacity(**CHIP, way="largest margin")["capacity"]
    assert list(found["criterion"].values) == ["mean", "per_pattern"]
    assert found.sel(criterion="mean") >= found.sel(criterion="per_pattern")


def test_a_misspelt_way():
    with pytest.raises(ValueError, match="way='mask' is unknown: .* did you mean 'masked'"):
        chip_capacity(**CHIP, way="mask")


def test_bias_correction_cancels_the_mean_field_of_the_offsets(rng):
    patterns = signs(rng, 6, 24)
    patterns[:, :12] = 1.0  # a mean pattern far from zero
    crossbar = Crossbar.fabricate(24, 24, stuck_on=0.2, rng=rng)
    faults = crossbar.characterize()
    memory = AdaptiveMemory(optimizer="adam").fit(patterns, limits=[faults.masked()])
    crossbar.faults = None  # program as if nothing were known
    chip = program(memory, [crossbar], rng)
    touched = faults.stuck.any(axis=-1)
    kept = np.where(touched, 0.0, chip.layers_[0].weights)
    mean = patterns.mean(axis=0, keepdims=True)
    wanted = chip.layers_[0].gain * mean @ kept.T
    offset = np.abs(chip.layers_[0].field(mean) - wanted).max()
    corrected = bias_corrected(chip, faults, patterns).layers_[0].field(mean)
    assert np.abs(corrected - wanted).max() < 0.1 * offset


def test_a_row_is_exchanged_if_its_stuck_weights_oppose_the_patterns():
    patterns = np.array([[1.0, 1.0, -1.0]])  # Hebb: 0-1 agree, 2 opposes both
    low = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, -1.0], [-1.0, -1.0, 0.0]])
    high = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])
    signs = polarity(WeightLimits(low, high), patterns)
    np.testing.assert_array_equal(signs, [[-1.0], [1.0], [1.0]])
    turned_around = exchanged(WeightLimits(low, high), signs)
    np.testing.assert_array_equal(turned_around.low[0], [0.0, 0.0, -1.0])
    np.testing.assert_array_equal(turned_around.high[0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(turned_around.low[1:], low[1:])


def test_exchanged_columns_store_what_the_chip_then_recalls(rng):
    """Weights within the turned limits come back from a chip that was never turned."""
    patterns = signs(rng, 4, 30)
    crossbar = Crossbar.fabricate(30, 30, stuck_off=0.2, stuck_on=0.2, rng=rng)
    limits = crossbar.characterize().weight_limits()
    chosen = polarity(limits, patterns)
    assert -20 < chosen.sum() < 20  # both kinds of rows
    memory = EitherPolarity(MaxRecallMemory()).fit(patterns, limits=[limits])
    chip = turned(program(turned(memory, chosen), [crossbar], rng), chosen)
    error = chip.layers_[0].weights - memory.layers_[0].weights
    assert np.abs(error).max() < 0.15
    assert np.std(error) < 0.04


# Theory of a faulty chip


def test_couplings_of_simple_chips():
    assert chip_couplings(0.0, 0.0) == (1.0, 0.0)
    assert chip_couplings(0.3, 0.0) == pytest.approx((0.7, 0.0))
    assert chip_couplings(0.3, 0.0, intervals=False) == pytest.approx((0.49, 0.0))
    assert chip_couplings(1.0, 0.0) == (0.0, 0.0)
    assert chip_couplings(0.5, 0.5) == (0.0, np.inf)


def test_moments_of_a_clipped_gaussian(rng):
    gaussian = rng.standard_normal(10**6)
    for scale in (0.3, 1.0, 4.0):
        clipped = np.clip(scale * gaussian, -1, 1)
        sampled = (clipped * gaussian).mean(), (clipped**2).mean()
        assert clipped_gaussian(scale) == pytest.approx(sampled, rel=0.01)


@pytest.mark.parametrize(("intervals", "size"), [(True, 300), (False, 700)])
def test_a_linear_program_is_feasible_just_below_the_bound_and_not_above(rng, intervals, size):
    """One neuron of a large chip and random patterns; without intervals, offsets stay on."""
    rates = {"stuck_off": 0.1, "stuck_on": 0.15}
    faults = Crossbar.fabricate(1, size, **rates, rng=rng).characterize()
    limits = faults.weight_limits()
    low, high = limits.low[0].round(), limits.high[0].round()
    if not intervals:
        touched = faults.stuck[0].any(axis=-1)
        on = faults.stuck_on[0] @ np.array([1.0, -1.0])
        low, high = np.where(touched, on, low), np.where(touched, on, high)
    bound = size * chip_bound(**rates, intervals=intervals, compensate=intervals)
    bounds = list(zip(low, high, strict=True))
    margins = [
        -linprog(
            np.append(np.zeros(size), -1.0),
            A_ub=np.column_stack(
                (-signs(rng, int(share * bound), size), np.ones(int(share * bound)))
            ),
            b_ub=np.zeros(int(share * bound)),
            bounds=[*bounds, (None, 1.0)],
        ).fun
        for share in (0.8, 1.2)
    ]
    assert margins[0] > 1e-6 > margins[1]


def test_without_stuck_on_devices_masking_in_truth_is_masking_with_a_partner():
    ways = {way: capacity(way, on_share=0.0) for way in ("masked", "corrected", "compensated")}
    assert len(set(ways.values())) == 1


def test_rates_beyond_one_are_refused():
    with pytest.raises(ValueError, match="fault_rate is 1.2, but it must lie in"):
        capacity("masked", fault_rate=1.2)
    with pytest.raises(ValueError, match="on_share is -1, but it must lie in"):
        capacity("masked", on_share=-1)
    with pytest.raises(ValueError, match=r"stuck_off 0.7 and stuck_on 0.6 sum to more than 1"):
        chip_couplings(0.7, 0.6)
