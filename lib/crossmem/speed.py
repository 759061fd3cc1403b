"""Benchmarks: how near training comes to the machine's limit, and sweeps to their workers'."""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from crossmem.memories import initial_weights
from crossmem.randomness import generator
from crossmem.sweep import sweep
from crossmem.training import Recipe, Trainer


def best_seconds(function, repeats=5):
    """Shortest of several times of a call, in s: the one that other programs disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


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
