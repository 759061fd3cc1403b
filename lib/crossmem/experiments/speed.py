"""Times of training and recall: against the machine's limit and against PyTorch."""

import math
import time
import tracemalloc
from functools import partial

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from crossmem.checks import check_count
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.torch_loop import TorchMemory, has_torch, one_thread
from crossmem.labels import describe, labelled, quantity
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch, initial_weights
from crossmem.networks.base import check_limits
from crossmem.networks.network import cosine
from crossmem.networks.noise import flipped_cues, shuffled_batches
from crossmem.networks.training import Recipe, Trainer
from crossmem.randomness import generator

WAYS = ["PyTorch", "one by one", "batch"]
EACH = ("recipe", "way", "seed")
# Units, long names and dimensions of what `recipe_costs` measures.
COSTS = {
    "seconds": ("s", "training time per network", EACH),
    "cosine": ("1", "cosine similarity after recall", EACH),
    "loss": ("1", "mean squared error at the end of training", EACH),
    "steps_taken": ("1", "training steps taken", EACH),
    "cue_cosine": ("1", "cosine similarity of the cues", "seed"),
    "nearest_cosine": ("1", "cosine similarity of the stored patterns nearest to the cues", "seed"),
    "steps": ("1", "most training steps", "recipe"),
    "learning_rate": ("1", "learning rate at the first step", "recipe"),
}


