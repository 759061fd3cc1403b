"""Single devices and arrays of them: switching, levels, retention, faults, programming."""

import numpy as np
from scipy.stats import binned_statistic

from crossmem.checks import check_choice, check_fault_rates
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.switching import SwitchingModel
from crossmem.labels import labelled, quantity
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.patterns import image_side, one_of_each
from crossmem.randomness import generator

STATES = ["working", "stuck off", "stuck on"]


def switching_cycles(*, cycles, seed):
    """Sweep one cell through SET and RESET again and again (Fig. 2d)."""
    voltage, current = SwitchingModel().iv_hysteresis(cycles, generator(seed, "switching"))
    return {
        "voltage": quantity(voltage, "V", "voltage over cell and transistor", "point"),
        "current": quantity(current, "µA", "current", ("cycle", "point")),
    }


def programmed_states(*, levels, points, seed):
    """Current through one cell per level, over voltages too small to switch it (Fig. 2e).

    ``levels`` are target conductances in µS, ``points`` the number of voltages between minus and
    plus the read voltage.
    """
    device, rng = DeviceModel(), generator(seed, "states")
    conductance = device.write_and_verify(levels, 0.0, rng).conductance
    voltage = np.linspace(-device.read_voltage, device.read_voltage, points)
    axes = {"level": (levels, "µS", "target conductance"), "bias": (voltage, "V", "read voltage")}
    current = device.iv_linear(conductance, voltage, rng)
    return {
        "current": labelled(current, "µA", "current", **axes),
        "conductance": quantity(conductance, "µS", "programmed conductance", "level"),
    }


def retention(*, levels, devices, decades, points, drift_exponent, seed):
    """Conductance of programmed cells over time (Fig. 2f).

    ``levels`` are target conductances in µS, with so many ``devices`` each. The times are 0 s and
    ``points`` more, from 1 s to ``10**decades`` s. ``drift_exponent`` is ``nu`` of
    `DeviceModel.retention`, 0 for the memristors of the paper.
    """
    device, rng = DeviceModel(), generator(seed, "retention")
    target = np.repeat(np.asarray(levels, dtype=float)[:, None], devices, axis=1)
    times = np.concatenate(([0.0], np.logspace(0, decades, points)))
    start = device.write_and_verify(target, 0.0, rng).conductance
    kept = device.retention(start, times, rng, nu=drift_exponent).astype(np.float32)
    axes = {
        "time": (times, "s", "time since programming"),
        "level": (levels, "µS", "target conductance"),
        "device": (np.arange(devices), "1", "device of the level"),
    }
    return {"conductance": labelled(kept, "µS", "conductance", **axes)}


def fault_scan(*, neurons, stuck_off, stuck_on, seed):
    """Characterise a faulty chip and compare what is found with what is true.

    The layer has neurons² pairs, whose devices are stuck with the given probabilities. The results
    are the ``confusion``, devices by true and found state, and ``reads`` and ``writes`` per device.
    """
    check_fault_rates(stuck_off, stuck_on)
    rng = generator(seed, "scan", neurons)
    shares = [1 - stuck_off - stuck_on, stuck_off, stuck_on]
    state = rng.choice(3, p=shares, size=(neurons, neurons, 2))
    crossbar = _crossbar_of(state, rng)
    faults = crossbar.characterize()
    found = np.where(faults.stuck_off, 1, np.where(faults.stuck_on, 2, 0))
    counts = np.bincount(3 * state.ravel() + found.ravel(), minlength=9).reshape(3, 3)
    axes = {"true": (STATES, "1", "true state"), "found": (STATES, "1", "state found by the scan")}
    return {
        "confusion": labelled(counts, "devices", "devices by true and found state", **axes),
        "reads": quantity(faults.reads / crossbar.devices, "1", "reads per device"),
        "writes": quantity(faults.writes / crossbar.devices, "1", "pulses per device"),
    }


def pair_limits(*, seed):
    """Weights that a pair of devices can reach, for each combination of their states."""
    plus, minus = np.indices((3, 3))
    crossbar = _crossbar_of(np.stack((plus, minus), axis=-1), generator(seed, "pairs"))
    limits = crossbar.characterize().weight_limits()
    axes = {"plus": (STATES, "1", "state of G+"), "minus": (STATES, "1", "state of G-")}
    return {
        "low": labelled(limits.low, "G_max", "lowest weight", **axes),
        "high": labelled(limits.high, "G_max", "highest weight", **axes),
    }


