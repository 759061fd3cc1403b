"""Times of training and recall: against the machine's limit and against PyTorch."""

import itertools
import math
import time
import timeit
import tracemalloc
from functools import partial

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from crossmem.checks import check_count
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.torch_loop import TorchMemory, has_torch, one_thread
from crossmem.labels import describe, labelled
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch, initial_weights
from crossmem.networks.base import check_limits
from crossmem.networks.network import cosine
from crossmem.networks.noise import flipped_cues, shuffled_batches
from crossmem.networks.training import Recipe, Trainer
from crossmem.randomness import generator

WAYS = ["PyTorch", "one by one", "batch"]
# What `recipe_costs` measures: units and long names.
COSTS = {
    "seconds": ("s", "training time per network"),
    "cosine": ("1", "cosine similarity after recall"),
    "loss": ("1", "mean squared error at the end of training"),
    "steps_taken": ("1", "training steps taken"),
    "cue_cosine": ("1", "cosine similarity of the cues"),
    "nearest_cosine": ("1", "cosine similarity of the stored patterns nearest to the cues"),
    "steps": ("1", "most training steps"),
    "learning_rate": ("1", "learning rate at the first step"),
}


def best_seconds(function, repeats, clock=time.perf_counter):
    """Shortest of several times of a call, in s: the one that other programs disturbed least."""
    return min(timeit.repeat(function, timer=clock, number=1, repeat=repeats))


#: As `best_seconds` in processor time, which leaves out what other programs took. For work on one
#: thread only: several would add up.
best_cpu_seconds = partial(best_seconds, clock=time.process_time)


def product_rate(size=2048):
    """Rate of a large float32 product, in operations per s: the limit of this machine."""
    left, right = generator(0, "product").random((2, size, size), dtype=np.float32)
    out = np.empty_like(left)
    return 2 * size**3 / best_cpu_seconds(lambda: np.matmul(left, right, out=out), 1)


def step_runner(shapes, shown, *, optimizer="adam", flip_rate=0.0, stored=None):
    """A training step of layers (n_out, n_in), a function, and the operations of its products.

    Without flips it shows all patterns. With a flip rate, each step sees freshly flipped cues of
    the next of the ``stored`` patterns in shuffled order, and the loss is that of noise training in
    a stack. What a step does beside its matrix products is overhead.
    """
    rng, stored = generator(0, "step"), stored or shown
    targets = rng.choice(np.array([-1, 1], np.float32), (1, stored, shapes[0][1]))
    weights = [initial_weights(shape, rng)[None] for shape in shapes]
    noise, deck = {}, shuffled_batches(stored, shown, rng)
    if flip_rate:
        noise["corrupt"] = lambda clean, out: flipped_cues(clean, flip_rate, rng, out)
        noise["draw"] = lambda: [next(deck)]
    recipe = Recipe(optimizer, learning_rate=1e-4, loss="cubic" if flip_rate else "squared")
    trainer = Trainer(targets, weights, [None] * len(shapes), recipe, **noise)

    def step():
        trainer.show()
        trainer.descend(1e-4)

    return step, 2 * products_per_pattern(shapes) * shown


def products_per_pattern(shapes, unroll=1):
    """Multiplications of a training step for each pattern that it shows.

    Each use of a layer (n_out, n_in) takes a product forward and one for the gradient, and all but
    the first use of all take one to carry the error back.
    """
    weights = [math.prod(shape) for shape in shapes]
    return 3 * unroll * sum(weights) - weights[0]


def training_operations(setup):
    """Additions and multiplications in the matrix products of all steps of a setup's training."""
    memory, shapes = setup.memory(0), setup.shapes()
    shown = memory.patterns_per_step(setup.n_patterns)
    steps = memory.recipe(check_limits(None, shapes)).steps
    return 2 * products_per_pattern(shapes, memory.unroll) * shown * steps


