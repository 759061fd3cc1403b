"""A cascade and a network with a hidden layer, of as many devices."""

import numpy as np
import pytest

import crossmem as cm
from crossmem.experiments import Setup, cascades, storage_capacity
from crossmem.networks.cascade import Cascade

SETUP = Setup(neurons=36, flip_rate=0.05, cues=2, n_patterns=12)
SETUP = SETUP.at(optimizer="adam", steps=100)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_all_systems_have_the_same_devices(parts):
    for system in cascades.SYSTEMS:
        memory, limits = cascades.equal_devices(SETUP, system, parts, 0)
        assert memory.devices(36) == 2 * parts * 36 * 36
        assert sum(limit.low.size for limit in limits) == parts * 36 * 36


def test_a_cascade_of_one_is_the_single_layer():
    alone = storage_capacity(SETUP, seed=1)["capacity"]
    one = cascades.equal_devices_capacity(SETUP, system="failed", parts=1, seed=1)["capacity"]
    np.testing.assert_array_equal(one.values, alone.values)


def test_masked_weights_stay_zero_in_every_part():
    setup = SETUP.at(masked_fraction=0.5)
    memory, limits = cascades.equal_devices(setup, "random", 2, 0)
    masked = [np.mean(~limit.working) for limit in limits]
    np.testing.assert_allclose(masked, 0.5, atol=0.05)
    memory.fit(setup.stored(0), limits=limits)
    for layer, limit in zip(memory.layers_, limits, strict=True):
        assert not layer.weights[~limit.working].any()


def test_an_answer_is_never_better_than_with_the_memory_known_at_a_light_load():
    found = cascades.cascade_recall(SETUP.at(n_patterns=6), system="random", parts=2, seed=0)
    assert float(found["right"]) == 1.0
    assert float(found["cosine"]) == float(found["cosine_known"])
    assert float(found["passed_on"]) == 0.5


def test_margins_of_a_layer_solved_by_hand():
    layer = cm.Layer(np.array([[0.0, 3.0], [4.0, 0.0]]), np.zeros(2))
    states = np.array([[[1.0, 1.0], [1.0, -1.0]]])
    found = cascades.margins(Cascade((cm.Network([layer]),)), states)
    np.testing.assert_allclose(found, [[1.0, -1.0]])


def test_a_setup_with_a_hidden_layer_is_refused():
    with pytest.raises(ValueError, match="layers"):
        cascades.equal_devices(SETUP.at(layers=2), "failed", 2, 0)
