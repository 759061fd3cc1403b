"""Benchmarks of training: against the machine's limit and against PyTorch."""

import contextlib
import importlib.util
import platform
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from crossmem.checks import check_count
from crossmem.experiments.quality import setup_quality
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch, initial_weights
from crossmem.networks.network import Layer, cosine
from crossmem.networks.noise import flipped_cues, shuffled_batches
from crossmem.networks.training import Recipe, Trainer
from crossmem.randomness import generator

WAYS = ["PyTorch", "one by one", "batch"]


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


def processor():
    """Name of the processor: its model where Linux tells it, else what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
        None,
        Recipe(optimizer, learning_rate=1e-4, loss="cubic" if flip_rate else "squared"),
        corrupt=corrupt if flip_rate else None,
        draw=(lambda: [next(deck)]) if flip_rate else None,
    )

    def step():
        trainer.show()
        trainer.descend(1e-4)

    products = sum((3 if layer else 2) * np.prod(shape) for layer, shape in enumerate(shapes))
    return step, 2 * int(products) * patterns


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


def training_seconds(memory, patterns, *, limits=None, timed=50):
    """Processor time of a training on one thread, from two short ones.

    What is not a step (drawing weights, checks, limits) is paid once: the time of a step is
    the difference between a training of `timed` steps and one of three times as many.

    Parameters
    ----------
    memory : AdaptiveMemory
        Unfitted, and left so.
    patterns, limits
        As in `AssociativeMemory.fit`.
    timed : int
        Steps of the shorter training.

    Returns
    -------
    float
        Seconds; a training that meets its tolerance on the way takes less.
    """
    short = clone(memory)

    def seconds(steps):
        short.set_params(steps=steps)
        return best_cpu_seconds(partial(short.fit, patterns, limits=limits), 3)

    with threadpool_limits(1):
        first, more = seconds(timed), seconds(3 * timed)
    left = memory.recipe(short.limits_).steps - timed
    return first + left * (more - first) / (2 * timed)


def step_growth(neuron_counts, pattern_counts, *, steps):
    """Time and memory of a full-batch Adam step of one layer, by N and by P.

    Returns
    -------
    xarray.Dataset
        ``seconds`` of a step and ``bytes`` of all arrays of the training, with what a step
        allocates, (neurons, patterns).
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
    dims = ("neurons", "patterns")
    coords = {"neurons": neuron_counts, "patterns": pattern_counts}
    return xr.Dataset({"seconds": (dims, seconds), "bytes": (dims, peak)}, coords)


def has_torch():
    """Whether PyTorch, which nothing else here needs, is installed."""
    return importlib.util.find_spec("torch") is not None


class TorchMemory(AdaptiveMemory):
    """The same network, trained by the plain PyTorch loop of the published recipe.

    It starts from the weights that `AdaptiveMemory` draws for its seed, and takes only what that
    recipe has: RMSprop on clean patterns, no biases, free weights.
    """

    def check_parameters(self):
        super().check_parameters()
        published = self.optimizer in (None, "rmsprop") and self.unroll == 1
        if not self.hidden or any(self.noise_levels()) or self.bias or not published:
            raise ValueError(
                "the PyTorch loop trains a stack by RMSprop on clean patterns without biases: "
                "give hidden sizes, and leave cue_noise, bias and optimizer out"
            )

    def _learn(self, patterns, limits):
        if not all(np.isinf(limit.low).all() for limit in limits):
            raise ValueError("the PyTorch loop knows no limits of the weights: leave them out")
        import torch

        recipe, rng = self.recipe(limits), np.random.default_rng(self.seed)
        modules = []
        for limit in limits:
            linear = torch.nn.Linear(limit.shape[1], limit.shape[0], bias=False)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(initial_weights(limit.shape, rng)))
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
        squares = np.square(self.stored).sum(axis=1)
        return self.stored[(squares - 2 * cues @ self.stored.T).argmin(axis=1)]


def recipe_costs(recipes, setup, *, seeds):
    """Time and quality of training recipes for a memory with one hidden layer.

    Every recipe trains the same patterns from the same initial weights, on one thread, one network
    at a time and all networks as one batch; PyTorch, if it is there, trains the first recipe.

    Parameters
    ----------
    recipes : dict of str to dict
        Settings of an `AdaptiveMemory` by name; the first is the one to compare to.
    setup : Setup
        Its training is not used.
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
    check_count(seeds, "seeds")
    stored = [setup.stored(seed) for seed in range(seeds)]
    cue_rng = lambda seed: generator(seed, "cues", setup.neurons, setup.n_patterns, setup.level)  # noqa: E731
    shape = (len(recipes), len(WAYS), seeds)
    names = ("seconds", "cosine", "loss", "steps_taken")
    measured = {name: np.full(shape, np.nan) for name in names}

    def memories(kind, recipe):
        network = {"hidden": setup.hidden, "activation": setup.activation}
        return [kind(**network, **recipe, seed=seed) for seed in range(seeds)]

    def note(place, memory, time_taken, seed):
        quality = setup_quality(setup, memory, stored[seed], seed)
        found = (time_taken, quality.mean, memory.loss_, memory.steps_)
        for name, value in zip(names, found, strict=True):
            measured[name][(*place, seed)] = value

    with one_thread():
        singles = {(k, 1): memories(AdaptiveMemory, r) for k, r in enumerate(recipes.values())}
        if has_torch():
            singles = {(0, 0): memories(TorchMemory, next(iter(recipes.values())))} | singles
        for first, *_ in singles.values():  # pays for what only a first call does
            type(first)(**first.get_params() | {"steps": 10}).fit(stored[0])
        for seed, own in enumerate(stored):  # the ways take turns: all meet the same disturbances
            for place, row in singles.items():
                time_taken = best_cpu_seconds(partial(row[seed].fit, own), 1)
                note(place, row[seed], time_taken, seed)
        for k, recipe in enumerate(recipes.values() if seeds > 1 else ()):  # one is no batch
            batch = memories(AdaptiveMemory, recipe)
            time_taken = best_cpu_seconds(partial(fit_batch, batch, stored), 1) / seeds
            for seed, memory in enumerate(batch):
                note((k, 2), memory, time_taken, seed)
    used = [row[0].recipe(row[0].limits_) for (_, way), row in singles.items() if way == 1]
    cue_cosine = [
        cosine(setup.corrupt(own, cue_rng(seed)), own).mean() for seed, own in enumerate(stored)
    ]
    nearest = [
        setup_quality(setup, NearestPattern(own), own, seed).mean for seed, own in enumerate(stored)
    ]
    dims = ("recipe", "way", "seed")
    return xr.Dataset(
        {
            **{name: (dims, values) for name, values in measured.items()},
            "cue_cosine": ("seed", cue_cosine),
            "nearest_cosine": ("seed", nearest),
            "steps": ("recipe", [recipe.steps for recipe in used]),
            "learning_rate": ("recipe", [recipe.learning_rate for recipe in used]),
        },
        {"recipe": list(recipes), "way": WAYS, "seed": np.arange(seeds)},
    )


@contextlib.contextmanager
def one_thread():
    """One thread for BLAS, and for PyTorch if it is installed."""
    with threadpool_limits(1):
        if not has_torch():
            yield
            return
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
