"""Memories fitted as one batch equal memories fitted alone, bit for bit."""

import numpy as np
import pytest
from sklearn.base import clone

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch
from crossmem.networks.rules import PseudoInverseMemory


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def chip_limits(rng, shape):
    crossbar = Crossbar.fabricate(*shape, stuck_off=0.2, stuck_on=0.2, rng=rng)
    return crossbar.characterize().weight_limits()


def assert_same_memories(together, alone):
    """Bit for bit: layers, limits, loss and steps."""
    for one, other in zip(together, alone, strict=True):
        for a, b in zip(one.layers_, other.layers_, strict=True):
            np.testing.assert_array_equal(a.weights, b.weights)
            np.testing.assert_array_equal(a.bias, b.bias)
            assert a.gain == b.gain
        for a, b in zip(one.limits_, other.limits_, strict=True):
            np.testing.assert_array_equal(a.low, b.low)
        assert one.n_features_in_ == other.n_features_in_
        for name in ("loss_", "steps_"):
            assert getattr(one, name, None) == getattr(other, name, None)


def fitted_alone(memories, patterns, limits):
    return [
        clone(memory).fit(stored, limits=own)
        for memory, stored, own in zip(memories, patterns, limits, strict=True)
    ]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 6)])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
@pytest.mark.parametrize("options", [{}, {"cue_noise": 0.05}], ids=str)
def test_a_batch_equals_memories_fitted_alone(rng, hidden, activation, optimizer, options):
    """Each has its own mask; Adam's rate depends on it, so that there the batch splits."""
    options = options | {"hidden": hidden, "activation": activation, "optimizer": optimizer}
    memories = [AdaptiveMemory(steps=80, tolerance=0.3, seed=s, **options) for s in (0, 1, 2)]
    draw = (lambda: signs(rng, 4, 16)) if activation == "sign" else lambda: 0.8 * signs(rng, 4, 16)
    patterns = [draw() for _ in memories]
    limits = [
        [WeightLimits.masked(shape, rate, rng) for shape in memories[0].layer_shapes(16)]
        for rate in (0.2, 0.5, 0.2)
    ]
    alone = fitted_alone(memories, patterns, limits)
    assert len({memory.loss_ for memory in alone}) == 3
    batch = fit_batch(memories, patterns, limits=limits)
    assert all(one is other for one, other in zip(batch, memories, strict=True))
    assert_same_memories(batch, alone)


def test_members_of_a_batch_stop_at_their_own_step(rng):
    memories = [AdaptiveMemory(hidden=(8,), tolerance=1e-3, learning_rate=0.01) for _ in range(3)]
    patterns = [signs(rng, 2, 12), np.ones((2, 12)), signs(rng, 2, 12)]
    alone = fitted_alone(memories, patterns, [None] * 3)
    assert len({memory.steps_ for memory in alone}) == 3
    assert_same_memories(fit_batch(memories, patterns), alone)


def test_a_batch_may_mix_kinds_sizes_settings_and_limits(rng):
    shape = (16, 16)
    memories = [
        AdaptiveMemory(steps=60),
        PseudoInverseMemory(),
        AdaptiveMemory(steps=60, seed=1),
        AdaptiveMemory(steps=30),
        AdaptiveMemory(steps=60, hidden=(5,)),
        AdaptiveMemory(steps=60),
    ]
    patterns = [signs(rng, count, 16) for count in (3, 3, 3, 3, 3, 5)]
    masked, chip = WeightLimits.masked(shape, 0.3, rng), chip_limits(rng, shape)
    limits = [[masked], [masked], [chip], None, [chip_limits(rng, (5, 16)), None], None]
    alone = fitted_alone(memories, patterns, limits)
    assert_same_memories(fit_batch(memories, patterns, limits=limits), alone)


def test_noise_belongs_to_its_member(rng):
    """Members with and without noise differ in nothing else that training looks at."""
    levels = [np.float32(0.0), np.float32(0.2), np.float32(0.4)]
    memories = [AdaptiveMemory(activation="tanh", steps=30, cue_noise=noise) for noise in levels]
    patterns = 3 * [rng.uniform(-0.9, 0.9, (3, 9))]
    alone = fitted_alone(memories, patterns, [None] * 3)
    assert len({memory.loss_ for memory in alone}) == 3
    assert_same_memories(fit_batch(memories, patterns), alone)


def test_a_batch_needs_one_of_each_per_memory(rng):
    memories = [AdaptiveMemory(steps=5), AdaptiveMemory(steps=5)]
    with pytest.raises(ValueError, match=r"^2 memories, 3 sets of .* and 2 of .* one of each"):
        fit_batch(memories, signs(rng, 3, 2, 9))
    with pytest.raises(ValueError, match=r"^2 memories, 2 sets of .* and 1 of .* one of each"):
        fit_batch(memories, signs(rng, 2, 2, 9), limits=[None])
    with pytest.raises(ValueError, match="use activation='sign'"):
        fit_batch([AdaptiveMemory(activation="tanh")], signs(rng, 1, 2, 9))
    assert fit_batch([], []) == []


def test_small_batches_in_a_stack_of_seeds_equal_networks_alone():
    patterns = np.random.default_rng(0).choice([-1.0, 1.0], (2, 60, 16))
    settings = {"cue_noise": 0.05, "steps": 20, "hidden": (8,)}
    together = fit_batch([AdaptiveMemory(**settings, seed=s) for s in (3, 4)], patterns)
    for memory, own in zip(together, patterns, strict=True):
        alone = AdaptiveMemory(**settings, seed=memory.seed).fit(own)
        for one, other in zip(memory.layers_, alone.layers_, strict=True):
            np.testing.assert_array_equal(one.weights, other.weights)


def test_settings_of_a_batch_may_be_numpy_values(rng):
    """A pair of levels as an array, and whole and real numbers of NumPy's."""
    patterns = signs(rng, 2, 60, 16)
    numpy_values = {
        "cue_noise": np.array([0.08, 0.0]),
        "hidden": (np.int64(8),),
        "unroll": np.int64(2),
        "steps": np.int64(20),
        "learning_rate": np.float32(2**-6),
        "batch": np.float64(0.5),
    }
    plain = {
        "cue_noise": (0.08, 0.0),
        "hidden": (8,),
        "unroll": 2,
        "steps": 20,
        "learning_rate": 2**-6,
        "batch": 0.5,
    }
    found, due = (
        fit_batch([AdaptiveMemory(**settings, seed=np.int64(s)) for s in (3, 4)], patterns)
        for settings in (numpy_values, plain)
    )
    assert_same_memories(found, due)


class OneStep(AdaptiveMemory):
    """A memory of the user's that fits in its own way."""

    def fit(self, patterns, y=None, *, limits=None):
        self.set_params(steps=1)
        return super().fit(patterns, limits=limits)


def test_a_memory_of_the_user_fits_in_its_own_way_in_a_batch(rng):
    patterns = signs(rng, 2, 3, 9)
    own, usual = fit_batch([OneStep(steps=20), AdaptiveMemory(steps=20)], patterns)
    assert (own.steps_, usual.steps_) == (1, 20)
    assert_same_memories([own], [OneStep(steps=20).fit(patterns[0])])
