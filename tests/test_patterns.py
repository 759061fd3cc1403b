"""Patterns: the pools against their sources, the corruption against its statistics."""

import math
import os

import numpy as np
import pytest
from sklearn.datasets import load_digits

from crossmem.patterns import (
    add_gaussian_noise,
    check_patterns,
    flip_bits,
    image_side,
    load_patterns,
    one_of_each,
)

needs_mnist = pytest.mark.skipif(
    not os.environ.get("CROSSMEM_DATA"), reason="CROSSMEM_DATA names no folder with MNIST"
)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def cosine(a, b):
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.mean(np.sum(a * b, axis=1) / norms)


# Pools


def test_binary_digits_are_scikit_learns_cut_at_their_own_mean():
    patterns, labels = load_patterns("digits", return_labels=True)
    source = load_digits()
    expected = [[1 if p > sum(row) / 64 else -1 for p in row] for row in source.data]
    np.testing.assert_array_equal(patterns, expected)
    np.testing.assert_array_equal(labels, source.target)
    assert patterns.dtype == np.float64


def test_continuous_digits_span_the_whole_range():
    expected = load_digits().data / 8 - 1
    np.testing.assert_array_equal(load_patterns("digits", binary=False), expected)


def test_resized_patterns_stay_in_range():
    continuous = load_patterns("digits", size=20, binary=False)
    assert continuous.shape == (1797, 400)
    assert continuous.min() == -1 and continuous.max() == 1  # clipped overshoot, so both are met
    assert set(np.unique(load_patterns("digits", size=20))) == {-1, 1}


def test_count_takes_the_first_and_rng_draws_without_replacement(rng):
    pool, labels = load_patterns(return_labels=True)
    np.testing.assert_array_equal(load_patterns(count=7), pool[:7])
    drawn, drawn_labels = load_patterns(count=1797, rng=rng, return_labels=True)
    assert not np.array_equal(drawn, pool)
    np.testing.assert_array_equal(np.bincount(drawn_labels), np.bincount(labels))
    np.testing.assert_array_equal(np.sort(drawn, axis=0), np.sort(pool, axis=0))


def test_patterns_are_copies_so_that_a_caller_cannot_spoil_the_pool():
    load_patterns(count=3)[:] = 0
    assert (np.abs(load_patterns(count=3)) == 1).all()


def test_random_patterns_have_the_moments_of_their_distribution(rng):
    binary = load_patterns("random", size=10, rng=rng)
    assert binary.shape == (2000, 100) and set(np.unique(binary)) == {-1, 1}
    assert abs(binary.mean()) < 5 / math.sqrt(binary.size)
    uniform = load_patterns("random", size=10, binary=False, count=3000, rng=rng)
    assert uniform.shape == (3000, 100) and np.abs(uniform).max() <= 1
    assert uniform.var() == pytest.approx(1 / 3, abs=0.005)


def test_same_seed_same_patterns():
    first, second = (load_patterns("random", rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_one_of_each_class_in_order(rng):
    pool, labels = load_patterns(return_labels=True)
    chosen = one_of_each("digits", rng=rng)
    assert chosen.shape == (10, 64)
    for digit, pattern in enumerate(chosen):
        assert (pool[labels == digit] == pattern).all(axis=1).any()
    assert not np.array_equal(chosen, one_of_each("digits", rng=rng))


def test_image_side():
    assert [image_side(n) for n in (1, 64, 400)] == [1, 8, 20]
    with pytest.raises(ValueError, match="neurons is 200.*nearest are 196 and 225"):
        image_side(200)


# Corruption


def test_flips_are_binomial(rng):
    rows, columns, rate = 2000, 500, 0.05
    flips = (flip_bits(np.ones((rows, columns)), rate, rng) == -1).sum(axis=1)
    variance = columns * rate * (1 - rate)
    assert flips.mean() == pytest.approx(columns * rate, abs=5 * math.sqrt(variance / rows))
    assert flips.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / rows))


def test_flipping_none_and_all(rng):
    patterns = load_patterns(count=5)
    np.testing.assert_array_equal(flip_bits(patterns, 0, rng), patterns)
    np.testing.assert_array_equal(flip_bits(patterns, 1, rng), -patterns)


def test_five_percent_flips_give_the_papers_cue_cosine(rng):
    patterns = load_patterns("random", size=20, rng=rng)
    assert cosine(patterns, flip_bits(patterns, 0.05, rng)) == pytest.approx(0.90, abs=0.001)


