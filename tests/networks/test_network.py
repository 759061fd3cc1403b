"""Recall against loops written out and networks solved by hand; networks kept and reopened."""

import dataclasses
import os

import numpy as np
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import cosine_similarity

from crossmem.networks.base import AssociativeMemory
from crossmem.networks.network import (
    Layer,
    Network,
    activate,
    as_network,
    cosine,
    step,
    sweep_neurons,
)
from crossmem.networks.rules import HebbianMemory, PseudoInverseMemory
from crossmem.storage import load_dataset, save_dataset


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


def random_layers(rng, sizes, dtype=float):
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
    states = EXCHANGE.recall([[1, -1]], iterations=4, trace=True)
    assert states[:, 0].tolist() == [[1, -1], [-1, 1], [1, -1], [-1, 1], [1, -1]]


def test_the_same_network_settles_asynchronously():
    final = EXCHANGE.recall([[1.0, -1.0]], update="asynchronous")
    assert final.tolist() in ([[1, 1]], [[-1, -1]])


def test_a_tie_keeps_the_state():
    assert network(np.zeros((3, 3))).recall([[1, -1, 1]]).tolist() == [[1, -1, 1]]
    field, previous = np.array([0.0, -2.0, 3.0, 0.0]), np.array([1.0, 1.0, -1.0, -1.0])
    assert activate(field, previous, "sign").tolist() == [1, -1, 1, -1]
    assert activate(field, previous, "tanh")[0] == 0


def test_rounding_does_not_break_a_tie(rng):
    # Rows of whole numbers that cancel, scaled as a closed-form rule is.
    whole = rng.integers(-9, 10, (64, 63))
    whole = np.column_stack((whole, -whole.sum(axis=1)))
    layer = Layer((whole / np.abs(whole).max()).astype(np.float32), np.zeros(64, np.float32), 7.0)
    states = np.ones((1, 64), dtype=np.float32)
    field = np.abs(layer.field(states))
    assert field.any() and field.max() < 1e-4
    np.testing.assert_array_equal(Network([layer]).recall(states), states)


@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_a_stack_equals_its_composition_written_out(rng, activation):
    first, second, third = layers = random_layers(rng, (6, 4, 5, 6))
    cues = rng.uniform(-1, 1, (7, 6))
    expected = np.empty((7, 6))
    for n, x in enumerate(cues):
        hidden = np.tanh(first.gain * first.weights @ x + first.bias)
        hidden = np.tanh(second.gain * second.weights @ hidden + second.bias)
        field = third.gain * third.weights @ hidden + third.bias
        expected[n] = np.sign(field) if activation == "sign" else np.tanh(field)
    np.testing.assert_allclose(step(layers, cues, activation), expected, rtol=1e-12)
    once = Network(layers, activation).recall(cues, iterations=1)
    np.testing.assert_allclose(once, expected, rtol=1e-12)


def test_trace_holds_every_state_and_pads_with_the_settled_one(rng):
    ferromagnet = network(np.ones((5, 5)) - np.eye(5))  # the majority wins
    cues = signs(rng, 4, 5)
    states = ferromagnet.recall(cues, iterations=10, trace=True)
    assert states.shape == (11, 4, 5)
    np.testing.assert_array_equal(states[0], cues)
    for before, after in zip(states[:-1], states[1:], strict=True):
        np.testing.assert_array_equal(after, step(ferromagnet.layers, before))
    np.testing.assert_array_equal(states[-1], ferromagnet.recall(cues, iterations=10))


def test_no_iteration_returns_the_cue():
    assert EXCHANGE.recall([[1, -1]], iterations=0).tolist() == [[1, -1]]
    assert EXCHANGE.recall([[1, -1]], iterations=0, trace=True).shape == (1, 1, 2)


def test_cues_are_left_alone(rng):
    cues = signs(rng, 3, 6)
    before = cues.copy()
    for update in ("synchronous", "asynchronous"):
        Network(random_layers(rng, (6, 6))).recall(cues, update=update)
    np.testing.assert_array_equal(cues, before)


# Asynchronous recall


@pytest.mark.parametrize("sizes", [(8, 8), (8, 5, 8), (8, 5, 4, 8)])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_asynchronous_sweep_equals_a_plain_loop(rng, sizes, activation):
    layers, states = random_layers(rng, sizes), signs(rng, 6, 8)
    found = sweep_neurons(layers, states, activation, np.random.default_rng(3))
    expected = states.copy()
    for neuron in np.random.default_rng(3).permutation(8):
        for x in expected:
            output = x
            for one in layers[:-1]:
                output = np.tanh(one.gain * one.weights @ output + one.bias)
            last = layers[-1]
            field = last.gain * last.weights[neuron] @ output + last.bias[neuron]
            x[neuron] = np.sign(field) if activation == "sign" else np.tanh(field)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_order_of_updates_repeats_itself_unless_a_generator_is_given(rng):
    some, cues = network(rng.normal(size=(30, 30))), signs(rng, 5, 30)

    def run(**options):
        return some.recall(cues, iterations=1, update="asynchronous", **options)

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


