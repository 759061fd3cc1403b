"""How large a pulse must be to move devices by a given step."""

import numpy as np
from scipy.optimize import brentq

LARGEST = 10.0  # V, amplitude of a pulse
LONGEST = 1e4  # s, width of a pulse of 1 V


def pulse_size(device, states, step, frequency=None, *, exact=True):
    """Pulse in V s that changes devices by a step.

    An amplitude makes the step to rounding. A width is interpolated between two widths a quarter
    apart. It can miss by half where such a pulse drives devices to the end of their range.

    Parameters
    ----------
    device : Memristor
    states : numpy.ndarray, shape (n,)
        States before the pulse.
    step : float
        Root mean square of the change over the states and both signs of the pulse, as a share of
        the conductance range.
    frequency : float or None
        In Hz for pulses modulated in amplitude, which last a period; None modulates their width.
    exact : bool
        Integrate the pulse, or take one Euler step.

    Raises
    ------
    ValueError
        If no amplitude of up to 10 V, or width of up to hours at 1 V, makes the step.
    """
    largest = LARGEST / frequency if frequency else LONGEST
    wanted = step * (1 / device.r_on - 1 / device.r_off)
    if not _change(device, states, largest, frequency, exact) > wanted:
        limit = f"up to {LARGEST:g} V" if frequency else f"up to {LONGEST:g} s"
        raise ValueError(
            f"no pulse of {limit} changes the devices by a step of {step:g} of their range: "
            f"lower the step{', or the frequency of the pulses' if frequency else ''}"
        )
    if frequency:

        def excess(pulse):
            return _change(device, states, pulse, frequency, exact) - wanted

        return brentq(excess, 0.0, largest, xtol=1e-18)
    pulses = largest * np.logspace(-20, 0, 201)
    return float(np.interp(wanted, _change(device, states, pulses, None, exact), pulses))


def _change(device, states, pulses, frequency, exact):
    """Root mean square change in S for one pulse or several (n,) in V s."""
    signed = np.asarray(pulses)[..., None, None] * [[1.0], [-1.0]]
    after = device.conductance(device.write(states, signed, frequency, exact))
    return np.sqrt(((after - device.conductance(states)) ** 2).mean(axis=(-2, -1)))
