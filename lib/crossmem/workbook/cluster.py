"""Dask, for grids larger than one machine; optional, as ``pip install 'crossmem[cluster]'``."""

import logging
import socket

#: How long a scheduler may take to answer, in s.
PATIENCE = 10

_clients = {}  # by address, one for all the sweeps of this process


def connect(address):
    """Return the client of a scheduler's address."""
    import distributed

    if address not in _clients or _clients[address].status != "running":
        options = {"timeout": PATIENCE, "set_as_default": False}
        whole = address if "://" in address else f"tcp://{address}"
        try:
            # A client that finds nothing there complains once more when it is dropped.
            place = distributed.comm.get_address_host_port(whole, strict=True)
            socket.create_connection(place, PATIENCE).close()
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

    # The dashboard may have any free port. Ctrl-C is for this process alone: it ends the workers,
    # of which Dask would warn.
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address=":0",
        silence_logs=logging.ERROR,
        preload="import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
    )
