"""Resistive lines against resistors in series, Kirchhoff's laws, badcrossbar and ngspice."""

import re
import shutil
import subprocess
import warnings

import numpy as np
import pytest

from crossmem.chip.circuit import (
    CrossbarCircuit,
    effective_pairs,
    uniform_loss,
)
from crossmem.chip.crossbar import Crossbar

pytestmark = pytest.mark.usefixtures("one_thread")

WIRES = [(1.5, 2.5), (0.0, 2.0), (2.0, 0.0), (0.0, 0.0)]  # Ω, word and bit lines


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


def array(rows, columns, rng):
    """Random conductances in µS and three random inputs in V."""
    return rng.uniform(1, 150, (rows, columns)), rng.uniform(-0.2, 0.2, (3, rows))


# Circuits solved by hand


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5), (5, 3)])
def test_one_device_is_in_series_with_the_segments_that_lead_to_it(shape, wires):
    rows, columns = shape
    for row, column in np.ndindex(shape):
        conductance = np.zeros(shape)
        conductance[row, column] = 100.0
        series = 1e4 + (column + 1) * wires[0] + (rows - row) * wires[1]  # Ω
        circuit = CrossbarCircuit(conductance, wire_resistance=wires)
        expected = np.zeros(shape)
        expected[row, column] = 1e6 / series
        np.testing.assert_allclose(circuit.effective_conductance(), expected, atol=1e-10)


def test_two_devices_on_one_word_line_divide_its_current():
    (first, second), (word, bit) = (8e3, 5e3), (300.0, 700.0)  # Ω
    beyond = word + second + bit
    here = 1 / (1 / (first + bit) + 1 / beyond)
    at_first = 0.2 * here / (word + here)  # V at the first crossing
    circuit = CrossbarCircuit([[1e6 / first, 1e6 / second]], wire_resistance=(word, bit))
    expected = 1e6 * at_first / np.array([[first + bit, beyond]])
    np.testing.assert_allclose(circuit.currents([[0.2]]), expected, rtol=1e-12)


@pytest.mark.parametrize("inputs", [1, 20])
def test_ideal_wires_give_the_product_with_the_conductance(rng, inputs):
    conductance = rng.uniform(0, 150, (7, 9))
    voltages = rng.uniform(-0.2, 0.2, (inputs, 7))
    circuit = CrossbarCircuit(conductance, wire_resistance=0)
    np.testing.assert_array_equal(circuit.effective_conductance(), conductance)
    np.testing.assert_allclose(circuit.currents(voltages), voltages @ conductance, rtol=1e-12)


# Laws of any network of resistors


@pytest.mark.parametrize("wires", [(20.0, 50.0), (1e-3, 1e3)])
def test_kirchhoff_and_the_balance_of_power(rng, wires):
    conductance, voltages = array(6, 9, rng)
    circuit = CrossbarCircuit(conductance, wire_resistance=wires)
    word, bit = circuit.node_voltages(voltages)
    # Currents in µA: into each crossing from the left, and out of each one downwards.
    along = -np.diff(word, axis=2, prepend=voltages[:, :, None]) * 1e6 / wires[0]
    down = -np.diff(bit, axis=1, append=0.0) * 1e6 / wires[1]
    through = (word - bit) * conductance
    # Differences of nearly equal potentials of up to 0.2 V round most in wires of least resistance.
    slack = {"rtol": 0, "atol": 1e-15 * 1e6 / min(wires)}
    np.testing.assert_allclose(-np.diff(along, axis=2, append=0.0), through, **slack)
    np.testing.assert_allclose(np.diff(down, axis=1, prepend=0.0), through, **slack)
    np.testing.assert_allclose(circuit.currents(voltages), down[:, -1], **slack)
    delivered = (voltages * along[:, :, 0]).sum(axis=1)
    devices = ((word - bit) ** 2 * conductance).sum(axis=(1, 2))
    lines = sum(
        r / 1e6 * (i**2).sum(axis=(1, 2)) for r, i in zip(wires, (along, down), strict=True)
    )
    np.testing.assert_allclose(delivered, devices + lines, rtol=1e-7)


def test_reciprocity(rng):
    # Turned so that outputs become inputs, the same array has the transposed conductance. One of
    # the two is solved along its word lines, the other along its bit lines.
    conductance, _ = array(5, 8, rng)
    circuit = CrossbarCircuit(conductance, wire_resistance=(30.0, 70.0))
    turned = CrossbarCircuit(conductance[::-1, ::-1].T, wire_resistance=(70.0, 30.0))
    np.testing.assert_allclose(
        turned.effective_conductance()[::-1, ::-1].T, circuit.effective_conductance(), rtol=1e-12
    )


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_superposition(rng, shape):
    conductance, voltages = array(*shape, rng)
    few, many = (CrossbarCircuit(conductance, wire_resistance=40.0) for _ in range(2))
    by_one = np.eye(shape[0]) * 0.2
    alone = np.concatenate([few.currents(by_one[k : k + 1]) for k in range(shape[0])])
    np.testing.assert_allclose(few.currents(voltages), voltages / 0.2 @ alone, rtol=1e-10)
    np.testing.assert_allclose(many.currents(by_one), alone, rtol=1e-10)  # by the effective matrix


