"""How a resistive network computes and how it measures its gradient.

"The paper" is Döll, Müller and Ulmann 2025 (arXiv 2512.12428).
"""

import numpy as np

from crossmem.labels import labelled
from crossmem.networks.clamps import Clamps
from crossmem.networks.eqprop import INPUT_VOLTAGE, TARGET
from crossmem.networks.resistive import ResistiveNetwork
from crossmem.randomness import generator

INPUT = np.array([[0.4]])  # V, of the circuit of four nodes
GAIN = 4.0
CONDUCTANCES = ((4, 1.5, 1, 1), ((2, 2), (1, 3), (1, 3)))  # mS; lines +x, -x, +1 V, -1 V, then h
DEVICES = ["+x to h", "−x to h", "+1 V to h", "−1 V to h", "h to y+", "h to y−"]
TERMS = ["free", "nudged", "clamped"]


def four_nodes(*, nudge, clamp, points):
    """Energy of a circuit of an input, a hidden node and two outputs, and where it is least.

    Its conductances are chosen so that the free equilibrium can be found by hand.

    Parameters
    ----------
    nudge : float
        Feedback current per error in A/V towards a target of 0.5 V, of the term "nudged".
    clamp : float
        Threshold in V at the hidden node, of the term "clamped"; the others have none in reach.
    points : int
        Of both axes of the surface.

    Returns
    -------
    dict
        ``energy`` (term, y, h) above its least, where y- has its own least at each h;
        ``node`` (term, name), the voltages in equilibrium.
    """
    hidden, plus = np.linspace(0.0, 0.2, points), np.linspace(0.0, 0.4, points)
    surfaces, nodes = [], []
    for term in TERMS:
        circuit = _circuit(clamp if term == "clamped" else 1.0)
        settled = circuit.free(INPUT)
        currents = _feedback(circuit, settled, nudge if term == "nudged" else 0.0)
        settled = settled + circuit.nudged(settled, currents)
        nodes.append(np.concatenate(circuit.voltages(settled), axis=1)[0])
        surfaces.append(_surface(circuit, settled, currents, hidden, plus))
    term = (TERMS, "1", "circuit")
    axes = {"term": term, "y": (plus, "V", "voltage of y+"), "h": (hidden, "V", "voltage of h")}
    return {
        "energy": labelled(np.array(surfaces), "W", "energy above its least", **axes),
        "node": labelled(
            np.array(nodes), "V", "voltage", term=term, name=(["h", "y+", "y−"], "1", "node")
        ),
    }


def two_measurements(*, nudge, change):
    """Gradient of the four-node circuit from two voltages of each device, and from its definition.

    The second is the difference of the losses with a conductance a ``change`` in S more and less.
    """
    circuit = _circuit(1.0)
    settled = circuit.free(INPUT)
    errors = circuit.outputs(settled) - TARGET
    nudged = settled + circuit.nudged(settled, _feedback(circuit, settled, nudge))
    free, moved = (_devices(circuit.drops(potentials)) for potentials in (settled, nudged))
    estimate = _devices(circuit.estimate(settled, errors, nudge))
    device = {"device": (DEVICES, "1", "device")}
    return {
        "free": labelled(free, "V", "voltage, free", **device),
        "shift": labelled(
            1e6 * (moved - free), "µV", "change of the voltage by the nudge", **device
        ),
        "estimate": labelled(estimate, "V²/S", "gradient from both voltages", **device),
        "exact": labelled(_differences(change), "V²/S", "gradient by its definition", **device),
    }


def gradient_quality(trial, *, nudge, noise, seed):
    """Cosine of the gradient from phases with the exact one, on a trained network.

    Parameters
    ----------
    trial : Trial
        Its samples are those that the gradient sums over; 1 epoch is a network about untrained.
    nudge : float
        Feedback current per error in A/V.
    noise : float
        Standard deviation in V of reading the voltage of a node in one phase.
    seed : int
        Draws the noise; the network is that of seed 0.
    """
    features, labels = trial.training()
    circuit = trial.classifier(0).fit(features, labels).network_
    settled = circuit.free(np.round(INPUT_VOLTAGE * features, 2))
    targets = TARGET * (2 * np.eye(labels.max() + 1)[labels] - 1)
    errors = circuit.outputs(settled) - targets
    exact = circuit.gradient(settled, errors)
    cosines = []
    for centred in (False, True):
        rng = generator(seed, "read noise", noise)
        found = circuit.estimate(settled, errors, nudge, centred=centred, noise=noise, rng=rng)
        cosines.append([_cosine(a, b) for a, b in zip(found, exact, strict=True)])
    axes = {
        "estimate": (["one-sided", "centred"], "1", "estimate"),
        "crossbar": (["first", "second"], "1", "crossbar"),
    }
    return {"cosine": labelled(cosines, "1", "cosine with the exact gradient", **axes)}


def _circuit(clamp):
    first, second = (1e-3 * np.array(matrix, dtype=float) for matrix in CONDUCTANCES)
    return ResistiveNetwork((first[:, None], second), Clamps(clamp), gain=GAIN)


def _feedback(circuit, settled, nudge):
    """Currents (1, 2) in A that pull the output towards the target (paper, Eq. 12)."""
    current = nudge * (TARGET - circuit.outputs(settled))
    return np.hstack([current, -current])


def _surface(circuit, settled, currents, hidden, plus):
    """Energy above its least over y+ and h."""
    h, y = np.meshgrid(hidden, plus)
    # y-: its own node law, the mean of what its devices pull towards plus the feedback current
    other = (GAIN * 2e-3 * h + currents[0, 1]) / 8e-3
    nodes = np.stack([h.ravel(), y.ravel() / GAIN, other.ravel() / GAIN], axis=1)
    potentials = np.hstack([np.repeat(settled[:, :-3], len(nodes), axis=0), nodes])
    least = circuit.energy(settled, currents)
    return (circuit.energy(potentials, np.repeat(currents, len(nodes), axis=0)) - least).reshape(
        h.shape
    )


def _devices(arrays):
    """The values of the six devices that lead to h, and from it to the outputs."""
    first, second = (np.squeeze(array) for array in arrays)
    return np.concatenate([first, second[0]])


def _differences(change):
    """Gradient of the loss by central differences of the conductances of six devices."""
    gradients = []
    for layer, row, column in [(0, row, 0) for row in range(4)] + [(1, 0, 0), (1, 0, 1)]:
        losses = []
        for sign in (1, -1):
            conductances = [matrix.copy() for matrix in _circuit(1.0).conductances]
            conductances[layer][row, column] += sign * change
            circuit = ResistiveNetwork(tuple(conductances), Clamps(1.0), gain=GAIN)
            errors = circuit.outputs(circuit.free(INPUT)) - TARGET
            losses.append(float((errors**2).sum()) / 2)
        gradients.append((losses[0] - losses[1]) / (2 * change))
    return np.array(gradients)


def _cosine(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())
