"""The energy of a small Hopfield network, and recalls that run down it."""

import numpy as np

from crossmem.checks import check_count
from crossmem.labels import quantity
from crossmem.networks.network import activate
from crossmem.networks.rules import HebbianMemory
from crossmem.networks.stability import energy
from crossmem.randomness import generator


def energy_landscape(*, neurons, recalls, seed):
    """Energy over the overlaps with two orthogonal patterns, stored by Hebb's rule, and recalls.

    Half of the neurons have the same value in both patterns. The energy depends on a state only
    through the numbers of flipped neurons in that half and in the other one, so one state of each
    kind shows it all: E = N/2 · (c - m₁² - m₂²) with the overlaps m and c = 2/N. The ``recalls``
    start from random states anywhere in between and update one neuron after the other, each twice,
    in random order.

    Returns
    -------
    dict
        ``overlap`` and ``energy`` along (same, other), the flipped neurons of each half, and
        ``path`` and ``path_energy`` along (recall, update); ``overlap`` and ``path`` have the two
        patterns as their last dimension. An odd number of neurons is a ValueError.
    """
    if check_count(neurons, "neurons", least=2) % 2:
        raise ValueError(f"neurons={neurons} has no half: give an even number")
    rng = generator(seed, "landscape", neurons)
    order = rng.permutation(neurons)
    halves = order[: neurons // 2], order[neurons // 2 :]
    patterns = np.tile(rng.choice([-1.0, 1.0], neurons), (2, 1))
    patterns[1, halves[1]] *= -1
    (layer,) = HebbianMemory().fit(patterns).layers_

    def state(flipped):
        """The first pattern with so many neurons of each half flipped."""
        flips = [half[:count] for half, count in zip(halves, flipped, strict=True)]
        return np.where(np.isin(np.arange(neurons), np.concatenate(flips)), -1, 1) * patterns[0]

    counts = np.indices((neurons // 2 + 1,) * 2).transpose(1, 2, 0)
    states = np.apply_along_axis(state, 2, counts)
    starts = [state(flipped) for flipped in rng.integers(0, neurons // 2 + 1, (recalls, 2))]
    paths = np.stack([recall(layer, start, rng) for start in starts])
    pairs, steps = ("same", "other"), ("recall", "update")
    return {
        "overlap": quantity(states @ patterns.T / neurons, "1", "overlap", (*pairs, "pattern")),
        "energy": quantity(energy(layer, states), "1", "energy", pairs),
        "path": quantity(paths @ patterns.T / neurons, "1", "overlap", (*steps, "pattern")),
        "path_energy": quantity(energy(layer, paths), "1", "energy of a recall", steps),
    }


def recall(layer, start, rng):
    """States (2N + 1, N) of a recall of sign neurons, one neuron at a time in random order."""
    state, seen = start.copy(), [start]
    for neuron in np.concatenate([rng.permutation(len(start)) for _ in range(2)]):
        field = layer.gain * layer.weights[neuron] @ state + layer.bias[neuron]
        state = state.copy()
        state[neuron] = activate(field, state[neuron], "sign", layer.gain)
        seen.append(state)
    return np.stack(seen)
