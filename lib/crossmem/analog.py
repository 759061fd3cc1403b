"""The chip in full: converters, read noise and line resistance around the analog product."""

import copy
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_rng,
)
from crossmem.circuit import effective_pairs
from crossmem.dynamics import Layer

REMEDIES = ("none", "gain", "weights")


@dataclass(frozen=True)
class Peripherals:
    """What surrounds the devices of a chip; every default is ideal.

    Parameters
    ----------
    dac_bits, adc_bits : int or None
        Resolution of the input and output converters; None converts exactly. The paper's have 8.
    read_noise : float
        Standard deviation of one read of a device, in µS, drawn afresh for every product.
    wire_resistance : float
        Resistance of a line between neighbouring cells, in Ω.

    Raises
    ------
    ValueError
        For fewer than 1 bit, or a negative noise or resistance.
    """

    dac_bits: int | None = None
    adc_bits: int | None = None
    read_noise: float = 0.0
    wire_resistance: float = 0.0

    def __post_init__(self):
        for name in ("dac_bits", "adc_bits"):
            if getattr(self, name) is not None:
                check_count(getattr(self, name), name)
        check_not_negative(self.read_noise, "read_noise", 1.0)
        check_not_negative(self.wire_resistance, "wire_resistance", 1.0)


@dataclass(frozen=True, eq=False)
class AnalogLayer(Layer):
    """A layer whose products pass through converters, tile by tile.

    Each tile drives its rows, converts the current of each of its columns, G+ and G- apart, and
    hands the numbers on; differences and sums over tiles are digital. Asynchronous recall, which
    corrects a product instead of measuring it, is refused.

    Parameters
    ----------
    weights, bias, gain
        As in `dynamics.Layer`.
    pairs : array (n_out, n_in, 2)
        Conductances of G+ and G- as the lines let them be seen, in units of G_max.
    dac_bits, adc_bits : int or None
        As in `Peripherals`. Inputs are within [-1, 1].
    noise : float
        Standard deviation of one read of a device, in units of G_max.
    full_scale : float
        Largest column current that the output converters represent, in units of G_max and inputs.
    tile : int
        Rows of a tile.
    rng : numpy.random.Generator
        Draws the read noise.
    """

    synchronous_only = True
    _: KW_ONLY
    pairs: np.ndarray
    dac_bits: int | None = None
    adc_bits: int | None = None
    noise: float = 0.0
    full_scale: float = 1.0
    tile: int = 64
    rng: np.random.Generator | None = None

    def __post_init__(self):
        check_count(self.tile, "tile")
        if self.noise:
            check_rng(self.rng)

    def field(self, states):
        """Local field gain · W x + bias as the chip measures it, (n, n_in) -> (n, n_out)."""
        inputs = quantize(states, self.dac_bits, 1.0)
        total = np.zeros((len(inputs), len(self.pairs)))
        for currents in self.column_currents(inputs):
            read = quantize(currents, self.adc_bits, self.full_scale)
            total += read[..., 0] - read[..., 1]
        return (self.gain * total + self.bias).astype(self.weights.dtype)

    def column_currents(self, inputs):
        """Currents of every tile's columns, noise included: one array (n, n_out, 2) per tile."""
        n_out, n_in, _ = self.pairs.shape
        for first in range(0, n_in, self.tile):
            rows = slice(first, first + self.tile)
            columns = self.pairs[:, rows].transpose(1, 0, 2).reshape(-1, 2 * n_out)
            currents = inputs[:, rows] @ columns
            if self.noise:
                # Independent noise of the devices of a column adds up in squares.
                size = self.noise * np.linalg.norm(inputs[:, rows], axis=1, keepdims=True)
                currents += size * self.rng.standard_normal(currents.shape)
            yield currents.reshape(-1, n_out, 2)


