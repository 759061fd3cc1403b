"""What reading moves, against the sum of the voltages and against devices with a threshold."""

from dataclasses import replace

import numpy as np
import pytest

from crossmem.experiments.in_place import InPlace, fitted, trained
from crossmem.experiments.read_drift import read_drift
from crossmem.networks.clamps import Clamps
from crossmem.networks.eqprop import pulse_of_step

SMALL = InPlace(data="iris", hidden=4, gain=4.0, epochs=5)


def drops_of(setup, seed):
    """Voltages over the devices at all training samples, arrays (n, rows, columns)."""
    network, split = fitted(setup, seed)
    return network, network.network_.drops(network.network_.free(0.5 * split[0]))


def test_all_voltages_scale_together():
    network, split = fitted(SMALL, 0)
    circuit, inputs = network.network_, 0.5 * split[0]
    small = replace(circuit, nonlinearity=Clamps(0.25 * SMALL.clamp), bias=0.25)
    scaled, whole = small.free(0.25 * inputs), circuit.free(inputs)
    assert circuit.conducting(whole).any()
    np.testing.assert_allclose(small.outputs(scaled), 0.25 * circuit.outputs(whole), atol=1e-13)


def test_linear_devices_move_by_the_sum_of_their_voltages():
    """Far from the ends of the range, a device integrates what lies over it."""
    network, drops = drops_of(SMALL, 0)
    hold, scale = 1e-6, 0.5
    found = read_drift(SMALL, seed=0, scales=[scale], holds=[hold])
    seconds = hold * pulse_of_step(network.arrays_, network.recipe)
    low, high = network.arrays_[0].device.bounds
    moved = []
    for array, drop in zip(network.arrays_, drops, strict=True):
        ends = np.clip(array.state + seconds * scale * drop.sum(axis=0), low, high)
        moved.append(np.abs(ends - array.state).ravel())
    expected = np.concatenate(moved).mean() / (high - low)
    assert found["moved"].values[0, 0] == pytest.approx(expected, rel=0.01)


def test_the_shares_are_counted_over_all_samples():
    _, drops = drops_of(SMALL, 0)
    found = read_drift(SMALL, seed=0, scales=[1.0, 0.5], holds=[1e-6])
    for k, scale in enumerate((1.0, 0.5)):
        beyond = [scale * np.abs(drop) > 0.5 for drop in drops]
        devices = np.concatenate([b.any(axis=0).ravel() for b in beyond])
        assert found["above"].values[k] == devices.mean()
        bias = np.concatenate([b[:, -2:].ravel() for b in beyond])
        assert found["pairs_above"].sel(rows="bias").values[k] == bias.mean()


@pytest.mark.parametrize("device", ["vteam", "yakopcic"])
def test_below_the_threshold_nothing_moves(device):
    setup = SMALL.at(device=device)
    found = read_drift(setup, seed=0, scales=[1.0, 0.1], holds=[0.01, 1.0])
    assert (found["moved"].values[1] == 0).all() and (found["moved"].values[0] > 0).all()
    unread = float(trained(setup, seed=0)["test_accuracy"].values)
    assert (found["accuracy"].values[1] == unread).all()
    assert (found["above"].values == [1.0, 0.0]).any()
