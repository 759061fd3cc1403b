"""Parts of a chip: of what chips are made, what its lines lose, how converters end its recalls."""

import numpy as np
import xarray as xr

from crossmem.chip.circuit import effective_pairs, share_lost
from crossmem.chip.converters import Peripherals
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.programming import program
from crossmem.experiments.chip import train_on_chip
from crossmem.experiments.setup import NO_MASKS
from crossmem.experiments.update_order import in_a_cycle
from crossmem.labels import labelled, quantity
from crossmem.randomness import generator

#: What a chip is made of, with unit and meaning.
PARTS = {
    "bits": ("1", "bits of the converters, NaN for exact ones"),
    "read_noise": ("µS", "standard deviation of one read of a device"),
    "wire_resistance": ("Ω", "line resistance per segment"),
    "age": ("s", "time since programming"),
    "nu": ("1", "mean drift exponent"),
    "nu_spread": ("1", "spread of the drift exponent over the devices"),
}


def chip_of(bits=None, read_noise=0.0, wire_resistance=0.0, age=0.0, nu=0.0, nu_spread=0.0):
    """One of the ``chips`` of `analog_recall`, whose converters are alike; ideal by default."""
    return [bits, bits, read_noise, wire_resistance, age, nu, nu_spread]


def describe_chips(chips):
    """The `PARTS` of the ``chips`` of `analog_recall`, lists by the ``part`` that is not ideal."""
    names = [part for part, alike in chips.items() for _ in alike]
    found = {"part": quantity(names, "1", "part of the chip that is not ideal", "chip")}
    columns = zip(*(chip[1:] for alike in chips.values() for chip in alike), strict=True)
    for (name, meaning), column in zip(PARTS.items(), columns, strict=True):
        values = [np.nan if value is None else value for value in column]
        found[name] = quantity(values, *meaning, "chip")
    return xr.Dataset(found)


def line_losses(setup, *, wire_resistances, seed):
    """What line resistance, in Ω, takes from a written chip: the first tile of its first crossbar.

    Weights as ``programmed`` (output, input), and as they are ``effective`` by resistance;
    ``loss``, the share of its conductance that each device loses, by resistance, row and column,
    NaN for those that `share_lost` leaves out.
    """
    _, _, (crossbar, *_) = _written(setup, seed)
    tile, g_max = crossbar.tile, crossbar.device.g_max
    pairs, effective, losses = crossbar.conductance[: tile // 2, :tile], [], []
    for resistance in wire_resistances:
        wires = {"wire_resistance": resistance, "tile": tile}
        seen, lost = effective_pairs(pairs, **wires), share_lost(pairs, **wires)
        effective.append((seen[..., 0] - seen[..., 1]) / g_max)
        losses.append(lost.transpose(1, 0, 2).reshape(pairs.shape[1], -1))  # as on the tile
    programmed, weights = (pairs[..., 0] - pairs[..., 1]) / g_max, ("output", "input")
    along, coords = "wire_resistance", {"wire_resistance": list(wire_resistances)}
    effective = quantity(effective, "G_max", "effective weight", (along, *weights))
    losses = quantity(losses, "1", "share of the conductance lost", (along, "row", "column"))
    return {
        "programmed": quantity(programmed, "G_max", "programmed weight", weights),
        "effective": xr.DataArray(effective, coords),
        "loss": xr.DataArray(losses, coords),
    }


def cycling_share(setup, *, bits, seed):
    """Share of the recalls that end in a cycle of two states, by bits of all converters.

    ``bits`` are a list; None, exact converters, becomes NaN.
    """
    stored, on_chip, crossbars = _written(setup, seed)
    wanted, shares = np.repeat(stored, setup.cues, axis=0), []
    for resolution in bits:
        rng = generator(seed, "cycles", setup.neurons)
        peripherals = Peripherals(resolution, resolution)
        network = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
        cues = setup.corrupt(wanted, rng)
        trace = network.recall(cues, iterations=setup.iterations, trace=True)
        shares.append(in_a_cycle(trace).mean())
    along = {"bits": ([np.nan if own is None else own for own in bits], *PARTS["bits"])}
    return {"cycling": labelled(shares, "1", "share of recalls in a cycle of period two", **along)}


def _written(setup, seed):
    """Stored patterns, the network of a programmed chip, and its crossbars."""
    setup.require(**NO_MASKS)
    stored, rng = setup.stored(seed), generator(seed, "loss map", setup.neurons)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)
    return stored, program(memory, crossbars, rng), crossbars