def programming_error(*, neurons, weights, seed):
    """Write a weight matrix onto a fresh chip and read it back (Fig. 6a).

    In each pair one device stays off and needs no pulse, so that only devices with a target above
    zero measure the programming error. Those that are ``untouched`` got no pulse either, since off
    was within the tolerance of their target. The matrix (neurons, neurons) is spread evenly over
    [-1, 1] (``weights="even"``) or trained on ten digits ("learned").
    """
    rng = generator(seed, "programming", neurons)
    crossbar = Crossbar.fabricate(neurons, neurons, rng=rng)
    report = crossbar.program(_weights(weights, neurons, seed, rng))
    on = report.target > 0
    missed = crossbar.read_conductance() - report.target
    error, target, pulses = missed[on], report.target[on], report.pulses[on]
    untouched, edges = pulses == 0, np.arange(-20.5, 21.0)
    levels = np.linspace(0, crossbar.device.g_max, 16)
    by_level = binned_statistic(target, pulses, "mean", levels).statistic
    error_axis = (edges[:-1] + 0.5, "µS", "read-out minus target")
    level_axis = (levels[:-1] + levels[1] / 2, "µS", "target conductance")
    lost = (error * untouched).mean()
    return {
        "mean": quantity(error.mean(), "µS", "mean programming error"),
        "deviation": quantity(error.std(), "µS", "standard deviation of the error"),
        "deviation_of_all": quantity(missed.std(), "µS", "the same, devices left off included"),
        "untouched": quantity(untouched.mean(), "1", "share of devices that got no pulse"),
        "mean_of_untouched": quantity(lost, "µS", "part of the mean error that these make"),
        "mean_pulses": quantity(pulses.mean(), "1", "pulses per device"),
        "devices": labelled(np.histogram(error, edges)[0], "devices", "devices", error=error_axis),
        "pulses": labelled(by_level, "1", "pulses per device", level=level_axis),
    }


def pulse_counts(*, devices):
    """How many of some fresh ``devices`` take how many pulses to targets spread evenly."""
    device, rng = DeviceModel(), generator(0, "pulses")
    targets = rng.uniform(0, device.g_max, devices)
    counts = np.bincount(device.write_and_verify(targets, 0.0, rng).pulses)
    pulses = (np.arange(len(counts)), "1", "pulses")
    found = labelled(counts, "devices", "devices by pulses", pulses=pulses)
    return found.to_dataset(name="devices")


def products(*, neurons, inputs, seed):
    """Drive a programmed chip with random voltages and measure the currents (Ohm, Kirchhoff).

    The currents are those ``wanted`` by the target weights, ``summed`` device by device over the
    conductances, ``multiplied`` by the tiles, and ``measured`` with noise.
    """
    rng = generator(seed, "products", neurons)
    crossbar = Crossbar.fabricate(neurons, neurons, rng=rng)
    weights = _weights("even", neurons, seed, rng)
    crossbar.program(weights)
    device = crossbar.device
    voltages = rng.uniform(-device.read_voltage, device.read_voltage, (inputs, neurons))
    currents = np.einsum("oid,ni->nod", crossbar.conductance, voltages)
    results = {
        "wanted": voltages @ weights.T * device.g_max,
        "summed": currents[..., 0] - currents[..., 1],
        "multiplied": crossbar.multiply(voltages) * device.g_max,
        "measured": crossbar.multiply(voltages, noisy=True) * device.g_max,
    }
    dims = ("input", "output")
    return {name: quantity(v, "µA", f"{name} current", dims) for name, v in results.items()}


def _crossbar_of(state, rng):
    """A chip whose devices are in known states, an index of `STATES` each."""
    device = DeviceModel()
    conductance = np.where(state == STATES.index("stuck on"), device.g_max, 0.0)
    return Crossbar(conductance, state > 0, rng=rng, device=device, tile=64)


def _weights(kind, neurons, seed, rng):
    """A weight matrix (neurons, neurons) to be programmed."""
    if check_choice(kind, "weights", ("even", "learned")) == "even":
        return rng.uniform(-1, 1, (neurons, neurons))
    stored = one_of_each("digits", size=image_side(neurons), rng=rng)
    return AdaptiveMemory(optimizer="adam", seed=seed).fit(stored).layers_[0].weights
