"""Circuits solved here and by other programs, which are optional: solutions and times."""

import contextlib
import ctypes.util
import importlib.util
import logging
import os
import shutil
import time
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import xarray as xr
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import minmax_scale

from crossmem.checks import check_choice, check_count
from crossmem.chip.circuit import CrossbarCircuit
from crossmem.experiments.speed import best_seconds
from crossmem.labels import quantity
from crossmem.networks import spice
from crossmem.networks.eqprop import INPUT_VOLTAGE, TARGET, Recipe, ResistiveNetworkClassifier
from crossmem.randomness import generator

# Published networks of Döll, Müller and Ulmann 2025 (arXiv 2512.12428): data, samples that the
# public code trains on, hidden nodes.
PUBLISHED = {"iris": (load_iris, 105, 10), "cancer": (load_breast_cancer, 398, 16)}


def processor_seconds():
    """Processor time of this process and of those that it started and that have ended, in s."""
    import resource  # Windows has none

    users = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(user)[:2]) for user in users)


def timed(function, repeats=1, clock=time.process_time):
    """What `best_seconds` gives, and what the last call returned."""
    found = []
    return best_seconds(lambda: found.append(function()), repeats, clock), found[-1]


def circuit_seconds(vectors, singles, *, lines=64, wire_resistance=1.0):
    """Time of many products on one array, here and with badcrossbar (Joksas and Mehonic 2020).

    Parameters
    ----------
    vectors, singles : int
        Input vectors, and how many of them badcrossbar gets one by one.
    lines : int
        Rows and columns of the array.
    wire_resistance : float
        In Ω per segment.

    Returns
    -------
    xarray.Dataset
        Seconds of all vectors: ``ours``, badcrossbar called ``once`` per vector (scaled up) and
        with all of them in one call, ``batch``; the largest ``difference`` of a current over the
        largest current. Where badcrossbar is not installed, all but the first are NaN.
    """
    check_count(vectors, "vectors")
    check_count(singles, "singles")
    rng = generator(0, "benchmark")
    conductance = rng.uniform(1, 150, (lines, lines))
    voltages = rng.uniform(-0.2, 0.2, (vectors, lines))

    def solve():
        return CrossbarCircuit(conductance, wire_resistance=wire_resistance).currents(voltages)

    ours, currents = timed(solve)
    once = batch = difference = np.nan
    if importlib.util.find_spec("badcrossbar"):
        with _quiet():
            import badcrossbar  # which warns that its plots need one more package

            theirs = partial(badcrossbar.compute, r_i=wire_resistance)
            one_by_one = voltages[:singles, :, None]
            once, _ = timed(lambda: [theirs(v, 1e6 / conductance) for v in one_by_one])
            once *= vectors / len(one_by_one)
            batch, solution = timed(lambda: theirs(voltages.T, 1e6 / conductance))
        missed = np.abs(solution.currents.output * 1e6 - currents)
        difference = float(missed.max() / np.abs(currents).max())
    part = f"badcrossbar once per vector, from {singles} of {vectors}"
    found = {
        "ours": (ours, "s", f"this library, {vectors} vectors"),
        "once": (once, "s", part),
        "batch": (batch, "s", "badcrossbar, all vectors in one call"),
        "difference": (difference, "1", "largest difference of a current over the largest current"),
    }
    return xr.Dataset({name: quantity(*entry) for name, entry in found.items()})


