"""Recall on a chip through converters, read noise, lines with resistance, and drift."""

import copy
import functools

import numpy as np
import xarray as xr

from crossmem.chip.circuit import effective_pairs
from crossmem.chip.converters import Peripherals
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.drift import drift, drifted, recalibrated
from crossmem.deploy.ir_drop import compensate_ir_drop
from crossmem.deploy.programming import program
from crossmem.experiments.chip import train_on_chip
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.setup import NO_MASKS
from crossmem.experiments.update_order import in_a_cycle
from crossmem.labels import describe, labelled, quantity
from crossmem.randomness import generator

#: What a chip is made of, with unit and meaning.
PARTS = {
    "bits": ("1", "bits of the converters, NaN for exact ones"),
    "read_noise": ("µS", "standard deviation of one read of a device"),
    "wire_resistance": ("Ω", "line resistance per segment"),
    "age": ("s", "time since programming"),
    "nu": ("1", "mean drift exponent, NaN if it depends on the state"),
    "nu_spread": ("1", "spread of the drift exponent over the devices, NaN likewise"),
}


def chip_of(bits=None, read_noise=0.0, wire_resistance=0.0, age=0.0, nu=0.0, nu_spread=0.0):
    """One of the ``chips`` of `analog_recall`, whose converters are alike; ideal by default."""
    return [bits, bits, read_noise, wire_resistance, age, nu, nu_spread]


def describe_chips(chips):
    """The `PARTS` of the ``chips`` of `analog_recall`, lists by the ``part`` that is not ideal."""
    names = [part for part, alike in chips.items() for _ in alike]
    found = {"part": quantity(names, "1", "part of the chip that is not ideal", "chip")}
    rows = [
        [np.nan if callable(x) else x for x in c[1:]] for alike in chips.values() for c in alike
    ]
    columns = np.array(rows, dtype=float)
    for (name, meaning), column in zip(PARTS.items(), columns.T, strict=True):
        found[name] = quantity(column, *meaning, "chip")
    return xr.Dataset(found)


def analog_recall(setup, *, chips, remedy="none", seed):
    """Recall through converters, read noise and line resistance.

    Trained once; all chips have the same faults, the same programming errors and the same cues.
    Converters are set when the chip is written, and drift comes after.

    Parameters
    ----------
    chips : list of lists
        Seven values for each chip: bits of the input and of the output converters (None: exact),
        read noise in µS and line resistance in Ω, as in `Peripherals`; then seconds since
        programming, and the mean and spread of the drift exponent, as in `deploy.drift.drift`.
    remedy : str
        As in `compensate_ir_drop`.
    """
    setup.require(**NO_MASKS)
    key = _key(setup, seed)
    stored, rng = setup.stored(seed), generator(seed, "analog chip", *key)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)

    @functools.cache
    def written(peripherals):
        """A chip with these peripherals, and its crossbars; many differ in their drift alone."""
        own = copy.deepcopy(crossbars)
        prepared = compensate_ir_drop(memory, own, peripherals.wire_resistance, remedy)
        on_chip = program(prepared, own, generator(seed, "analog programming", *key))
        reads = generator(seed, "analog reads", *key)
        return with_peripherals(on_chip, own, peripherals, stored, reads), own

    found = []
    for inputs, outputs, noise, lines, age, nu, nu_spread in chips:
        peripherals = Peripherals(inputs, outputs, noise, lines)
        network, own = copy.deepcopy(written(peripherals))  # so that each chip's reads begin alike
        if age:
            network = drifted(network, _drifts(own, [age], nu, nu_spread, key)[0])
        found.append(setup_quality(setup, network, stored, seed))
    return xr.concat(found, "chip")


