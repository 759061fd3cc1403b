"""What all memories share: limits, scikit-learn's interface, errors at the door."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import Network
from crossmem.networks.optimal import MaxMarginMemory, MaxRecallMemory
from crossmem.networks.published_rules import PublishedEquilibriumMemory, PublishedStorkeyMemory
from crossmem.networks.rules import (
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
)

MEMORIES = {
    "hebbian": HebbianMemory(),
    "storkey": StorkeyMemory(),
    "pseudo-inverse": PseudoInverseMemory(),
    "equilibrium": EquilibriumMemory(epochs=60),
    "published storkey": PublishedStorkeyMemory(),
    "published equilibrium": PublishedEquilibriumMemory(),
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


def chip_limits(rng, shape):
    crossbar = Crossbar.fabricate(*shape, stuck_off=0.2, stuck_on=0.2, rng=rng)
    return crossbar.characterize().weight_limits()


def bounded(rows, columns):
    return WeightLimits(-np.ones((rows, columns)), np.ones((rows, columns)))


# The fitted network


@EVERY_RULE
def test_fit_gives_a_network_whose_layers_stay_readable(rng, memory):
    patterns, own = signs(rng, 2, 9), clone(memory)
    assert own.fit(patterns) is own
    assert isinstance(own.network_, Network) and own.layers_ is own.network_.layers
    assert own.network_.neurons == own.n_features_in_ == 9
    for options in ({}, {"iterations": 2, "trace": True}, {"update": "asynchronous"}):
        np.testing.assert_array_equal(
            own.recall(patterns, **options), own.network_.recall(patterns, **options)
        )
    assert own.score(patterns, patterns) == own.network_.score(patterns, patterns)


@EVERY_RULE
def test_the_network_of_every_rule_can_be_kept(rng, memory, tmp_path):
    patterns = signs(rng, 2, 9)
    fitted = clone(memory).fit(patterns, limits=[WeightLimits.masked((9, 9), 0.2, rng)])
    fitted.network_.save(tmp_path / "network.nc")
    np.testing.assert_array_equal(
        Network.load(tmp_path / "network.nc").recall(patterns), fitted.recall(patterns)
    )


def test_a_negative_pattern_is_as_stable_as_the_pattern(rng):
    patterns = signs(rng, 2, 16)
    assert PseudoInverseMemory().fit(patterns).score(-patterns, patterns) == -1


@pytest.mark.parametrize(("neurons", "hidden"), [(64, 16), (36, 40)])
def test_devices_are_two_per_weight(rng, neurons, hidden):
    assert HebbianMemory().devices(neurons) == AdaptiveMemory().devices(neurons) == 2 * neurons**2
    stack = AdaptiveMemory(hidden=(hidden,))
    assert stack.devices(neurons) == 2 * (neurons * hidden + hidden * neurons)
    for memory in (stack, AdaptiveMemory(hidden=(hidden, 5))):
        crossbars = [Crossbar.fabricate(*s, rng=rng) for s in memory.layer_shapes(neurons)]
        assert memory.devices(neurons) == sum(crossbar.devices for crossbar in crossbars)


# Limits


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


@EVERY_RULE
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ([bounded(4, 4), bounded(4, 4)], r"2 limits for 1 layer\(s\)"),
        ([bounded(4, 5)], r"shape \(4, 5\) for a layer of shape \(4, 4\)"),
        (bounded(4, 4), "single WeightLimits; pass a list"),
        ([(-1, 1)], r"hold a tuple of shape \(2,\)"),
    ],
)
def test_bad_limits(rng, memory, limits, message):
    with pytest.raises((TypeError, ValueError), match=message):
        clone(memory).fit(signs(rng, 2, 4), limits=limits)


def test_a_stack_takes_limits_for_every_layer(rng):
    memory, masked = AdaptiveMemory(hidden=(3,), steps=5), WeightLimits.masked((3, 8), 0.5, rng)
    with pytest.raises(ValueError, match=r"1 limits for 2 layer\(s\)"):
        memory.fit(signs(rng, 2, 8), limits=[masked])
    with pytest.raises(ValueError, match=r"shape \(3, 8\) for a layer of shape \(8, 3\)"):
        memory.fit(signs(rng, 2, 8), limits=[masked, masked])


def test_limits_must_not_mix_bounded_and_unbounded_weights():
    mixed = np.where(np.eye(4)[::-1] > 0, 0.5, np.inf)
    with pytest.raises(ValueError, match="mix unbounded with bounded"):
        AdaptiveMemory().fit(np.ones((2, 4)), limits=[WeightLimits(-mixed, mixed)])


def test_a_refused_fit_leaves_the_memory_as_it_was():
    memory = HebbianMemory().fit(np.ones((1, 4)))
    with pytest.raises(ValueError, match=r"limits hold .* shape \(5, 5\)"):
        memory.fit(np.ones((1, 6)), limits=[bounded(5, 5)])
    assert memory.recall(np.ones((1, 4))).shape == (1, 4)


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


class SignsPublishedStorkey(Signs, PublishedStorkeyMemory): ...


class SignsPublishedEquilibrium(Signs, PublishedEquilibriumMemory): ...


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
        SignsPublishedStorkey(),
        SignsPublishedEquilibrium(epochs=5),
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
    assert not hasattr(copied, "network_") and not hasattr(copied, "layers_")
    for name, value in memory.get_params().items():
        assert getattr(copied, name) is value or getattr(copied, name) == value


def test_parameters_can_be_set(rng):
    memory, patterns = AdaptiveMemory(steps=3), signs(rng, 2, 9)
    assert memory.fit(patterns).steps_ == 3
    assert memory.set_params(steps=5, seed=2).fit(patterns).steps_ == 5
    assert memory.get_params()["seed"] == 2
    with pytest.raises(ValueError, match="'step'"):
        memory.set_params(step=5)


# Bad patterns


@EVERY_RULE
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (np.full((2, 4), np.nan), "value nan"),
        (np.ones(4), r"shape \(4,\)"),
        (np.ones((0, 4)), r"shape \(0, 4\)"),
        (np.eye(4)[:2], "other than ±1.*activation='tanh'"),
        (np.full((2, 4), 2.0), "value 2"),
    ],
)
def test_bad_patterns(memory, patterns, message):
    with pytest.raises(ValueError, match=message):
        clone(memory).fit(patterns)


@EVERY_RULE
def test_unfitted_memories_say_so(memory):
    for call in (memory.recall, lambda cues: memory.score(cues, cues)):
        with pytest.raises(NotFittedError, match=type(memory).__name__):
            call(np.ones((1, 4)))
