"""Dask, for grids larger than one machine; an optional package."""

import importlib.util

#: How long a scheduler may take to answer, in s.
PATIENCE = 10

_clients = {}  # by address, one for all the sweeps of this process


def connect(address, workers):
    """Return the client of a scheduler's address, or of a cluster started here for "local"."""
    client = _clients.get(address)
    if client is not None and client.status == "running":
        return client
    where = local_cluster(workers) if address == "local" else address
    try:
        _clients[address] = _dask().Client(where, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"no cluster answers at {address!r} ({error}): start one with dask scheduler and dask "
            "worker, or ask for the cluster 'local'"
        ) from error
    return _clients[address]


def local_cluster(workers):
    """Start single-threaded worker processes on this machine; also a context manager."""
    # The dashboard may have any free port. Ctrl-C is for this process alone: it ends the workers.
    return _dask().LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=":0",
        preload="import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
    )


def _dask():
    if importlib.util.find_spec("distributed") is None:
        raise RuntimeError(
            "a cluster needs Dask, which is not installed: run pip install 'crossmem[cluster]'"
        )
    import distributed

    return distributed