def test_noise_on_binary_patterns_agrees_with_the_clipped_normal(rng):
    """E min(1, 1 + s e) = 1 - s / sqrt(2 pi); the other clip, at -1, is more than six s away."""
    patterns, sigma = load_patterns("random", size=20, rng=rng), 0.3
    cues = add_gaussian_noise(patterns, sigma, rng)
    overlap, lost = np.mean(cues * patterns), sigma / math.sqrt(2 * math.pi)
    assert overlap == pytest.approx(1 - lost, abs=0.001)
    assert np.mean(cues**2) == pytest.approx(1 - 2 * lost + sigma**2 / 2, abs=0.001)
    assert np.abs(cues).max() == 1


def test_noise_of_0_3_gives_the_papers_cue_cosine_on_random_patterns(rng):
    patterns = load_patterns("random", size=20, binary=False, rng=rng)
    assert cosine(patterns, add_gaussian_noise(patterns, 0.3, rng)) == pytest.approx(0.90, abs=0.01)
    np.testing.assert_array_equal(add_gaussian_noise(patterns, 0, rng), patterns)


@needs_mnist
def test_mnist_test_split_is_the_published_one():
    patterns, labels = load_patterns("mnist", size=20, return_labels=True)
    assert patterns.shape == (10_000, 400)
    published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(labels), published)
    np.testing.assert_array_equal(labels[:5], [7, 2, 1, 0, 4])


@needs_mnist
def test_mnist_cues_at_noise_0_3_are_closer_than_random_ones(rng):
    """The black background is clipped at -1, so half of its noise disappears."""
    patterns = load_patterns("mnist", binary=False, count=2000)
    cues = add_gaussian_noise(patterns, 0.3, rng)
    assert cosine(patterns, cues) == pytest.approx(0.955, abs=0.005)


# Bad input


@pytest.mark.parametrize(
    "arguments,error,message",
    [
        ({"name": "minst"}, ValueError, "name='minst'.*mean 'mnist'"),
        ({"name": "MNIST"}, ValueError, "name='MNIST'.*mean 'mnist'"),
        ({"name": "EMNIST"}, ValueError, "name='EMNIST'.*mean 'emnist'"),
        ({"size": 0}, ValueError, "size is 0"),
        ({"size": 8.0}, TypeError, "size is 8.0"),
        ({"count": 0}, ValueError, "count is 0"),
        ({"count": 1798}, ValueError, "count is 1798.*1797"),
        ({"count": 3, "rng": 7}, TypeError, "rng is 7.*Generator"),
        ({"name": "random"}, TypeError, "rng is None.*default_rng"),
        ({"name": "random", "return_labels": True}, ValueError, "'random'.*labels"),
    ],
)
def test_load_patterns_rejects(arguments, error, message):
    with pytest.raises(error, match=message):
        load_patterns(**arguments)


@pytest.mark.parametrize("rate", [-0.01, 1.01, math.nan])
def test_rates_lie_in_the_unit_interval(rng, rate):
    with pytest.raises(ValueError, match=f"rate is {rate}"):
        flip_bits(np.ones((2, 3)), rate, rng)


@pytest.mark.parametrize("sigma", [-0.1, math.nan, math.inf])
def test_sigma_is_finite_and_not_negative(rng, sigma):
    with pytest.raises(ValueError, match=f"sigma is {sigma}"):
        add_gaussian_noise(np.ones((2, 3)), sigma, rng)


@pytest.mark.parametrize(
    "patterns,message",
    [
        (np.ones(4), r"shape \(4,\).*\(n, N\)"),
        (np.ones((0, 4)), r"shape \(0, 4\)"),
        (np.ones((4, 0)), r"shape \(4, 0\)"),
        ([], r"shape \(0,\)"),
        ([[1.0, math.nan]], "value nan"),
        ([[1.0, 3.0]], "value 3"),
    ],
)
def test_check_patterns_rejects(rng, patterns, message):
    with pytest.raises(ValueError, match=message):
        check_patterns(patterns)
    with pytest.raises(ValueError, match=message):
        add_gaussian_noise(patterns, 0.1, rng)


def test_flipping_needs_bits(rng):
    with pytest.raises(ValueError, match="other than -1 and \\+1"):
        flip_bits([[0.0, 1.0]], 0.1, rng)


@pytest.mark.parametrize("corrupt", [flip_bits, add_gaussian_noise])
def test_corruption_needs_a_generator(corrupt):
    with pytest.raises(TypeError, match="rng is None"):
        corrupt(np.ones((2, 3)), 0.1, None)
