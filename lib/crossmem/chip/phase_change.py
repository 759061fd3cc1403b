"""Phase-change cells: how they drift and how well they are written, by their state.

The state is the conductance just after programming over the full scale, G / G_max. The fits are
those of Nandakumar et al. 2019 (IEEE ICECS, "Phase-change memory models for deep learning training
and inference") to cells of 25 µS, as the IBM Analog Hardware Acceleration Kit has them. The drift
law itself, with its onset, is in `crossmem.chip.devices`.
"""

from dataclasses import dataclass

import numpy as np

from crossmem.checks import check_within

FULL_SCALE = 25.0  # µS, of the cells that were measured


@dataclass(frozen=True)
class StateLaw:
    """A constant of a cell that is linear in the logarithm of its state, within two limits.

    Called with states of any shape, at least 0, it returns ``clip(slope ln(state) + offset, low,
    high)`` of the same shape.
    """

    slope: float
    offset: float
    low: float
    high: float

    def __call__(self, state):
        state = np.asarray(state, dtype=float)
        check_within(state, 0, np.inf, "state", "divide the conductances by the full scale")
        logarithm = np.log(np.maximum(state, np.finfo(float).tiny))  # of an empty cell: a limit
        return np.clip(self.slope * logarithm + self.offset, self.low, self.high)


#: Mean drift exponent, and its standard deviation from cell to cell.
NU = StateLaw(slope=-0.0155, offset=0.0244, low=0.049, high=0.1)
NU_SPREAD = StateLaw(slope=-0.0125, offset=-0.0059, low=0.008, high=0.045)


def programming_error(state, g_max=FULL_SCALE):
    """Standard deviation in µS of what cells of a ``state`` in [0, 1] miss when they are written.

    It is measured at `FULL_SCALE` and taken in proportion to a full scale of ``g_max`` in µS.
    """
    state = np.asarray(state, dtype=float)
    check_within(state, 0, 1, "state", "divide the conductances by the full scale")
    return (0.26348 + 1.965 * state - 1.1731 * state**2) * g_max / FULL_SCALE
