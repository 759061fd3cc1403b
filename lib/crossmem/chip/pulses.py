"""What pulses and sines do to a memristor of any model.

SI units. "The paper" is Döll, Müller and Ulmann 2025 (arXiv 2512.12428).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from crossmem.checks import check_count, check_positive, check_rate

PULSE_VOLTAGE = 1.0  # V, amplitude of a pulse whose width carries the update; paper, section 3.2
TOLERANCE = 1e-7  # error of one step of an exact pulse, as a share of the range of the state


@dataclass(frozen=True)
class Memristor:
    """What all models share: resistances, pulses and the I-V curve under a sine.

    Raises
    ------
    ValueError
        If a constant is not above 0, or r_off is not above r_on.
    """

    r_on: float = 100.0  # Ω, lowest resistance; paper, section 3.1
    r_off: float = 1e5  # Ω, highest resistance; paper, section 3.1 (500 Ω to 100 kΩ)
    repaired: bool = False  # as published, or mended

    polarity: ClassVar[int] = 1  # sign of the voltage that raises the conductance

    def __post_init__(self):
        check_positive(self.r_on, "r_on", example=100.0)
        check_positive(self.r_off, "r_off", example=1e5)
        if not self.r_off > self.r_on:
            raise ValueError(
                f"r_off / r_on is {self.r_off / self.r_on:g}, but must be above 1: "
                f"raise r_off above r_on = {self.r_on:g} Ω"
            )

    @property
    def bounds(self):
        """Lowest and highest state."""
        return 0.0, 1.0

    def conductance(self, state):
        """Conductance in S of devices in the given states, any shape."""
        return 1 / (self.r_on * state + self.r_off * (1 - state))

    def state(self, conductance):
        """State of devices of the given conductance in S, the inverse of `conductance`."""
        return (self.r_off - 1 / conductance) / (self.r_off - self.r_on)

    def current(self, state, voltage):
        """Current in A at a voltage in V."""
        return self.conductance(state) * voltage

    def rate(self, state, voltage):
        """Time derivative of the state in 1/s at a voltage in V."""
        raise NotImplementedError

    def pulse(self, state, voltage, duration, exact=True):
        """State after a rectangular pulse.

        Parameters
        ----------
        state : array_like of float
            State of each device.
        voltage, duration : array_like of float
            Amplitude in V and width in s of each device's pulse; both broadcast to the states.
        exact : bool
            Whether to integrate the state equation, to about 1e-6, or to take one explicit Euler
            step as the paper's code does. Both stop at the bounds.

        Returns
        -------
        numpy.ndarray

        Raises
        ------
        ValueError
            If a width is negative or not finite.
        """
        state, voltage, duration = np.broadcast_arrays(state, voltage, duration)
        wrong = duration[~((duration >= 0) & (duration < np.inf))]
        if wrong.size:
            raise ValueError(
                f"a pulse of {wrong[0]:g} s is negative or not finite: give widths of at least 0 s "
                "and put the direction into the sign of the voltage"
            )
        if exact:
            return self._integrate(state, voltage, duration)
        return np.clip(state + self.rate(state, voltage) * duration, *self.bounds)

    def write(self, state, update, frequency=None, exact=True):
        """State after the pulses that carry a matrix of updates (paper, section 3.2).

        Parameters
        ----------
        state, update : numpy.ndarray of float
            States, and updates in V s, a positive one raising the conductance.
        frequency : float or None
            None modulates the width of pulses of 1 V (PWM). A number in Hz modulates the amplitude
            of pulses that last 1 / frequency (PAM).
        exact : bool
            As for `pulse`.
        """
        if frequency is None:
            voltage, duration = PULSE_VOLTAGE * np.sign(update), np.abs(update) / PULSE_VOLTAGE
        else:
            check_positive(frequency, "frequency", example=1e5)
            voltage, duration = update * frequency, 1 / frequency
        return self.pulse(state, self.polarity * voltage, duration, exact)

    def sweep(self, frequency, *, amplitude=1.0, cycles=1, steps=10_000, state=None):
        """Hysteresis under a sine (paper, Fig. 9).

        Parameters
        ----------
        frequency : array_like of float
            Frequency in Hz; an array sweeps as many devices side by side.
        amplitude : float
            Amplitude in V.
        cycles : float
            Periods to sweep; 0.5 is the positive half wave.
        steps : int
            Explicit Euler steps per period.
        state : array_like of float or None
            First state; None is that of r_off.

        Returns
        -------
        voltage, current, state : numpy.ndarray
            V, shape (n,); A and the state, shape ``(n, *frequency.shape)``.
        """
        frequency = np.asarray(frequency, dtype=float)
        check_positive(frequency.min(), "frequency", example=1e5)
        period = 1 / frequency
        phase = np.arange(round(check_count(steps, "steps") * cycles) + 1) / steps
        voltage = check_positive(amplitude, "amplitude", example=1.0) * np.sin(2 * np.pi * phase)
        states = np.empty((phase.size, *period.shape))
        states[0] = self.state(1 / self.r_off) if state is None else state
        for k in range(phase.size - 1):
            moved = states[k] + self.rate(states[k], voltage[k]) * period / steps
            states[k + 1] = np.clip(moved, *self.bounds)
        across = voltage.reshape(-1, *(1,) * period.ndim)
        return voltage, self.current(states, across), states

    def switching_frequency(self, *, rising=True, amplitude=1.0, share=0.01, steps=2000):
        """Frequency in Hz at which half a sine takes a device from one end to the other.

        Parameters
        ----------
        rising : bool
            Whether the conductance rises, or falls.
        amplitude : float
            Amplitude in V.
        share : float
            Share of the range of the state that is left out at both ends, which some models never
            leave or never reach.
        steps : int
            Explicit Euler steps per period.

        Returns
        -------
        float
            NaN if no frequency from 1 mHz to 1 THz will do.
        """
        low, high = self.bounds
        check_rate(share, "share")
        forward = self.polarity if rising else -self.polarity  # a positive voltage raises the state
        start, end = low + share * (high - low), high - share * (high - low)
        start, end = (start, end) if forward > 0 else (end, start)
        exponents = np.linspace(-3, 12, 61)
        while exponents[1] - exponents[0] > 1e-5:
            state = np.full(exponents.shape, start)
            for angle in (np.arange(steps // 2) + 0.5) * 2 * np.pi / steps:
                voltage = forward * amplitude * np.sin(angle)
                change = self.rate(state, voltage) / 10**exponents / steps
                state = np.clip(state + change, low, high)
            complete = np.flatnonzero((state - end) * forward >= 0)
            if not complete.size or complete[-1] == exponents.size - 1:
                return float("nan")
            exponents = np.linspace(*exponents[complete[-1] : complete[-1] + 2], 17)
        return float(10 ** exponents[0])

    def _integrate(self, state, voltage, duration):
        """State after a pulse by Bogacki and Shampine's embedded Runge-Kutta method.

        Each device takes its own steps. It is ready when its time is over, when it has come to the
        bound ahead of it, or when what is left of the pulse would not move it.
        """
        low, high = self.bounds
        tolerance = TOLERANCE * (high - low)
        result = np.array(state, dtype=float)
        places, x, v, left = (
            np.arange(result.size),
            result.ravel(),
            voltage.ravel(),
            duration.ravel(),
        )
        step, rate = left, self.rate(x, v)
        while True:
            ahead = np.where(rate > 0, high - x, x - low)
            todo = (np.abs(rate) * left > 1e-16 * (high - low)) & (ahead > tolerance)
            places, x, v, left, step, rate = (a[todo] for a in (places, x, v, left, step, rate))
            if not places.size:
                return result
            step = np.minimum(step, left)
            second = self.rate(np.clip(x + step * rate / 2, low, high), v)
            third = self.rate(np.clip(x + step * second * 3 / 4, low, high), v)
            moved = np.clip(x + step * (2 * rate + 3 * second + 4 * third) / 9, low, high)
            last = self.rate(moved, v)
            error = step * np.abs(-5 * rate + 6 * second + 8 * third - 9 * last) / 72
            good = error <= tolerance
            x, rate, left = np.where(good, (moved, last, left - step), (x, rate, left))
            result.flat[places] = x
            step = step * np.clip(0.9 * np.cbrt(tolerance / np.maximum(error, 1e-30)), 0.1, 5.0)
