"""What one grid point of notebooks 05 and 06 does: recall on the chip as it really is."""

import copy
import functools
from itertools import product

import numpy as np
import xarray as xr

from crossmem.analog import (
    Peripherals,
    counter_losses,
    drift,
    drifted,
    with_peripherals,
    with_reset_gain,
)
from crossmem.capacity import recall_quality
from crossmem.checks import check_count
from crossmem.costs import typical
from crossmem.dynamics import UPDATES, activate, cosine, settling_time
from crossmem.experiments import (
    chip_memory,
    corruption,
    draw_pool,
    hidden_sizes,
    make_memory,
    masked_limits,
    quantity,
)
from crossmem.memories import program
from crossmem.randomness import generator


def update_schemes(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    fault_rate=0.0,
    flip_rate,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Synchronous against asynchronous recall of the same cues (Suppl. Note 3, Fig. 6c, 6d).

    An update of the whole state is one synchronous step, or as many single ones as there are
    neurons. The schemes are those of `dynamics.recall` and `random_draws`, which may take longer.

    Parameters
    ----------
    dataset, neurons, patterns, layers, hidden, fault_rate, flip_rate, cues
        As in `experiments.stored_quality`.
    iterations : int
        Largest number of updates of the whole state, at least 2.
    optimizer, steps, learning_rate, seed
        As in `experiments.storage_capacity`.

    Returns
    -------
    dict
        By update scheme: final ``cosine``; ``updates`` of the whole state until it is known to
        rest, the one that finds nothing to change included; ``moving``, those until the last
        change; ``changes`` of single neurons on the way; the ``oscillating`` share of recalls that
        end in a cycle of period two.
    """
    check_count(iterations, "iterations", least=2)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    memory = make_memory("adaptive", seed, hidden=hidden_sizes(neurons, layers, hidden), **training)
    stored = draw_pool(dataset, neurons, seed, patterns)
    memory.fit(stored, limits=masked_limits(memory.layer_shapes(neurons), fault_rate, seed))
    rng = generator(seed, "update schemes", neurons, patterns, flip_rate)
    wanted = np.tile(stored, (cues, 1))
    starts = corruption("sign", flip_rate)(wanted, rng)
    found = []
    for scheme in UPDATES:
        trace = memory.recall(starts, iterations=iterations, update=scheme, rng=rng, trace=True)
        moving = settling_time(trace)
        found.append(
            {
                "cosine": cosine(trace[-1], wanted),
                "updates": np.minimum(moving + 1, iterations),
                "moving": moving,
                "changes": (trace[1:] != trace[:-1]).sum(axis=(0, 2)),
                "oscillating": in_a_cycle(trace),
            }
        )
    # Random draws visit every neuron once in as many updates as this harmonic number.
    limit = round(iterations * neurons * (1 / np.arange(1, neurons + 1)).sum())
    states, drawn = random_draws(memory.layers_, starts, limit, rng)
    found.append(
        {
            "cosine": cosine(states, wanted),
            "updates": drawn["known"] / neurons,
            "moving": drawn["last"] / neurons,
            "changes": drawn["changes"],
            "oscillating": np.zeros(len(states)),
        }
    )
    names = {
        "cosine": ("1", "cosine similarity after recall"),
        "updates": ("1", "updates of the whole state until it is known to rest"),
        "moving": ("1", "updates of the whole state until the last change"),
        "changes": ("1", "changes of single neurons until the state rests"),
        "oscillating": ("1", "share of recalls in a cycle of period two"),
    }
    return {
        name: xr.DataArray(
            quantity([float(one[name].mean()) for one in found], *names[name], "scheme"),
            coords={"scheme": [*UPDATES, "random draws"]},
        )
        for name in names
    }


def in_a_cycle(trace):
    """Whether each recall of a trace (iterations + 1, n, N) ends in a cycle of period two."""
    moved = (trace[-1] != trace[-2]).any(axis=1)
    return moved & (trace[-1] == trace[-3]).all(axis=1)


def random_draws(layers, cues, limit, rng):
    """Asynchronous recall of sign neurons, each drawn at random with replacement (Hopfield 1982).

    Parameters
    ----------
    layers : sequence of Layer
    cues : array (n, N)
    limit : int
        Largest number of draws.
    rng : numpy.random.Generator
        Every recall draws its own neurons.

    Returns
    -------
    array (n, N), dict of arrays (n,) of int
        Final states; the draw of the ``last`` change, the draw at which the state is ``known`` to
        rest, because every neuron was drawn since (or the limit), and the number of ``changes``.
    """
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
            hidden = np.tanh(first.gain * sums + first.bias)
            for layer in layers[1:-1]:
                hidden = np.tanh(layer.field(hidden))
            below = np.einsum("nh,nh->n", hidden, last.weights[neuron])
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


def ratio_range(ratio, costs, groups):
    """Least and greatest value of a ratio of costs when all constants are anywhere in their ranges.

    A cost is a sum of products of constants with counts, so that a ratio of two costs has its
    extremes at corners of the box of constants.

    Parameters
    ----------
    ratio : callable
        Takes a dict of constants and returns a number.
    costs : dict of costs.Cost
    groups : list of lists of str
        Constants that go to the same end together, as those of one product may; others stay at
        their typical value.

    Returns
    -------
    float, float
    """
    found = []
    for ends in product(("low", "high"), repeat=len(groups)):
        chosen = {
            key: getattr(costs[key], end)
            for group, end in zip(groups, ends, strict=True)
            for key in group
        }
        found.append(float(ratio(typical(costs) | chosen)))
    return min(found), max(found)


def analog_recall(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    stuck_off=0.0,
    stuck_on=0.0,
    flip_rate=0.0,
    noise=0.0,
    chips,
    remedy="none",
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Recall through converters, read noise and line resistance.

    Trained once; all chips have the same faults, the same programming errors and the same cues.
    Converters are set when the chip is written, and drift comes after.

    Parameters
    ----------
    chips : list of lists
        What the chip is made of: bits of the input and of the output converters (None: exact),
        read noise in µS and line resistance in Ω, as in `analog.Peripherals`; then seconds since
        programming, and the mean and spread of the drift exponent, as in `analog.drift`.
    remedy : str
        As in `analog.counter_losses`.
    stuck_off, stuck_on : float
        Fault rates per device.
    dataset, neurons, patterns, layers, hidden, activation, flip_rate, noise, cues, iterations
        As in `experiments.stored_quality`.
    optimizer, steps, learning_rate, seed
        As in `experiments.storage_capacity`.

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine`` of the recalled patterns, by chip.
    """
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    network = {"layers": layers, "hidden": hidden, "activation": activation}
    stored = draw_pool(dataset, neurons, seed, patterns, binary=activation == "sign")
    key = (seed, neurons, patterns, layers)
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    rng = generator(seed, "analog chip", *key)
    memory, crossbars = chip_memory(
        stored, **network, **rates, training=training, seed=seed, rng=rng
    )
    corrupt, found = corruption(activation, flip_rate, noise), []

    @functools.cache
    def written(*parts):
        """A chip with these peripherals, and its crossbars; many differ in their drift alone."""
        peripherals, own = Peripherals(*parts), copy.deepcopy(crossbars)
        prepared = counter_losses(memory, own, peripherals.wire_resistance, remedy)
        on_chip = program(prepared, own, generator(seed, "analog programming", *key))
        reads = generator(seed, "analog reads", *key)
        return with_peripherals(on_chip, own, peripherals, stored, reads), own

    for *parts, age, nu, nu_spread in chips:
        chip, own = copy.deepcopy(written(*parts))  # so that each chip's reads begin alike
        if age:
            conductances = _drifts(own, [age], nu, nu_spread, key)[0]
            chip = drifted(chip, own, conductances, parts[-1])
        cue_rng = generator(seed, "cues", neurons, patterns, flip_rate or noise)
        found.append(
            recall_quality(chip, stored, corrupt, cue_rng, cues=cues, iterations=iterations)
        )
    return {
        "cosine": quantity([f.mean for f in found], "1", "mean cosine similarity", "chip"),
        "worst_cosine": quantity(
            [f.per_pattern for f in found], "1", "worst cosine similarity", "chip"
        ),
    }


def drifted_recall(
    *,
    dataset,
    neurons,
    patterns,
    layers=1,
    hidden=None,
    activation="sign",
    stuck_off=0.0,
    stuck_on=0.0,
    flip_rate=0.0,
    noise=0.0,
    bits=None,
    read_noise=0.0,
    wire_resistance=0.0,
    times,
    nu=0.0,
    nu_spread=0.0,
    cues,
    iterations,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    seed,
):
    """Recall as the conductances wander and drift after programming.

    Parameters
    ----------
    stuck_off, stuck_on : float
        Fault rates per device.
    bits, read_noise, wire_resistance
        The rest of the chip, see `analog.Peripherals`; ideal by default.
    times, nu, nu_spread
        As in `analog.drift`.
    dataset, neurons, patterns, layers, hidden, activation, flip_rate, noise, cues, iterations
        As in `experiments.stored_quality`.
    optimizer, steps, learning_rate, seed
        As in `experiments.storage_capacity`.

    Returns
    -------
    dict
        ``cosine`` by time, and ``recalibrated``: the same with `analog.with_reset_gain`.
    """
    peripherals = Peripherals(bits, bits, read_noise, wire_resistance)
    training = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    network = {"layers": layers, "hidden": hidden, "activation": activation}
    stored = draw_pool(dataset, neurons, seed, patterns, binary=activation == "sign")
    rates = {"stuck_off": stuck_off, "stuck_on": stuck_on}
    key = (seed, neurons, patterns, layers)
    rng = generator(seed, "drifting chip", *key)
    memory, crossbars = chip_memory(
        stored, **network, **rates, training=training, seed=seed, rng=rng
    )
    on_chip = program(memory, crossbars, rng)
    fresh = with_peripherals(on_chip, crossbars, peripherals, stored, rng)
    corrupt = corruption(activation, flip_rate, noise)
    options = {"cues": cues, "iterations": iterations}
    found = {"cosine": [], "recalibrated": []}
    for conductances in _drifts(crossbars, times, nu, nu_spread, key):
        old = drifted(fresh, crossbars, conductances, wire_resistance)
        for means, chip in zip(found.values(), (old, with_reset_gain(old, fresh)), strict=True):
            # The same cues at every time.
            cue_rng = generator(seed, "cues", neurons, patterns, flip_rate or noise)
            quality = recall_quality(chip, stored, corrupt, cue_rng, **options)
            means.append(quality.mean)
    names = {"cosine": "mean cosine similarity", "recalibrated": "the same, gains recalibrated"}
    return {
        name: xr.DataArray(
            quantity(means, "1", names[name], "time"), coords={"time": [float(t) for t in times]}
        )
        for name, means in found.items()
    }


def _drifts(crossbars, times, nu, nu_spread, key):
    """For each time, the conductances of all crossbars; chips of one key drift alike."""
    rng = generator(key[0], "drift", *key)
    aged = [drift(crossbar, times, rng, nu=nu, nu_spread=nu_spread) for crossbar in crossbars]
    return list(zip(*aged, strict=True))
