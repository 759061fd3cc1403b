"""Recall through converters, noise, lines and drift."""

import copy
import functools

import xarray as xr

from crossmem.analysis.capacity import recall_quality
from crossmem.chip.converters import Peripherals
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.drift import drift, drifted, with_reset_gain
from crossmem.deploy.ir_drop import counter_losses
from crossmem.deploy.programming import program
from crossmem.experiments.chip import chip_memory
from crossmem.experiments.setup import corruption, draw_pool
from crossmem.labels import quantity
from crossmem.randomness import generator


def analog_recall(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    stuck_off=0.0,
    stuck_on=0.0,
    flip_rate=0.0,
    noise=0.0,
    chips,
    remedy="none",
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Recall through converters, read noise and line resistance.

    Trained once; all chips have the same faults, the same programming errors and the same cues.
    Converters are set when the chip is written, and drift comes after.

    Parameters
    ----------
    chips : list of lists
        What the chip is made of: bits of the input and of the output converters (None: exact),
        read noise in µS and line resistance in Ω, as in `analog.Peripherals`; then seconds since
        programming, and the mean and spread of the drift exponent, as in `analog.drift`.
    remedy : str
        As in `analog.counter_losses`.
    stuck_off, stuck_on : float
        Fault rates per device.
    dataset, neurons, patterns, layers, hidden, activation, flip_rate, noise, cues, iterations
        As in `experiments.stored_quality`.
    optimizer, steps, learning_rate, seed
        As in `experiments.storage_capacity`.

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine`` of the recalled patterns, by chip.
    """
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    network = {"layers": layers, "hidden": hidden, "activation": activation}
    stored = draw_pool(dataset, neurons, seed, patterns, binary=activation == "sign")
    key = (seed, neurons, patterns, layers)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    rng = generator(seed, "analog chip", *key)
    memory, crossbars = chip_memory(
        stored, **network, **rates, training=training, seed=seed, rng=rng
    )
    corrupt, found = corruption(activation, flip_rate, noise), []

    @functools.cache
    def written(*parts):
        """A chip with these peripherals, and its crossbars; many differ in their drift alone."""
        peripherals, own = Peripherals(*parts), copy.deepcopy(crossbars)
        prepared = counter_losses(memory, own, peripherals.wire_resistance, remedy)
        on_chip = program(prepared, own, generator(seed, "analog programming", *key))
        reads = generator(seed, "analog reads", *key)
        return with_peripherals(on_chip, own, peripherals, stored, reads), own

    for *parts, age, nu, nu_spread in chips:
        chip, own = copy.deepcopy(written(*parts))  # so that each chip's reads begin alike
        if age:
            conductances = _drifts(own, [age], nu, nu_spread, key)[0]
            chip = drifted(chip, own, conductances, parts[-1])
        cue_rng = generator(seed, "cues", neurons, patterns, flip_rate or noise)
        found.append(
            recall_quality(chip, stored, corrupt, cue_rng, cues=cues, iterations=iterations)
        )
    return {
        "cosine": quantity([f.mean for f in found], "1", "mean cosine similarity", "chip"),
        "worst_cosine": quantity(
            [f.per_pattern for f in found], "1", "worst cosine similarity", "chip"
        ),
    }


def drifted_recall(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    stuck_off=0.0,
    stuck_on=0.0,
    flip_rate=0.0,
    noise=0.0,
    bits=None,
    read_noise=0.0,
    wire_resistance=0.0,
    times,
    nu=0.0,
    nu_spread=0.0,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Recall as the conductances wander and drift after programming.

    Parameters
    ----------
    stuck_off, stuck_on : float
        Fault rates per device.
    bits, read_noise, wire_resistance
        The rest of the chip, see `analog.Peripherals`; ideal by default.
    times, nu, nu_spread
        As in `analog.drift`.
    dataset, neurons, patterns, layers, hidden, activation, flip_rate, noise, cues, iterations
        As in `experiments.stored_quality`.
    optimizer, steps, learning_rate, seed
        As in `experiments.storage_capacity`.

    Returns
    -------
    dict
        ``cosine`` by time, and ``recalibrated``: the same with `analog.with_reset_gain`.
    """
    peripherals = Peripherals(bits, bits, read_noise, wire_resistance)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    network = {"layers": layers, "hidden": hidden, "activation": activation}
    stored = draw_pool(dataset, neurons, seed, patterns, binary=activation == "sign")
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    key = (seed, neurons, patterns, layers)
    rng = generator(seed, "drifting chip", *key)
    memory, crossbars = chip_memory(
        stored, **network, **rates, training=training, seed=seed, rng=rng
    )
    on_chip = program(memory, crossbars, rng)
    fresh = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
    corrupt = corruption(activation, flip_rate, noise)
    options = {"cues": cues, "iterations": iterations}
    found = {"cosine": [], "recalibrated": []}
    for conductances in _drifts(crossbars, times, nu, nu_spread, key):
        old = drifted(fresh, crossbars, conductances, wire_resistance)
        for means, chip in zip(found.values(), (old, with_reset_gain(old, fresh)), strict=True):
            # The same cues at every time.
            cue_rng = generator(seed, "cues", neurons, patterns, flip_rate or noise)
            quality = recall_quality(chip, stored, corrupt, cue_rng, **options)
            means.append(quality.mean)
    names = {"cosine": "mean cosine similarity", "recalibrated": "the same, gains recalibrated"}
    return {
        name: xr.DataArray(
            quantity(means, "1", names[name], "time"), coords={"time": [float(t) for t in times]}
        )
        for name, means in found.items()
    }


def _drifts(crossbars, times, nu, nu_spread, key):
    """For each time, the conductances of all crossbars; chips of one key drift alike."""
    rng = generator(key[0], "drift", *key)
    aged = [drift(crossbar, times, rng, nu=nu, nu_spread=nu_spread) for crossbar in crossbars]
    return list(zip(*aged, strict=True))