def test_equal_states_have_a_cosine_of_exactly_one(rng):
    for neurons in range(2, 40):
        state = np.sign(rng.standard_normal((1, neurons)))
        assert cosine(state, state) == 1.0


def test_score_is_the_mean_cosine():
    """Nothing moves within zero weights: the cues (1, 1) and (1, -1) agree with (1, 1) by 1 and 0.

    Options of recall pass through: one exchange turns (1, -1) into (-1, 1).
    """
    still = network(np.zeros((2, 2)))
    assert still.score([[1, 1], [1, -1]], [[1, 1], [1, 1]]) == 0.5
    assert EXCHANGE.score([[1, -1]], [[1, -1]], iterations=1) == -1


# Other layers, other weights


def test_changed_layers_and_weights_make_another_network(rng):
    own = random_layers(rng, (6, 4, 6))
    before = [layer.weights.copy() for layer in own]
    some = Network(own, "tanh", 2)
    others = some.with_weights([-layer.weights for layer in own])
    replaced = some.with_layers(random_layers(rng, (6, 3, 6)))
    for layer, weights, other in zip(some.layers, before, others.layers, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)
        np.testing.assert_array_equal(other.weights, -weights)
        assert (other.bias is layer.bias) and other.gain == layer.gain
    assert replaced.layers[0].weights.shape == (3, 6) and some.layers == tuple(own)
    for made in (others, replaced):
        assert (made.activation, made.unroll) == ("tanh", 2)


def test_weights_keep_their_precision(rng):
    some = Network(random_layers(rng, (5, 5), np.float32))
    (layer,) = some.with_weights([rng.normal(size=(5, 5))]).layers
    assert layer.weights.dtype == np.float32
    assert layer.field(np.ones((1, 5), np.float32)).dtype == np.float32