def training_shares(neuron_counts, *, load, noisy_load, flip_rate, steps, rounds=4):
    """Share of the product rate that training steps reach, by optimiser, training and size.

    "clean" is one layer that sees ``load`` N patterns in each step; "noisy" a stack with N/2 hidden
    neurons that sees fresh flips of ``noisy_load`` N patterns, a tenth of those that it stores.
    Every timing of a step stands between two of the product, and the best of each counts, so that
    a machine that slows down for a while slows both.

    Parameters
    ----------
    neuron_counts : list of int
    load, noisy_load : float
        Patterns per neuron in a step.
    flip_rate : float
        Share of flipped bits in the noisy cues.
    steps, rounds : int
        Steps per timing, of which the fastest counts, and timings of each kind.
    """
    check_count(rounds, "rounds")
    axes = {"training": ["clean", "noisy"], "optimizer": ["rmsprop", "adam"]}
    axes |= {"neurons": neuron_counts}
    rates, limit = [], 0.0
    for kind, optimizer, n in itertools.product(*axes.values()):
        shapes, shown, noise, seconds = [(n, n)], round(load * n), {}, math.inf
        if kind == "noisy":
            shapes, shown = [(n // 2, n), (n, n // 2)], round(noisy_load * n)
            noise = {"flip_rate": flip_rate, "stored": 10 * shown}
        step, operations = step_runner(shapes, shown, optimizer=optimizer, **noise)
        with threadpool_limits(1):
            for _ in range(rounds):
                limit = max(limit, product_rate())
                seconds = min(seconds, best_cpu_seconds(step, steps))
        rates.append(operations / seconds)
    shares = np.reshape(rates, [len(values) for values in axes.values()]) / limit
    return xr.Dataset({"share": (list(axes), shares), "product_rate": limit}, axes)


def training_seconds(setup, *, timed=50):
    """Processor time of a setup's training on one thread, in s, from two short ones.

    What is not a step (drawing weights, checks, limits) is paid once: the time of a step is
    the difference between a training of ``timed`` steps and one of three times as many. A training
    that meets its tolerance on the way takes less.
    """
    stored, limits, short = setup.stored(0), setup.masked_limits(0), setup.memory(0)

    def seconds(steps):
        short.set_params(steps=steps)
        return best_cpu_seconds(partial(short.fit, stored, limits=limits), 3)

    with threadpool_limits(1):
        first, more = seconds(timed), seconds(3 * timed)
    left = setup.memory(0).recipe(short.limits_).steps - timed
    return first + left * (more - first) / (2 * timed)


def step_growth(neuron_counts, pattern_counts, *, steps):
    """Time and memory of a full-batch Adam step of one layer, (neurons, n_patterns).

    The ``seconds`` are the shortest of so many ``steps``; the ``bytes`` are those of all arrays of
    the training, with what a step allocates.
    """
    grid, found = {"neurons": neuron_counts, "n_patterns": pattern_counts}, []
    for n, p in itertools.product(*grid.values()):
        tracemalloc.start()  # counts what NumPy allocates; timing starts after it has stopped
        try:
            step, _ = step_runner([(n, n)], p)
            tracemalloc.reset_peak()
            step()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        with threadpool_limits(1):
            found.append((best_cpu_seconds(step, steps), float(peak)))
    shape = len(neuron_counts), len(pattern_counts)
    seconds, peak = (np.reshape(column, shape) for column in zip(*found, strict=True))
    seconds = labelled(seconds, "s", "time of a training step", **grid)
    peak = labelled(peak, "1", "bytes of the arrays of training", **grid)
    return xr.Dataset({"seconds": seconds, "bytes": peak})


class NearestPattern:
    """Recalls the stored pattern at the least distance from a cue: the yardstick for a memory."""

    def __init__(self, stored):
        self.stored = stored

    def recall(self, cues, *, iterations=1):
        """Stored patterns (M, N) for cues (M, N), in one iteration, however many are allowed."""
        squares = np.square(self.stored).sum(axis=1)
        return self.stored[(squares - 2 * cues @ self.stored.T).argmin(axis=1)]


def recipe_costs(setup, *, recipes, seeds):
    """Time and quality of training recipes for a memory with one hidden layer.

    Every recipe trains the same patterns from the same initial weights, on one thread, one network
    at a time and all networks as one batch, which share its time; PyTorch, if it is there, trains
    the first recipe.

    Parameters
    ----------
    setup : Setup
        Its own training is not used.
    recipes : dict of str to Training
        By name; the first is the one to compare to.
    seeds : int
        Networks.

    Returns
    -------
    xarray.Dataset
        The `COSTS`, NaN for what was not trained.
    """
    stored = [setup.stored(seed) for seed in range(check_count(seeds, "seeds"))]
    axes = {"recipe": list(recipes), "way": WAYS, "seed": np.arange(seeds)}
    trained = ("seconds", "cosine", "loss", "steps_taken")
    costs = xr.Dataset({name: xr.DataArray(np.nan, axes, list(axes)) for name in trained})
    with one_thread():
        for place, row in train_every_way(setup, recipes, stored).items():
            for seed, (memory, seconds) in enumerate(row):
                quality = setup_quality(setup, memory, stored[seed], seed)["cosine"]
                found = (seconds, float(quality), memory.loss_, memory.steps_)
                for name, value in zip(trained, found, strict=True):
                    costs[name].loc[*place, seed] = value
    cues, nearest, free = [], [], check_limits(None, setup.shapes())
    for seed, own in enumerate(stored):
        rng = generator(seed, "cues", setup.neurons, setup.n_patterns, setup.level)
        cues.append(cosine(setup.corrupt(own, rng), own).mean())
        nearest.append(float(setup_quality(setup, NearestPattern(own), own, seed)["cosine"]))
    used = [setup.at(training=recipe).memory(0).recipe(free) for recipe in recipes.values()]
    costs = costs.assign(
        cue_cosine=("seed", cues),
        nearest_cosine=("seed", nearest),
        steps=("recipe", [recipe.steps for recipe in used]),
        learning_rate=("recipe", [recipe.learning_rate for recipe in used]),
    )
    return describe(costs, **COSTS)


def train_every_way(setup, recipes, stored):
    """Memories by (recipe, way), one for the patterns (P, N) of each seed, with their seconds."""

    def memories(name, kind=AdaptiveMemory):
        networks = setup.at(training=recipes[name])
        return [kind(**networks.memory(seed).get_params()) for seed in range(len(stored))]

    first, *_ = recipes
    alone = {(first, WAYS[0]): memories(first, TorchMemory)} if has_torch() else {}
    alone |= {(name, WAYS[1]): memories(name) for name in recipes}
    for memory, *_ in alone.values():  # pays for what only a first call does
        type(memory)(**memory.get_params() | {"steps": 10}).fit(stored[0])
    trained = {place: [] for place in alone}
    for seed, own in enumerate(stored):  # the ways take turns: all meet the same disturbances
        for place, row in alone.items():
            seconds = best_cpu_seconds(partial(row[seed].fit, own), 1)
            trained[place].append((row[seed], seconds))
    if len(stored) > 1:  # one is no batch
        for name in recipes:
            batch = memories(name)
            whole = best_cpu_seconds(partial(fit_batch, batch, stored), 1)
            trained[name, WAYS[2]] = [(memory, whole / len(stored)) for memory in batch]
    return trained


def recall_seconds(setup, *, batch, most, repeats):
    """Seconds per cue of a recall on one thread, by way: one cue at a time, and in a batch.

    The setup says how many iterations a cue by itself may take to come to rest; the batch gets
    ``most``, which its last cue to rest would set otherwise. The first 20 of its cues are recalled
    one by one too, and the shortest of several ``repeats`` counts.
    """
    stored, rng = setup.stored(0), generator(0, "processor")
    many = setup.corrupt(np.resize(stored, (batch, setup.neurons)), rng)
    alone = [cue[None] for cue in many[:20]]
    with one_thread():
        memory, seconds = setup.memory(0).fit(stored), []
        for groups, limit in ((alone, setup.iterations), ([many], most)):
            recalls = [partial(memory.recall, cues, iterations=limit) for cues in groups]
            shortest = [best_seconds(recall, repeats) for recall in recalls]
            seconds.append(sum(shortest) / sum(map(len, groups)))
    way = ["one cue", "batch"]
    return labelled(seconds, "s", "time per recall on one processor core", way=way)


def processor_costs(setup, charged, *, batch, repeats, watts):
    """Time and energy of a recall on this processor, in networks of several widths.

    Parameters
    ----------
    setup : Setup
        Of a single layer; the other networks differ from it in their hidden layer.
    charged : DataArray (width,)
        Iterations on average by width, 0 for the single layer; a batch gets as many, rounded up.
    batch, repeats : int
        As in `recall_seconds`.
    watts : float
        Power of the processor.
    """
    limits, widths = [math.ceil(mean) for mean in charged.values], charged["width"].values.tolist()
    networks = [setup.at(layers=2, width=width) if width else setup for width in widths]
    measure = partial(recall_seconds, batch=batch, repeats=repeats)
    seconds = [measure(own, most=most) for own, most in zip(networks, limits, strict=True)]
    cpu = xr.concat(seconds, charged["width"].variable).to_dataset(name="seconds")
    return describe(
        cpu.assign(energy=cpu["seconds"] * watts, iterations=("width", limits)),
        energy=("J", "energy per recall at the stated power"),
        iterations=("1", "iterations of the batch: the chip's mean number, rounded up"),
        way=("1", "cues recalled at once"),
    )