def quantize(values, bits, full_scale):
    """Round to the nearest of 2**bits levels spread evenly over ±full_scale, ends included.

    Parameters
    ----------
    values : array_like
    bits : int or None
        None returns the values as they are.
    full_scale : float
        Largest magnitude represented, above 0; what lies beyond is clipped to it. Zero lies half a
        step from the two levels beside it.
    """
    values = np.asarray(values, dtype=float)
    if bits is None:
        return values
    check_positive(full_scale, "full_scale", 1.0)
    top = 2 ** check_count(bits, "bits") - 1
    code = np.clip(np.rint((values / full_scale + 1) * top / 2), 0, top)
    return full_scale * (2 * code - top) / top


def with_peripherals(on_chip, crossbars, peripherals, patterns, rng):
    """A programmed memory whose products pass through the chip's peripherals.

    Parameters
    ----------
    on_chip : AssociativeMemory
        As returned by `memories.program`.
    crossbars : list of Crossbar
        The ones it was programmed on.
    peripherals : Peripherals
    patterns : array (P, N)
        Stored patterns. The largest column current that they cause, without noise, is the range of
        all output converters of a layer; a corrupted cue can exceed it.
    rng : numpy.random.Generator
        Draws the read noise.

    Returns
    -------
    AssociativeMemory
        A copy with the same interface; its recall is to be synchronous.
    """
    check_rng(rng)
    chip, below = copy.copy(on_chip), np.asarray(patterns, dtype=float)
    chip.layers_ = []
    for layer, crossbar in zip(on_chip.layers_, crossbars, strict=True):
        seen = _seen(crossbar, crossbar.conductance, peripherals.wire_resistance)
        quiet = AnalogLayer(bias=layer.bias, gain=layer.gain, tile=crossbar.tile, **seen)
        largest = max(np.abs(currents).max() for currents in quiet.column_currents(below))
        measured = replace(
            quiet,
            dac_bits=peripherals.dac_bits,
            adc_bits=peripherals.adc_bits,
            noise=peripherals.read_noise / crossbar.device.g_max,
            full_scale=float(largest) or 1.0,  # no current at all has no scale
            rng=rng,
        )
        chip.layers_.append(measured)
        below = np.tanh(quiet.field(below))
    return chip


def drift(crossbar, times, rng, *, nu=0.0, nu_spread=0.0):
    """Conductances of a programmed crossbar as time passes; stuck devices stay as they are.

    Parameters
    ----------
    crossbar : Crossbar
    times : list of float
        Seconds since programming, increasing.
    rng : numpy.random.Generator
        Draws the walk of each device, and then its exponent.
    nu, nu_spread : float
        Mean drift exponent, 0 for the measured cells, and its spread from device to device. No
        device drifts upwards. The law is that of `DeviceModel.retention`.

    Returns
    -------
    array (n_times, n_out, n_in, 2)
        In µS.

    Raises
    ------
    ValueError
        For a negative exponent or spread, or times that are negative or do not increase.
    """
    check_not_negative(nu, "nu", 0.05)
    check_not_negative(nu_spread, "nu_spread", 0.02)
    device, fresh = crossbar.device, crossbar.conductance
    walked = device.retention(fresh, times, check_rng(rng))
    exponents = np.maximum(nu + nu_spread * rng.standard_normal(fresh.shape), 0.0)
    elapsed = 1 + np.asarray(times, dtype=float) / device.drift_onset
    return np.where(crossbar._stuck, fresh, walked * elapsed[:, None, None, None] ** -exponents)


def drifted(chip, crossbars, conductances, wire_resistance=0.0):
    """A chip with its peripherals whose devices have changed since; its converters stay as set.

    Parameters
    ----------
    chip : AssociativeMemory
        As returned by `with_peripherals`.
    crossbars : list of Crossbar
    conductances : list of array (n_out, n_in, 2)
        What the devices of each crossbar have now, in µS, see `drift`.
    wire_resistance : float
        Of the chip, in Ω.

    Returns
    -------
    AssociativeMemory
        A copy.
    """
    changed = copy.copy(chip)
    changed.layers_ = [
        replace(layer, **_seen(crossbar, now, wire_resistance))
        for layer, crossbar, now in zip(chip.layers_, crossbars, conductances, strict=True)
    ]
    return changed


