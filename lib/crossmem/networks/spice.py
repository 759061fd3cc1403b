"""Resistive networks as circuits for SPICE programs, and their equilibria by ngspice."""

import re
import subprocess

import numpy as np

from crossmem.networks.clamps import Diodes

#: Tolerances of ngspice at which an equilibrium has about 12 digits.
OPTIONS = {"reltol": 1e-12, "abstol": 1e-18, "vntol": 1e-15, "gmin": 1e-18, "itl1": 1000}


def elements(network, features, currents):
    """Elements of the circuit of one sample, as tuples of a kind, a name, nodes and a value.

    Parameters
    ----------
    network : ResistiveNetwork
    features : numpy.ndarray, shape (F,)
        In V.
    currents : numpy.ndarray, shape (2 K,)
        In A, into the outputs.

    Yields
    ------
    tuple
        The kind is the letter of SPICE, the node "0" is ground. Diodes are of the model "clamp".
    """
    yield from _sources(network, features, currents)
    words = [f"in{k}" for k in range(2 * len(features))] + ["plus", "minus"]
    for layer, names in enumerate(_layers(network)):
        yield from _crossbar(network, layer, words, names)
        if layer + 1 < len(network.conductances):
            for node in names:
                yield from _neuron(node, network)
            words = [*(f"amplified_{node}" for node in names), "plus", "minus"]


def nodes(network):
    """Names of all nodes, in the order of `ResistiveNetwork.voltages`."""
    return [name for layer in _layers(network) for name in layer]


def ngspice(network, points):
    """Node voltages in V (points, nodes) by ngspice, in one session that loads the circuit once.

    Parameters
    ----------
    network : ResistiveNetwork
    points : list of (features, currents)
        As in `elements`, one pair for each operating point.

    Raises
    ------
    FileNotFoundError
        If ngspice is not installed.
    RuntimeError
        If it does not find every voltage; the message ends with its own.
    """
    lines = ["resistive network"]
    lines += [kind + " ".join(map(str, entry)) for kind, *entry in elements(network, *points[0])]
    if isinstance(network.nonlinearity, Diodes):
        diode = network.nonlinearity
        lines.append(f".model clamp d(is={diode.saturation} n={diode.emission} rs={diode.series})")
    options = " ".join(f"{name}={value}" for name, value in OPTIONS.items())
    lines += [f".options {options}", ".control", "set numdgt=17"]
    read, held = "print " + " ".join(f"v({node})" for node in nodes(network)), {}
    for point in points:
        values = {kind + name: value for kind, name, *_, value in _sources(network, *point)}
        lines += [f"alter {name} = {v}" for name, v in values.items() if held.get(name) != v]
        lines += ["op", read, "destroy all"]  # it keeps every result, and slows down with them
        held = values
    text = "\n".join([*lines, ".endc", ".end", ""])
    run = subprocess.run(["ngspice", "-b"], input=text, capture_output=True, text=True)
    found = re.findall(r"^v\(\w+\) = (\S+)$", run.stdout, re.MULTILINE)
    if len(found) != len(points) * len(nodes(network)):
        raise RuntimeError(
            f"ngspice found {len(found)} of {len(points)} x {len(nodes(network))} voltages, so a "
            f"point does not converge or a number is unreadable; it says: {run.stderr.strip()}"
        )
    return np.array(found, dtype=float).reshape(len(points), -1)


def _layers(network):
    """Names of the nodes of each layer."""
    sizes = [conductance.shape[1] for conductance in network.conductances]
    return [[f"n{layer}_{j}" for j in range(size)] for layer, size in enumerate(sizes)]


def _sources(network, features, currents):
    """Voltages of the word lines and of the two bias lines, and the injected currents."""
    for k, volts in enumerate([*features, *-features]):
        yield "V", f"in{k}", f"in{k}", "0", float(volts)
    yield "V", "plus", "plus", "0", network.bias
    yield "V", "minus", "minus", "0", -network.bias
    for node, amperes in zip(_layers(network)[-1], currents, strict=True):
        yield "I", node, "0", node, float(amperes)


def _crossbar(network, layer, words, bits):
    """Devices and segments: sources at the left of word lines, nodes at the bottom of bit lines."""
    conductance, line = network.conductances[layer], network.line_resistance
    rows, _ = conductance.shape
    for (i, j), siemens in np.ndenumerate(conductance):
        name, word, bit = f"{layer}_{i}_{j}", words[i], bits[j]
        if line:
            word, bit = f"word{name}", f"bit{name}"
            before = f"word{layer}_{i}_{j - 1}" if j else words[i]
            after = f"bit{layer}_{i + 1}_{j}" if i + 1 < rows else bits[j]
            yield "R", f"word{name}", before, word, line
            yield "R", f"bit{name}", bit, after, line
        yield "R", name, word, bit, 1 / float(siemens)


def _neuron(node, network):
    """Clamps of a node and its amplifier, which draws 1 / gain of the current that it delivers."""
    clamps, amplified = network.nonlinearity, f"amplified_{node}"
    if isinstance(clamps, Diodes):
        yield "D", f"up_{node}", node, "0", "clamp"
        yield "D", f"down_{node}", "0", node, "clamp"
    else:
        high, low = (f"v({node}){sign}{clamps.threshold}" for sign in "-+")
        yield "B", node, node, "0", f"i=(max({high},0)+min({low},0))/{clamps.resistance}"
    yield "E", node, f"out_{node}", "0", node, "0", network.gain
    yield "V", f"out_{node}", f"out_{node}", amplified, 0.0
    yield "F", node, node, "0", f"Vout_{node}", 1 / network.gain
