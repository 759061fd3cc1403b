"""What reading a trained resistive network does to its devices (paper, section 5.1).

"The paper" is Döll, Müller and Ulmann 2025 (arXiv 2512.12428). It holds the states fixed while the
network settles, although every phase applies voltages to all devices.
"""

from dataclasses import replace

import numpy as np

from crossmem.experiments.in_place import fitted
from crossmem.labels import labelled
from crossmem.networks.eqprop import INPUT_VOLTAGE, pulse_of_step

THRESHOLD = 0.5  # V below which VTEAM and Yakopcic devices keep their state; public code


def read_drift(setup, *, seed, scales, holds):
    """Voltages over the devices of a trained network, and what a pass of reading moves.

    All voltages of a circuit with ideal clamps can be scaled together: inputs, bias lines,
    thresholds of the clamps and targets. Its outputs scale with them, its classes stay the same.

    Parameters
    ----------
    setup : InPlace
    seed : int
    scales : list of float
        Factors of all voltages of the circuit, but not of the pulses that train it.
    holds : list of float
        For how long each training sample is applied, both phases together, as shares of the pulse
        that carries an update of 1.

    Returns
    -------
    dict
        ``above`` (scale): share of the devices with more than `THRESHOLD` in some sample.
        ``pairs_above`` (scale, rows): the same share of all pairs of a sample and a device, on the
        bias rows and on the others. ``accuracy`` and ``moved`` (scale, hold): on held-out samples
        after one pass, and the mean change of a conductance as a share of the range.
    """
    network, split = fitted(setup, seed)
    circuit, arrays = network.network_, network.arrays_
    drops = circuit.drops(circuit.free(INPUT_VOLTAGE * split[0]))
    durations = np.multiply(holds, pulse_of_step(arrays, network.recipe))  # s, at 1 V
    before = [array.conductance for array in arrays]
    width = 1 / arrays[0].device.r_on - 1 / arrays[0].device.r_off
    moved, accuracy = np.zeros((2, len(scales), len(holds)))
    for k, scale in enumerate(scales):
        after = [_read(a, scale * d, durations) for a, d in zip(arrays, drops, strict=True)]
        for j in range(len(holds)):
            change = [np.abs(new[j] - old) for new, old in zip(after, before, strict=True)]
            moved[k, j] = np.concatenate([part.ravel() for part in change]).mean() / width
            network.network_ = replace(circuit, conductances=tuple(new[j] for new in after))
            accuracy[k, j] = network.score(*split[2:])
    axes = {"scale": (scales, "1", "factor of all voltages of the circuit")}
    timed = axes | {"hold": (holds, "1", "time per sample over that of a pulse")}
    return _voltages(drops, scales, axes) | {
        "accuracy": labelled(accuracy, "1", "accuracy after reading", **timed),
        "moved": labelled(moved, "1", "mean change of a conductance over the range", **timed),
    }


def _read(array, drops, durations):
    """Conductances (times, rows, columns) in S after drops (n, rows, columns) in V, one by one.

    The voltages stay those of the states at the start, and each sample is one Euler step. A word
    line above its bit line raises the conductance.
    """
    device, states = array.device, np.repeat(array.state[None], len(durations), axis=0)
    for drop in device.polarity * drops:
        states = device.pulse(states, drop, durations[:, None, None], exact=False)
    return device.conductance(states)


def _voltages(drops, scales, axes):
    """Shares of the devices, and of the pairs of sample and device, beyond the threshold."""
    largest = np.concatenate([np.abs(drop).max(axis=0).ravel() for drop in drops])
    above = [(scale * largest > THRESHOLD).mean() for scale in scales]
    rows = {"bias": np.s_[:, -2:], "other": np.s_[:, :-2]}  # the last two word lines of a crossbar
    drops = [np.concatenate([abs(d[part]).ravel() for d in drops]) for part in rows.values()]
    pairs = [[(scale * part > THRESHOLD).mean() for part in drops] for scale in scales]
    rows = {"rows": (list(rows), "1", "word lines")}
    return {
        "above": labelled(above, "1", "devices beyond 0.5 V in some sample", **axes),
        "pairs_above": labelled(pairs, "1", "share of samples and devices", **axes, **rows),
    }
