"""Dask, for grids larger than one machine; optional, as ``pip install 'crossmem[cluster]'``."""

#: How long a scheduler may take to answer, in s.
PATIENCE = 10

_clients = {}  # by address, one for all the sweeps of this process


def connect(address):
    """Return the client of a scheduler's address."""
    import distributed

    if address not in _clients or _clients[address].status != "running":
        options = {"timeout": PATIENCE, "set_as_default": False}
        try:
            _clients[address] = distributed.Client(address, **options)
        except (OSError, ValueError) as error:
            raise RuntimeError(
                f"no cluster answers at {address!r} ({error}): start one with dask scheduler and "
                "dask worker, or let the command do so with --cluster local"
            ) from error
    return _clients[address]


def local_cluster(workers):
    """Start single-threaded worker processes on this machine; also a context manager."""
    import distributed

    # The dashboard may have any free port. Ctrl-C is for this process alone: it ends the workers.
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=":0",
        preload="import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
    )
