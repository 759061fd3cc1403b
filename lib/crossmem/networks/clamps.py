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

    def current(self, voltage):
        """Current in A to ground."""
        return self.change(np.zeros_like(voltage), voltage)

    def change(self, voltage, shift):
        """Change of the current in A when the voltage moves by a shift, without cancellation."""
        inside = np.clip(voltage, -self.threshold, self.threshold)
        low, high = -self.threshold - inside, self.threshold - inside
        return (shift - np.clip(shift + (voltage - inside), low, high)) / self.resistance

    def slope(self, voltage):
        """Derivative of the current in S."""
        return (np.abs(voltage) > self.threshold) / self.resistance

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

    def current(self, voltage):
        """Current in A to ground."""
        return self._one(voltage) - self._one(-voltage)

    def change(self, voltage, shift):
        """Change of the current in A when the voltage moves by a shift."""
        return self.current(voltage + shift) - self.current(voltage)

    def slope(self, voltage):
        """Derivative of the current in S."""
        scale = self.emission * self.thermal
        both = (self._one(v) + self.saturation for v in (voltage, -voltage))
        return sum(current / (scale + self.series * current) for current in both)

    def content(self, voltage):
        """Integral of the current over the voltage in W."""
        scale = self.emission * self.thermal

        def one(across):  # the diode's junction, then its series resistance
            current = self._one(across)
            junction = across - self.bias - self.series * current
            return scale * current - self.saturation * junction + self.series * current**2 / 2

        return one(voltage) + one(-voltage) - 2 * one(0.0)

    def _one(self, voltage):
        """Current of one diode."""
        scale, drop = self.emission * self.thermal, self.saturation * self.series
        exponent = (voltage - self.bias + drop) / scale + np.log(drop / scale)
        return scale / self.series * wrightomega(exponent) - self.saturation
