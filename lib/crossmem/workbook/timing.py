"""What a sweep costs beside its points."""

import importlib.util

from crossmem.workbook.cluster import local_cluster
from crossmem.workbook.sweep import sweep


def sweep_seconds(function, setup=None, *, over, workers, executor=None, **own):
    """Wall time of a sweep without a cache, and the time of all its points, in s.

    The workers have been started before. The time of the points over the workers' wall time is
    the share of it that they computed; the rest is what the sweep itself costs.

    Parameters
    ----------
    function, setup, over, workers, executor, **own
        As in `sweep`; `over` holds the seeds.

    Returns
    -------
    tuple of float
    """
    options = {"workers": workers, "executor": executor, **own}
    first = {name: values[:1] for name, values in over.items()} | {"seed": over["seed"][:workers]}
    sweep(function, setup, over=first, **options)
    found = sweep(function, setup, over=over, **options).attrs
    return found["wall_time_s"], found["compute_time_s"]


def dask_seconds(function, setup=None, *, over, workers, **own):
    """As `sweep_seconds` on a local Dask cluster; NaN where Dask is not installed."""
    if importlib.util.find_spec("distributed") is None:
        return float("nan"), float("nan")
    with local_cluster(workers) as cluster, cluster.get_client() as client:
        options = {"workers": workers, "executor": client, **own}
        return sweep_seconds(function, setup, over=over, **options)
