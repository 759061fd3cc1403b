"""Times of training and recall: against the machine's limit and against PyTorch."""

import importlib.util
import itertools
import math
import time
import timeit
import tracemalloc
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from crossmem.checks import check_count
from crossmem.experiments.quality import setup_quality
from crossmem.labels import describe, labelled
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch, initial_weights
from crossmem.networks.arrays import namespace_of
from crossmem.networks.base import check_limits
from crossmem.networks.network import Layer, cosine
from crossmem.networks.noise import flipped_cues, shuffled_batches
from crossmem.networks.training import Recipe, Trainer
from crossmem.randomness import generator

HAS_TORCH = importlib.util.find_spec("torch") is not None
WAYS = ["PyTorch", "one by one", "batch"]


def best_seconds(function, repeats=1, clock=time.process_time):
    """Shortest of several times of a call on one thread, in s: the least disturbed one.

    Processor time leaves out what other programs took.
    """
    with threadpool_limits(1):
        return min(timeit.repeat(function, timer=clock, number=1, repeat=repeats))


def seconds_in_turn(functions, rounds, clock=time.process_time):
    """Times of calls that take turns on one thread, in s, (functions, rounds).

    What slows the machine for a while slows all of them, so that their ratio within a round stands.
    """
    taken = np.empty((len(functions), rounds))
    with threadpool_limits(1):
        for round_, (place, function) in itertools.product(range(rounds), enumerate(functions)):
            start = clock()
            function()
            taken[place, round_] = clock() - start
    return taken


def product_rate(size=2048, *, place=np.asarray, sync=None):
    """Rate of a large float32 product, in operations per s: the limit of this machine.

    On a GPU the factors go by ``place``; ``sync`` waits for it, and the clock is that on the wall.
    """
    left, right = place(generator(0, "product").random((2, size, size), dtype=np.float32))
    out = place(np.empty((size, size), dtype=np.float32))

    def product():
        namespace_of(out).matmul(left, right, out=out)
        if sync:
            sync()

    timed = {"repeats": 5, "clock": time.perf_counter} if sync else {}
    return 2 * size**3 / best_seconds(product, **timed)


def training_step(
    shapes, shown, *, optimizer="adam", flip_rate=0.0, stored=None, networks=1, place=np.asarray
):
    """A training step of layers (n_out, n_in), as a function.

    It trains a batch of equal ``networks`` where ``place`` puts their patterns, in main memory or,
    by ``cupy.asarray``, on a GPU. Without flips it shows all patterns. With a flip rate, each step
    sees freshly flipped cues of the next of the ``stored`` patterns in shuffled order, and the loss
    is that of noise training in a stack. What a step does beside its products is overhead.
    """
    rng, stored = generator(0, "step"), stored or shown
    targets = rng.choice(np.array([-1, 1], np.float32), (1, stored, shapes[0][1]))
    targets = place(np.repeat(targets, networks, axis=0))
    weights = [np.repeat(initial_weights(shape, rng)[None], networks, axis=0) for shape in shapes]
    noise, deck = {}, shuffled_batches(stored, shown, rng)
    if flip_rate:
        noise["corrupt"] = lambda clean, out: flipped_cues(clean, flip_rate, rng, out)
        noise["draw"] = lambda: [next(deck)] * networks
    recipe = Recipe(optimizer, learning_rate=1e-4, loss="cubic" if flip_rate else "squared")
    trainer = Trainer(targets, weights, [None] * len(shapes), recipe, **noise)

    def step():
        trainer.show()
        trainer.descend(1e-4)

    return step


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
    return 2 * products_per_pattern(shapes, memory.period) * shown * steps


