"""A programmed network behind converters, read noise and line resistance."""

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property

import numpy as np

from crossmem.checks import check_rng
from crossmem.chip.circuit import effective_pairs
from crossmem.chip.converters import Peripherals
from crossmem.chip.crossbar import Crossbar
from crossmem.deploy.programming import paired
from crossmem.networks.network import Layer, as_network

AT_ONCE = 256  # inputs of a product, so that what is converted stays in the cache of the processor


@dataclass(frozen=True, eq=False)
class AnalogLayer(Layer):
    """A layer whose products pass through converters, tile by tile.

    Each tile drives its rows, converts the current of each of its columns, G+ and G- apart, and
    hands the numbers on; differences and sums over tiles are digital. Asynchronous recall, which
    corrects a product instead of measuring it, is refused.
    """

    synchronous_only = True
    _: KW_ONLY
    crossbar: Crossbar  # it holds the layer since the converters were set
    written: np.ndarray  # (n_out, n_in, 2), its conductances in µS, when they were set
    pairs: np.ndarray  # (n_out, n_in, 2), the present ones, through the lines, in units of G_max
    written_sum: float  # of the pairs, when the converters were set
    peripherals: Peripherals = Peripherals()
    full_scale: float = 1.0  # largest current of the output converters, in G_max times input
    rng: np.random.Generator | None = None  # draws the noise

    def field(self, states):
        """Local field gain · W x + bias as the chip measures it, (n, n_in) -> (n, n_out)."""
        inputs = self._driven(states)
        total = np.zeros((len(self.pairs), len(inputs)), dtype=np.float32)
        bits = self.peripherals.adc_bits
        for some, currents in self.column_currents(inputs):
            if bits is not None:
                _round_codes(currents, bits)
            total[:, some] += currents[0]
            total[:, some] -= currents[1]
        scaled = np.multiply(total.T, self.gain * self._step, order="C")
        return (scaled + self.bias).astype(self.weights.dtype, copy=False)

    def _driven(self, states):
        """States as the input converters drive them, a new array in single precision."""
        inputs, bits = np.array(states, dtype=np.float32), self.peripherals.dac_bits
        if bits is not None:
            middle = (2**bits - 1) / 2
            inputs *= middle
            inputs += middle
            _round_codes(inputs, bits)
            inputs -= middle
            inputs /= middle
        return inputs

    def column_currents(self, inputs):
        """Currents of each tile's columns, noise included, for some of the inputs at a time.

        Yields the slice of the inputs, and an array (2, n_out, n), of which the next overwrites the
        values: codes of the output converters before rounding, or currents in G_max times input if
        nothing is converted.
        """
        noise = self.peripherals.read_noise / self.crossbar.device.g_max / self._step
        count, wide = len(inputs), 2 * len(self.pairs)
        buffer = np.empty(wide * min(count, AT_ONCE), dtype=np.float32)
        for first, columns in self._tiles:
            driven = np.ones((count, columns.shape[1]), dtype=np.float32)
            driven[:, :-1] = inputs[:, first : first + columns.shape[1] - 1]
            if noise:
                # Independent noise of the devices of a column adds up in squares.
                size = noise * np.linalg.norm(driven[:, :-1], axis=1, keepdims=True)
                added = size * self.rng.standard_normal((count, wide))
                added = added.reshape(count, -1, 2).T
            for start in range(0, count, AT_ONCE):
                some = slice(start, min(start + AT_ONCE, count))
                rows = driven[some].T
                currents = buffer[: wide * rows.shape[1]].reshape(wide, -1)
                np.matmul(columns, rows, out=currents)
                currents = currents.reshape(2, -1, rows.shape[1])
                if noise:
                    currents += added[..., some]
                yield some, currents

    @property
    def _step(self):
        """One step of the output converters in G_max times input, or 1 if they convert exactly."""
        bits = self.peripherals.adc_bits
        return 1.0 if bits is None else 2 * self.full_scale / (2**bits - 1)

    @cached_property
    def _tiles(self):
        """First row of each tile, and its columns in steps, (2 n_out, rows + 1): G+, then G-.

        A last row is driven by 1 and adds the code that stands for no current.
        """
        n_out, n_in, _ = self.pairs.shape
        bits, tiles = self.peripherals.adc_bits, []
        for first in range(0, n_in, self.crossbar.tile):
            rows = self.pairs[:, first : first + self.crossbar.tile]
            columns = np.empty((2, n_out, rows.shape[1] + 1), dtype=np.float32)
            columns[..., :-1] = rows.transpose(2, 0, 1) / self._step
            columns[..., -1] = 0.0 if bits is None else (2**bits - 1) / 2
            tiles.append((first, columns.reshape(2 * n_out, -1)))
        return tiles


def _round_codes(codes, bits):
    """Round to the codes 0 to 2**bits - 1 in place; what lies beyond is clipped."""
    np.rint(codes, out=codes)
    codes.clip(0, 2**bits - 1, out=codes)


def with_peripherals(memory, crossbars, peripherals, patterns, rng):
    """A programmed network whose products pass through the chip's peripherals, synchronously.

    Crossbars that do not hold the weights of the network, and patterns that it cannot store, are a
    TypeError or ValueError.

    Parameters
    ----------
    memory : Network
        As returned by `program`.
    crossbars : list of Crossbar
        The ones it was programmed on, unchanged since.
    peripherals : Peripherals
    patterns : array (P, N)
        Stored patterns. The largest column current that they cause, without noise, is the range of
        all output converters of a layer; a corrupted cue can exceed it.
    rng : numpy.random.Generator
        Draws the read noise.
    """
    network = as_network(memory)
    check_rng(rng)
    if not isinstance(peripherals, Peripherals):
        raise TypeError(f"peripherals is {peripherals!r}; pass Peripherals(...).")
    network.check_plain()
    pairs = paired(network, crossbars, programmed=True)
    below, layers = network.check_states(patterns, stored=True), []
    for layer, crossbar in pairs:
        written = crossbar.conductance.copy()
        seen = seen_through_lines(crossbar, written, peripherals.wire_resistance)
        own = {"crossbar": crossbar, "written": written, "written_sum": seen["pairs"].sum(), **seen}
        quiet = AnalogLayer(bias=layer.bias, gain=layer.gain, **own)
        largest = max(np.abs(currents).max() for _, currents in quiet.column_currents(below))
        scale = float(largest) or 1.0  # no current at all has no scale
        layers.append(replace(quiet, peripherals=peripherals, full_scale=scale, rng=rng))
        below = np.tanh(quiet.field(below))
    return network.with_layers(layers)


def seen_through_lines(crossbar, conductance, wire_resistance):
    """Weights and pairs of an `AnalogLayer` that conductances in µS show through the lines."""
    pairs = effective_pairs(conductance, wire_resistance=wire_resistance, tile=crossbar.tile)
    pairs = pairs / crossbar.device.g_max
    return {"weights": (pairs[..., 0] - pairs[..., 1]).astype(np.float32), "pairs": pairs}
