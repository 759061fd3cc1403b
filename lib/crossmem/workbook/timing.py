"""What a sweep costs beside its points."""

import importlib.util

from crossmem.workbook.sweep import sweep


def sweep_seconds(function, grid, constants, workers, executor=None):
    """Wall time of a sweep without a cache, and the time of all its points, in s.

    The workers have been started before. The time of the points over the workers' wall time is
    the share of it that they computed; the rest is what the sweep itself costs.
    """
    options = {"constants": constants, "workers": workers, "executor": executor}
    first = {name: values[:1] for name, values in grid.items()} | {"seed": grid["seed"][:workers]}
    sweep(function, first, **options)
    found = sweep(function, grid, **options).attrs
    return found["wall_time_s"], found["compute_time_s"]


def dask_seconds(function, grid, constants, workers):
    """As `sweep_seconds` on a local Dask cluster; NaN where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        return float("nan"), float("nan")
    import distributed

    # Local processes need no dashboard, which would ask for a free port and another library.
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        # Impure: a point that was computed to warm up is computed again, not remembered.
        return sweep_seconds(function, grid, constants, workers, client.get_executor(pure=False))
