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
        inputs, bits = self._driven(states), self.peripherals.adc_bits
        total = np.zeros((len(inputs), self._tiles[0][1].shape[-1]), dtype=np.float32)
        for some, currents in self.column_currents(inputs):
            if bits is not None:
                _round_codes(currents, bits)
            total[some] += currents[0]
            total[some] -= currents[1]
        total *= float(self.gain * self._step)
        return (total[:, : len(self.pairs)] + self.bias).astype(self.weights.dtype, copy=False)

    def _driven(self, states):
        """States as the input converters drive them, a new array in single precision."""
        inputs, bits = np.array(states, dtype=np.float32), self.peripherals.dac_bits
        if bits is not None:
            middle = (2**bits - 1) / 2
            inputs *= middle
            _round_codes(inputs, bits)
            inputs += 0.5
            inputs /= middle
        return inputs

    def column_currents(self, inputs):
        """Currents of each tile's columns, noise included, for some of the inputs at a time.

        Yields the slice of the inputs, and an array (2, n, n_out), of which the next overwrites the
        values: currents in steps of the output converters, or in G_max times input if nothing is
        converted. Columns without current may follow the last output.
        """
        noise = self.peripherals.read_noise / self.crossbar.device.g_max / self._step
        count, n_out = len(inputs), len(self.pairs)
        shape = (2, min(count, AT_ONCE), self._tiles[0][1].shape[-1])
        buffer = np.empty(shape, dtype=np.float32)
        for first, columns in self._tiles:
            driven = inputs[:, first : first + columns.shape[1]]
            if noise:
                # Independent noise of the devices of a column adds up in squares.
                size = noise * np.linalg.norm(driven, axis=1, keepdims=True)
                added = size * self.rng.standard_normal((count, 2 * n_out))
                added = added.reshape(count, n_out, 2).transpose(2, 0, 1)
            for start in range(0, count, AT_ONCE):
                some = slice(start, min(start + AT_ONCE, count))
                currents = buffer[:, : some.stop - start]
                np.matmul(driven[some], columns, out=currents)
                if noise:
                    currents[..., :n_out] += added[:, some]
                yield some, currents

    @property
    def _step(self):
        """One step of the output converters in G_max times input, or 1 if they convert exactly."""
        bits = self.peripherals.adc_bits
        return 1.0 if bits is None else 2 * self.full_scale / (2**bits - 1)

    @cached_property
    def _tiles(self):
        """First row of each tile, and its columns G+ and G- in steps, (2, rows, n_out or more)."""
        n_out, n_in, _ = self.pairs.shape
        # Results a multiple of 4 KiB apart would share a few lines of the processor's cache.
        wide, tiles = n_out + 16 * (n_out % 1024 == 0), []
        for first in range(0, n_in, self.crossbar.tile):
            rows = self.pairs[:, first : first + self.crossbar.tile]
            columns = np.zeros((2, rows.shape[1], wide), dtype=np.float32)
            columns[..., :n_out] = rows.transpose(2, 1, 0) / self._step
            tiles.append((first, columns))
        return tiles


def _round_codes(steps, bits):
    """Turn steps into the code of the level that is nearest, in place; what lies beyond is clipped.

    No level is at zero: code k, from -2**(bits - 1) to 2**(bits - 1) - 1, stands for k + 1/2 steps.
    """
    np.floor(steps, out=steps)
    steps.clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, out=steps)


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
