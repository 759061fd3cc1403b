"""The pulse that is found makes the step that is asked for."""

import numpy as np
import pytest

from crossmem.chip.memristors import DEVICES, make_device
from crossmem.chip.pulse_size import pulse_size
from crossmem.networks.eqprop import FREQUENCIES

STATES = np.linspace(0.1, 0.4, 7)


def made(device, states, pulse, frequency):
    """The step that a pulse makes, from one Euler step of the state equation."""
    width, height = (1 / frequency, pulse * frequency) if frequency else (pulse, 1.0)
    ends = [
        np.clip(states + device.rate(states, sign * height) * width, *device.bounds)
        for sign in (1, -1)
    ]
    change = [device.conductance(end) - device.conductance(states) for end in ends]
    return np.sqrt(np.mean(np.square(change))) / (1 / device.r_on - 1 / device.r_off)


@pytest.mark.parametrize("name", list(DEVICES))
def test_an_amplitude_makes_the_step_to_rounding(name):
    device, frequency = make_device(name, r_off=1000.0), FREQUENCIES[name]
    states = device.state(np.linspace(1.2e-3, 4e-3, 7))
    for step in (1e-4, 0.01, 0.05):
        pulse = pulse_size(device, states, step, frequency, exact=False)
        assert made(device, states, pulse, frequency) == pytest.approx(step, rel=1e-6)


def test_an_amplitude_of_microvolts_is_found_too():
    device = make_device("linear")
    pulse = pulse_size(device, STATES * 1e-2, 1e-6, 1.0, exact=False)
    assert pulse == pytest.approx(1e-6 * (1 / 100 - 1 / 1e5))


def test_a_width_is_that_of_a_linear_device():
    """Its conductance changes by the pulse itself, in S per V s."""
    device = make_device("linear")
    pulse = pulse_size(device, STATES * 1e-2, 0.01, exact=False)
    assert pulse == pytest.approx(0.01 * (1 / 100 - 1 / 1e5), rel=0.01)


@pytest.mark.parametrize(
    ("frequency", "message"),
    [(1e12, "up to 10 V .* lower the step, or the frequency"), (None, "up to 10000 s .* lower")],
)
def test_a_step_out_of_reach_is_refused_in_one_sentence(frequency, message):
    device = make_device("mms", r_off=200.0)
    with pytest.raises(ValueError, match=f"no pulse of {message}") as raised:
        pulse_size(device, STATES, 2.0, frequency)
    assert "\n" not in str(raised.value)
