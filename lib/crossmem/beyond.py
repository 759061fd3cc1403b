"""What one grid point of notebook 07 does beside the capacity searches: pure functions of a seed."""

import math

from crossmem.checks import check_count
from crossmem.dynamics import cosine
from crossmem.experiments import corruption, draw_pool, make_memory, masked_limits, quantity
from crossmem.randomness import generator

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


def training_operations(shapes, shown, steps, unroll=1):
    """Additions and multiplications in the matrix products of a training.

    Each use of a layer takes a product forward and one for the gradient, and all but the first one
    to carry the error back.

    Parameters
    ----------
    shapes : list of (int, int)
        Shape (n_out, n_in) of each layer, all of the same number of weights.
    shown : int or array
        Patterns shown in a step.
    steps : int or array
    unroll : int
        As in `training.Recipe`.

    Returns
    -------
    int or array

    Raises
    ------
    ValueError
        If the layers differ in their number of weights.
    """
    weights = {math.prod(shape) for shape in shapes}
    if len(weights) != 1:
        raise ValueError(f"layers of {sorted(weights)} weights: give layers of equal size")
    products = 3 * len(shapes) * check_count(unroll, "unroll") - 1
    return 2 * products * weights.pop() * shown * steps
