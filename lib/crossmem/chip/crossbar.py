"""Crossbar arrays of differential memristor pairs: faults, programming, products."""

from __future__ import annotations

import numpy as np

from crossmem.checks import (
    check_count,
    check_even,
    check_fault_rates,
    check_rng,
    check_shape,
    check_within,
)
from crossmem.chip.devices import DeviceModel, WriteResult
from crossmem.chip.faults import FaultMap


class Crossbar:
    """A layer of weights as differential pairs of memristors on square tiles.

    Weight (i, j) is (G+ - G-) / G_max of the pair that joins input j to output i. A crossbar is a
    physical thing: programming changes it, and it holds the random generator of its own noise.
    Make one with `fabricate`. Its ``stuck`` devices, boolean (n_out, n_in, 2) and read-only, are
    those in truth; on a real chip only a scan finds them.
    """

    def __init__(self, conductance, stuck, *, rng, device, tile):
        self.conductance = conductance
        self.device = device
        self.tile = tile
        self.faults = None
        self.stuck = np.array(stuck, dtype=bool)
        self.stuck.flags.writeable = False
        self._rng = rng

    @classmethod
    def fabricate(cls, n_out, n_in, *, stuck_off=0.0, stuck_on=0.0, rng, device=None, tile=64):
        """Make a crossbar whose devices are faulty at random, independently of each other.

        Parameters
        ----------
        n_out, n_in : int
            Size of the layer.
        stuck_off, stuck_on : float
            Probability that a device is stuck at 0 µS, or at G_max; their sum is at most 1. Faults
            at the ends of the range have no free parameter and offset a weight the most.
        rng : numpy.random.Generator
            Draws the faults. The noise of the crossbar has a generator spawned from it.
        device : DeviceModel, optional
            Constants of the cells; by default those of the paper. Fresh cells are off.
        tile : int
            Rows and columns of a physical array, even, so that a pair shares a tile.
        """
        check_count(n_out, "n_out")
        check_count(n_in, "n_in")
        check_even(tile, "tile")
        check_fault_rates(stuck_off, stuck_on)
        check_rng(rng)
        device = DeviceModel() if device is None else device
        draw = rng.random((n_out, n_in, 2))
        off, on = draw < stuck_off, draw >= 1 - stuck_on
        conductance = np.where(on, device.g_max, 0.0)
        return cls(conductance, off | on, rng=rng.spawn(1)[0], device=device, tile=tile)

    @property
    def shape(self):
        """Shape (n_out, n_in) of the weight matrix."""
        return self.conductance.shape[:2]

    @property
    def devices(self):
        """Number of memristors."""
        return self.conductance.size

    @property
    def weights(self):
        """Weights (n_out, n_in) physically present, in units of G_max."""
        return (self.conductance[..., 0] - self.conductance[..., 1]) / self.device.g_max

    def read_conductance(self):
        """One noisy read of each device, in µS, shape (n_out, n_in, 2)."""
        return self.device.read(self.conductance, self._rng)

    def write_level(self, target, rng=None, where=True):
        """Write and verify devices, all to one conductance or each to its own.

        ``target`` in µS and the boolean ``where`` broadcast to (n_out, n_in, 2). Devices that
        ``where`` leaves out keep their conductance, have it as their target, and take no pulse.
        ``rng`` draws the programming errors; by default it is the generator of the crossbar.
        Returns a `WriteResult`.
        """
        rng = self._rng if rng is None else check_rng(rng)
        where = np.broadcast_to(where, self.conductance.shape)
        target = np.where(where, target, self.conductance)
        conductance, pulses = self.conductance.copy(), np.zeros(where.shape, dtype=int)
        written = self.device.write_and_verify(
            target[where], conductance[where], rng, stuck=self.stuck[where]
        )
        conductance[where], pulses[where] = written.conductance, written.pulses
        self.conductance = conductance
        return WriteResult(target, conductance, pulses)

    def characterize(self):
        """Find the stuck devices by writing and reading, as the paper's fault scan does.

        Every device is programmed high and read, then programmed low and read. A device below the
        stuck threshold after the first write is stuck off; one above half of G_max after the second
        is stuck on (assumed, the paper gives no limit). Stored weights are lost. The `FaultMap` is
        returned and remembered, so that `program` can compensate for the faults.
        """
        device, found, pulses = self.device, [], 0
        for target in (device.g_max, 0.0):
            pulses += int(self.write_level(target).pulses.sum())
            found.append(self.read_conductance())
        after_high, after_low = found
        reads = pulses + 2 * 2 * self.devices  # per level, before the first pulse and at the end
        stuck_off = after_high < device.stuck_threshold
        stuck_on = ~stuck_off & (after_low > device.g_max / 2)
        measured = np.clip((after_high + after_low) / 2, 0.0, device.g_max)
        measured[~(stuck_off | stuck_on)] = np.nan
        self.faults = FaultMap(stuck_off, stuck_on, measured, reads, pulses, device.g_max)
        return self.faults

    def program(self, weights, rng=None):
        """Write weights onto the crossbar by write-and-verify.

        A positive weight goes to G+, a negative one to G-, and the partner is switched off. Where
        the last `characterize` found one device of a pair stuck, the other one compensates for it
        as far as its range allows.

        ``weights`` (n_out, n_in) are in units of G_max, within [-1, 1]; ``rng`` is as in
        `write_level`. Returns a `WriteResult`.
        """
        weights = np.asarray(weights, dtype=float)
        check_shape(weights, self.shape, "weights", "fabricate a crossbar of the layer's size")
        # The slack lets weights pass that were scaled to [-1, 1] in single precision.
        most = 1 + 1e-6
        check_within(weights, -most, most, "weight", "scale the layer by its largest one", " G_max")
        return self.write_level(self.targets(weights), rng)

    def multiply(self, x, *, noisy=False):
        """Analog product of a batch of inputs with the weights; sums of tiles are added digitally.

        Takes voltages, or neuron states proportional to them, (n, n_in), and returns ``x @
        weights.T``, (n, n_out), in their unit times G_max. ``noisy`` adds the read noise of the
        devices, drawn afresh for every product.
        """
        n_out, n_in = self.shape
        x = check_shape(np.asarray(x, dtype=float), ("n", n_in), "x", "give one input per row")
        weights = self.weights
        product = np.zeros((len(x), n_out))
        for row in range(0, n_in, self.tile):
            rows = slice(row, row + self.tile)
            product += x[:, rows] @ weights[:, rows].T
        if noisy:
            # Independent Gaussian noise of the 2 n_in devices of an output adds up in squares.
            spread = np.sqrt(2) * self.device.read_noise / self.device.g_max
            size = spread * np.linalg.norm(x, axis=1, keepdims=True)
            product += size * self._rng.standard_normal(product.shape)
        return product

    def targets(self, weights):
        """Target conductances (n_out, n_in, 2) in µS that represent weights in [-1, 1] best."""
        signed = np.multiply.outer(weights * self.device.g_max, (1.0, -1.0))
        targets = np.maximum(signed, 0.0)
        if self.faults is not None:
            stuck, known = self.faults.stuck, self.faults.stuck_conductance
            targets = np.where(stuck[..., ::-1], known[..., ::-1] + signed, targets)
        targets = self.device.nearest_level(np.clip(targets, 0.0, self.device.g_max))
        if self.faults is not None:
            # The target of a stuck device is its own conductance, so that it gets no pulses.
            targets = np.where(stuck, np.clip(known, 0.0, self.device.g_max), targets)
        return targets