def test_more_resistance_lets_less_current_through(rng):
    # Rayleigh's law: it holds for the total current when all sources have the same voltage.
    conductance, _ = array(12, 12, rng)
    totals = [
        CrossbarCircuit(conductance, wire_resistance=r).effective_conductance().sum()
        for r in (0, 0.1, 1, 10, 100, 1e3, 1e6)
    ]
    assert (np.diff(totals) < 0).all()
    # Between its corners 1 MΩ wires leave next to nothing of 1744 µS, and nothing is not negative.
    assert 0 < totals[-1] < 12


def test_small_losses_keep_their_precision(rng):
    conductance, _ = array(16, 16, rng)
    losses = [
        (conductance - CrossbarCircuit(conductance, wire_resistance=r).effective_conductance()) / r
        for r in (1e-4, 1e-7)
    ]
    np.testing.assert_allclose(*losses, rtol=1e-4)


# Other programs


@pytest.fixture
def badcrossbar():
    with warnings.catch_warnings(record=True):  # its plots need pycairo, its currents do not
        return pytest.importorskip(
            "badcrossbar",
            reason="compares with badcrossbar: pip install --no-deps badcrossbar pathvalidate",
        )


@pytest.mark.parametrize("wires", WIRES)
@pytest.mark.parametrize("shape", [(8, 8), (5, 8), (8, 5), (16, 16), (32, 32), (64, 64)])
def test_badcrossbar_finds_the_same_currents(badcrossbar, rng, shape, wires):
    conductance, voltages = array(*shape, rng)
    solution = badcrossbar.compute(
        voltages.T, 1e6 / conductance, r_i_word_line=wires[0], r_i_bit_line=wires[1]
    )
    circuit = CrossbarCircuit(conductance, wire_resistance=wires)
    for currents in (circuit.currents(voltages), voltages @ circuit.effective_conductance()):
        np.testing.assert_allclose(currents, solution.currents.output * 1e6, rtol=1e-6)


def netlist(conductance, voltages, wires):
    """An array as a SPICE circuit that prints the current into each virtual ground, in A."""
    rows, columns = conductance.shape
    lines = ["crossbar", ".options reltol=1e-9 abstol=1e-18 vntol=1e-15 gmin=1e-20"]
    lines += [f"Vw{r} w{r}_0 0 DC {voltages[r]:.17g}" for r in range(rows)]
    lines += [f"Vb{c} b{rows}_{c} 0 DC 0" for c in range(columns)]
    for r, c in np.ndindex(rows, columns):
        lines += [
            f"Rw{r}_{c} w{r}_{c} w{r}_{c + 1} {wires[0]}",
            f"Rd{r}_{c} w{r}_{c + 1} b{r}_{c} {1e6 / conductance[r, c]:.17g}",
            f"Rb{r}_{c} b{r}_{c} b{r + 1}_{c} {wires[1]}",
        ]
    lines += [".control", "set numdgt=15", "op", *(f"print i(vb{c})" for c in range(columns))]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


@pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="compares with ngspice: apt-get install ngspice"
)
@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_ngspice_finds_the_same_currents(rng, tmp_path, size):
    conductance, voltages = array(size, size, rng)
    path = tmp_path / "crossbar.cir"
    path.write_text(netlist(conductance, voltages[0], (1.5, 2.5)))
    run = subprocess.run(["ngspice", "-b", path], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    found = [float(value) for value in re.findall(r"i\(vb\d+\) = (\S+)", run.stdout)]
    circuit = CrossbarCircuit(conductance, wire_resistance=(1.5, 2.5))
    np.testing.assert_allclose(circuit.currents(voltages[:1])[0], np.array(found) * 1e6, rtol=1e-6)


# Layers


def test_ideal_wires_leave_the_conductances_of_a_layer(rng):
    crossbar = Crossbar.fabricate(40, 70, stuck_on=0.5, rng=rng)
    pairs = effective_pairs(crossbar.conductance, wire_resistance=0)
    np.testing.assert_array_equal(pairs, crossbar.conductance)


def test_each_device_of_a_layer_is_where_its_tile_has_it():
    shape, tile, (word, bit) = (5, 7, 2), 4, (30.0, 70.0)
    for output, source, side in np.ndindex(shape):
        conductance = np.zeros(shape)
        conductance[output, source, side] = 150.0
        row, column = source % tile, (2 * output + side) % tile
        rows = min(tile, shape[1] - (source - row))  # the second tile has only three in use
        series = 1e6 / 150 + (column + 1) * word + (rows - row) * bit
        expected = np.zeros(shape)
        expected[output, source, side] = 1e6 / series
        pairs = effective_pairs(conductance, wire_resistance=(word, bit), tile=tile)
        np.testing.assert_allclose(pairs, expected, atol=1e-10)


def test_tiles_add_up(rng):
    conductance = rng.uniform(0, 150, (6, 10, 2))
    voltages = rng.uniform(-0.2, 0.2, (3, 10))
    total = np.zeros((3, 6))
    for rows in (slice(0, 8), slice(8, 10)):
        for outputs in (slice(0, 4), slice(4, 6)):
            pairs = [conductance[i, rows, k] for i in range(6)[outputs] for k in (0, 1)]
            tile = CrossbarCircuit(np.transpose(pairs), wire_resistance=50.0)
            currents = tile.currents(voltages[:, rows])
            total[:, outputs] += currents[:, ::2] - currents[:, 1::2]
    pairs = effective_pairs(conductance, wire_resistance=50.0, tile=8)
    np.testing.assert_allclose(voltages @ (pairs[..., 0] - pairs[..., 1]).T, total, rtol=1e-9)


def test_one_device_of_a_layer_is_in_series_with_its_segments():
    conductance = np.zeros((2, 2, 2))
    conductance[1, 0, 0] = 100.0
    seen = effective_pairs(conductance, wire_resistance=(50, 70))
    series = 1e4 + 3 * 50 + 2 * 70  # Ω, third column, first of two rows
    assert seen[1, 0, 0] == pytest.approx(1e6 / series)
    assert np.count_nonzero(seen) == 1


def test_a_uniform_array_loses_the_current_that_does_not_arrive(rng):
    assert uniform_loss(1, wire_resistance=100.0) == pytest.approx(1 - 1 / (1 + 2 * 100 * 75e-6))
    circuit = CrossbarCircuit(np.full((8, 8), 75.0), wire_resistance=3.0)
    arriving = circuit.currents(np.full((1, 8), 0.2)).sum()
    assert uniform_loss(8, wire_resistance=3.0) == pytest.approx(1 - arriving / (64 * 75 * 0.2))
    assert uniform_loss(8, wire_resistance=0.0) == 0


# Errors


@pytest.mark.parametrize(
    ("conductance", "arguments", "message"),
    [
        (np.ones(3), {}, r"conductance of shape \(3,\).*\(rows, columns\)"),
        ([[1.0, -2.0]], {}, "conductance -2 µS .* give 0"),
        ([[1.0, np.nan]], {}, "conductance nan µS"),
        ([[1.0, np.inf]], {}, "conductance inf µS"),
        (
            [[1.0]],
            {"wire_resistance": -1},
            r"wire_resistance -1 Ω is outside \[0, 1e\+06\] Ω; give",
        ),
        ([[1.0]], {"wire_resistance": (1, np.nan)}, "wire_resistance nan Ω"),
        ([[1.0]], {"wire_resistance": np.inf}, "wire_resistance inf Ω"),
        ([[1.0]], {"read_limit": 0}, "read_limit is 0"),
    ],
)
def test_bad_circuits(conductance, arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossbarCircuit(conductance, **{"wire_resistance": 1.0, **arguments})


def test_bad_voltages():
    circuit = CrossbarCircuit(np.ones((3, 2)), wire_resistance=1.0)
    for ask in (circuit.currents, circuit.node_voltages):
        for voltages in (np.zeros(3), np.zeros((4, 2))):
            with pytest.raises(ValueError, match=r"voltages of shape .* \(n, 3\)"):
                ask(voltages)
        with pytest.raises(ValueError, match=r"voltage -0.3 V is outside \[-0.2, 0.2\] V"):
            ask([[0.1, -0.3, 0.2]])
        with pytest.raises(ValueError, match="voltage nan V"):
            ask([[0.1, np.nan, 0.2]])
    circuit.currents(np.full((1, 3), 0.2, dtype=np.float32))
    CrossbarCircuit(np.ones((3, 2)), wire_resistance=1.0, read_limit=0.5).currents([[0.5] * 3])


@pytest.mark.parametrize(
    ("conductance", "arguments", "message"),
    [
        (np.ones((3, 4)), {}, r"conductance of shape \(3, 4\).*\(n_out, n_in, 2\)"),
        (np.ones((3, 4, 3)), {}, r"conductance of shape \(3, 4, 3\)"),
        (-np.ones((3, 4, 2)), {}, "conductance -1 µS"),
        (np.ones((3, 4, 2)), {"tile": 0}, "tile is 0"),
        (np.ones((3, 4, 2)), {"tile": 63}, "tile is 63"),
        (np.ones((3, 4, 2)), {"wire_resistance": -1}, "wire_resistance -1 Ω"),
    ],
)
def test_bad_layers(conductance, arguments, message):
    with pytest.raises(ValueError, match=message):
        effective_pairs(conductance, **{"wire_resistance": 1.0, **arguments})
