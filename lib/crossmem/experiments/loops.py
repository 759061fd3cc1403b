"""Hysteresis loops of memristor models, and what is measured on them.

"The paper" is Döll, Müller and Ulmann 2025 (arXiv 2512.12428). Its Fig. 9 shows loops without
their numbers: resistances and frequencies here are chosen.
"""

import numpy as np

from crossmem.chip.memristors import IonDrift, Yakopcic, make_device
from crossmem.labels import labelled, quantity

#: Lower and higher frequency in Hz of each model, chosen about those at which half a sine switches.
FREQUENCIES = {
    "ion-drift": (44e3, 88e3),
    "joglekar": (19e3, 38e3),
    "biolek": (40e3, 116e3),
    "vteam": (20e3, 1e6),
    "yakopcic": (30.0, 3e3),
    "mms": (500.0, 30e3),
}
#: Of the metastable switch, the default of the public code: 1.11 V is beyond a sine of 1 V.
CONSTANTS = {"mms": {"v_on": 0.27, "v_off": 0.27, "repaired": True}}
SPEEDS = ["lower", "higher"]
MARGIN = 0.01  # share of the range of the state that a device starts from its end
PERIODS = 2
POINTS = 200  # of a period that are kept


def loops(*, device, r_off, steps):
    """Sweep a device with a sine of 1 V at its two frequencies (paper, Fig. 9).

    The device starts near r_off, in Ω. ``steps`` are those of Euler's method per period. Traces are
    those of two periods, (speed, point). All else is measured on the second one, by speed: the area
    of both lobes, how far the loop is from the same after half a turn about the origin, the change
    of the state, and the time from 10 to 90 % of the rise and of the fall of the conductance in the
    half waves that cause them, as a share of half a period.
    """
    model = make_device(device, r_off=r_off, **CONSTANTS.get(device, {}))
    (low, high), frequencies = model.bounds, np.array(FREQUENCIES[device])
    start = low + MARGIN * (high - low)
    start = start if model.polarity > 0 else low + high - start
    voltage, current, state = model.sweep(frequencies, cycles=PERIODS, steps=steps, state=start)
    speed, kept = _speeds(), slice(None, None, max(steps // POINTS, 1))
    second = slice(steps, 2 * steps + 1)
    return {
        "voltage": quantity(voltage[kept], "V", "voltage", "point"),
        "current": labelled(
            current[kept].T,
            "A",
            "current",
            **speed,
            point=(np.arange(PERIODS * steps + 1)[kept] / steps, "1", "periods"),
        ),
        "frequency": labelled(frequencies, "Hz", "frequency of the sine", **speed),
        "peak": labelled(current.max(axis=0), "A", "largest current", **speed),
        **_measured(voltage[second], current[second], model.conductance(state[second])),
        "drift": labelled(
            abs(state[2 * steps] - state[steps]) / (high - low),
            "1",
            "change of the state over a period, as a share of its range",
            **speed,
        ),
    }


def switching(*, device, r_off):
    """Frequencies at which half a sine of 1 V switches a device from end to end, each way.

    One per cent of the range of the state is left out at both ends.
    """
    model = make_device(device, r_off=r_off, **CONSTANTS.get(device, {}))
    rising, falling = (model.switching_frequency(rising=way, share=MARGIN) for way in (True, False))
    return {
        "rising": quantity(rising, "Hz", "frequency at which half a sine takes r_off to r_on"),
        "falling": quantity(falling, "Hz", "frequency at which half a sine takes r_on to r_off"),
    }


def flux_frequency(r_off):
    """Frequency in Hz at which half a sine of 1 V has the flux that switches linear ion drift.

    The flux is the integral of the resistance over the same range of the state as in `switching`.
    """
    model = IonDrift(r_off=r_off)
    speed = model.mobility * model.r_on / model.thickness**2  # 1/(A s)
    flux = (1 - 2 * MARGIN) * (model.r_on + r_off) / 2 / speed
    return 1 / (np.pi * flux)


def yakopcic_as_published(*, r_off):
    """What the paper says of its Yakopcic model (section 3.3, Fig. 8), measured.

    The deviation of the current at 1 V from the line through the origin; the window of equation 16
    at its ends, from within; and the resistance in Ω at x = 1, which the text calls R_OFF.
    """
    model = Yakopcic(r_off=r_off)
    small, (end, _) = 1e-6, model.bounds
    line = model.current(1.0, small) / small
    return {
        "deviation": quantity(
            model.current(1.0, 1.0) / line - 1, "1", "deviation from a line, 1 V"
        ),
        "at_end": quantity(float(model.window_n(end)), "1", "window f_n at x_on"),
        "before_jump": quantity(float(model.window_n(1 - model.x_n)), "1", "window f_n at 1 - x_n"),
        "at_one": quantity(1 / model.conductance(1.0), "Ω", "resistance at x = 1"),
    }


def _speeds():
    return {"speed": (SPEEDS, "1", "which of the two frequencies")}


def _measured(voltage, current, conductance):
    """Areas, asymmetry and times of one period (points,) at two speeds (points, speeds)."""
    half = len(voltage) // 2
    waves = slice(None, half + 1), slice(half, None)
    area = sum(abs(np.trapezoid(current[w], voltage[w], axis=0)) for w in waves)
    turned = abs(current + current[::-1]).max(axis=0) / abs(current).max(axis=0)
    rises = conductance[half] > conductance[0]  # on the first half wave, or on the second
    rise, fall = (
        [_time(conductance[waves[int(up != way)], k]) for k, up in enumerate(rises)]
        for way in (True, False)
    )
    speed = _speeds()
    return {
        "area": labelled(area, "W", "area of both lobes", **speed),
        "asymmetry": labelled(turned, "1", "asymmetry, as a share of the peak", **speed),
        "rise": labelled(rise, "1", "share of the half wave in which it rises", **speed),
        "fall": labelled(fall, "1", "share of the half wave in which it falls", **speed),
    }


def _time(conductance):
    """Time from 10 to 90 % of a change, as a share of the length of the trace."""
    share = (conductance - conductance[0]) / (conductance[-1] - conductance[0])
    return (np.argmax(share >= 0.9) - np.argmax(share >= 0.1)) / (len(conductance) - 1)
