"""Benchmarks: training against the machine's limit and against PyTorch, sweeps on workers."""

import contextlib
import importlib.util
import platform
import time
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from crossmem.capacity import recall_quality
from crossmem.checks import check_count
from crossmem.dynamics import Layer, cosine
from crossmem.experiments import corruption, draw_pool
from crossmem.memories import AdaptiveMemory, fit_batch, initial_weights
from crossmem.randomness import generator
from crossmem.sweep import sweep
from crossmem.training import Recipe, Trainer

WAYS = ["PyTorch", "one by one", "batch"]


def best_seconds(function, repeats=5):
    """Shortest of several times of a call, in s: the one that other programs disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def processor():
    """Name of the processor: its model where Linux tells it, else what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def product_rate(size=2048, threads=1):
    """Rate of a large float32 matrix product, in operations per s: the machine's limit here."""
    left, right = generator(0, "product").random((2, size, size), dtype=np.float32)
    out = np.empty_like(left)
    with threadpool_limits(threads):
        return 2 * size**3 / best_seconds(lambda: np.matmul(left, right, out=out))


def step_rate(shapes, patterns, *, optimizer="adam", steps=50, replicas=1, threads=1):
    """Rate of the matrix products in training steps, in operations per s.

    Parameters
    ----------
    shapes : list of (int, int)
        Shape (n_out, n_in) of each layer.
    patterns : int
        Number of stored patterns.
    optimizer : {"rmsprop", "adam"}
    steps : int
        Steps per timing.
    replicas : int
        Networks trained as one batch.
    threads : int
        BLAS threads.

    Returns
    -------
    float
        Only the products count as operations, so that the ratio to `product_rate` is the share of
        the limit that training reaches; tanh and optimiser are overhead.
    """
    rng = generator(0, "step")
    targets = np.sign(rng.standard_normal((replicas, patterns, shapes[0][1])))
    weights = [np.stack([initial_weights(shape, rng)] * replicas) for shape in shapes]
    limits = [(np.full(w.shape, -np.inf), np.full(w.shape, np.inf)) for w in weights]
    trainer = Trainer(targets, weights, limits, None, Recipe(optimizer, steps=steps))

    def run():
        for step in range(steps):
            trainer.show()
            trainer.descend(trainer.recipe.rate(step))

    # Each layer: forward and gradient; all but the first also carry the error back.
    products = sum((3 if layer else 2) * np.prod(shape) for layer, shape in enumerate(shapes))
    with threadpool_limits(threads):
        return 2 * products * patterns * replicas * steps / best_seconds(run, 3)


def sweep_seconds(function, grid, constants, workers):
    """Seconds of a sweep without a cache; the workers have been started before."""
    options = {"constants": constants, "workers": workers}
    first = {name: values[:1] for name, values in grid.items()} | {"seed": grid["seed"][:workers]}
    sweep(function, first, **options)
    return sweep(function, grid, **options).attrs["wall_time_s"]


def has_torch():
    """Whether PyTorch, which nothing else here needs, is installed."""
    return importlib.util.find_spec("torch") is not None


class TorchMemory(AdaptiveMemory):
    """The same network, trained by the plain PyTorch loop of the published recipe.

    It starts from the weights that `AdaptiveMemory` draws for its seed, and takes only what that
    recipe has: RMSprop on clean patterns, no biases, free weights.
    """

    def _check_parameters(self):
        super()._check_parameters()
        published = self.optimizer in (None, "rmsprop") and self.unroll == 1
        if not self.hidden or self.cue_noise or self.bias or not published:
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


def recipe_costs(
    recipes, *, dataset, neurons, patterns, hidden, noise, cues, iterations, seeds, repeats=3
):
    """Time and quality of training recipes for a continuous memory with one hidden layer.

    Every recipe trains the same patterns from the same initial weights, on one thread, one network
    at a time and all networks as one batch; PyTorch, if it is there, trains the first recipe.

    Parameters
    ----------
    recipes : dict of str to dict
        ``optimizer``, ``learning_rate`` and ``steps`` by name; the first is the one to compare to.
    dataset : str
        Name for `load_patterns`.
    neurons, patterns, hidden : int
        Visible neurons, stored patterns and hidden neurons.
    noise : float
        Standard deviation of the Gaussian noise of the cues.
    cues, iterations : int
        As in `capacity.recall_quality`.
    seeds : int
        Networks.
    repeats : int
        Times that the batch is trained; the networks repeat the training of a single one.

    Returns
    -------
    xarray.Dataset
        ``seconds`` per network by recipe and way, the shortest of its repetitions; ``cosine`` of
        recall, final ``loss`` and ``steps_taken`` also by seed, NaN for what was not trained;
        ``cue_cosine`` before recall by seed; ``steps`` and ``learning_rate`` by recipe.
    """
    check_count(seeds, "seeds")
    check_count(repeats, "repeats")
    stored = [draw_pool(dataset, neurons, seed, patterns, binary=False) for seed in range(seeds)]
    corrupt = corruption("tanh", 0.0, noise)
    cue_rng = lambda seed: generator(seed, "cues", neurons, patterns, noise)  # noqa: E731
    shape = (len(recipes), len(WAYS))
    seconds = np.full(shape, np.nan)
    measured = {
        name: np.full((*shape, seeds), np.nan) for name in ("cosine", "loss", "steps_taken")
    }

    def memories(kind, recipe):
        network = {"hidden": (hidden,), "activation": "tanh"}
        return [kind(**network, **recipe, seed=seed) for seed in range(seeds)]

    def note(place, memory, time_taken, seed):
        seconds[place] = np.fmin(seconds[place], time_taken)
        quality = recall_quality(
            memory, stored[seed], corrupt, cue_rng(seed), cues=cues, iterations=iterations
        )
        found = {"cosine": quality.mean, "loss": memory.loss_, "steps_taken": memory.steps_}
        for name, value in found.items():
            measured[name][(*place, seed)] = value

    with one_thread():
        singles = {(k, 1): memories(AdaptiveMemory, r) for k, r in enumerate(recipes.values())}
        if has_torch():
            singles = {(0, 0): memories(TorchMemory, next(iter(recipes.values())))} | singles
        for first, *_ in singles.values():  # pays for what only a first call does
            type(first)(**first.get_params() | {"steps": 10}).fit(stored[0])
        for seed, own in enumerate(stored):  # the ways take turns: all meet the same disturbances
            for place, row in singles.items():
                note(place, row[seed], best_seconds(partial(row[seed].fit, own), 1), seed)
        for k, recipe in enumerate(recipes.values()):
            batch = memories(AdaptiveMemory, recipe)
            time_taken = best_seconds(partial(fit_batch, batch, stored), repeats) / seeds
            for seed, memory in enumerate(batch):
                note((k, 2), memory, time_taken, seed)
    cue_cosine = [
        cosine(corrupt(own, cue_rng(seed)), own).mean() for seed, own in enumerate(stored)
    ]
    dims = ("recipe", "way", "seed")
    return xr.Dataset(
        {
            "seconds": (dims[:2], seconds),
            **{name: (dims, values) for name, values in measured.items()},
            "cue_cosine": ("seed", cue_cosine),
            "steps": ("recipe", [recipe["steps"] for recipe in recipes.values()]),
            "learning_rate": ("recipe", [recipe["learning_rate"] for recipe in recipes.values()]),
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
