"""Six published memristor models, a linear baseline, and arrays of them with imperfections.

SI units. Constants without another source are those of the public code of Döll, Müller and Ulmann
2025 (arXiv 2512.12428, "the paper"); ``repaired=True`` mends what is faulty in a published form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from crossmem.checks import (
    check_choice,
    check_not_negative,
    check_positive,
    check_rate,
    check_rng,
)
from crossmem.chip.pulses import Memristor


@dataclass(frozen=True)
class LinearDevice(Memristor):
    """The paper's baseline: the conductance, in S and itself the state, follows the flux."""

    sensitivity: float = 1.0  # S per V s

    @property
    def bounds(self):
        """Lowest and highest conductance in S."""
        return 1 / self.r_off, 1 / self.r_on

    def conductance(self, state):
        """The state itself."""
        return np.asarray(state)

    def state(self, conductance):
        """The conductance itself."""
        return np.asarray(conductance)

    def rate(self, state, voltage):
        """Derivative in S/s."""
        return self.sensitivity * voltage + 0 * state


@dataclass(frozen=True)
class Drift(Memristor):
    """Drift of ions: dx/dt = μ R_on / D² times a window and the current; x is the doped share.

    Flux-controlled: of a pulse only ∫ v dt matters.
    """

    mobility: float = 1e-9  # m²/(V s); HP's is 1e-14, 1e5 times less
    thickness: float = 1e-8  # m

    def rate(self, state, voltage):
        """Derivative in 1/s."""
        return self._speed * self.window(state, voltage) * self.current(state, voltage)

    @property
    def _speed(self):
        return self.mobility * self.r_on / self.thickness**2  # 1/(A s)


@dataclass(frozen=True)
class IonDrift(Drift):
    """Linear ion drift (Strukov et al. 2008, Nature 453:80)."""

    def window(self, state, voltage):
        """1 everywhere."""
        return 1.0

    def _integrate(self, state, voltage, duration):
        """The square of the resistance falls in proportion to the flux."""
        reach = 2 * self._speed * (self.r_off - self.r_on) * voltage * duration
        square = np.clip(self.conductance(state) ** -2 - reach, self.r_on**2, self.r_off**2)
        return self.state(1 / np.sqrt(square))


@dataclass(frozen=True)
class Joglekar(Drift):
    """Ion drift that stops at both ends (Joglekar and Wolf 2009, Eur. J. Phys. 30:661).

    As published, an Euler step that is clipped onto an end leaves the device there for ever; the
    repaired one stays 1e-6 away from both.
    """

    order: int = 1  # p of the window 1 - (2x - 1)^(2p); Knowm's library has 7

    @property
    def bounds(self):
        """Lowest and highest state."""
        return (1e-6, 1 - 1e-6) if self.repaired else (0.0, 1.0)

    def window(self, state, voltage):
        """1 - (2x - 1)^(2p)."""
        return 1 - (2 * state - 1) ** (2 * self.order)


@dataclass(frozen=True)
class Biolek(Drift):
    """Ion drift that slows only towards the end ahead (Biolek et al. 2009, Radioengineering 18)."""

    order: int = 1  # p of the window 1 - (x - step(-i))^(2p); Knowm's library has 7

    def window(self, state, voltage):
        """1 - (x - step(-i))^(2p)."""
        return 1 - (state - (np.asarray(voltage) < 0)) ** (2 * self.order)