def drifted_recall(
    setup, *, times, nu=0.0, nu_spread=0.0, bits=None, read_noise=0.0, wire_resistance=0.0, seed
):
    """Recall as the conductances wander and drift after programming, as is and `recalibrated`.

    Parameters
    ----------
    times, nu, nu_spread
        As in `deploy.drift.drift`.
    bits, read_noise, wire_resistance
        The rest of the chip, see `Peripherals`; ideal by default.
    """
    peripherals, key = Peripherals(bits, bits, read_noise, wire_resistance), _key(setup, seed)
    rng = generator(seed, "drifting chip", *key)
    stored, on_chip, crossbars = _written_chip(setup, rng, seed)
    fresh = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
    found = []
    for conductances in _drifts(crossbars, times, nu, nu_spread, key):
        old = drifted(fresh, conductances)
        networks = {"cosine": old, "recalibrated": recalibrated(old)}
        cosines = {k: setup_quality(setup, x, stored, seed)["cosine"] for k, x in networks.items()}
        found.append(xr.Dataset(cosines))
    aged = xr.concat(found, xr.Variable("time", [float(time) for time in times]))
    return describe(aged, recalibrated=("1", "cosine similarity, gains recalibrated"))


def line_losses(setup, *, wire_resistances, seed):
    """What line resistance takes from a written chip: the first tile of its first crossbar.

    Parameters
    ----------
    wire_resistances : list of float
        In Ω per segment.

    Returns
    -------
    dict
        Weights as ``programmed`` (output, input), and as they are ``effective`` by resistance;
        ``loss``, the share of its conductance that each device loses, by resistance, row and
        column, NaN for those of at most 10 µS, which carry too little current to show one.
    """
    rng = generator(seed, "loss map", setup.neurons)
    _, _, (crossbar, *_) = _written_chip(setup, rng, seed)
    tile, g_max = crossbar.tile, crossbar.device.g_max
    pairs = crossbar.conductance[: tile // 2, :tile]
    seen = [effective_pairs(pairs, wire_resistance=r, tile=tile) for r in wire_resistances]
    seen = np.array([pairs, *seen])  # first through no lines at all
    weights, dims = (seen[..., 0] - seen[..., 1]) / g_max, ("output", "input")
    lost = np.where(pairs > 10.0, 1 - seen[1:] / np.maximum(pairs, 10.0), np.nan)
    lost = lost.transpose(0, 2, 1, 3).reshape(len(lost), pairs.shape[1], -1)  # as on the tile
    along, coords = "wire_resistance", {"wire_resistance": list(wire_resistances)}
    effective = quantity(weights[1:], "G_max", "effective weight", (along, *dims))
    losses = quantity(lost, "1", "share of the conductance lost", (along, "row", "column"))
    return {
        "programmed": quantity(weights[0], "G_max", "programmed weight", dims),
        "effective": xr.DataArray(effective, coords),
        "loss": xr.DataArray(losses, coords),
    }


def cycling_share(setup, *, bits, seed):
    """Share of the recalls that end in a cycle of two states, by bits of all converters.

    ``bits`` are a list; None, exact converters, becomes NaN.
    """
    rng = generator(seed, "loss map", setup.neurons)
    stored, on_chip, crossbars = _written_chip(setup, rng, seed)
    wanted, shares = np.repeat(stored, setup.cues, axis=0), []
    for resolution in bits:
        rng = generator(seed, "cycles", setup.neurons)
        peripherals = Peripherals(resolution, resolution)
        network = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
        cues = setup.corrupt(wanted, rng)
        trace = network.recall(cues, iterations=setup.iterations, trace=True)
        shares.append(in_a_cycle(trace).mean())
    along = {"bits": (np.array(bits, dtype=float), *PARTS["bits"])}
    return {"cycling": labelled(shares, "1", "share of recalls in a cycle of period two", **along)}


def _key(setup, seed):
    """What the random numbers of a chip depend on."""
    return seed, setup.neurons, setup.n_patterns, setup.layers


def _written_chip(setup, rng, seed):
    """Stored patterns, the network of a chip that was trained for and programmed, its crossbars."""
    setup.require(**NO_MASKS)
    stored = setup.stored(seed)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)
    return stored, program(memory, crossbars, rng), crossbars


def _drifts(crossbars, times, nu, nu_spread, key):
    """The conductances of all crossbars at each time; chips of one key drift alike."""
    rng = generator(key[0], "drift", *key)
    aged = [drift(crossbar, times, rng, nu=nu, nu_spread=nu_spread) for crossbar in crossbars]
    return list(zip(*aged, strict=True))
