"""One memristor cell: reading, write-and-verify programming, retention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crossmem.checks import (
    check_below,
    check_constants,
    check_count,
    check_not_negative,
    check_rng,
    check_within,
)

SURE = 10  # standard deviations that a read never strays (a probability of 1e-23)


class WriteResult(NamedTuple):
    """What write-and-verify left behind; every array has the shape of the cells."""

    target: np.ndarray  # µS
    conductance: np.ndarray  # µS, after programming and relaxation
    pulses: np.ndarray  # int, SET and RESET pulses; a cell was read once more than it was pulsed


@dataclass(frozen=True)
class DeviceModel:
    """Constants of a 1T1M cell and the stochastic processes that follow from them.

    The main paper (He et al. 2026) gives the range, the read voltage, the tolerance and the stuck
    threshold. It does not describe single pulses, so their constants are calibrated: written once
    from the off state to targets spread evenly over 0-150 µS, the read-out minus the target has the
    mean (0.108 µS) and standard deviation (3.894 µS) of the paper's Fig. 6a.

    A constant out of range is a ValueError; so is a ``stuck_threshold`` or ``tolerance`` of half of
    ``g_max`` or more, by which working devices would count as stuck.
    """

    g_max: float = 150.0  # µS, upper end of the weight range; paper, Methods
    levels: int = 0  # conductances that a target can have, evenly from 0 to g_max; 0 for any
    headroom: float = 10.0  # µS by which an over-SET can exceed g_max; assumed
    read_voltage: float = 0.2  # V; paper, Methods
    read_noise: float = 1.0  # µS, standard deviation of one read; assumed (1.7 ADC steps of 8 bits)
    stuck_threshold: float = 5.0  # µS, below it after programming: stuck; paper, fault scan

    tolerance: float = 5.0  # µS, accepted |read - target|; paper, Methods
    max_pulses: int = 50  # per cell and programming; assumed
    overdrive: float = 0.10  # V above the switching threshold at the first pulse; assumed
    overdrive_step: float = 0.05  # V added by each further pulse of one polarity; assumed
    set_gain: float = 80.0  # µS per V of overdrive and SET pulse; calibrated
    reset_gain: float = 65.0  # µS per V of overdrive and RESET pulse; calibrated
    pulse_spread: float = 0.4  # log-normal width of the pulse-to-pulse variation; assumed

    relaxation: float = 2.5  # µS, spread of the change soon after programming; calibrated
    quiet: float = 10.0  # µS, below it too little filament is left to move; assumed

    walk: float = 1.0  # µS per square root of a decade, slow 1/f-like walk; assumed
    walk_onset: float = 1.0  # s, when the first decade of the walk begins; assumed
    drift_onset: float = 20.0  # s, t0 of the drift law; Nandakumar et al. 2019

    def __post_init__(self):
        divisors = ("g_max", "read_voltage", "quiet", "walk_onset", "drift_onset")
        check_constants(self, positive=(*divisors, "set_gain", "reset_gain"))
        check_count(self.max_pulses, "max_pulses")
        if check_count(self.levels, "levels", least=0) == 1:
            raise ValueError("levels is 1, but a device needs 2 or more; give 0 for any level.")
        for name in ("stuck_threshold", "tolerance"):
            check_below(self, name, "g_max", share=0.5)

    def nearest_level(self, target):
        """The conductances in µS that a write aims at for targets of any shape in [0, g_max]."""
        if not self.levels:
            return target
        step = self.g_max / (self.levels - 1)
        return step * np.round(np.asarray(target) / step)

    def read(self, conductance, rng):
        """One noisy read of conductances of any shape at the read voltage, in µS, maybe below 0."""
        conductance = np.asarray(conductance, dtype=float)
        return conductance + self.read_noise * check_rng(rng).standard_normal(conductance.shape)

    def write_and_verify(self, target, start, rng, stuck=False):
        """Program cells towards their targets by read, compare, pulse (paper, Methods).

        A cell outside the tolerance gets a SET pulse if it reads too low, a RESET pulse if too
        high. One overdrive stands for drain and gate voltage, which rise with each further pulse of
        one polarity. It restarts when the polarity turns (assumed); otherwise overshoots would
        grow. Afterwards the pulsed cells relax, as Wan et al. 2022 (Nature 608, Extended Data
        Fig. 3) measured.

        ``target``, within [0, g_max], and ``start`` are conductances in µS; no pulse moves cells
        that are ``stuck``. The three broadcast against each other. Returns a `WriteResult`.
        """
        target, start, stuck = np.broadcast_arrays(target, start, stuck)
        scale = "scale it into the range of the device"
        check_within(target, 0, self.g_max, "target conductance", scale, " µS")
        check_within(start, 0, np.inf, "start conductance", scale, " µS")
        shape, target, stuck = target.shape, target.ravel(), stuck.ravel().astype(bool)
        conductance = np.array(start, dtype=float).ravel()
        # A stuck cell that no read can show within the tolerance takes all pulses in vain.
        vain = stuck & (np.abs(target - conductance) > self.tolerance + SURE * self.read_noise)
        active, pulses = np.flatnonzero(~vain), np.where(vain, self.max_pulses, 0)
        streak = np.zeros(conductance.size, dtype=int)  # length of the run of SETs, or minus RESETs
        for count in range(self.max_pulses + 1):
            deficit = target[active] - self.read(conductance[active], rng)
            outside = np.abs(deficit) > self.tolerance
            active, polarity = active[outside], np.sign(deficit[outside]).astype(int)
            if not active.size or count == self.max_pulses:
                break
            turned = streak[active] * polarity < 0
            streak[active] = np.where(turned, polarity, streak[active] + polarity)
            pulsed = self._pulse(conductance[active], streak[active], rng)
            conductance[active] = np.where(stuck[active], conductance[active], pulsed)
            pulses[active] += 1
        relaxed = self._wander(conductance, self.relaxation * rng.standard_normal(pulses.size))
        conductance = np.where((pulses > 0) & ~stuck, relaxed, conductance)
        return WriteResult(*(a.reshape(shape) for a in (target, conductance, pulses)))

    def retention(self, conductance, times, rng, *, nu=0.0, nu_spread=0.0):
        """Conductance of programmed cells as time passes.

        A random walk in the logarithm of time, the signature of 1/f noise, spreads the cells
        without moving their median. ``nu`` adds the power law of phase-change cells,
        ``G(t) = G (1 + t / t0)**-nu``, for contrast: the paper's cells show none (Fig. 2f). The
        measured exponents depend on the state, see `crossmem.chip.phase_change`. A ValueError says
        what is out of range.

        Parameters
        ----------
        conductance : array, any shape
            In µS, at least 0.
        times : list of float
            Seconds since programming, at least 0 and increasing.
        rng : numpy.random.Generator
            Draws the walk of each cell, and then its exponent.
        nu, nu_spread : float or function
            Mean exponent, and its standard deviation from cell to cell: a number, or a function of
            the states ``conductance / g_max``, such as `StateLaw`. No cell's exponent is below 0.

        Returns
        -------
        array (n_times, *conductance.shape), in µS
        """
        conductance = np.asarray(conductance, dtype=float)
        check_within(conductance, 0, np.inf, "conductance", "give none below 0", " µS")
        times = np.asarray(times, dtype=float)
        if times.ndim != 1 or not (times >= 0).all() or not (np.diff(times) > 0).all():
            raise ValueError(f"times are {times} s: give one increasing row of non-negative times")
        state = conductance / self.g_max
        mean, spread = _exponent(nu, state, "nu", 0.05), _exponent(nu_spread, state, "nu_spread")
        times = times.reshape(-1, *(1,) * conductance.ndim)
        decades = np.log10(1 + times / self.walk_onset)
        increments = check_rng(rng).standard_normal((len(times), *conductance.shape))
        increments *= np.sqrt(np.diff(decades, axis=0, prepend=0.0))
        walked = self._wander(conductance, self.walk * np.cumsum(increments, axis=0))
        exponents = np.maximum(mean + spread * rng.standard_normal(conductance.shape), 0.0)
        return walked * (1 + times / self.drift_onset) ** -exponents

    def iv_linear(self, conductance, voltages, rng):
        """Currents in µA, with read noise, at voltages too small to switch the cells (Fig. 2e).

        Conductances in µS have any shape, voltages in V the last axis of the currents.
        """
        current = np.multiply.outer(np.asarray(conductance, float), np.asarray(voltages, float))
        current_noise = self.read_noise * self.read_voltage
        return current + current_noise * check_rng(rng).standard_normal(current.shape)

    def _pulse(self, conductance, streak, rng):
        """Conductance after one pulse, the ``|streak|``-th in a row of its polarity."""
        overdrive = self.overdrive + self.overdrive_step * (np.abs(streak) - 1)
        gain = np.where(streak > 0, self.set_gain, -self.reset_gain)
        spread = rng.lognormal(0.0, self.pulse_spread, streak.shape)
        return self._confine(conductance + gain * overdrive * spread)

    def _wander(self, conductance, change):
        """Conductance after random ``change`` in µS, scaled down for a nearly empty filament."""
        return self._confine(conductance - np.expm1(-conductance / self.quiet) * change)

    def _confine(self, conductance):
        return np.clip(conductance, 0.0, self.g_max + self.headroom)


def _exponent(value, state, name, example=0.02):
    """A drift exponent as a number, or for each cell as the function of the state that it is."""
    if not callable(value):
        return check_not_negative(value, name, example)
    exponents = np.asarray(value(state), dtype=float)
    check_within(exponents, 0, np.inf, name, "give a function whose values are at least 0")
    return exponents
