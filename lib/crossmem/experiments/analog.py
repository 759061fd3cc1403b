"""Recall on a chip through converters, read noise, lines with resistance, and drift."""

import copy
import functools

import xarray as xr

from crossmem.chip.converters import Peripherals
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.drift import drift, drifted, recalibrated
from crossmem.deploy.ir_drop import compensate_ir_drop
from crossmem.deploy.programming import program
from crossmem.experiments.chip import train_on_chip
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.setup import NO_MASKS
from crossmem.labels import describe
from crossmem.randomness import generator


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
    for chip in chips:
        if len(chip) != 7:
            raise ValueError(
                f"the chip {chip} has {len(chip)} values: give 7, from converter bits to drift"
            )
    parts = [(Peripherals(*chip[:4]), *chip[4:]) for chip in chips]
    key = (seed, setup.neurons, setup.n_patterns, setup.layers)
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
    for peripherals, age, nu, nu_spread in parts:
        network, own = copy.deepcopy(written(peripherals))  # so that each chip's reads begin alike
        if age:
            conductances = _drifts(own, [age], nu, nu_spread, key)[0]
            network = drifted(network, conductances)
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
    setup.require(**NO_MASKS)
    peripherals = Peripherals(bits, bits, read_noise, wire_resistance)
    key = (seed, setup.neurons, setup.n_patterns, setup.layers)
    stored, rng = setup.stored(seed), generator(seed, "drifting chip", *key)
    memory, crossbars = train_on_chip(setup, stored, rng, seed)
    on_chip = program(memory, crossbars, rng)
    fresh = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
    found = []
    for conductances in _drifts(crossbars, times, nu, nu_spread, key):
        old = drifted(fresh, conductances)
        networks = {"cosine": old, "recalibrated": recalibrated(old)}
        cosines = {k: setup_quality(setup, x, stored, seed)["cosine"] for k, x in networks.items()}
        found.append(xr.Dataset(cosines))
    aged = xr.concat(found, xr.Variable("time", [float(time) for time in times]))
    return describe(aged, recalibrated=("1", "cosine similarity, gains recalibrated"))


def _drifts(crossbars, times, nu, nu_spread, key):
    """The conductances of all crossbars at each time; chips of one key drift alike."""
    rng = generator(key[0], "drift", *key)
    aged = [drift(crossbar, times, rng, nu=nu, nu_spread=nu_spread) for crossbar in crossbars]
    return list(zip(*aged, strict=True))
