"""What the ports of a crossbar do to its devices, against nodal analysis and by hand."""

import numpy as np
import pytest

from crossmem.chip.circuit import CrossbarCircuit
from crossmem.chip.ports import voltages_over_devices

SHAPES = [(1, 1), (1, 4), (4, 1), (18, 4), (5, 9), (62, 16)]


def conductances(shape):
    """Devices of 100 Ω to 100 kΩ, in S."""
    return np.random.default_rng(1).uniform(1e-5, 1e-2, shape)


@pytest.mark.parametrize("line_resistance", [1e-9, 0.5, 5.0, 1e3])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_agrees_with_the_sparse_circuit(shape, line_resistance):
    """Word lines are driven there; bit lines too, in the transposed layout with reversed orders."""
    matrix = conductances(shape)
    found = voltages_over_devices(matrix, line_resistance)
    expected = []
    for turned in (matrix, matrix.T[::-1, ::-1]):
        circuit = CrossbarCircuit(1e6 * turned, wire_resistance=line_resistance, read_limit=1.0)
        word, bit = circuit.node_voltages(np.eye(len(turned)))
        expected.append(word - bit)
    expected[1] = -expected[1][::-1, ::-1, ::-1].transpose(0, 2, 1)
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=0, atol=1e-12)


def test_one_device_lies_between_two_segments():
    found = voltages_over_devices(np.array([[1e-2]]), 5.0)  # 100 Ω in series with 10 Ω
    np.testing.assert_allclose(found.ravel(), [100 / 110, -100 / 110], rtol=1e-14)


def test_ideal_lines_pass_the_voltages_on():
    found = voltages_over_devices(conductances((3, 2)), 0.0)
    for row in range(3):
        np.testing.assert_array_equal(
            found[:, row], np.array([np.eye(5)[row]] * 2).T - np.eye(5)[:, 3:]
        )


def test_one_volt_at_every_port_is_no_voltage_over_any_device():
    np.testing.assert_allclose(
        voltages_over_devices(conductances((7, 5)), 20.0).sum(axis=0), 0, atol=1e-14
    )
