"""Recall against loops written out, networks solved by hand and the energy theorem."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from crossmem.dynamics import (
    Layer,
    activate,
    cosine,
    energy,
    is_fixed_point,
    jacobian,
    recall,
    settling_time,
    spectral_norm,
    spectral_radius,
    step,
    sweep_neurons,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def layer(weights, bias=None, gain=1.0):
    weights = np.asarray(weights, dtype=float)
    return Layer(weights, np.zeros(len(weights)) if bias is None else np.asarray(bias), gain)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def random_stack(rng, sizes, dtype=float):
    return [
        Layer(
            rng.normal(size=(n_out, n_in)).astype(dtype),
            rng.normal(size=n_out).astype(dtype),
            float(rng.uniform(0.5, 2)),
        )
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]


# Synchronous recall


def test_two_coupled_neurons_exchange_their_states_for_ever():
    """W = [[0, 1], [1, 0]] maps (1, -1) to (-1, 1) and back: the shortest period-two cycle."""
    states = recall([layer([[0, 1], [1, 0]])], [[1, -1]], iterations=4, trace=True)
    assert states[:, 0].tolist() == [[1, -1], [-1, 1], [1, -1], [-1, 1], [1, -1]]


def test_the_same_network_settles_asynchronously():
    final = recall([layer([[0, 1], [1, 0]])], [[1.0, -1.0]], update="asynchronous")
    assert final.tolist() in ([[1, 1]], [[-1, -1]])


def test_a_tie_keeps_the_state():
    assert recall([layer(np.zeros((3, 3)))], [[1, -1, 1]]).tolist() == [[1, -1, 1]]
    field, previous = np.array([0.0, -2.0, 3.0, 0.0]), np.array([1.0, 1.0, -1.0, -1.0])
    assert activate(field, previous, "sign").tolist() == [1, -1, 1, -1]
    assert activate(field, previous, "tanh")[0] == 0


@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_stack_equals_composition_written_out(rng, activation):
    first, second, third = stack = random_stack(rng, (6, 4, 5, 6))
    cues = rng.uniform(-1, 1, (7, 6))
    expected = np.empty((7, 6))
    for n, x in enumerate(cues):
        hidden = np.tanh(first.gain * first.weights @ x + first.bias)
        hidden = np.tanh(second.gain * second.weights @ hidden + second.bias)
        field = third.gain * third.weights @ hidden + third.bias
        expected[n] = np.sign(field) if activation == "sign" else np.tanh(field)
    np.testing.assert_allclose(step(stack, cues, activation), expected, rtol=1e-12)
    once = recall(stack, cues, iterations=1, activation=activation)
    np.testing.assert_allclose(once, expected, rtol=1e-12)


def test_trace_holds_every_state_and_pads_with_the_settled_one(rng):
    stack = [layer(np.ones((5, 5)) - np.eye(5))]  # a ferromagnet: majority wins
    cues = signs(rng, 4, 5)
    states = recall(stack, cues, iterations=10, trace=True)
    assert states.shape == (11, 4, 5)
    np.testing.assert_array_equal(states[0], cues)
    for before, after in zip(states[:-1], states[1:], strict=True):
        np.testing.assert_array_equal(after, step(stack, before))
    np.testing.assert_array_equal(states[-1], recall(stack, cues, iterations=10))


def test_no_iteration_returns_the_cue():
    stack = [layer([[0, 1], [1, 0]])]
    assert recall(stack, [[1, -1]], iterations=0).tolist() == [[1, -1]]
    assert recall(stack, [[1, -1]], iterations=0, trace=True).shape == (1, 1, 2)


def test_cues_are_left_alone(rng):
    cues = signs(rng, 3, 6)
    before = cues.copy()
    for update in ("synchronous", "asynchronous"):
        recall(random_stack(rng, (6, 6)), cues, update=update)
    np.testing.assert_array_equal(cues, before)


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


def test_settling_time_within_a_tolerance():
    approach = one_neuron(*(1 - 0.5 ** np.arange(12)), 1)
    assert settling_time(approach, tolerance=0.3).tolist() == [2]  # 0, 0.5, 0.75
    assert settling_time(approach, tolerance=0.03).tolist() == [6]  # 2⁻⁶ = 0.016


def test_settling_time_of_a_cycle_is_the_number_of_iterations():
    trace = recall([layer([[0, 1], [1, 0]])], [[1, -1], [1, 1]], iterations=4, trace=True)
    assert settling_time(trace).tolist() == [4, 0]


# Asynchronous recall


@pytest.mark.parametrize("sizes", [(8, 8), (8, 5, 8), (8, 5, 4, 8)])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_asynchronous_sweep_equals_a_plain_loop(rng, sizes, activation):
    stack = random_stack(rng, sizes)
    states = signs(rng, 6, 8)
    found = sweep_neurons(stack, states, activation, np.random.default_rng(3))
    expected = states.copy()
    for neuron in np.random.default_rng(3).permutation(8):
        for x in expected:
            output = x
            for one in stack[:-1]:
                output = np.tanh(one.gain * one.weights @ output + one.bias)
            last = stack[-1]
            field = last.gain * last.weights[neuron] @ output + last.bias[neuron]
            x[neuron] = np.sign(field) if activation == "sign" else np.tanh(field)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_energy_never_rises_in_asynchronous_recall(rng, dtype):
    half = rng.normal(size=(40, 40))
    weights = np.triu(half, 1) + np.triu(half, 1).T
    network = Layer(weights.astype(dtype), rng.normal(size=40).astype(dtype), 0.7)
    states = recall(
        [network], signs(rng, 30, 40), iterations=30, update="asynchronous", rng=rng, trace=True
    )
    energies = energy(network, states.astype(float))
    falls = np.diff(energies, axis=0)
    assert falls.max() <= 1e-4  # rounding of a float32 field
    assert (falls[0] < 0).any()
    # It ended in a fixed point of the synchronous dynamics too, since nothing moved any more.
    np.testing.assert_array_equal(step([network], states[-1]), states[-1])


def test_energy_can_rise_in_synchronous_recall():
    """Why the theorem asks for one neuron at a time: anti-coupled neurons step up together."""
    network = layer([[0, -1], [-1, 0]])
    states = recall([network], [[1.0, 1.0]], iterations=1, trace=True)
    assert energy(network, states)[:, 0].tolist() == [1, 1]  # (-1, -1) is no better than (1, 1)
    moved = recall([network], [[1.0, 1.0]], update="asynchronous")
    assert energy(network, moved).tolist() == [-1]


def test_energy_by_hand():
    network = layer([[0, 2], [2, 0]], bias=[1, -3], gain=0.5)
    assert energy(network, np.array([[1.0, 1.0], [1.0, -1.0]])).tolist() == [-1 + 2, 1 - 4]


def test_order_of_updates_repeats_itself_unless_a_generator_is_given(rng):
    stack = [layer(rng.normal(size=(30, 30)))]
    cues = signs(rng, 5, 30)

    def run(**options):
        return recall(stack, cues, iterations=1, update="asynchronous", **options)

    np.testing.assert_array_equal(run(), run())
    np.testing.assert_array_equal(
        run(rng=np.random.default_rng(5)), run(rng=np.random.default_rng(5))
    )
    assert (run() != run(rng=np.random.default_rng(5))).any()


# Similarity


def test_cosine_by_hand():
    states = np.array([[1.0, 1.0, 1.0, -1.0], [3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    patterns = np.array([[1.0, 1.0, 1.0, 1.0], [4.0, 3.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(cosine(states, patterns), [0.5, 0.96, 0.0], rtol=1e-12)


def test_cosine_equals_sklearn(rng):
    states, patterns = rng.normal(size=(2, 9, 13))
    expected = np.diag(cosine_similarity(states, patterns))
    np.testing.assert_allclose(cosine(states, patterns), expected, rtol=1e-12)
    traced = cosine(np.stack([states, patterns]), patterns)  # a trace against its patterns
    np.testing.assert_allclose(traced, [expected, np.ones(9)], rtol=1e-12)


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": -1}, "iterations is -1, but must be at least 0"),
        ({"activation": "relu"}, r"activation='relu' is unknown: choose one of .*sign"),
        ({"update": "parallel"}, r"update='parallel' is unknown: choose one of .*synchronous"),
    ],
)
def test_bad_recall_options(options, message):
    with pytest.raises(ValueError, match=message):
        recall([layer(np.eye(2))], [[1.0, 1.0]], **options)


def test_rounding_does_not_break_a_tie(rng):
    # Rows of whole numbers that cancel, scaled as a closed-form rule is.
    whole = rng.integers(-9, 10, (64, 63))
    whole = np.column_stack((whole, -whole.sum(axis=1)))
    layer = Layer((whole / np.abs(whole).max()).astype(np.float32), np.zeros(64, np.float32), 7.0)
    states = np.ones((1, 64), dtype=np.float32)
    field = np.abs(layer.field(states))
    assert field.any() and field.max() < 1e-4
    np.testing.assert_array_equal(recall([layer], states), states)


def test_equal_states_have_a_cosine_of_exactly_one(rng):
    for neurons in range(2, 40):
        state = np.sign(rng.standard_normal((1, neurons)))
        assert cosine(state, state) == 1.0


# stability


@pytest.mark.parametrize("sizes", [(9, 9), (9, 4, 9), (9, 6, 5, 9)])
def test_jacobian_against_finite_differences(rng, sizes):
    layers, state, width = random_stack(rng, sizes), rng.uniform(-1, 1, 9), 1e-6
    moved = state + width * np.vstack((np.eye(9), -np.eye(9)))
    upper, lower = np.split(step(layers, moved, "tanh"), 2)
    np.testing.assert_allclose(jacobian(layers, state), (upper - lower).T / (2 * width), atol=1e-8)


@pytest.mark.parametrize("sizes", [(12, 12), (12, 5, 12)])
def test_norm_and_radius_against_dense_algebra(rng, sizes):
    layers, state = random_stack(rng, sizes), rng.uniform(-1, 1, 12)
    dense = jacobian(layers, state)
    assert spectral_norm(layers, state) == pytest.approx(np.linalg.norm(dense, 2))
    radius = np.abs(np.linalg.eigvals(dense)).max()
    assert spectral_radius(layers, state) == pytest.approx(radius)
    assert radius <= np.linalg.norm(dense, 2)


def test_fixed_points_of_one_neuron_pair():
    # x = tanh(2 x) has the solutions 0 and ±0.9575 (solved by hand with Newton's method).
    pair = [layer([[0.0, 2.0], [2.0, 0.0]])]
    states = np.array([[0.0, 0.0], [0.95750, 0.95750], [0.5, 0.5]])
    found = is_fixed_point(pair, states, activation="tanh", tolerance=1e-4)
    np.testing.assert_array_equal(found, [True, True, False])


@pytest.mark.parametrize("neurons", [1, 2, 3, 8])
def test_norm_and_radius_of_tiny_and_of_dead_networks(neurons):
    """A scaled identity at the zero state has norm and radius equal to its scale; zero has none."""
    identity = np.eye(neurons, dtype=np.float32) * np.float32(0.5)
    bias = np.zeros(neurons, np.float32)
    for weights, expected in ((identity, 0.5), (0 * identity, 0.0)):
        layers = [Layer(weights, bias)]
        state = np.zeros(neurons)
        assert spectral_norm(layers, state) == pytest.approx(expected)
        assert spectral_radius(layers, state) == pytest.approx(expected)


def test_a_state_of_another_size_is_refused():
    layers = [Layer(np.eye(4, dtype=np.float32), np.zeros(4, np.float32))]
    with pytest.raises(ValueError, match=r"shape \(3,\), but the network has 4 neurons"):
        spectral_norm(layers, np.zeros(3))
