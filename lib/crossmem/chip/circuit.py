"""Exact currents of a crossbar whose lines have resistance (IR drop), by nodal analysis."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from crossmem.checks import check_even, check_positive, check_shape, check_within
from crossmem.chip.devices import DeviceModel


class CrossbarCircuit:
    """A passive crossbar of linear devices between resistive word and bit lines.

    Ideal sources drive the word lines (rows) at their left ends, and the bit lines (columns) end in
    virtual grounds at the bottom. One wire segment lies between neighbouring crossings, one between
    each source and its first crossing, and one between the last crossing and each virtual ground,
    as in badcrossbar (Joksas and Mehonic 2020, SoftwareX 12:100617).

    The unknowns are the changes of the potentials relative to ideal wires. Their sources are the
    ideal device currents, so that results keep their precision down to zero resistance. The matrix
    is sparse, symmetric and positive definite, and factorised once.

    Parameters
    ----------
    conductance : array_like of float, shape (rows, columns)
        Conductance of the devices in µS; 0 for an open one.
    wire_resistance : float or (float, float)
        Resistance in Ω of each segment, for all lines or for (word lines, bit lines), up to 1 MΩ;
        0 is an ideal wire.
    read_limit : float
        Largest magnitude of an input voltage in V: more would change the devices.
    """

    def __init__(self, conductance, *, wire_resistance, read_limit=DeviceModel.read_voltage):
        self.conductance = np.array(conductance, dtype=float)
        self.conductance.flags.writeable = False  # a factorisation would not follow
        check_shape(self.conductance, ("rows", "columns"), "conductance", "give a matrix")
        check_within(self.conductance, 0, 1e12, "conductance", "give 0 for an open device", " µS")
        wires = np.broadcast_to(np.asarray(wire_resistance, dtype=float), 2)
        # Above any real wire; rounding stays below 1e-12 up to it.
        check_within(wires, 0, 1e6, "wire_resistance", "give a few or 0", " Ω")
        self.wire_resistance = tuple(wires.tolist())
        self.read_limit = check_positive(read_limit, "read_limit", example=DeviceModel.read_voltage)
        self._effective = None
        # The potentials of ideal lines are known, and below this limit 1 / r is not finite.
        self._resistive = [k for k in (0, 1) if self.wire_resistance[k] > 1e-300]
        self._factor = self._factorise() if self._resistive else None

    def currents(self, voltages):
        """Currents (n, columns) in µA into the virtual grounds at source ``voltages`` (n, rows)."""
        voltages = self._check_voltages(voltages)
        # Outputs are linear in the inputs: never solve for more inputs than the array has lines.
        if self._effective is None and len(voltages) < min(self.conductance.shape):
            return self._device_currents(voltages[:, :, None]).sum(axis=1)
        return voltages @ self.effective_conductance()

    def effective_conductance(self):
        """Matrix (rows, columns) in µS that takes input voltages to output currents, read-only.

        Computed once, with one solution per word or per bit line, whichever are fewer: by
        reciprocity, a word and a bit line drive the same current through each other, whichever of
        them has the source.
        """
        if not self._resistive:
            return self.conductance
        if self._effective is None:
            rows, columns = self.conductance.shape
            if rows <= columns:
                effective = self._device_currents(np.eye(rows)[:, :, None]).sum(axis=1)
            else:
                effective = self._device_currents(np.eye(columns)[:, None, :]).sum(axis=2).T
            effective.flags.writeable = False
            self._effective = effective
        return self._effective

    def node_voltages(self, voltages):
        """Potentials in V of crossings on word lines, and on bit lines, (n, rows, columns) each."""
        voltages = self._check_voltages(voltages)[:, :, None]
        word, bit = self._shifts(voltages)
        return voltages + word, bit

    def _factorise(self):
        rows, columns = self.conductance.shape
        word_lines = sparse.kron(sparse.eye_array(rows), _line(columns))
        bit_lines = sparse.kron(_line(rows)[::-1, ::-1], sparse.eye_array(columns))
        devices = sparse.diags_array(self.conductance.ravel())
        blocks = [[devices, -devices], [-devices, devices]]  # µS
        for k in self._resistive:
            line = (word_lines, bit_lines)[k]
            blocks[k][k] = devices + line * (1e6 / self.wire_resistance[k])
        unknown = [[blocks[i][j] for j in self._resistive] for i in self._resistive]
        matrix = sparse.block_array(unknown, format="csc")
        # What SuperLU's guide advises for such matrices: symmetric ordering, diagonal pivots.
        options = {"SymmetricMode": True}
        return splu(matrix, "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    def _device_currents(self, applied):
        """Current (n, rows, columns) in µA of each device, see `_shifts`."""
        word, bit = self._shifts(applied)
        return (applied + word - bit) * self.conductance

    def _shifts(self, applied):
        """How far resistance moves the potentials (2, n, rows, columns) on word and bit lines.

        ``applied`` broadcasts to (n, rows, columns): what each device would see with ideal wires.
        """
        ideal = applied * self.conductance
        shifts = np.zeros((2, *ideal.shape))
        if self._resistive:
            currents = ideal.reshape(len(ideal), self.conductance.size).T
            entering = np.concatenate([(-currents, currents)[k] for k in self._resistive])
            solved = np.split(self._factor.solve(entering), len(self._resistive))
            for k, shift in zip(self._resistive, solved, strict=True):
                shifts[k] = shift.T.reshape(ideal.shape)
        return shifts

    def _check_voltages(self, voltages):
        shape, remedy = ("n", len(self.conductance)), "give one voltage per row"
        voltages = check_shape(np.asarray(voltages, dtype=float), shape, "voltages", remedy)
        limit = self.read_limit * (1 + 1e-6)  # for voltages that were computed in single precision
        return check_within(voltages, -limit, limit, "voltage", "scale the inputs down", " V")


def effective_pairs(conductance, *, wire_resistance, tile=64):
    """Conductances that a layer of differential pairs shows through the resistance of its lines.

    As on `Crossbar`, inputs are rows, each output lies on two adjacent columns, and the sums of the
    tiles are added digitally. A layer that does not fill its last tiles occupies their rows and
    columns nearest to the outputs and to the sources; the wires beyond carry no current.

    Takes conductances in µS, G+ before G-, as an array (n_out, n_in, 2), and returns as many;
    ``wire_resistance`` is as in `CrossbarCircuit`, ``tile`` as in `Crossbar.fabricate`.
    """
    conductance = np.asarray(conductance, dtype=float)
    check_shape(conductance, ("n_out", "n_in", 2), "conductance", "give pairs of devices")
    check_even(tile, "tile")
    n_out, n_in, _ = conductance.shape
    chip = conductance.transpose(1, 0, 2).reshape(n_in, 2 * n_out)  # columns G+, G-, G+, G-, ...
    wired = np.empty(chip.shape)
    for row in range(0, n_in, tile):
        for column in range(0, 2 * n_out, tile):
            part = np.s_[row : row + tile, column : column + tile]
            circuit = CrossbarCircuit(chip[part], wire_resistance=wire_resistance)
            wired[part] = circuit.effective_conductance()
    return wired.reshape(n_in, n_out, 2).transpose(1, 0, 2)


def uniform_loss(lines, *, wire_resistance):
    """Share of the current that a square array loses to its lines, all devices at half of G_max.

    One voltage drives all of its ``lines`` rows.
    """
    half = DeviceModel.g_max / 2
    circuit = CrossbarCircuit(np.full((lines, lines), half), wire_resistance=wire_resistance)
    voltage = DeviceModel.read_voltage
    currents = circuit.currents(np.full((1, lines), voltage))
    return 1 - float(currents.sum()) / (lines**2 * half * voltage)


def _line(nodes):
    """Nodal matrix of a line of unit conductances, held at its first end and open at the last."""
    diagonal = np.full(nodes, 2.0)
    diagonal[-1] = 1.0
    beside = np.full(nodes - 1, -1.0)
    return sparse.diags_array((beside, diagonal, beside), offsets=(-1, 0, 1), format="csr")