@dataclass(frozen=True)
class Vteam(Memristor):
    """Threshold model VTEAM with exponential resistance (Kvatinsky et al. 2015, IEEE TCAS-II 62).

    The state is w / w_off, from 0 at r_on to 1 at r_off: positive voltages lower the conductance.
    As published, the windows compare w in metres with constants of order 1 and are therefore
    constant, 0.9987 and 0.0050; the repaired ones take the state.
    """

    k_off: float = 5e-4  # m/s
    k_on: float = -10.0  # m/s
    alpha_off: float = 3.0
    alpha_on: float = 1.0
    v_off: float = 0.5  # V
    v_on: float = -0.5  # V
    w_off: float = 3e-9  # m
    a_off: float = 0.8  # centre of the window, in units of what the window takes
    a_on: float = 0.2
    w_c: float = 0.12  # width of the window, in the same units

    polarity: ClassVar[int] = -1

    def __post_init__(self):
        super().__post_init__()
        check_positive(self.v_off, "v_off", example=0.5)
        check_positive(-self.v_on, "-v_on", example=0.5)

    def conductance(self, state):
        """M = R_on exp(λ w / w_off) with λ = ln(R_off / R_on), inverted."""
        return 1 / (self.r_on * (self.r_off / self.r_on) ** np.asarray(state))

    def state(self, conductance):
        """Inverse of `conductance`."""
        return np.log(1 / (conductance * self.r_on)) / np.log(self.r_off / self.r_on)

    def rate(self, state, voltage):
        """Derivative in 1/s: powers of the overdrive times a window, 0 between the thresholds."""
        place = state if self.repaired else state * self.w_off
        off = np.exp(-np.exp((place - self.a_off) / self.w_c))
        on = np.exp(-np.exp((self.a_on - place) / self.w_c))
        rising = self.k_off * np.maximum(voltage / self.v_off - 1, 0) ** self.alpha_off * off
        falling = self.k_on * np.maximum(voltage / self.v_on - 1, 0) ** self.alpha_on * on
        return (rising + falling) / self.w_off


@dataclass(frozen=True)
class Yakopcic(Memristor):
    """Threshold model of Yakopcic et al. 2011 (IEEE EDL 32:1436) as the paper's section 3.3 adapts.

    G = a x sinh(b v) / v, read at 1 V, with one a for both polarities that puts r_on at x = 1; x
    ends at x_on = R_on / R_off. As published, the window of equation 16 jumps at 1 - x_n, to more
    than 1, because it divides by x_n - x_on; the repaired one divides by 1 - x_n - x_on.
    """

    a_p: float = 4000.0  # 1/s
    a_n: float = 4000.0  # 1/s
    v_p: float = 0.5  # V
    v_n: float = 0.5  # V
    alpha_p: float = 1.0
    alpha_n: float = 5.0
    x_p: float = 0.3
    x_n: float = 0.3
    b: float = 0.05  # 1/V

    def __post_init__(self):
        super().__post_init__()
        check_positive(self.v_p, "v_p", example=0.5)
        check_positive(self.v_n, "v_n", example=0.5)

    @property
    def bounds(self):
        """Lowest and highest state."""
        return self.r_on / self.r_off, 1.0

    def conductance(self, state):
        """Conductance in S at 1 V (paper, Eq. 15)."""
        return np.asarray(state) / self.r_on

    def state(self, conductance):
        """Inverse of `conductance`."""
        return np.asarray(conductance) * self.r_on

    def current(self, state, voltage):
        """Current in A, a x sinh(b v)."""
        return self.conductance(state) * np.sinh(self.b * voltage) / np.sinh(self.b)

    def rate(self, state, voltage):
        """Derivative in 1/s: exponential beyond the thresholds, times the windows."""
        positive = np.maximum(np.exp(voltage) - np.exp(self.v_p), 0)
        negative = np.maximum(np.exp(np.negative(voltage)) - np.exp(self.v_n), 0)
        rising = self.a_p * positive * self.window_p(state)
        return rising - self.a_n * negative * self.window_n(state)

    def window_p(self, state):
        """Factor f_p for positive voltages: from 1 below x_p to 0 at 1."""
        slow = np.exp(self.alpha_p * (self.x_p - state)) * (1 - state) / (1 - self.x_p)
        return np.where(state >= self.x_p, slow, 1.0)

    def window_n(self, state):
        """Factor f_n for negative voltages: from 1 above 1 - x_n to 0 at x_on (paper, Eq. 16)."""
        x_on = self.r_on / self.r_off
        width = 1 - self.x_n - x_on if self.repaired else self.x_n - x_on
        slow = np.exp(self.alpha_n * (state + self.x_n - 1)) * (state - x_on) / width
        return np.where(state <= 1 - self.x_n, np.where(state < x_on, 0.0, slow), 1.0)


