"""Settling, energy and Jacobians against hand, theorem, finite differences and dense algebra."""

import numpy as np
import pytest

from crossmem.networks.network import Layer, Network, step
from crossmem.networks.stability import (
    energy,
    is_fixed_point,
    jacobian,
    norm_and_radius,
    settling_time,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def network(weights, bias=None, gain=1.0, **options):
    """A network of one layer."""
    bias = np.zeros(len(weights)) if bias is None else bias
    return Network([Layer(np.array(weights, dtype=float), bias, gain)], **options)


EXCHANGE = network([[0, 1], [1, 0]])


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def random_network(rng, sizes):
    return Network(
        Layer(rng.normal(size=(n_out, n_in)), rng.normal(size=n_out), rng.uniform(0.5, 2))
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    )


# Settling


def one_neuron(*values):
    """The trace of a single recall of a single neuron."""
    return np.array(values, dtype=float)[:, None, None]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 1, 1, 1], 0),
        ([-1, 1, 1, 1], 1),
        ([-1, -1, 1, 1], 2),
        ([-1, 1, -1, 1], 3),  # still moving
        ([1, -1, 1, 1], 2),  # goes and comes back
        ([1], 0),
    ],
)
def test_settling_time_by_hand(values, expected):
    assert settling_time(one_neuron(*values)).tolist() == [expected]


def test_settling_time_is_that_of_the_slowest_neuron_of_each_recall():
    trace = np.ones((5, 3, 2))
    trace[:2, 0, 0] = trace[:3, 0, 1] = -1  # neurons that settle after 2 and 3 updates
    trace[:1, 1, 1] = -1
    assert settling_time(trace).tolist() == [3, 1, 0]


def test_settling_time_of_a_slow_approach():
    approach = one_neuron(*(1 - 0.5 ** np.arange(20)), 1)
    assert settling_time(approach).tolist() == [10]  # 2⁻¹⁰ is the first below 0.001


def test_settling_time_of_a_cycle_is_the_number_of_iterations():
    trace = EXCHANGE.recall([[1, -1], [1, 1]], iterations=4, trace=True)
    assert settling_time(trace).tolist() == [4, 0]


# Energy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_energy_never_rises_in_asynchronous_recall(rng, dtype):
    half = rng.normal(size=(40, 40))
    weights = np.triu(half, 1) + np.triu(half, 1).T
    layer = Layer(weights.astype(dtype), rng.normal(size=40).astype(dtype), 0.7)
    states = Network([layer]).recall(
        signs(rng, 30, 40), iterations=30, update="asynchronous", rng=rng, trace=True
    )
    falls = np.diff(energy(layer, states.astype(float)), axis=0)
    assert falls.max() <= 1e-4  # rounding of a float32 field
    assert (falls[0] < 0).any()
    # It ended in a fixed point of the synchronous dynamics too, since nothing moved any more.
    np.testing.assert_array_equal(step([layer], states[-1]), states[-1])


def test_energy_can_rise_in_synchronous_recall():
    """Why the theorem asks for one neuron at a time: anti-coupled neurons step up together."""
    coupled = network([[0, -1], [-1, 0]])
    states = coupled.recall([[1.0, 1.0]], iterations=1, trace=True)
    assert energy(coupled.layers[0], states)[:, 0].tolist() == [1, 1]  # no better than before
    moved = coupled.recall([[1.0, 1.0]], update="asynchronous")
    assert energy(coupled.layers[0], moved).tolist() == [-1]


def test_energy_by_hand():
    (layer,) = network([[0, 2], [2, 0]], bias=[1, -3], gain=0.5).layers
    assert energy(layer, np.array([[1.0, 1.0], [1.0, -1.0]])).tolist() == [-1 + 2, 1 - 4]


# Jacobian


@pytest.mark.parametrize("sizes", [(9, 9), (9, 4, 9), (9, 6, 5, 9)])
def test_jacobian_against_finite_differences(rng, sizes):
    some, state, width = random_network(rng, sizes), rng.uniform(-1, 1, 9), 1e-6
    moved = state + width * np.vstack((np.eye(9), -np.eye(9)))
    upper, lower = np.split(step(some.layers, moved, "tanh"), 2)
    np.testing.assert_allclose(jacobian(some, state), (upper - lower).T / (2 * width), atol=1e-8)


@pytest.mark.parametrize("sizes", [(12, 12), (12, 5, 12)])
def test_norm_and_radius_against_dense_algebra(rng, sizes):
    some, state = random_network(rng, sizes), rng.uniform(-1, 1, 12)
    dense = jacobian(some, state)
    norm, radius = np.linalg.norm(dense, 2), np.abs(np.linalg.eigvals(dense)).max()
    assert norm_and_radius(some, state) == pytest.approx((norm, radius))
    assert radius <= norm


@pytest.mark.parametrize("neurons", [1, 2, 3, 8])
def test_norm_and_radius_of_tiny_and_of_dead_networks(neurons):
    """A scaled identity at the zero state has norm and radius equal to its scale; zero has none."""
    for scale in (0.5, 0.0):
        some, state = network(scale * np.eye(neurons)), np.zeros(neurons)
        assert norm_and_radius(some, state) == pytest.approx((scale, scale))


def test_fixed_points_of_one_neuron_pair():
    # x = tanh(2 x) has the solutions 0 and ±0.9575 (solved by hand with Newton's method).
    pair = network([[0.0, 2.0], [2.0, 0.0]], activation="tanh")
    states = np.array([[0.0, 0.0], [0.95750, 0.95750], [0.5, 0.5]])
    np.testing.assert_array_equal(is_fixed_point(pair, states), [True, True, False])


def test_fixed_points_of_sign_neurons():
    np.testing.assert_array_equal(is_fixed_point(EXCHANGE, [[1, 1], [1, -1]]), [True, False])


@pytest.mark.parametrize("state", [np.ones(3), np.ones((1, 2))])
def test_a_jacobian_needs_one_state_of_the_network(state):
    with pytest.raises(ValueError, match=r"state of shape .* must have \(2\)"):
        jacobian(EXCHANGE, state)
