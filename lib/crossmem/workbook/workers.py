"""Where grid points are computed: in this process, in others of this machine, or on Dask."""

import concurrent.futures
import contextlib
import os
import pickle
import sys
import threading
import time

import joblib
import joblib.externals.loky as loky
from joblib.externals.loky.backend.reduction import dumps
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from crossmem.workbook.cluster import connect


def count_workers(workers=None):
    """Return the number of worker processes: as asked, else CROSSMEM_WORKERS, else all."""
    asked = workers or os.environ.get("CROSSMEM_WORKERS") or joblib.cpu_count()
    number = int(asked) if str(asked).isdecimal() else 0
    if number < 1:
        raise ValueError(
            f"workers is {asked!r}, but must be a whole number of at least 1: pass workers=1, "
            "or set CROSSMEM_WORKERS=1"
        )
    return number


@contextlib.contextmanager
def opened_pool(workers, client, points):
    """Yield an executor, or None to compute in this process.

    It belongs to the given Dask client, else to the cluster that CROSSMEM_CLUSTER names, if it
    names one, else to `workers` processes of this machine, where there are several `points`.
    """
    address = os.environ.get("CROSSMEM_CLUSTER")
    if points and client is None and address:
        client = connect(address)
    if client is not None:
        yield client.get_executor(pure=False)  # a pure one would remember a result by its name
    elif workers == 1 or points < 2:
        yield None
    else:
        # Workers outlive the pause between two sweeps; by default they leave after ten seconds,
        # and one that leaves as work arrives makes loky warn.
        start = {"timeout": 120, "initializer": _leave_with, "initargs": (os.getpid(),)}
        pool = loky.get_reusable_executor(max_workers=workers, **start)
        try:
            yield pool
        except BaseException:
            pool.shutdown(kill_workers=True)  # they would go on with points that nobody waits for
            raise


def finished(pool, tasks):
    """Yield (index, function that returns or raises the result) as tasks finish.

    Each has one BLAS thread, so that sums are taken in the same order everywhere. The last ones
    start first: grids ascend in size as a rule, and no worker shall be left over with a large
    point.
    """
    if pool is None:
        with threadpool_limits(limits=1):
            yield from tasks.items()
        return
    folders = [os.path.abspath(folder) for folder in sys.path]  # "" is the present one
    futures = {pool.submit(_unpack, bytes(dumps(tasks[i])), folders): i for i in reversed(tasks)}
    try:
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result
    finally:
        for future in futures:
            future.cancel()


def progress(total, done, label):
    """A bar of points done and time left for the terminal, never among a notebook's outputs.

    `crossmem.reproduce` sets CROSSMEM_PROGRESS to take the bar out of a kernel's messages.
    """
    return tqdm(
        total=total,
        initial=done,
        desc=label,
        disable=False if os.environ.get("CROSSMEM_PROGRESS") else None,  # None: by the terminal
        mininterval=0.2,
        bar_format="{desc}: {n_fmt}/{total_fmt} points, {elapsed} gone, {remaining} left",
    )


def _unpack(content, folders):
    """Compute a task in a worker, which may know neither the user's modules nor their folders."""
    sys.path += [folder for folder in folders if folder not in sys.path]
    threadpool_limits(limits=1)  # for good
    task = pickle.loads(content)
    try:
        return task()
    except Exception as error:
        try:
            pickle.loads(dumps(error))
        except Exception:  # it would break the pool on its way back
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise


def _leave_with(parent):
    """End this worker when its parent is gone; by itself it would wait for work for two minutes."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
