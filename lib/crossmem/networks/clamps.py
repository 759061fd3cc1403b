"""What bends the response of a node: ideal clamps or exponential diodes to ground, in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import wrightomega

from crossmem.checks import check_positive


@dataclass(frozen=True)
class Clamps:
    """Two ideal clamps from a node to ground, which conduct beyond ±threshold."""

    threshold: float = 0.3  # V; public code
    resistance: float = 1.0  # Ω; public code

    def __post_init__(self):
        check_positive(self.threshold, "threshold", example=0.3)
        check_positive(self.resistance, "resistance", example=1.0)

    def response(self, voltage, shift):
        """How a shift in V of the voltage in V acts, without cancellation.

        Returns the change of the current to ground in A, and the slope after it in S.
        """
        inside = np.clip(voltage, -self.threshold, self.threshold)
        excess = voltage - inside
        end = shift + excess
        kept = np.clip(end, -self.threshold - inside, self.threshold - inside)
        conducting = end != kept
        change = np.where(conducting, shift - kept, -excess)
        return change / self.resistance, conducting / self.resistance

    def content(self, voltage):
        """Integral of the current over the voltage in W."""
        return np.maximum(np.abs(voltage) - self.threshold, 0) ** 2 / (2 * self.resistance)


@dataclass(frozen=True)
class Diodes:
    """Two antiparallel diodes from a node to ground, each with a series resistance.

    The exponential law with a series resistance has a closed form in Wright's omega function. The
    constants are those of a 1N4148 at ngspice's 27 °C, as in the public code's library.
    """

    saturation: float = 4.352e-9  # A
    emission: float = 1.906
    series: float = 0.6458  # Ω
    thermal: float = 300.15 * 1.380649e-23 / 1.602176634e-19  # V, kT / q
    bias: float = 0.0  # V of the source in series with each diode; paper, Fig. 4

    def __post_init__(self):
        for name in ("saturation", "emission", "series", "thermal"):
            check_positive(getattr(self, name), name)

    def response(self, voltage, shift):
        """How a shift in V of the voltage in V acts, without cancellation.

        Returns the change of the current to ground in A, and the slope after it in S.
        """
        change = self._change(voltage, shift) - self._change(-voltage, -shift)
        loads = (self._omega(v) for v in (voltage + shift, -voltage - shift))
        return change, sum(load / (1 + load) for load in loads) / self.series

    def content(self, voltage):
        """Integral of the current over the voltage in W."""
        scale = self.emission * self.thermal
        content = np.zeros_like(voltage)
        for across in (voltage, -voltage):  # less than at 0 V, for the junction and the resistance
            load, rest = self._omega(across), self._omega(0.0)
            content += scale**2 / self.series * ((load - rest) + (load**2 - rest**2) / 2)
        return content

    def _omega(self, voltage):
        """Current of one diode plus its saturation current, in units of n kT / q over series."""
        scale, drop = self.emission * self.thermal, self.saturation * self.series
        return wrightomega((voltage - self.bias + drop) / scale + np.log(drop / scale))

    def _change(self, voltage, shift):
        """Change of the current of one diode in A: w + ln w moves by shift / (n kT / q)."""
        scale = self.emission * self.thermal
        start = self._omega(voltage)
        change = self._omega(voltage + shift) - start
        small = (np.abs(change) < start / 2) & (start > 1e-30)  # a large change has no cancellation
        w, moved = start[small], change[small]
        missing = moved + np.log1p(moved / w) - shift[small] / scale
        change[small] -= missing / (1 + 1 / (w + moved))
        return scale / self.series * change
