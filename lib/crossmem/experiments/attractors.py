"""Where recall ends, and how firmly stored patterns attract."""

import numpy as np
import xarray as xr

from crossmem.analysis.theory import RECALLED
from crossmem.experiments.setup import (
    corruption,
    draw_pool,
    hidden_sizes,
    make_memory,
    masked_limits,
)
from crossmem.labels import quantity
from crossmem.networks.network import cosine
from crossmem.networks.stability import (
    is_fixed_point,
    settling_time,
    spectral_norm,
    spectral_radius,
)
from crossmem.randomness import generator

OUTCOMES = ["own pattern", "other pattern", "spurious", "moving"]


def attractors(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    levels,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Where recall ends, how soon, and how firmly the stored patterns attract (Suppl. Notes 5–7).

    A recall ends in its own pattern or another stored one (or its mirror image) if the cosine
    similarity is at least 0.99, in a spurious state if it rests elsewhere, or it still moves.

    Parameters
    ----------
    levels : list of float
        Corruptions of the cues: flip rates for sign neurons, of which 0.5 is a random start, or
        noise for tanh neurons.
    dataset, neurons, patterns, layers, hidden, activation, cues, optimizer, steps, learning_rate
        As in `stored_quality`.
    iterations : int
        Largest number of updates; allow more than recall does, so that slow ones can end.
    seed : int

    Returns
    -------
    dict
        ``share`` of the recalls by level and outcome, mean ``settling`` time of those that rest,
        and by stored pattern the spectral ``norm`` and ``radius`` of the Jacobian there.
    """
    binary, sizes = activation == "sign", hidden_sizes(neurons, layers, hidden)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    memory = make_memory("adaptive", seed, hidden=sizes, activation=activation, **training)
    stored = draw_pool(dataset, neurons, seed, patterns, binary=binary)
    memory.fit(stored)
    share, settling = [], []
    for level in levels:
        rng = generator(seed, "attractors", neurons, patterns, level)
        corrupt = corruption(activation, **{"flip_rate" if binary else "noise": level})
        starts = corrupt(np.tile(stored, (cues, 1)), rng)
        trace = memory.recall(starts, iterations=iterations, trace=True)
        ended, rest = outcomes(memory, trace[-1], stored)
        share.append([float((ended == name).mean()) for name in OUTCOMES])
        settling.append(float(settling_time(trace)[rest].mean()) if rest.any() else np.nan)
    coords = {"level": levels, "outcome": OUTCOMES}
    jacobians = {
        name: quantity([value(memory.layers_, x) for x in stored], "1", long_name, "pattern")
        for name, value, long_name in (
            ("norm", spectral_norm, "spectral norm of the Jacobian"),
            ("radius", spectral_radius, "spectral radius of the Jacobian"),
        )
    }
    return {
        "share": xr.DataArray(
            quantity(share, "1", "share of the recalls", ("level", "outcome")), coords=coords
        ),
        "settling": xr.DataArray(
            quantity(settling, "iterations", "mean settling time", "level"),
            coords={"level": levels},
        ),
        **jacobians,
    }


def outcomes(memory, states, stored):
    """What each end state (n, N) is, of `OUTCOMES`, and whether it rests; starts cycle ``stored``.

    Returns
    -------
    array (n,) of str, array (n,) of bool
    """
    rest = is_fixed_point(memory.layers_, states, activation=memory.activation)
    similar = cosine(states[:, None, :], stored[None])
    own = similar[np.arange(len(states)), np.arange(len(states)) % len(stored)]
    other = np.abs(similar).max(axis=1)
    cases = [own >= RECALLED, other >= RECALLED, rest]
    return np.select(cases, OUTCOMES[:3], OUTCOMES[3]), rest


SHOWN = 6  # patterns whose states a trace keeps


def recall_trace(
    *, dataset, neurons, patterns, unroll, update, cue_noise, flip_rate, iterations, steps, seed
):
    """Recall of one layer, update by update, after training through one or two updates.

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons, patterns : int
    unroll, cue_noise, steps
        As in `AdaptiveMemory`; a ``cue_noise`` of 0 is the published training.
    update : {"synchronous", "asynchronous"}
    flip_rate : float
        Share of flipped bits in the cues.
    iterations : int
    seed : int

    Returns
    -------
    dict
        ``cosine`` with the stored pattern, mean over patterns, by iteration; ``state`` of the
        first patterns by iteration.
    """
    stored = draw_pool(dataset, neurons, seed, patterns)
    training = {"optimizer": None, "steps": steps, "cue_noise": cue_noise, "unroll": unroll}
    memory = make_memory("adaptive", seed, **training)
    memory.fit(stored, limits=masked_limits(memory.layer_shapes(neurons), 0.0, seed))
    cues = corruption("sign", flip_rate)(stored, generator(seed, "trace", neurons, patterns))
    states = memory.recall(cues, iterations=iterations, update=update, trace=True)
    similar = cosine(states, stored[None]).mean(axis=1)
    return {
        "cosine": quantity(similar, "1", "cosine similarity, mean over patterns", "iteration"),
        "state": quantity(
            states[:, :SHOWN], "1", "neuron state", ("iteration", "pattern", "pixel")
        ),
    }
