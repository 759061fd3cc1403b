"""Converters between numbers and voltages or currents, and what else surrounds the devices."""

from dataclasses import dataclass

import numpy as np

from crossmem.checks import check_count, check_not_negative, check_positive

MORE_BITS = "give more bits, or None to convert exactly"


@dataclass(frozen=True)
class Peripherals:
    """What surrounds the devices of a chip; every default is ideal.

    Parameters
    ----------
    dac_bits, adc_bits : int or None
        Resolution of the input and output converters; None converts exactly. The paper's have 8.
    read_noise : float
        Standard deviation of one read of a device, in µS, drawn afresh for every product.
    wire_resistance : float
        Resistance of a line between neighbouring cells, in Ω.
    """

    dac_bits: int | None = None
    adc_bits: int | None = None
    read_noise: float = 0.0
    wire_resistance: float = 0.0

    def __post_init__(self):
        for name in ("dac_bits", "adc_bits"):
            if getattr(self, name) is not None:
                check_count(getattr(self, name), name, remedy=MORE_BITS)
        for name in ("read_noise", "wire_resistance"):
            check_not_negative(getattr(self, name), name, 1.0)


def quantize(values, bits, full_scale):
    """Round to the nearest of 2**bits levels spread evenly over ±full_scale, ends included.

    What lies beyond is clipped. Zero lies half a step from the two levels beside it. Without
    ``bits`` the values, of any shape and in the unit of ``full_scale``, stay as they are.
    """
    values = np.asarray(values, dtype=float)
    if bits is None:
        return values
    check_positive(full_scale, "full_scale", 1.0)
    top = 2 ** check_count(bits, "bits", remedy=MORE_BITS) - 1
    code = np.clip(np.rint((values / full_scale + 1) * top / 2), 0, top)
    return full_scale * (2 * code - top) / top
