"""Synchronous against asynchronous recall."""

import numpy as np

from crossmem.checks import check_count
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import labelled
from crossmem.networks.network import UPDATES, activate, cosine, hidden_outputs
from crossmem.networks.stability import settling_time
from crossmem.randomness import generator

# What is measured of each update scheme, in means over the recalls: units and long names.
MEASURED = {
    "cosine": ("1", "cosine similarity after recall"),
    "updates": ("1", "updates of the whole state until it is known to rest"),
    "moving": ("1", "updates of the whole state until the last change"),
    "changes": ("1", "changes of single neurons until the state rests"),
    "oscillating": ("1", "share of recalls in a cycle of period two"),
}


def update_schemes(setup, *, seed):
    """Synchronous against asynchronous recall of the same cues (Suppl. Note 3, Fig. 6c, 6d).

    An update of the whole state is one synchronous step, or as many single ones as there are
    neurons. The schemes are those of `Network.recall` and `random_draws`, which may take longer.
    The setup has sign neurons and at least 2 iterations.
    """
    setup.require(**NO_CHIP, activation="sign", programming_error=0.0)
    iterations, neurons = check_count(setup.iterations, "iterations", least=2), setup.neurons
    stored = setup.stored(seed)
    network = setup.memory(seed).fit(stored, limits=setup.masked_limits(seed)).network_
    rng = generator(seed, "update schemes", neurons, setup.n_patterns, setup.flip_rate)
    wanted = np.tile(stored, (setup.cues, 1))
    starts, found = setup.corrupt(wanted, rng), []
    for scheme in UPDATES:
        trace = network.recall(starts, iterations=iterations, update=scheme, rng=rng, trace=True)
        moving, changes = settling_time(trace), (trace[1:] != trace[:-1]).sum(axis=(0, 2))
        known = np.minimum(moving + 1, iterations)  # the last update finds nothing to change
        found.append((cosine(trace[-1], wanted), known, moving, changes, in_a_cycle(trace)))
    # Random draws visit every neuron once in as many updates as this harmonic number.
    limit = round(iterations * neurons * (1 / np.arange(1, neurons + 1)).sum())
    states, drawn = random_draws(network, starts, limit, rng)
    known, moving = drawn["known"] / neurons, drawn["last"] / neurons
    found.append((cosine(states, wanted), known, moving, drawn["changes"], 0.0))
    schemes = [*UPDATES, "random draws"]
    means = np.array([[float(np.mean(part)) for part in scheme] for scheme in found]).T
    return {
        name: labelled(own, *meaning, scheme=schemes)
        for (name, meaning), own in zip(MEASURED.items(), means, strict=True)
    }


def in_a_cycle(trace):
    """Whether each recall of a trace (iterations + 1, n, N) ends in a cycle of period two."""
    moved = (trace[-1] != trace[-2]).any(axis=1)
    return moved & (trace[-1] == trace[-3]).all(axis=1)


def random_draws(network, cues, limit, rng):
    """Asynchronous recall of sign neurons, each drawn at random with replacement (Hopfield 1982).

    Each of the cues (n, N) draws its own neurons, up to a ``limit`` of draws. Returns the final
    states (n, N), and a dict of arrays (n,) of int: the draw of the ``last`` change, the draw at
    which the state is ``known`` to rest, because every neuron was drawn since (or the limit), and
    the number of ``changes``.
    """
    layers = network.layers
    first, last = layers[0], layers[-1]
    states = np.array(cues, dtype=first.weights.dtype)
    sums, every = states @ first.weights.T, np.arange(len(states))
    fresh = np.zeros(states.shape, dtype=bool)  # neurons drawn since the last change
    unseen = np.full(len(states), states.shape[1])
    found = {name: np.zeros(len(states), dtype=int) for name in ("last", "changes")}
    found["known"] = np.full(len(states), limit)
    for draw in range(1, limit + 1):
        neuron = rng.integers(states.shape[1], size=len(states))
        if len(layers) == 1:
            below = sums[every, neuron]
        else:
            below = np.einsum("nh,nh->n", hidden_outputs(layers, sums), last.weights[neuron])
        before = states[every, neuron]
        after = activate(last.gain * below + last.bias[neuron], before, "sign", last.gain)
        unseen -= ~fresh[every, neuron]
        fresh[every, neuron] = True
        if (changed := np.flatnonzero(after != before)).size:
            at = neuron[changed]
            states[changed, at] = after[changed]
            sums[changed] += (after - before)[changed, None] * first.weights[:, at].T
            found["last"][changed] = draw
            found["changes"][changed] += 1
            fresh[changed], unseen[changed] = False, states.shape[1]
        found["known"][(unseen == 0) & (found["known"] == limit)] = draw
        if not unseen.any():
            break
    return states, found
