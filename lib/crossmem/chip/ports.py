"""A crossbar with resistive lines as its ports see it, by block elimination.

`CrossbarCircuit` solves one array for many inputs. A network that is trained in place has another
array after every pulse and needs what all its ports do to all its devices, which is faster this
way: one small dense matrix per row instead of one large sparse one.
"""

from __future__ import annotations

import numpy as np


def voltages_over_devices(conductance, line_resistance):
    """Voltage over each device per volt at each port, all other ports at 0 V.

    The wires are those of `CrossbarCircuit`: word lines have their ports at the left, bit lines at
    the bottom, and one segment lies before each crossing as seen from the port.

    Parameters
    ----------
    conductance : numpy.ndarray of float, shape (rows, columns)
        In S.
    line_resistance : float
        Resistance of each segment in Ω, at least 0.

    Returns
    -------
    numpy.ndarray, shape (rows + columns, rows, columns)
        Ports of the word lines first. A port of a bit line lowers the voltage over its devices.
    """
    rows, columns = conductance.shape
    if columns > rows:  # turned, so that the matrices of a row are the smaller ones
        turned = voltages_over_devices(conductance.T[::-1, ::-1], line_resistance)
        return -turned[::-1, ::-1, ::-1].transpose(0, 2, 1)
    load = line_resistance * conductance  # of each device, in units of a segment
    # Ideal wires, device by device: what remains to be found are the shifts of the potentials.
    ideal = np.zeros((rows, columns, rows + columns))
    ideal[np.arange(rows), :, np.arange(rows)] = 1.0
    ideal[:, np.arange(columns), rows + np.arange(columns)] = -1.0
    entering = load[:, :, None] * ideal
    # The word line of a row, given the potentials of its bit lines.
    word = np.linalg.inv(_line(columns) + load[:, :, None] * np.eye(columns))
    passed = np.eye(columns) - load[:, :, None] * word  # share of a current that the line leaves
    bit = _down(passed * load[:, None], passed @ entering)
    return np.moveaxis(ideal + word @ (load[:, :, None] * bit - entering) - bit, 2, 0)


def _down(blocks, entering):
    """Shifts (rows, columns, n) of the potentials of bit lines, by elimination from the open end.

    ``blocks`` (rows, columns, columns) tie the crossings of a row to one another, and a segment
    ties each to the one below it; ``entering`` are currents.
    """
    rows, columns, _ = blocks.shape
    solved, inverses = np.empty_like(entering), np.empty_like(blocks)
    above, current = np.zeros((columns, columns)), 0.0
    for k in range(rows):
        segments = 1.0 if k == 0 else 2.0
        inverses[k] = np.linalg.inv(blocks[k] + segments * np.eye(columns) - above)
        current = entering[k] + current
        solved[k] = inverses[k] @ current
        above, current = inverses[k], solved[k]
    for k in range(rows - 2, -1, -1):
        solved[k] += inverses[k] @ solved[k + 1]
    return solved


def _line(nodes):
    """Matrix of a line of unit segments, held at its first end and open at the last."""
    matrix = 2 * np.eye(nodes) - np.eye(nodes, k=1) - np.eye(nodes, k=-1)
    matrix[-1, -1] = 1.0
    return matrix