def test_a_network_cannot_be_changed():
    for target, name in ((EXCHANGE, "layers"), (EXCHANGE.layers[0], "weights")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(target, name, None)


def test_whole_numbers_become_real_ones():
    """Else the states would be whole too, and cues cut to 0."""
    (layer,) = Network([Layer(np.array([[0, 1], [1, 0]]), [0, 0], 2)], "tanh").layers
    assert layer.weights.dtype == layer.bias.dtype == float
    found = Network([layer], "tanh").recall([[0.5, -0.5]], iterations=1)
    np.testing.assert_allclose(found, np.tanh([[-1.0, 1.0]]))


def test_the_network_of_a_memory_or_itself():
    memory = HebbianMemory().fit([[1, 1, -1]])
    assert as_network(memory) is memory.network_
    assert as_network(EXCHANGE) is EXCHANGE
    with pytest.raises(NotFittedError, match="HebbianMemory"):
        as_network(HebbianMemory())


# Files


@pytest.mark.parametrize("sizes", [(9, 9), (9, 4, 9), (9, 6, 5, 9)])
@pytest.mark.parametrize(("activation", "unroll"), [("sign", 1), ("tanh", 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_reopened_recalls_bit_for_bit(rng, tmp_path, sizes, activation, unroll, dtype):
    saved = Network(random_layers(rng, sizes, dtype), activation, np.int64(unroll))
    saved.save(tmp_path / "new folder" / "network.nc")
    reopened = Network.load(tmp_path / "new folder" / "network.nc")
    assert (reopened.activation, reopened.unroll) == (activation, unroll)
    for one, other in zip(saved.layers, reopened.layers, strict=True):
        assert one.gain == other.gain
        assert (one.weights.dtype, one.bias.dtype) == (other.weights.dtype, other.bias.dtype)
    cues, options = rng.uniform(-1, 1, (20, 9)), {"iterations": 6, "trace": True}
    np.testing.assert_array_equal(reopened.recall(cues, **options), saved.recall(cues, **options))


def test_a_gain_from_numpy_computes_alike_before_and_after(rng, tmp_path):
    (layer,) = random_layers(rng, (6, 6), np.float32)
    own = Network([dataclasses.replace(layer, gain=np.float64(1.7))])
    states = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
    field = own.layers[0].field(states)
    assert field.dtype == np.float32
    own.save(tmp_path / "network.nc")
    reopened = Network.load(tmp_path / "network.nc")
    np.testing.assert_array_equal(reopened.layers[0].field(states), field)


def test_every_variable_of_the_file_carries_its_meaning(rng, tmp_path):
    Network(random_layers(rng, (6, 4, 6))).save(tmp_path / "network.nc")
    found = load_dataset(tmp_path / "network.nc")
    assert list(found) == ["weights_0", "bias_0", "gain_0", "weights_1", "bias_1", "gain_1"]
    for variable in found.values():
        assert {"units", "long_name"} <= set(variable.attrs)
    assert found["weights_0"].dims == ("output_0", "input_0") and found["weights_0"].shape == (4, 6)


class UserMemory(AssociativeMemory):
    """A rule that the library does not know."""

    def _learn(self, patterns, limits):
        return [Layer(patterns.T @ patterns, np.full(patterns.shape[1], 0.5, np.float32), 0.25)]


def test_a_memory_of_the_user_keeps_its_network(rng, tmp_path):
    patterns = signs(rng, 2, 9)
    memory = UserMemory().fit(patterns)
    memory.network_.save(tmp_path / "memory.nc")
    reopened = Network.load(tmp_path / "memory.nc")
    np.testing.assert_array_equal(reopened.layers[0].bias, memory.layers_[0].bias)
    np.testing.assert_array_equal(reopened.recall(patterns), memory.recall(patterns))


class NoisyLayer(Layer):
    """A layer of the user's, which a file could not restore."""

    def field(self, states):
        return super().field(states) + 1


def test_what_cannot_be_kept_whole_is_refused(tmp_path):
    layer = EXCHANGE.layers[0]
    noisy = Network([NoisyLayer(layer.weights, layer.bias)])
    with pytest.raises(TypeError, match="layer 0 is of the kind NoisyLayer"):
        noisy.save(tmp_path / "network.nc")
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match="layer 0 is of the kind NoisyLayer"):
        noisy.with_weights([layer.weights])
    mixed = Network([layer, NoisyLayer(layer.weights, layer.bias)])
    with pytest.raises(TypeError, match="layer 1 is of the kind NoisyLayer"):
        mixed.save(tmp_path / "network.nc")


@pytest.mark.parametrize("missing", ["weights_0", "bias_1", "gain_0", "unroll"])
def test_a_file_without_a_whole_network_is_refused(rng, tmp_path, missing):
    path = tmp_path / "network.nc"
    Network(random_layers(rng, (5, 4, 5))).save(path)
    whole = load_dataset(path)
    whole.attrs.pop(missing, None)
    save_dataset(whole.drop_vars(missing, errors="ignore"), path)
    with pytest.raises(ValueError, match=f"network.nc lacks .*{missing}.* holds no network"):
        Network.load(path)


@pytest.mark.parametrize(
    ("attrs", "named"),
    [({"unroll": "two"}, "two"), ({"activation": "relu"}, "relu"), ({}, r"list of \[\]")],
)
def test_a_file_of_wrong_values_holds_no_network(tmp_path, attrs, named):
    path = tmp_path / "network.nc"
    EXCHANGE.save(path)
    whole = load_dataset(path).assign_attrs(attrs)
    save_dataset(whole if attrs else whole.drop_vars("weights_0"), path)
    with pytest.raises(ValueError, match=f"network.nc .*{named}.* holds no network"):
        Network.load(path)


def test_files_that_cannot_be_read_are_told_from_damaged_ones(tmp_path):
    EXCHANGE.save(tmp_path / "network.nc")
    content = (tmp_path / "network.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(content[: len(content) // 2])
    save_dataset(xr.Dataset({"cosine": 1.0}), tmp_path / "result.nc")
    with pytest.raises(FileNotFoundError, match="absent.nc"):
        Network.load(tmp_path / "absent.nc")
    for name in ("half.nc", "absent.nc"):
        with pytest.raises(
            (ValueError, OSError), match=f"{name} .*save the network again"
        ) as caught:
            Network.load(tmp_path / name)
        assert "notebook" not in str(caught.value)
    with pytest.raises(ValueError, match="half.nc is damaged"):
        Network.load(tmp_path / "half.nc")
    with pytest.raises(ValueError, match="holds no network"):
        Network.load(tmp_path / "result.nc")
    with pytest.raises(OSError, match="network.nc.*") as caught:  # a folder is not damage
        Network.load(tmp_path / "network.nc" / "inside.nc")
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind this user")
def test_a_file_without_permission_is_not_called_damaged(tmp_path):
    EXCHANGE.save(tmp_path / "network.nc")
    (tmp_path / "network.nc").chmod(0)
    with pytest.raises(PermissionError, match="network.nc"):
        Network.load(tmp_path / "network.nc")


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    EXCHANGE.save(tmp_path / "network.nc")
    before = load_dataset(tmp_path / "network.nc")
    with pytest.raises(OSError, match="network.nc"):
        EXCHANGE.save(tmp_path / "network.nc" / "inside.nc")
    xr.testing.assert_identical(load_dataset(tmp_path / "network.nc"), before)


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": -1}, "iterations is -1"),
        ({"iterations": 9}, "iterations=9 .*unroll=2"),
        ({"update": "parallel"}, "update='parallel' .*'synchronous'"),
    ],
)
def test_bad_recall_options(options, message):
    with pytest.raises(ValueError, match=message):
        network(np.eye(2), unroll=2).recall([[1.0, 1.0]], **options)


def test_an_order_of_updates_needs_a_generator():
    with pytest.raises(TypeError, match="rng is 3"):
        EXCHANGE.recall([[1, 1]], update="asynchronous", rng=3)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ([], {}, r"list of \[\]"),
        (EXCHANGE.layers[0], {}, "layers is a Layer"),
        (["weights"], {}, "'str'"),
        (HebbianMemory(), {}, "layers is a HebbianMemory"),
        (random_layers(np.random.default_rng(0), (4, 3, 5)), {}, "layer 0 takes 4 .* gives 5"),
        (random_layers(np.random.default_rng(0), (4, 3)), {}, "layer 0 takes 4 .* gives 3"),
        (EXCHANGE.layers, {"activation": "relu"}, "activation='relu'.*'sign'"),
        (EXCHANGE.layers, {"unroll": 0}, "unroll is 0"),
    ],
)
def test_networks_that_cannot_be(layers, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Network(layers, **options)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((np.eye(3), np.zeros(2)), r"\(3, 3\) and the bias \(2,\)"),
        ((np.ones(3), np.zeros(3)), r"weights have shape \(3,\)"),
        ((np.eye(3), np.zeros(3), -1.0), "gain is -1.0"),
        ((np.eye(3), np.zeros(3), np.nan), "gain is nan"),
        ((np.eye(3), np.zeros(3), "2"), "gain is '2'"),
    ],
)
def test_layers_that_cannot_be(parts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Layer(*parts)


@pytest.mark.parametrize("weights", [[], [np.eye(3)], [np.eye(2), np.eye(2)]])
def test_weights_of_other_layers_are_refused(weights):
    shapes = str([matrix.shape for matrix in weights])
    with pytest.raises(ValueError, match=r"\[\(2, 2\)\]") as caught:
        EXCHANGE.with_weights(weights)
    assert shapes in str(caught.value)


@pytest.mark.parametrize(
    ("cues", "message"),
    [
        (np.ones((1, 5)), "5 elements.* 6 neurons"),
        (np.full((1, 6), np.nan), "value nan"),
        (np.full((1, 6), 3.0), "value 3"),
        (np.ones(6), r"shape \(6,\)"),
        (np.ones((0, 6)), r"shape \(0, 6\)"),
    ],
)
def test_bad_cues(rng, cues, message):
    memory = PseudoInverseMemory().fit(signs(rng, 2, 6))
    for some in (memory, memory.network_):
        with pytest.raises(ValueError, match=message):
            some.recall(cues)


def test_scores_of_other_numbers_and_of_zeros_and_ones_are_refused(rng):
    patterns = signs(rng, 2, 6)
    memory = PseudoInverseMemory().fit(patterns)
    for some in (memory, memory.network_):
        with pytest.raises(ValueError, match="1 cues and 2 patterns"):
            some.score(patterns[:1], patterns)
        with pytest.raises(ValueError, match="2 cues and 1 patterns"):
            some.score(patterns, patterns[:1])
        with pytest.raises(ValueError, match="other than -1 and .1"):
            some.score(patterns, (patterns > 0).astype(float))
        for refused in (some.recall, lambda cues, some=some: some.score(cues, patterns)):
            with pytest.raises(ValueError, match="cues hold only 0 and 1.*2 . cues - 1"):
                refused(patterns > 0)
        unknown = np.where(np.arange(6) < 2, 0, patterns)  # zero bits are cues, too
        np.testing.assert_array_equal(some.recall(unknown).shape, patterns.shape)
        with pytest.raises(ValueError, match="5 elements.* 6 neurons"):
            some.score(patterns, patterns[:, :5])
    assert network(np.eye(2), activation="tanh").score([[0.5, 0.5]], [[1, 0]]) > 0.7


def test_a_network_of_another_kind_is_not_saved_in_part(tmp_path):
    class Delayed(Network):
        pass

    one = Delayed([Layer(np.zeros((2, 2)), np.zeros(2))])
    with pytest.raises(TypeError, match="Delayed"):
        one.save(tmp_path / "delayed.nc")
    assert not list(tmp_path.iterdir())