def with_reset_gain(chip, fresh):
    """A drifted chip whose layers' gains make up for what their conductances have lost in sum.

    Parameters
    ----------
    chip, fresh : AssociativeMemory
        The chip as it is now, and as it was when it was written. The sum over a layer is what one
        read with all rows driven tells, summed over the columns.
    """
    reset = copy.copy(chip)
    reset.layers_ = [
        replace(now, gain=now.gain * float(then.pairs.sum() / max(now.pairs.sum(), 1e-30)))
        for now, then in zip(chip.layers_, fresh.layers_, strict=True)
    ]
    return reset


def crossing(times, quality, bar):
    """When a falling quality first goes below a bar, linear in the logarithm of time in between.

    Parameters
    ----------
    times : array (n,)
        Increasing, above 0.
    quality : array (n,)
    bar : float

    Returns
    -------
    float
        The first of the times if the quality is below from the start; infinite if it never is.

    Raises
    ------
    ValueError
        If the two differ in length, or the times are not above 0 and increasing.
    """
    times, quality = np.asarray(times, dtype=float), np.asarray(quality, dtype=float)
    if times.shape != quality.shape or not (times > 0).all() or not (np.diff(times) > 0).all():
        raise ValueError(f"times are {times}: give one increasing positive time for each quality")
    below = np.flatnonzero(quality < bar)
    if not below.size:
        return np.inf
    at = below[0]
    if not at:
        return float(times[0])
    share = (quality[at - 1] - bar) / (quality[at - 1] - quality[at])
    return float(times[at - 1] * (times[at] / times[at - 1]) ** share)


def _seen(crossbar, conductance, wire_resistance):
    """Weights and pairs, in units of G_max, that conductances in µS show through the lines."""
    pairs = effective_pairs(conductance, wire_resistance=wire_resistance, tile=crossbar.tile)
    pairs = pairs / crossbar.device.g_max
    return {"weights": (pairs[..., 0] - pairs[..., 1]).astype(np.float32), "pairs": pairs}


def counter_losses(memory, crossbars, wire_resistance, remedy):
    """A fitted memory prepared for lines with resistance, to be programmed in its place.

    Parameters
    ----------
    memory : AssociativeMemory
        Fitted.
    crossbars : list of Crossbar
        The ones that it is going to be programmed on.
    wire_resistance : float
        Resistance of a line between neighbouring cells, in Ω, as the losses are predicted.
    remedy : {"none", "gain", "weights"}
        "gain" raises the read-out gain of each layer by the one factor that fits the losses best
        (least squares). "weights" divides each weight by the share that the lines leave of the
        device that carries it, then scales the layer back into [-1, 1] and its gain up.

    Returns
    -------
    AssociativeMemory
        A copy, or the memory itself for "none".

    Notes
    -----
    Losses are those of the weights as they were. Larger weights lose a little more: one step of a
    fixed-point iteration, which is enough as long as the losses are small.
    """
    if check_choice(remedy, "remedy", REMEDIES) == "none":
        return memory
    prepared = copy.copy(memory)
    prepared.layers_ = []
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        wanted = crossbar.targets(layer.weights.astype(float))
        seen = effective_pairs(wanted, wire_resistance=wire_resistance, tile=crossbar.tile)
        weights, gain = layer.weights, layer.gain
        if remedy == "gain":
            left, right = (pair[..., 0] - pair[..., 1] for pair in (wanted, seen))
            gain *= float((left * right).sum() / max((right**2).sum(), 1e-30))
        else:
            carrier = wanted.argmax(axis=-1)[..., None]
            share = np.divide(seen, wanted, out=np.ones_like(seen), where=wanted > 0)
            weights = layer.weights / np.take_along_axis(share, carrier, axis=-1)[..., 0]
            scale = float(max(np.abs(weights).max(), 1.0))
            weights, gain = (weights / scale).astype(np.float32), gain * scale
        prepared.layers_.append(Layer(weights, layer.bias, gain))
    return prepared