def training_shares(neuron_counts, *, load, noisy_load, flip_rate, steps, rounds=4):
    """Share of the product rate that training steps reach, by training, optimiser and size.

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
    axes = {"training": ["clean", "noisy"], "optimizer": ["rmsprop", "adam"]}
    axes |= {"neurons": neuron_counts}
    rates, limit = [], 0.0
    for kind, optimizer, n in itertools.product(*axes.values()):
        shapes, shown, noise, seconds = [(n, n)], round(load * n), {}, math.inf
        if kind == "noisy":
            shapes, shown = [(n // 2, n), (n, n // 2)], round(noisy_load * n)
            noise = {"flip_rate": flip_rate, "stored": 10 * shown}
        step = training_step(shapes, shown, optimizer=optimizer, **noise)
        for _ in range(rounds):
            limit = max(limit, product_rate())
            seconds = min(seconds, best_seconds(step, steps))
        rates.append(2 * products_per_pattern(shapes) * shown / seconds)
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
        return best_seconds(partial(short.fit, stored, limits=limits), 3)

    first, more = seconds(timed), seconds(3 * timed)
    left = setup.memory(0).recipe(short.limits_).steps - timed
    return first + left * (more - first) / (2 * timed)


def step_growth(neuron_counts, pattern_counts, *, steps):
    """Time and memory of a full-batch Adam step of one layer, (neurons, n_patterns).

    The ``seconds`` are the shortest of so many ``steps``; the ``bytes`` are those of all arrays of
    the training, with what a step allocates.
    """
    grid = {"neurons": neuron_counts, "n_patterns": pattern_counts}
    found = np.empty((2, len(neuron_counts), len(pattern_counts)))
    for i, j in np.ndindex(found.shape[1:]):
        tracemalloc.start()  # counts what NumPy allocates; timing starts after it has stopped
        step = training_step([(neuron_counts[i],) * 2], pattern_counts[j])
        tracemalloc.reset_peak()
        step()
        found[1, i, j] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        found[0, i, j] = best_seconds(step, steps)
    seconds = labelled(found[0], "s", "time of a training step", **grid)
    peak = labelled(found[1], "1", "bytes of the arrays of training", **grid)
    return xr.Dataset({"seconds": seconds, "bytes": peak})


class TorchMemory(AdaptiveMemory):
    """A stack trained by RMSprop on clean patterns, from the same weights, in a PyTorch loop."""

    def _learn(self, patterns, limits):
        import torch

        recipe, rng = self.recipe(limits), np.random.default_rng(self.seed)
        modules = []
        for limit in limits:
            linear = torch.nn.Linear(*limit.shape[::-1], bias=False)
            linear.weight.data = torch.from_numpy(initial_weights(limit.shape, rng))
            modules += [linear, torch.nn.Tanh()]
        network = torch.nn.Sequential(*modules)
        targets, mean_square = torch.from_numpy(patterns), torch.nn.MSELoss()
        optimizer = torch.optim.RMSprop(network.parameters(), lr=recipe.learning_rate)
        for step in range(recipe.steps + 1):
            optimizer.zero_grad()
            loss = mean_square(network(targets), targets)
            self.loss_, self.steps_ = loss.item(), step
            if self.loss_ < recipe.tolerance or step == recipe.steps:
                break
            loss.backward()
            optimizer.step()
        weights = [module.weight.detach().numpy().copy() for module in modules[::2]]
        return [Layer(w, np.zeros(len(w), np.float32)) for w in weights]


class NearestPattern:
    """Recalls the stored pattern at the least distance from a cue: the yardstick for a memory."""

    def __init__(self, stored):
        self.stored = stored

    def recall(self, cues, *, iterations=1):
        """Stored patterns (M, N) for cues (M, N), in one iteration, however many are allowed."""
        return self.stored[cdist(cues, self.stored).argmin(axis=1)]


def recipe_costs(setup, *, recipes, seeds):
    """Time and quality of training recipes for a memory with one hidden layer.

    Every recipe trains the same patterns from the same initial weights, on one thread, one network
    at a time and all networks as one batch, which share its time; PyTorch, if it is there, trains
    the first recipe, by RMSprop on clean patterns.

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
        NaN for what was not trained.
    """
    stored = [setup.stored(seed) for seed in range(check_count(seeds, "seeds"))]
    rows = []
    with threadpool_limits(1):
        for *place, memory, seconds in train_every_way(setup, recipes, stored):
            own = setup_quality(setup, memory, stored[place[-1]], place[-1])
            rows.append([*place, seconds, float(own["cosine"]), memory.loss_, memory.steps_])
    axes = {"recipe": list(recipes), "way": WAYS, "seed": np.arange(seeds)}
    costs = pd.DataFrame(rows, columns=[*axes, "seconds", "cosine", "loss", "steps_taken"])
    costs = costs.set_index(list(axes)).astype(float).to_xarray().reindex(axes)
    cues, nearest, free = [], [], check_limits(None, setup.shapes())
    for seed, own in enumerate(stored):
        rng = generator(seed, "cues", setup.neurons, setup.n_patterns, setup.level)
        cues.append(cosine(setup.corrupt(own, rng), own).mean())
        nearest.append(float(setup_quality(setup, NearestPattern(own), own, seed)["cosine"]))
    used = [setup.at(training=recipe).memory(0).recipe(free) for recipe in recipes.values()]
    costs["cue_cosine"], costs["nearest_cosine"] = ("seed", cues), ("seed", nearest)
    costs["steps"] = "recipe", [recipe.steps for recipe in used]
    costs["learning_rate"] = "recipe", [recipe.learning_rate for recipe in used]
    return describe(
        costs,
        seconds=("s", "training time per network"),
        cosine=("1", "cosine similarity after recall"),
        loss=("1", "mean squared error at the end of training"),
        steps_taken=("1", "training steps taken"),
        cue_cosine=("1", "cosine similarity of the cues"),
        nearest_cosine=("1", "cosine similarity of the stored patterns nearest to the cues"),
        steps=("1", "most training steps"),
        learning_rate=("1", "learning rate at the first step"),
    )


def train_every_way(setup, recipes, stored):
    """Yield recipe, way, seed, memory and seconds, for the patterns (P, N) of each seed."""

    def memory(recipe, seed, kind=AdaptiveMemory, **changes):
        return kind(**setup.at(training=recipes[recipe]).memory(seed).get_params() | changes)

    first, *_ = recipes
    alone = [(first, "PyTorch", TorchMemory)] if HAS_TORCH else []
    alone += [(recipe, "one by one", AdaptiveMemory) for recipe in recipes]
    for recipe, _, kind in alone:  # pays for what only a first call does, such as an import
        memory(recipe, 0, kind, steps=10).fit(stored[0])
    for seed, own in enumerate(stored):  # the ways take turns: all meet the same disturbances
        for recipe, way, kind in alone:
            network = memory(recipe, seed, kind)
            yield recipe, way, seed, network, best_seconds(partial(network.fit, own))
    if len(stored) > 1:  # one is no batch
        for recipe in recipes:
            batch = [memory(recipe, seed) for seed in range(len(stored))]
            seconds = best_seconds(partial(fit_batch, batch, stored)) / len(stored)
            for seed, network in enumerate(batch):
                yield recipe, "batch", seed, network, seconds


def processor_costs(setup, charged, *, batch, repeats, watts):
    """Time and energy of a recall on one thread of this processor, in networks of several widths.

    Parameters
    ----------
    setup : Setup
        Of a single layer; the other networks differ from it in their hidden layer. It says how many
        iterations a cue by itself may take to come to rest.
    charged : DataArray (width,)
        Iterations on average by width, 0 for the single layer; a batch gets as many, rounded up,
        and not those of its last cue to rest.
    batch, repeats : int
        Cues, of which the first 20 are recalled one by one too, and timings, of which the shortest
        counts.
    watts : float
        Power of the processor.
    """
    limits, widths = [math.ceil(mean) for mean in charged.values], charged["width"].values.tolist()
    seconds = []
    for width, most in zip(widths, limits, strict=True):
        own = setup.at(layers=2, width=width) if width else setup
        stored = own.stored(0)
        cues = own.corrupt(np.resize(stored, (batch, own.neurons)), generator(0, "processor"))
        recall = own.memory(0).fit(stored).recall
        alone = [
            best_seconds(partial(recall, cue[None], iterations=own.iterations), repeats)
            for cue in cues[:20]
        ]
        together = best_seconds(partial(recall, cues, iterations=most), repeats)
        seconds.append([np.mean(alone), together / batch])
    axes = {"width": widths, "way": ["one cue", "batch"]}
    seconds = labelled(seconds, "s", "time per recall on one processor core", **axes)
    return describe(
        xr.Dataset(
            {"seconds": seconds, "energy": seconds * watts, "iterations": ("width", limits)}
        ),
        energy=("J", "energy per recall at the stated power"),
        iterations=("1", "iterations of the batch: the chip's mean number, rounded up"),
        way=("1", "cues recalled at once"),
    )