def equilibrium_seconds(data, *, solved, sampled, repeats=3, epochs=50):
    """Time of an epoch of equilibrium propagation, here and by programs that solve circuits.

    An epoch has two operating points for each sample, the free and the nudged one. Ours ends with
    the update of all devices, by the gradient from one linear solution or from the nudged phase;
    the others stop at the operating points. Their circuit is the network that is trained here.

    Parameters
    ----------
    data : str
        One of `PUBLISHED`.
    solved, sampled : int
        Samples whose points one session of ngspice solves, and those of them for which, at each
        point, ngspice is started anew or PySpice builds the circuit anew. These times are scaled
        to all samples.
    repeats, epochs : int
        Timings, of which the shortest counts, and epochs that share the time of our training.

    Returns
    -------
    xarray.Dataset (way,)
        Processor ``seconds`` on one thread; their ``ratio`` to those of the first way; the largest
        ``difference`` of a voltage to ours. NaN for programs that are not installed.
    """
    features, labels, hidden = _published(data)
    samples = len(labels)
    solved, sampled = (min(check_count(n, "samples"), samples) for n in (solved, sampled))
    published = Recipe.published(data, "linear")
    exact = replace(published, gradient="exact", layer_weights=True)
    ways = {}
    for way, recipe in {"exact gradient": exact, "nudged phase": published}.items():
        model = ResistiveNetworkClassifier((hidden,), recipe=recipe, epochs=epochs)
        seconds, _ = timed(partial(model.fit, features, labels), repeats)
        ways[f"this library, {way}"] = seconds / epochs, np.nan
    points, voltages = _operating_points(model.network_, features[:solved], labels[:solved])
    for way, (is_there, solve, count) in _programs(solved, sampled).items():
        seconds = difference = np.nan
        if is_there:
            part = partial(solve, model.network_, points[: 2 * count])
            seconds, found = timed(part, repeats, processor_seconds)
            difference = np.abs(found - voltages[: 2 * count]).max()
        ways[way] = seconds * samples / count, difference
    seconds, differences = np.transpose(list(ways.values()))
    found = {
        "seconds": quantity(seconds, "s", "processor time of an epoch", "way"),
        "ratio": quantity(seconds / seconds[0], "1", "time of an epoch over ours", "way"),
        "difference": quantity(differences, "V", "largest difference of a voltage", "way"),
        "points": quantity(2 * samples, "1", "operating points of an epoch"),
    }
    return xr.Dataset(found, {"way": quantity(list(ways), "1", "what computes an epoch", "way")})


def _published(data):
    """Features from -1 to 1, labels and the number of hidden nodes."""
    load, samples, hidden = PUBLISHED[check_choice(data, "data", tuple(PUBLISHED))]
    features, labels = load(return_X_y=True)
    return minmax_scale(features, (-1, 1))[:samples], labels[:samples], hidden


def _operating_points(network, features, labels):
    """Features in V and currents in A of each point, as published, and its node voltages in V."""
    inputs = np.round(INPUT_VOLTAGE * features, 2)
    free = network.free(inputs)
    outputs = network.outputs(free)
    targets = TARGET * (2 * np.eye(outputs.shape[1])[labels] - 1)
    currents = np.kron(-Recipe.nudge * (outputs - targets), [1.0, -1.0])
    phases = [free, free + network.nudged(free, currents)]
    voltages = np.stack([np.hstack(network.voltages(phase)) for phase in phases], axis=1)
    pairs = zip(inputs, currents, strict=True)
    points = [(own, phase) for own, pushed in pairs for phase in (0 * pushed, pushed)]
    return points, voltages.reshape(len(points), -1)


def _programs(solved, sampled):
    """The other programs: whether each is there, what solves points, and for how many samples."""
    has_ngspice = bool(shutil.which("ngspice") and importlib.util.find_spec("resource"))
    library = os.environ.get("NGSPICE_LIBRARY_PATH") or ctypes.util.find_library("ngspice")
    has_pyspice = bool(has_ngspice and importlib.util.find_spec("PySpice") and library)
    return {
        "ngspice, one session": (has_ngspice, spice.ngspice, solved),
        "ngspice, a process per point": (has_ngspice, _one_by_one, sampled),
        "PySpice, a circuit per point": (has_pyspice, _pyspice, sampled),
    }


def _one_by_one(network, points):
    """Voltages (points, nodes) by ngspice, started for each operating point."""
    return np.vstack([spice.ngspice(network, [point]) for point in points])


def _pyspice(network, points):
    """Voltages (points, nodes) by PySpice, which builds the circuit for each operating point."""
    with _quiet():
        from PySpice.Spice.Netlist import Circuit

        found = []
        for point in points:
            circuit = Circuit("resistive network")
            for kind, *entry, value in spice.elements(network, *point):
                if kind == "B":  # the one whose value PySpice takes by name only
                    circuit.B(*entry, current_expression=value.removeprefix("i="))
                else:
                    getattr(circuit, {"E": "VCVS", "F": "CCCS"}.get(kind, kind))(*entry, value)
            simulator = circuit.simulator()
            simulator.options(**spice.OPTIONS)
            solution = simulator.operating_point().nodes
            found.append([float(solution[node][0]) for node in spice.nodes(network)])
            simulator.ngspice.remove_circuit()  # or memory grows
    return np.array(found)


@contextlib.contextmanager
def _quiet():
    """Without warnings and logged reports: those of other programs are not for our readers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(record=True):
            yield
    finally:
        logging.disable(logging.NOTSET)
