"""Compensation of line losses against least squares and the exact losses."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from crossmem.chip.circuit import effective_pairs
from crossmem.chip.crossbar import Crossbar
from crossmem.deploy.ir_drop import REMEDIES, compensate_ir_drop
from crossmem.deploy.programming import program, with_programming_error
from crossmem.networks.adaptive import AdaptiveMemory


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def trained(rng, *, hidden=(), **rates):
    """A memory of three random patterns, and the crossbars that it was trained for."""
    memory = AdaptiveMemory(hidden=hidden, optimizer="adam", steps=50)
    crossbars = [Crossbar.fabricate(*s, rng=rng, **rates) for s in memory.layer_shapes(20)]
    limits = [crossbar.characterize().weight_limits() for crossbar in crossbars]
    return memory.fit(rng.choice([-1.0, 1.0], (3, 20)), limits=limits), crossbars


def targets(crossbar, layer):
    return crossbar.targets(layer.weights.astype(float))


def test_a_gain_makes_up_for_a_common_loss(rng):
    memory, crossbars = trained(rng)
    (layer,) = compensate_ir_drop(memory, crossbars, 20.0, "gain").layers
    wanted = targets(crossbars[0], memory.layers_[0])
    seen = effective_pairs(wanted, wire_resistance=20.0)
    left, right = ((p[..., 0] - p[..., 1]).ravel() for p in (wanted, seen))
    ratio = layer.gain / memory.layers_[0].gain
    assert ratio == pytest.approx(np.linalg.lstsq(right[:, None], left)[0][0], rel=1e-6)
    assert ratio > 1
    np.testing.assert_array_equal(layer.weights, memory.layers_[0].weights)


@pytest.mark.parametrize(("resistance", "left"), [(5.0, 0.1), (20.0, 0.25)])
def test_divided_weights_take_most_of_the_loss_away(rng, resistance, left):
    memory, crossbars = trained(rng)
    errors = []
    for remedy in ("none", "weights"):
        (layer,) = compensate_ir_drop(memory, crossbars, resistance, remedy).layers
        assert np.abs(layer.weights).max() <= 1
        seen = effective_pairs(targets(crossbars[0], layer), wire_resistance=resistance)
        effective = layer.gain * (seen[..., 0] - seen[..., 1]) / 150
        errors.append(np.abs(effective - memory.layers_[0].gain * memory.layers_[0].weights).max())
    assert errors[1] < left * errors[0]


@pytest.mark.parametrize("remedy", REMEDIES)
def test_ideal_lines_need_no_remedy(rng, remedy):
    memory, crossbars = trained(rng, stuck_on=0.05)
    (layer,) = compensate_ir_drop(memory, crossbars, 0.0, remedy).layers
    np.testing.assert_allclose(layer.weights, memory.layers_[0].weights, rtol=1e-6)
    assert layer.gain == pytest.approx(memory.layers_[0].gain, rel=1e-6)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_network_and_crossbars_are_left_alone(rng, remedy):
    memory, crossbars = trained(rng, hidden=(7,))
    weights = [layer.weights.copy() for layer in memory.layers_]
    gains = [layer.gain for layer in memory.layers_]
    conductances = [crossbar.conductance.copy() for crossbar in crossbars]
    prepared = compensate_ir_drop(memory, crossbars, 20.0, remedy)
    assert (prepared.activation, len(prepared.layers)) == ("sign", 2)
    for layer, before, gain in zip(memory.layers_, weights, gains, strict=True):
        np.testing.assert_array_equal(layer.weights, before)
        assert layer.gain == gain
    for crossbar, before in zip(crossbars, conductances, strict=True):
        np.testing.assert_array_equal(crossbar.conductance, before)


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_prepared_network_can_be_programmed_and_changed_further(rng, remedy):
    memory, crossbars = trained(rng, hidden=(7,))
    prepared = compensate_ir_drop(memory, crossbars, 20.0, remedy)
    on_chip = program(prepared, crossbars, rng)
    for layer, wanted in zip(on_chip.layers, prepared.layers, strict=True):
        assert layer.gain == wanted.gain
        assert np.abs(layer.weights - wanted.weights).max() < 0.2
    written = with_programming_error(prepared, 1.0, rng)
    again = compensate_ir_drop(written, crossbars, 20.0, remedy)
    assert [layer.weights.shape for layer in again.layers] == [(7, 20), (20, 7)]


def test_crossbars_and_remedies_that_cannot_be(rng):
    memory, crossbars = trained(rng, hidden=(7,))
    for given, resistance, remedy, message in (
        (crossbars, 1.0, "weight", "remedy='weight' .*'weights'"),
        (crossbars, -1.0, "gain", "wire_resistance -1"),
        (crossbars[0], 1.0, "gain", "single Crossbar; pass a list"),
        (crossbars[:1], 1.0, "gain", r"1 crossbars for 2 layer\(s\)"),
        (crossbars[::-1], 1.0, "gain", r"crossbar 0 has shape \(20, 7\)"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            compensate_ir_drop(memory, given, resistance, remedy)
    with pytest.raises(NotFittedError):
        compensate_ir_drop(AdaptiveMemory(hidden=(7,)), crossbars, 1.0, "gain")
