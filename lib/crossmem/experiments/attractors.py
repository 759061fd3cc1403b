"""Where recall ends, and how firmly stored patterns attract."""

import numpy as np

from crossmem.analysis.theory import RECALLED
from crossmem.checks import check_choice
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.labels import labelled, quantity
from crossmem.networks import stability
from crossmem.networks.network import UPDATES, cosine
from crossmem.randomness import generator

OUTCOMES = ["own pattern", "other pattern", "spurious", "moving"]
SHOWN = 6  # patterns whose states a trace keeps


def attractors(setup, *, levels, seed):
    """Where recall ends, how soon, and how firmly the stored patterns attract (Suppl. Notes 5–7).

    A recall ends in its own pattern or another stored one (or its mirror image) if the cosine
    similarity is at least 0.99, in a spurious state if it rests elsewhere, or it still moves. The
    mean ``settling`` time is that of recalls that rest.

    Parameters
    ----------
    setup : Setup
        Without corruption of its own; with more iterations than recall has, so that slow ones end.
    levels : list of float
        Corruptions of the cues: flip rates for sign neurons, of which 0.5 is a random start, or
        noise for tanh neurons.
    """
    setup.require(**NO_CHIP, **NO_MASKS, flip_rate=0.0, noise=0.0)
    corruption = "flip_rate" if setup.binary else "noise"
    setups = [setup.at(**{corruption: level}) for level in levels]
    stored = setup.stored(seed)
    network = setup.memory(seed).fit(stored).network_
    share, settling = [], []
    for level, corrupted in zip(levels, setups, strict=True):
        rng = generator(seed, "attractors", setup.neurons, setup.n_patterns, level)
        starts = corrupted.corrupt(np.tile(stored, (setup.cues, 1)), rng)
        trace = network.recall(starts, iterations=setup.iterations, trace=True)
        ended, rest = outcomes(network, trace[-1], stored)
        share.append([float((ended == name).mean()) for name in OUTCOMES])
        resting = stability.settling_time(trace)[rest]
        settling.append(float(resting.mean()) if rest.any() else np.nan)
    norm, radius = np.transpose([stability.norm_and_radius(network, x) for x in stored])
    return {
        "share": labelled(share, "1", "share of the recalls", level=levels, outcome=OUTCOMES),
        "settling": labelled(settling, "iterations", "mean settling time", level=levels),
        "norm": quantity(norm, "1", "spectral norm of the Jacobian", "pattern"),
        "radius": quantity(radius, "1", "spectral radius of the Jacobian", "pattern"),
    }


def outcomes(network, states, stored):
    """Which of `OUTCOMES` each end state (n, N) is, and whether it rests; starts cycle patterns."""
    rest = stability.is_fixed_point(network, states)
    similar = cosine(states[:, None, :], stored[None])
    own = similar[np.arange(len(states)), np.arange(len(states)) % len(stored)]
    other = np.abs(similar).max(axis=1)
    cases = [own >= RECALLED, other >= RECALLED, rest]
    return np.select(cases, OUTCOMES[:3], OUTCOMES[3]), rest


def recall_trace(setup, *, update, seed):
    """Recall update by update, in either order of `UPDATES`: the states of the first patterns."""
    setup.require(**NO_CHIP, programming_error=0.0)
    check_choice(update, "update", UPDATES)
    stored = setup.stored(seed)
    network = setup.memory(seed).fit(stored, limits=setup.masked_limits(seed)).network_
    cues = setup.corrupt(stored, generator(seed, "trace", setup.neurons, setup.n_patterns))
    states = network.recall(cues, iterations=setup.iterations, update=update, trace=True)
    similar = cosine(states, stored[None]).mean(axis=1)
    dims = ("iteration", "pattern", "pixel")
    return {
        "cosine": quantity(similar, "1", "cosine similarity, mean over patterns", dims[0]),
        "state": quantity(states[:, :SHOWN], "1", "neuron state", dims),
    }
