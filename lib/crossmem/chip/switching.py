"""SET and RESET of one cell under a slow voltage sweep."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from crossmem.checks import check_below, check_constants, check_count, check_rng


@dataclass(frozen=True)
class SwitchingModel:
    """A 1T1M cell swept slowly through SET and RESET (Fig. 2d).

    The filament follows the voltage-threshold state equation of VTEAM (Kvatinsky et al. 2015, IEEE
    Trans. Circuits Syst. II 62:786) with linear windows, the transistor in series the square law.
    As the filament grows, the saturated transistor takes over the voltage until the cell is back at
    its SET threshold: the gate voltage sets the low-resistance state, near I_sat / V_set. The paper
    shows the curves without constants, so all of them are assumed, typical of filamentary oxides.
    A cell that could not switch is a ValueError: a threshold reaches the peak of its sweep, or
    ``g_off`` reaches ``g_full``.
    """

    g_full: float = 300.0  # µS, complete filament
    g_off: float = 3.0  # µS, ruptured filament (median over cycles)
    v_set: float = 0.70  # V across the cell, SET threshold (mean over cycles)
    v_reset: float = 0.65  # V across the cell, magnitude of the RESET threshold (mean over cycles)
    threshold_spread: float = 0.02  # V, cycle-to-cycle standard deviation of both thresholds
    g_off_spread: float = 0.2  # log-normal cycle-to-cycle width of g_off
    set_rate: float = 500.0  # 1/s, growth of the filament at twice the threshold
    reset_rate: float = 40.0  # 1/s, decay of the filament at twice the threshold
    peak_set: float = 1.2  # V, turning point of the positive sweep
    peak_reset: float = 1.4  # V, turning point of the negative sweep
    ramp: float = 1.0  # V/s, sweep rate
    transistor: float = 1000.0  # µA/V², transconductance parameter beta
    gate_set: float = 0.46  # V, gate overdrive during SET: saturates at 106 µA
    gate_reset: float = 2.5  # V, gate overdrive during RESET: fully open

    def __post_init__(self):
        check_constants(self, positive=[f.name for f in fields(self) if "spread" not in f.name])
        for lower, upper in (("g_off", "g_full"), ("v_set", "peak_set"), ("v_reset", "peak_reset")):
            check_below(self, lower, upper)

    def iv_hysteresis(self, cycles, rng):
        """Sweep 0, +peak_set, 0, -peak_reset, 0 V, with thresholds drawn afresh for each cycle.

        Each of the ``cycles`` starts from the ruptured filament, where the RESET of the sweep
        before leaves it.

        Returns
        -------
        voltage : numpy.ndarray, shape (n_points,)
            Voltage over cell and transistor in V, in steps of about 10 mV.
        current : numpy.ndarray, shape (cycles, n_points)
            Current in µA.
        """
        check_count(cycles, "cycles")
        step, every = 1e-3, 10  # V: explicit Euler needs step / ramp well below 1 / set_rate
        corners = [0.0, self.peak_set, 0.0, -self.peak_reset, 0.0]
        travelled = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(corners)))))
        voltage = np.interp(
            np.linspace(0, travelled[-1], round(travelled[-1] / step) + 1), travelled, corners
        )
        v_set, v_reset = (
            check_rng(rng).normal(mean, self.threshold_spread, cycles)
            for mean in (self.v_set, self.v_reset)
        )
        g_off = self.g_off * rng.lognormal(0.0, self.g_off_spread, cycles)
        filament = np.zeros(cycles)
        current = np.empty((voltage.size, cycles))
        for i, applied in enumerate(voltage):
            conductance = g_off + (self.g_full - g_off) * filament
            across = self._cell_voltage(applied, conductance)
            current[i] = conductance * across
            growth = self.set_rate * np.maximum(across / v_set - 1, 0) * (1 - filament)
            decay = self.reset_rate * np.maximum(-across / v_reset - 1, 0) * filament
            filament = np.clip(filament + (growth - decay) * step / self.ramp, 0.0, 1.0)
        return voltage[::every], current[::every].T

    def _cell_voltage(self, applied, conductance):
        """Share of the applied voltage that falls over the cell, in V.

        Both carry the same current: G (V - u) = beta (gate u - u**2 / 2) with the transistor's
        drain voltage u in its linear region, and beta gate**2 / 2 beyond u = gate.
        """
        gate = self.gate_set if applied > 0 else self.gate_reset
        total = abs(applied)
        half = gate + conductance / self.transistor
        discriminant = np.maximum(half**2 - 2 * conductance * total / self.transistor, 0)
        linear = total - half + np.sqrt(discriminant)
        saturated = self.transistor * gate**2 / (2 * conductance)
        return np.sign(applied) * np.where(total - saturated > gate, saturated, linear)
