"""What a scan finds of a chip, and the weights that its pairs can still reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crossmem.checks import check_rate, check_rng, check_shape


@dataclass(frozen=True, eq=False)
class WeightLimits:
    """The interval that each weight of a layer can reach.

    Parameters
    ----------
    low, high : array_like of float, shape (n_out, n_in)
        Smallest and largest reachable weight in units of G_max; infinite where unbounded. Kept as
        read-only copies.
    """

    low: np.ndarray
    high: np.ndarray

    def __post_init__(self):
        for name in ("low", "high"):
            bound = np.array(getattr(self, name), dtype=float)
            bound.flags.writeable = False
            object.__setattr__(self, name, bound)
        if self.low.ndim != 2 or self.low.shape != self.high.shape or not self.low.size:
            raise ValueError(
                f"low has shape {self.low.shape} and high {self.high.shape}: "
                "both must be non-empty matrices of the same shape (n_out, n_in)"
            )
        wrong = ~(self.low <= self.high)
        if wrong.any():
            raise ValueError(
                f"low {self.low[wrong][0]:g} and high {self.high[wrong][0]:g} are no interval: "
                "exchange them, or use -inf and inf for no bounds"
            )

    @classmethod
    def masked(cls, shape, rate, rng):
        """Limits of the paper's fault model: a faulty weight is exactly zero, the others free.

        He et al. 2026, Methods: weights at stuck devices are set to zero and left out of training.

        Parameters
        ----------
        shape : tuple of int
            Shape (n_out, n_in) of the weight matrix.
        rate : float
            Probability in [0, 1] that a weight is masked, independently of the others.
        rng : numpy.random.Generator
        """
        bound = np.where(check_rng(rng).random(shape) < check_rate(rate), 0.0, np.inf)
        return cls(-bound, bound)

    @property
    def shape(self):
        """Shape (n_out, n_in) of the weight matrix."""
        return self.low.shape

    @property
    def working(self):
        """Boolean matrix (n_out, n_in): true where the weight can be changed at all."""
        return self.low < self.high

    def clip(self, weights):
        """Copy of ``weights`` (n_out, n_in) with each moved to the nearest reachable value."""
        remedy = "use limits made for this layer"
        weights = check_shape(np.asarray(weights), self.shape, "weights", remedy)
        return np.clip(weights, self.low, self.high)

    def without_self_connections(self):
        """The same limits of a square layer with the diagonal fixed as near to zero as it can be.

        The chip leaves a self-connection where both devices of a diagonal pair are stuck.
        """
        low, high = self.low.copy(), self.high.copy()
        for bound in (low, high):
            np.fill_diagonal(bound, self.clip(np.zeros(self.shape)).diagonal())
        return WeightLimits(low, high)


@dataclass(frozen=True, eq=False)
class FaultMap:
    """What a characterisation found; arrays have the shape (n_out, n_in, 2), G+ before G-."""

    stuck_off: np.ndarray  # bool, devices that stay low when programmed high
    stuck_on: np.ndarray  # bool, devices that stay high when programmed low
    stuck_conductance: np.ndarray  # µS, measured, of the stuck devices; NaN for the working ones
    reads: int  # of the characterisation, over all devices
    writes: int  # pulses of it, over all devices
    g_max: float  # µS, upper end of the weight range

    @classmethod
    def without_faults(cls, shape, g_max):
        """The map of a chip (n_out, n_in) on which no fault is known and nothing was scanned."""
        none = np.zeros((*shape, 2), dtype=bool)
        return cls(none, none.copy(), np.full(none.shape, np.nan), 0, 0, g_max)

    @property
    def stuck(self):
        """Boolean array (n_out, n_in, 2): true for every stuck device."""
        return self.stuck_off | self.stuck_on

    def with_stuck(self, found, measured):
        """The map with further stuck devices.

        ``found``, boolean, and their ``measured`` conductances in µS have the shape (n_out, n_in,
        2). A device above half of G_max is stuck on, any other stuck off.
        """
        on = found & (measured > self.g_max / 2)
        known = np.where(found, np.clip(measured, 0.0, self.g_max), self.stuck_conductance)
        off, on = self.stuck_off | (found & ~on), self.stuck_on | on
        return replace(self, stuck_off=off, stuck_on=on, stuck_conductance=known)

    def weight_limits(self):
        """The interval of weights, in units of G_max, that each pair can still represent.

        A working device reaches [0, 1], a stuck one only its own conductance g, and a weight is
        the difference of two devices: [-1, 1] for a working pair, [g - 1, g] with G+ stuck,
        [-g, 1 - g] with G- stuck, and one point with both.
        """
        least, most = (
            np.where(self.stuck, self.stuck_conductance / self.g_max, end) for end in (0.0, 1.0)
        )
        return WeightLimits(least[..., 0] - most[..., 1], most[..., 0] - least[..., 1])

    def masked(self):
        """The paper's rule: zero for a pair with a stuck device, no bound for the others."""
        bound = np.where(self.stuck.any(axis=-1), 0.0, np.inf)
        return WeightLimits(-bound, bound)