def best_seconds(function, repeats=5, clock=time.perf_counter):
    """Shortest of several times of a call, in s: the one that other programs disturbed least."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


#: As `best_seconds` in processor time, which leaves out what other programs took. For work on one
#: thread only: several would add up.
best_cpu_seconds = partial(best_seconds, clock=time.process_time)


def product_rate(size=2048, repeats=5):
    """Rate of a large float32 product on one thread, in operations per s: the limit here."""
    left, right = generator(0, "product").random((2, size, size), dtype=np.float32)
    out = np.empty_like(left)
    with threadpool_limits(1):
        return 2 * size**3 / best_cpu_seconds(lambda: np.matmul(left, right, out=out), repeats)


def step_runner(shapes, patterns, *, optimizer="adam", flip_rate=0.0, stored=None):
    """A training step as a function without arguments, and the operations of its products.

    Parameters
    ----------
    shapes : list of (int, int)
        Shape (n_out, n_in) of each layer.
    patterns : int
        Patterns that a step shows.
    optimizer : {"rmsprop", "adam"}
    flip_rate : float
        Above 0, each step sees freshly flipped cues of the next patterns in shuffled order, and the
        loss is that of noise training in a stack.
    stored : int
        Patterns that a noisy step chooses from; all that it shows by default.

    Returns
    -------
    step : callable
    operations : int
        Of the matrix products alone: the forward product and the gradient of every layer, and the
        error carried back by all but the first. Everything else is overhead.
    """
    rng = generator(0, "step")
    stored = stored or patterns
    targets = rng.choice(np.array([-1, 1], np.float32), (1, stored, shapes[0][1]))
    weights = [initial_weights(shape, rng)[None] for shape in shapes]
    deck = shuffled_batches(stored, patterns, rng)

    def corrupt(clean, out):
        flipped_cues(clean, flip_rate, rng, out)

    trainer = Trainer(
        targets,
        weights,
        [None] * len(shapes),
        Recipe(optimizer, learning_rate=1e-4, loss="cubic" if flip_rate else "squared"),
        corrupt=corrupt if flip_rate else None,
        draw=(lambda: [next(deck)]) if flip_rate else None,
    )

    def step():
        trainer.show()
        trainer.descend(1e-4)

    return step, 2 * products_per_pattern(shapes) * patterns


def products_per_pattern(shapes, unroll=1):
    """Multiplications of a training step for each pattern that it shows.

    Each use of a layer takes a product forward and one for the gradient, and all but the first use
    of all take one to carry the error back.

    Parameters
    ----------
    shapes : list of (int, int)
        Shape (n_out, n_in) of each layer.
    unroll : int
        As in `training.Recipe`.
    """
    weights = [math.prod(shape) for shape in shapes]
    return 3 * unroll * sum(weights) - weights[0]


def training_operations(setup):
    """Additions and multiplications in the matrix products of an adaptive training, all its steps.

    Parameters
    ----------
    setup : Setup

    Returns
    -------
    int
    """
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
    steps : int
        Steps per timing, of which the fastest counts.
    rounds : int
        Timings of each kind.

    Returns
    -------
    xarray.Dataset
        ``share`` (training, optimizer, neurons) and ``product_rate``, in operations per s.
    """
    check_count(rounds, "rounds")
    kinds, optimizers = ["clean", "noisy"], ["rmsprop", "adam"]
    rates = np.zeros((len(kinds), len(optimizers), len(neuron_counts)))
    limit = 0.0
    for place in np.ndindex(rates.shape):
        kind, optimizer, n = kinds[place[0]], optimizers[place[1]], neuron_counts[place[2]]
        if kind == "clean":
            step, operations = step_runner([(n, n)], round(load * n), optimizer=optimizer)
        else:
            shown, stack = round(noisy_load * n), [(n // 2, n), (n, n // 2)]
            noise = {"flip_rate": flip_rate, "stored": 10 * shown}
            step, operations = step_runner(stack, shown, optimizer=optimizer, **noise)
        with threadpool_limits(1):
            for _ in range(rounds):
                limit = max(limit, product_rate(repeats=1))
                rates[place] = max(rates[place], operations / best_cpu_seconds(step, steps))
    return xr.Dataset(
        {"share": (("training", "optimizer", "neurons"), rates / limit), "product_rate": limit},
        {"training": kinds, "optimizer": optimizers, "neurons": neuron_counts},
    )


def training_seconds(setup, *, seed=0, timed=50):
    """Processor time of an adaptive training on one thread, from two short ones.

    What is not a step (drawing weights, checks, limits) is paid once: the time of a step is
    the difference between a training of `timed` steps and one of three times as many.

    Parameters
    ----------
    setup : Setup
    seed : int
    timed : int
        Steps of the shorter training.

    Returns
    -------
    float
        Seconds; a training that meets its tolerance on the way takes less.
    """
    stored, limits, short = setup.stored(seed), setup.masked_limits(seed), setup.memory(seed)

    def seconds(steps):
        short.set_params(steps=steps)
        return best_cpu_seconds(partial(short.fit, stored, limits=limits), 3)

    with threadpool_limits(1):
        first, more = seconds(timed), seconds(3 * timed)
    left = setup.memory(seed).recipe(short.limits_).steps - timed
    return first + left * (more - first) / (2 * timed)


def step_growth(neuron_counts, pattern_counts, *, steps):
    """Time and memory of a full-batch Adam step of one layer, by N and by P.

    Returns
    -------
    xarray.Dataset
        ``seconds`` of a step and ``bytes`` of all arrays of the training, with what a step
        allocates, (neurons, n_patterns).
    """
    seconds = np.empty((len(neuron_counts), len(pattern_counts)))
    peak = np.empty_like(seconds)
    for i, n in enumerate(neuron_counts):
        for j, p in enumerate(pattern_counts):
            tracemalloc.start()  # counts what NumPy allocates; timing starts after it has stopped
            try:
                step, _ = step_runner([(n, n)], p)
                tracemalloc.reset_peak()
                step()
                peak[i, j] = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            with threadpool_limits(1):
                seconds[i, j] = best_cpu_seconds(step, steps)
    dims = ("neurons", "n_patterns")
    seconds = quantity(seconds, "s", "time of a training step", dims)
    peak = quantity(peak, "1", "bytes of the arrays of training", dims)
    coords = {"neurons": neuron_counts, "n_patterns": pattern_counts}
    return xr.Dataset({"seconds": seconds, "bytes": peak}, coords)


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
    at a time and all networks as one batch; PyTorch, if it is there, trains the first recipe.

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
        ``seconds`` per network, ``cosine`` of recall, final ``loss`` and ``steps_taken`` by recipe,
        way and seed, NaN for what was not trained; a batch shares its time among its networks;
        ``cue_cosine`` before recall by seed, and ``nearest_cosine`` if each cue gave the stored
        pattern nearest to it, which is the likeliest; ``steps`` and ``learning_rate`` by recipe.
    """
    stored = [setup.stored(seed) for seed in range(check_count(seeds, "seeds"))]
    names = ("seconds", "cosine", "loss", "steps_taken")
    measured = np.full((len(names), len(recipes), len(WAYS), seeds), np.nan)
    with one_thread():
        memories, seconds = train_every_way(setup, recipes, stored)
        for place, row in memories.items():
            for seed, memory in enumerate(row):
                quality = float(setup_quality(setup, memory, stored[seed], seed)["cosine"])
                found = (seconds[place][seed], quality, memory.loss_, memory.steps_)
                measured[:, *place, seed] = found
    nearest = [
        float(setup_quality(setup, NearestPattern(own), own, seed)["cosine"])
        for seed, own in enumerate(stored)
    ]
    used = [memories[k, 1][0] for k in range(len(recipes))]
    used = [memory.recipe(memory.limits_) for memory in used]
    values = dict(zip(names, measured, strict=True)) | {
        "cue_cosine": [cue_cosine(setup, own, seed) for seed, own in enumerate(stored)],
        "nearest_cosine": nearest,
        "steps": [recipe.steps for recipe in used],
        "learning_rate": [recipe.learning_rate for recipe in used],
    }
    return xr.Dataset(
        {name: quantity(value, *COSTS[name]) for name, value in values.items()},
        {"recipe": list(recipes), "way": WAYS, "seed": np.arange(seeds)},
    )


def train_every_way(setup, recipes, stored):
    """Memories trained by each recipe in each way, and the seconds that each of them took.

    Parameters
    ----------
    setup, recipes
        As in `recipe_costs`.
    stored : list of arrays (P, N)
        Patterns of each seed.

    Returns
    -------
    dict of (int, int) to list of AdaptiveMemory, dict of (int, int) to list of float
        By the number of the recipe and that of the way, one for each seed.
    """
    seeds = range(len(stored))

    def memories(kind, training):
        settings = setup.at(training=training).memory(0).get_params()
        return [kind(**settings | {"seed": seed}) for seed in seeds]

    first, *_ = recipes.values()
    alone = {(0, 0): memories(TorchMemory, first)} if has_torch() else {}
    alone |= {(k, 1): memories(AdaptiveMemory, one) for k, one in enumerate(recipes.values())}
    batches = {(k, 2): memories(AdaptiveMemory, one) for k, one in enumerate(recipes.values())}
    if len(seeds) == 1:
        batches = {}  # one is no batch
    for memory, *_ in alone.values():  # pays for what only a first call does
        type(memory)(**memory.get_params() | {"steps": 10}).fit(stored[0])
    seconds = {place: [] for place in alone}
    for seed in seeds:  # the ways take turns: all meet the same disturbances
        for place, row in alone.items():
            seconds[place].append(best_cpu_seconds(partial(row[seed].fit, stored[seed]), 1))
    for place, batch in batches.items():
        whole = best_cpu_seconds(partial(fit_batch, batch, stored), 1)
        seconds[place] = [whole / len(seeds)] * len(seeds)
    return alone | batches, seconds


def cue_cosine(setup, stored, seed):
    """Mean cosine similarity of cues and stored patterns (P, N), before any recall."""
    rng = generator(seed, "cues", setup.neurons, setup.n_patterns, setup.level)
    return cosine(setup.corrupt(stored, rng), stored).mean()


def recall_seconds(setup, *, batch, most, repeats):
    """Time of a recall on one thread of this processor, of one cue at a time and in a batch.

    Parameters
    ----------
    setup : Setup
        What is stored, by what network, and how long a cue by itself may take to come to rest.
    batch : int
        Cues that are recalled at once; the first 20 of them are recalled one by one too.
    most : int
        Iterations of the batch, which its last cue to rest would set otherwise.
    repeats : int
        Timings of each recall, of which the shortest counts.

    Returns
    -------
    xarray.DataArray (way,)
        Seconds per cue, "one cue" and "batch".
    """
    stored, rng = setup.stored(0), generator(0, "processor")
    many = setup.corrupt(np.resize(stored, (batch, setup.neurons)), rng)
    ways = {
        "one cue": ([cue[None] for cue in many[:20]], setup.iterations),
        "batch": ([many], most),
    }
    seconds = []
    with one_thread():
        memory = setup.memory(0).fit(stored)
        for groups, limit in ways.values():
            recalls = [partial(memory.recall, cues, iterations=limit) for cues in groups]
            shortest = [best_seconds(recall, repeats) for recall in recalls]
            seconds.append(sum(shortest) / sum(map(len, groups)))
    return labelled(seconds, "s", "time per recall on one processor core", way=list(ways))


def processor_costs(setup, charged, *, batch, repeats, watts):
    """Time and energy of a recall on this processor, in networks of several widths.

    Parameters
    ----------
    setup : Setup
        Of a single layer; the other networks differ from it in their hidden layer.
    charged : DataArray (width,)
        Iterations of each network on average, 0 for the single layer; a batch gets as many,
        rounded up.
    batch, repeats : int
        As in `recall_seconds`.
    watts : float
        Power of the processor.

    Returns
    -------
    xarray.Dataset
        ``seconds`` and ``energy`` (width, way), and ``iterations`` of the batch (width,).
    """
    limits, seconds = [math.ceil(mean) for mean in charged.values], []
    for width, most in zip(charged["width"].values.tolist(), limits, strict=True):
        network = setup.at(layers=2, width=width) if width else setup
        seconds.append(recall_seconds(network, batch=batch, most=most, repeats=repeats))
    cpu = xr.concat(seconds, charged["width"].variable).to_dataset(name="seconds")
    cpu = cpu.assign(energy=cpu["seconds"] * watts, iterations=("width", limits))
    return describe(
        cpu,
        energy=("J", "energy per recall at the stated power"),
        iterations=("1", "iterations of the batch: the chip's mean number, rounded up"),
        way=("1", "cues recalled at once"),
    )
