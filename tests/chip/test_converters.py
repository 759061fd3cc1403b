"""Converters against levels counted by hand; the constants of the peripherals."""

import numpy as np
import pytest

from crossmem.chip.converters import Peripherals, quantize


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_a_converter_has_2_to_the_bits_even_levels_from_end_to_end(bits):
    levels = np.unique(quantize(np.linspace(-4, 4, 20_001), bits, 3.0))
    np.testing.assert_allclose(levels, np.linspace(-3, 3, 2**bits), atol=1e-12)


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_rounding_is_to_the_nearest_level_and_settled_at_once(bits):
    values = np.random.default_rng(6).uniform(-3, 3, 1000)
    rounded = quantize(values, bits, 3.0)
    assert np.abs(rounded - values).max() <= 3 / (2**bits - 1) * (1 + 1e-9)  # half a step
    np.testing.assert_array_equal(quantize(rounded, bits, 3.0), rounded)
    assert (np.diff(rounded[np.argsort(values)]) >= 0).all()


def test_converters_by_hand():
    # The levels of two bits are -3, -1, 1 and 3.
    values = [-9, -2.5, -1.9, -0.1, 0.1, 1.9, 2.5, 9]
    np.testing.assert_array_equal(quantize(values, 2, 3.0), [-3, -3, -1, -1, 1, 1, 3, 3])
    np.testing.assert_array_equal(quantize([-1, 1], 8, 1.0), [-1, 1])  # binary inputs are exact
    np.testing.assert_array_equal(quantize(values, None, 3.0), values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dac_bits": 0}, "dac_bits is 0.*None to convert exactly"),
        ({"adc_bits": -1}, "adc_bits is -1.*None to convert exactly"),
        ({"read_noise": -1.0}, "read_noise is -1.0"),
        ({"wire_resistance": -1.0}, "wire_resistance is -1.0"),
        ({"wire_resistance": np.nan}, "wire_resistance is nan"),
    ],
)
def test_peripherals_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        Peripherals(**arguments)


def test_bad_conversions():
    with pytest.raises(ValueError, match="bits is 0.*None"):
        quantize([1.0], 0, 1.0)
    with pytest.raises(TypeError, match="bits is 2.5"):
        quantize([1.0], 2.5, 1.0)
    with pytest.raises(ValueError, match="full_scale is 0"):
        quantize([1.0], 8, 0)
