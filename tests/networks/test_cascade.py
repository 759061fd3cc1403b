"""A cascade answers with the memory that stores the pattern, without knowing it."""

import numpy as np
import pytest

import crossmem as cm
from crossmem.networks.cascade import Cascade, CascadeMemory
from crossmem.networks.network import Layer, Network


def constant(state):
    """A network that turns every cue into one state or its negative, by Hebb's rule."""
    state = np.asarray(state, dtype=float)
    weights = np.outer(state, state)
    np.fill_diagonal(weights, 0.0)
    return Network([Layer(weights, np.zeros(len(state)))])


@pytest.fixture(scope="module")
def patterns():
    return cm.load_patterns("random", size=8, count=12, rng=np.random.default_rng(0))


def memory(**options):
    return CascadeMemory(cm.PseudoInverseMemory(), **options)


def test_the_answer_nearest_to_the_cue_counts():
    states = np.array([[1.0, 1, 1, 1, 1, 1], [1, -1, 1, -1, 1, -1]])
    cues = np.array([[1.0, 1, 1, 1, 1, -1], [1, -1, 1, -1, 1, 1]])
    cascade = Cascade((constant(states[0]), constant(states[1])))
    found, chosen = cascade.answers(cues)
    assert found.shape == (2, 2, 6)
    assert chosen.tolist() == [0, 1]
    np.testing.assert_array_equal(cascade.recall(cues), states)
    traced = cascade.recall(cues, iterations=3, trace=True)
    assert traced.shape == (4, 2, 6)
    np.testing.assert_array_equal(traced[0], cues)
    np.testing.assert_array_equal(traced[-1], states)
    assert cascade.score(cues, states) == 1.0
    assert cascade.neurons == 6 and len(cascade.layers) == 2


def test_disjoint_halves_are_recalled_as_if_their_memory_were_known(patterns):
    fitted = memory(escalate="random").fit(patterns)
    assert np.bincount(fitted.stored_in_).tolist() == [6, 6]
    cues = cm.flip_bits(patterns, 0.05, np.random.default_rng(1))
    _, chosen = fitted.network_.answers(cues)
    np.testing.assert_array_equal(chosen, fitted.stored_in_)
    for number, network in enumerate(fitted.network_.networks):
        own = fitted.stored_in_ == number
        alone = cm.PseudoInverseMemory().fit(patterns[own])
        np.testing.assert_array_equal(network.recall(cues[own]), alone.recall(cues[own]))


def test_a_memory_that_recalls_all_passes_nothing_on(patterns):
    fitted = memory(escalate="failed", flip_rate=0.0).fit(patterns)
    assert len(fitted.network_.networks) == 1 and not fitted.stored_in_.any()
    plain = cm.PseudoInverseMemory().fit(patterns)
    np.testing.assert_array_equal(fitted.layers_[0].weights, plain.layers_[0].weights)


def test_what_hebb_fails_is_passed_on_and_recalled_there():
    shared = np.random.default_rng(2).choice([-1.0, 1.0], (9, 64))
    near = shared[:1].copy()
    near[0, :4] *= -1  # nearly a copy of the first: Hebb's rule merges the two
    stored = np.vstack([shared[:5], near])
    fitted = CascadeMemory(cm.HebbianMemory(), flip_rate=0.0).fit(stored)
    alone = cm.HebbianMemory().fit(stored)
    failed = (alone.recall(stored) != stored).any(axis=1)
    assert failed.any() and not failed.all()
    np.testing.assert_array_equal(fitted.stored_in_ == 1, failed)


def test_the_hardest_patterns_move_on():
    pool = cm.load_patterns("digits", size=8)[:30]
    fitted = CascadeMemory(cm.HebbianMemory(), escalate="hardest", flip_rate=0.0).fit(pool)
    alone = cm.HebbianMemory().fit(pool)
    overlap = (alone.recall(pool) * pool).mean(axis=1)
    assert (fitted.stored_in_ == 1).sum() == 15
    assert overlap[fitted.stored_in_ == 0].min() >= overlap[fitted.stored_in_ == 1].max()


def test_each_memory_keeps_its_own_limits(patterns):
    rng = np.random.default_rng(3)
    limits = [cm.WeightLimits.masked((64, 64), 0.5, rng) for _ in range(2)]
    fitted = memory(escalate="random").fit(patterns, limits=limits)
    for layer, limit in zip(fitted.layers_, limits, strict=True):
        assert not layer.weights[~limit.working].any() and layer.weights.any()
    assert fitted.devices(64) == 2 * 2 * 64 * 64
    with pytest.raises(ValueError, match="1 limits for 2 layers"):
        memory().fit(patterns, limits=limits[:1])


def test_three_memories_share_equally(patterns):
    fitted = memory(memories=3, escalate="hardest").fit(patterns)
    assert np.bincount(fitted.stored_in_).tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"memories": 0}, ValueError, "memories"),
        ({"escalate": "worst"}, ValueError, "hardest"),
        ({"flip_rate": 1.5}, ValueError, "flip_rate"),
    ],
)
def test_wrong_parameters_are_refused(patterns, options, error, text):
    with pytest.raises(error, match=text):
        memory(**options).fit(patterns)


def test_grey_memories_are_refused(patterns):
    with pytest.raises(TypeError, match="sign neurons"):
        CascadeMemory(cm.AdaptiveMemory(activation="tanh")).fit(patterns)
