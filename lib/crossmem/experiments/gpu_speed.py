"""Training steps on a GPU: their time, its limit, and their agreement with those of NumPy."""

import time

import numpy as np
import xarray as xr

from crossmem.experiments.speed import product_rate, products_per_pattern, training_step
from crossmem.labels import describe
from crossmem.networks.adaptive import AdaptiveMemory, fit_batch
from crossmem.randomness import generator

ROUNDS = 5  # of which the shortest counts


def gpu_steps(cupy, cases, *, steps, size=8192):
    """Time of the published training step on a GPU, of stacks with half as many hidden neurons.

    Parameters
    ----------
    cupy : module
        As `on_gpu.gpu` returns it.
    cases : list of (networks, neurons, patterns)
        Networks that train as one batch.
    steps : int
        Steps of a round, see `settled_seconds`.
    size : int
        Of the large product whose rate is the limit.

    Returns
    -------
    xarray.Dataset (case,)
        ``seconds`` of a step, their ``share`` of the rate of a large product, and that
        ``product_rate``, in operations per s.
    """
    sync = cupy.cuda.Device().synchronize
    limit = product_rate(size, place=cupy.asarray, sync=sync)
    seconds, shares = [], []
    for networks, n, patterns in cases:
        shapes = [(n // 2, n), (n, n // 2)]
        options = {"optimizer": "rmsprop", "networks": networks, "place": cupy.asarray}
        step = training_step(shapes, patterns, **options)
        seconds.append(settled_seconds(step, steps, sync))
        operations = 2 * products_per_pattern(shapes) * patterns * networks
        shares.append(operations / seconds[-1] / limit)
    networks, neurons, patterns = np.transpose(cases)
    names = [f"{r} of {n}-{n // 2}-{n}" for r, n, _ in cases]
    found = {"seconds": seconds, "share": shares, "networks": networks, "neurons": neurons}
    found = {name: ("case", values) for name, values in found.items()}
    return describe(
        xr.Dataset(
            found | {"n_patterns": ("case", patterns), "product_rate": limit},
            {"case": names},
            {"rounds": ROUNDS},
        ),
        seconds=("s", "time of a training step on the GPU"),
        share=("1", "share of the product rate"),
        networks=("1", "networks trained as one batch"),
        product_rate=("1/s", "operations per second of a large product"),
        case=("1", "networks, and their layers"),
    )


def settled_seconds(step, steps, sync):
    """Shortest wall time of a step in s, of rounds of steps that end with ``sync``.

    The first round, which compiles and chooses what runs, does not count.
    """
    taken = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        sync()
        taken.append((time.perf_counter() - start) / steps)
    return min(taken[1:])


def gpu_difference(cupy, neurons, patterns, *, steps):
    """Largest difference of a weight after a training on the GPU and one in main memory."""
    stored = generator(0, "gpu").choice([-1.0, 1.0], (1, patterns, neurons))
    one, other = (
        fit_batch([AdaptiveMemory(hidden=(neurons // 2,), steps=steps)], place(stored))[0]
        for place in (np.asarray, cupy.asarray)
    )
    pairs = zip(one.layers_, other.layers_, strict=True)
    return max(float(np.abs(a.gain * a.weights - b.gain * b.weights).max()) for a, b in pairs)
