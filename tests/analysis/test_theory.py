"""The yardsticks against integrals, simulations, linear programs and published values."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.stats import norm, uniform

from crossmem.analysis import theory
from crossmem.chip.crossbar import Crossbar


@pytest.fixture
def rng():
    return np.random.default_rng(17)


@pytest.mark.parametrize("stability", [0.0, 0.3, 1.0, 2.5])
def test_gardner_capacity_equals_its_integral(stability):
    """1/α is the Gaussian mean of (t + κ)² over t > -κ (Gardner 1988)."""
    integral = quad(lambda t: norm.pdf(t) * (t + stability) ** 2, -stability, np.inf)[0]
    assert theory.gardner_capacity(stability) == pytest.approx(1 / integral, rel=1e-8)


def test_gardner_capacity_of_diluted_and_stuck_couplings():
    assert theory.gardner_capacity() == 2
    assert theory.gardner_capacity(connectivity=0.5) == 1
    assert theory.gardner_capacity(stuck_ratio=1.0) == 1
    np.testing.assert_allclose(
        theory.gardner_capacity(connectivity=np.array([0, 0.25, 1])), [0, 0.5, 2]
    )
    falling = theory.gardner_capacity(np.linspace(0, 3, 30))
    assert (np.diff(falling) < 0).all()


def test_stuck_couplings_shift_the_stabilities(rng):
    """At κ = 0, 1/α is the mean squared positive part of a unit Gaussian; stuck couplings widen it.

    Their fields, of norm ratio ρ, add independently of the pattern: the variance becomes 1 + ρ².
    """
    ratio = 0.7
    fields = rng.standard_normal(2_000_000) * np.sqrt(1 + ratio**2)
    expected = 1 / np.mean(np.maximum(fields, 0) ** 2)
    assert theory.gardner_capacity(stuck_ratio=ratio) == pytest.approx(expected, rel=0.01)


def test_hebbian_capacity_has_the_published_values():
    """Amit, Gutfreund & Sompolinsky 1985: α_c = 0.138, where the overlap is 0.967."""
    limit = theory.hebbian_capacity()
    assert limit == pytest.approx(0.138, abs=5e-4)
    assert theory.hebbian_overlap(limit - 1e-5) == pytest.approx(0.967, abs=2e-3)
    assert theory.hebbian_overlap(limit + 1e-4) == 0
    assert theory.hebbian_capacity(0.99) == pytest.approx(0.126, abs=1e-3)
    assert theory.hebbian_overlap(theory.hebbian_capacity(0.99)) == pytest.approx(0.99, abs=1e-3)


@pytest.mark.parametrize("load", [0.005, 0.05, 0.1, 0.13])
def test_hebbian_overlap_solves_the_mean_field_equations(load):
    """m = erf(m/√(2αr)), r = 1/(1-C)², C = √(2/(παr)) exp(-m²/(2αr)): the form with r and C."""
    overlap = theory.hebbian_overlap(load)
    spread = 1.0  # iterate r at the given m
    for _ in range(200):
        susceptibility = np.sqrt(2 / (np.pi * load * spread)) * np.exp(
            -(overlap**2) / (2 * load * spread)
        )
        spread = 1 / (1 - susceptibility) ** 2
    expected = 2 * norm.cdf(overlap / np.sqrt(load * spread)) - 1
    assert overlap == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("overlap", "stability"), [(0.9, 1.25), (0.5, 2.0), (0.0, 1.0)])
def test_one_step_overlap_equals_a_simulation(rng, overlap, stability):
    """Neurons with one given stability each, shown cues whose bits are flipped at random."""
    neurons, trials = 400, 20_000
    couplings = rng.standard_normal(neurons)
    couplings /= np.linalg.norm(couplings)
    # Pattern bits are gauged to +1: scale the mean coupling so that the margin is the stability.
    couplings += (stability - couplings.sum()) / neurons
    couplings /= np.linalg.norm(couplings)
    margin = couplings.sum()
    cues = np.where(rng.random((trials, neurons)) < (1 + overlap) / 2, 1.0, -1.0)
    simulated = np.mean(np.sign(cues @ couplings))
    assert theory.one_step_overlap(overlap, margin) == pytest.approx(simulated, abs=0.02)


def test_one_step_capacity():
    """From 0.90 to 0.99 takes a stability of 1.25, so at most 0.397 patterns per neuron."""
    assert theory.one_step_overlap(0.9, 1.25) == pytest.approx(0.99, abs=5e-4)
    assert theory.one_step_capacity(0.9) == pytest.approx(0.397, abs=2e-3)
    assert theory.one_step_capacity(0.95) > theory.one_step_capacity(0.9)
    assert theory.one_step_capacity(0.9, 0.95) > theory.one_step_capacity(0.9, 0.99)


@pytest.mark.parametrize("overlaps", [(0.0, 0.99), (1.0, 0.99), (0.9, 1.0)])
def test_one_step_from_nowhere_or_to_perfection(overlaps):
    with pytest.raises(ValueError, match="overlap|target is .* between 0 and 1"):
        theory.one_step_capacity(*overlaps)


def test_counting_bound_counts_the_weights():
    """400-200-400 has 160,000 weights, 320,000 bits; a pattern of 400 bits takes 400 of them."""
    assert theory.counting_bound(160_000, 400) == 320_000 / 400
    assert theory.counting_bound(160_000, 400, bits_per_pixel=0.5) == 1600


def test_counting_bound_of_one_layer_is_gardner_s_and_of_two_four_per_hidden_neuron():
    neurons, hidden = np.array([64, 144, 400]), np.array([32, 10, 200])
    gardner = theory.gardner_capacity() * neurons
    np.testing.assert_allclose(theory.counting_bound(neurons**2, neurons), gardner)
    two_layers = theory.counting_bound(2 * neurons * hidden, neurons, 0.3)
    np.testing.assert_allclose(two_layers, 4 * hidden / 0.3)


# Information in an image


def binary_entropy(chance):
    return -chance * np.log2(chance) - (1 - chance) * np.log2(1 - chance)


def test_random_pixels_hold_a_bit_and_constant_ones_none(rng):
    fair = theory.bits_per_pixel(rng.choice([-1.0, 1.0], (2000, 64)))
    assert 1 <= fair < 1.05  # 64 contexts, counted on 1000 images, cost 64/(2000 ln 2) bits
    assert theory.bits_per_pixel(np.ones((2000, 64))) < 0.01
    half_black = np.repeat([[1.0, -1.0]], 32, axis=1).ravel() * np.ones((2000, 1))
    assert theory.bits_per_pixel(half_black) < 0.01


def test_biased_pixels_hold_their_binary_entropy(rng):
    images = np.where(rng.random((20_000, 16)) < 0.2, 1.0, -1.0)
    assert theory.bits_per_pixel(images) == pytest.approx(binary_entropy(0.2), abs=0.01)


@pytest.mark.parametrize("transposed", [False, True])
def test_pixels_that_copy_a_neighbour_hold_what_the_neighbour_leaves_open(rng, transposed):
    """Each row (or column) is a Markov chain: a fair pixel, then 0.9 to repeat the one before."""
    steps = np.where(rng.random((20_000, 6, 6)) < 0.9, 1, -1)
    steps[:, :, 0] = rng.choice([-1, 1], (20_000, 6))
    images = np.cumprod(steps, axis=2)
    images = (images.swapaxes(1, 2) if transposed else images).reshape(-1, 36)
    expected = (1 + 5 * binary_entropy(0.1)) / 6
    assert theory.bits_per_pixel(images) == pytest.approx(expected, abs=0.01)


def test_bits_per_pixel_do_not_depend_on_the_sign(rng):
    images = np.where(rng.random((500, 25)) < 0.3, 1.0, -1.0)
    assert theory.bits_per_pixel(-images) == pytest.approx(theory.bits_per_pixel(images))


def test_an_image_is_square():
    with pytest.raises(ValueError, match="neurons is 10.*9 and 16"):
        theory.bits_per_pixel(np.ones((90, 10)))


@pytest.mark.parametrize("similarity", [0.9, 0.99, 0.999])
def test_rate_distortion_bits_are_shannon_s_lower_bound(similarity):
    """h(x) less the entropy of a Gaussian whose variance is the distortion."""
    pixel = uniform(-1, 2)
    error = norm(scale=np.sqrt(pixel.var() * (1 - similarity**2)))
    expected = (pixel.entropy() - error.entropy()) / np.log(2)
    assert theory.rate_distortion_bits(similarity) == pytest.approx(expected)
    similarities = np.full(3, similarity)
    np.testing.assert_allclose(theory.rate_distortion_bits(similarities), expected)


def test_gaussian_bits_of_white_noise_are_half_the_log_of_the_distortion():
    white = np.random.default_rng(0).standard_normal((40_000, 9)) / 10
    expected = -0.5 * np.log2(1 - 0.99**2)
    assert theory.gaussian_bits_per_pixel(white, 0.99) == pytest.approx(expected, abs=0.01)


def test_gaussian_bits_fill_the_weak_directions_last():
    """Two variances by hand: 1 and 0.01, at a distortion that leaves the weak one untouched."""
    rng = np.random.default_rng(1)
    draws = rng.standard_normal((200_000, 2)) * [1.0, 0.1]
    # D = (1 - s²)(1 + 0.01) = 0.0601 at s² = 0.9405: θ = 0.0501 > 0.01 spends bits on one only
    similarity = np.sqrt(1 - 0.0601 / 1.01)
    expected = 0.5 * np.log2(1 / 0.0501) / 2
    found = theory.gaussian_bits_per_pixel(draws / 10, similarity)
    assert found == pytest.approx(expected, abs=0.01)


def test_gaussian_bits_of_nearly_constant_images_are_zero():
    flat = 0.5 + 1e-3 * np.random.default_rng(2).standard_normal((1000, 4))
    assert theory.gaussian_bits_per_pixel(flat, 0.99) == 0


# A chip with faulty devices


def test_couplings_of_simple_chips():
    assert theory.chip_couplings(0.0, 0.0) == (1.0, 0.0)
    assert theory.chip_couplings(0.3, 0.0) == pytest.approx((0.7, 0.0))
    assert theory.chip_couplings(0.3, 0.0, intervals=False) == pytest.approx((0.49, 0.0))
    assert theory.chip_couplings(1.0, 0.0) == (0.0, 0.0)
    assert theory.chip_couplings(0.5, 0.5) == (0.0, np.inf)
    assert theory.chip_bound(0.7, 0.3) == pytest.approx(0)  # their sum is 1 but for rounding
    with pytest.raises(ValueError, match="stuck_off 0.7 and stuck_on 0.6 .*more than 1"):
        theory.chip_couplings(0.7, 0.6)


def test_moments_of_a_clipped_gaussian(rng):
    gaussian = rng.standard_normal(10**6)
    for scale in (0.3, 1.0, 4.0):
        clipped = np.clip(scale * gaussian, -1, 1)
        sampled = (clipped * gaussian).mean(), (clipped**2).mean()
        assert theory.clipped_gaussian(scale) == pytest.approx(sampled, rel=0.01)


@pytest.mark.parametrize(("intervals", "size"), [(True, 300), (False, 700)])
def test_a_linear_program_is_feasible_just_below_the_bound_and_not_above(intervals, size):
    """One neuron of a large chip and random patterns; without intervals, offsets stay on."""
    rng = np.random.default_rng(11)
    rates = {"stuck_off": 0.1, "stuck_on": 0.15}
    faults = Crossbar.fabricate(1, size, **rates, rng=rng).characterize()
    limits = faults.weight_limits()
    low, high = limits.low[0].round(), limits.high[0].round()
    if not intervals:
        touched = faults.stuck[0].any(axis=-1)
        on = faults.stuck_on[0] @ np.array([1.0, -1.0])
        low, high = np.where(touched, on, low), np.where(touched, on, high)
    bound = size * theory.chip_bound(**rates, intervals=intervals, compensate=intervals)

    def margin(count):
        """Largest margin of random patterns within the limits, at most 1."""
        patterns = rng.choice([-1.0, 1.0], (count, size))
        program = {
            "c": np.append(np.zeros(size), -1.0),
            "A_ub": np.column_stack((-patterns, np.ones(count))),
            "b_ub": np.zeros(count),
            "bounds": [*zip(low, high, strict=True), (None, 1.0)],
        }
        return -linprog(**program).fun

    assert margin(int(0.8 * bound)) > 1e-6 > margin(int(1.2 * bound))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stability": -0.1}, "stability -0.1"),
        ({"stability": 1.0, "stuck_ratio": 0.5}, "stuck_ratio.*stability 0"),
        ({"connectivity": 1.5}, "connectivity 1.5"),
    ],
)
def test_bad_gardner_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        theory.gardner_capacity(**options)


@pytest.mark.parametrize("overlap", [0.0, 1.0, -0.2])
def test_bad_overlap(overlap):
    with pytest.raises(ValueError, match=f"overlap is {overlap}.* between 0 and 1"):
        theory.hebbian_capacity(overlap)