@dataclass(frozen=True)
class MeanMetastableSwitch(Memristor):
    """Mean metastable switch of Knowm (Molter and Nugent 2017): the share of switches that are on.

    As published, the code takes the reciprocal of the thresholds of its configuration, 1.11 V for
    0.9 V; the repaired model takes them as they are.
    """

    tau: float = 1e-4  # s
    temperature: float = 298.5  # K
    v_on: float = 0.9  # V; Knowm's default is 0.27 V
    v_off: float = 0.9  # V

    def __post_init__(self):
        super().__post_init__()
        for name in ("tau", "temperature", "v_on", "v_off"):
            check_positive(getattr(self, name), name)

    def conductance(self, state):
        """G = x / R_on + (1 - x) / R_off."""
        return state / self.r_on + (1 - np.asarray(state)) / self.r_off

    def state(self, conductance):
        """Inverse of `conductance`."""
        return (conductance - 1 / self.r_off) / (1 / self.r_on - 1 / self.r_off)

    def probabilities(self, voltage):
        """Probability per tau that an off switch turns on, and that an on switch turns off."""
        v_on, v_off = (v if self.repaired else 1 / v for v in (self.v_on, self.v_off))
        thermal = 1.380649e-23 * self.temperature / 1.602176634e-19  # V, kT / q
        return expit((voltage - v_on) / thermal), expit((np.negative(voltage) - v_off) / thermal)

    def rate(self, state, voltage):
        """Derivative in 1/s."""
        on, off = self.probabilities(voltage)
        return (on * (1 - state) - off * state) / self.tau

    def _integrate(self, state, voltage, duration):
        """Exponential relaxation towards the share that the voltage asks for."""
        on, off = self.probabilities(voltage)
        change = (on / (on + off) - state) * -np.expm1(-(on + off) * duration / self.tau)
        return np.clip(state + change, *self.bounds)


DEVICES = {
    "linear": LinearDevice,
    "ion-drift": IonDrift,
    "joglekar": Joglekar,
    "biolek": Biolek,
    "vteam": Vteam,
    "yakopcic": Yakopcic,
    "mms": MeanMetastableSwitch,
}


def make_device(name, **constants):
    """The model of that name with the given constants; see `DEVICES`."""
    return DEVICES[check_choice(name, "device", tuple(DEVICES))](**constants)


@dataclass(frozen=True)
class Imperfections:
    """How the devices of an array differ from their model.

    Raises
    ------
    ValueError
        If a spread is negative, or a share is outside [0, 1], or the shares exceed 1 together.
    """

    speed_spread: float = 0.0  # log-normal width of the effect of a pulse
    resistance_spread: float = 0.0  # log-normal width of the resistance
    stuck_off: float = 0.0  # share of devices that stay at r_off
    stuck_on: float = 0.0  # share of devices that stay at r_on

    def __post_init__(self):
        check_not_negative(self.speed_spread, "speed_spread")
        check_not_negative(self.resistance_spread, "resistance_spread")
        check_rate(self.stuck_off, "stuck_off")
        check_rate(self.stuck_on, "stuck_on")
        check_rate(self.stuck_off + self.stuck_on, "stuck_off + stuck_on")


class MemristorArray:
    """Devices of one model that pulses write.

    Parameters
    ----------
    device : Memristor
    conductance : numpy.ndarray of float
        What each device would have at the start if it were perfect, in S; kept within the range.
    imperfections : Imperfections or None
    rng : numpy.random.Generator or None
        Draws the imperfections.

    Attributes
    ----------
    state : numpy.ndarray
        State of each device.
    """

    def __init__(self, device, conductance, imperfections=None, rng=None):
        self.device = device
        within = np.clip(conductance, 1 / device.r_off, 1 / device.r_on)
        self.state = np.clip(device.state(within), *device.bounds)
        self._speed, self._factor, self._stuck = 1.0, 1.0, None
        if imperfections is not None:
            self._draw(imperfections, check_rng(rng))

    @property
    def conductance(self):
        """Conductance of each device in S."""
        conductance = self._factor * self.device.conductance(self.state)
        if self._stuck is None:
            return conductance
        return np.where(np.isnan(self._stuck), conductance, self._stuck)

    def write(self, update, frequency=None, exact=True):
        """Apply one pulse to each device; parameters as for `Memristor.write`."""
        self.state = self.device.write(self.state, self._speed * update, frequency, exact)

    def _draw(self, imperfections, rng):
        shape = self.state.shape
        self._speed = rng.lognormal(0.0, imperfections.speed_spread, shape)
        self._factor = rng.lognormal(0.0, imperfections.resistance_spread, shape)
        fate, off = rng.random(shape), imperfections.stuck_off
        self._stuck = np.full(shape, np.nan)
        self._stuck[fate < off] = 1 / self.device.r_off
        self._stuck[fate > 1 - imperfections.stuck_on] = 1 / self.device.r_on
