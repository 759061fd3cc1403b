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

_threads = threading.Lock()
_limits = []  # one entry per computation in progress; the first one restores the threads


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
def opened_pool(workers, executor, points):
    """Yield an object with ``submit``, or None to compute in this process.

    It is the given executor, else the cluster that CROSSMEM_CLUSTER names, if it names one, else
    `workers` processes of this machine, where there are several `points` to compute.
    """
    address = os.environ.get("CROSSMEM_CLUSTER")
    if points and executor is None and address:
        executor = connect(address, workers)
    if executor is not None:
        # Dask's own futures are no `concurrent.futures`, and it would remember a result by name.
        dask = hasattr(executor, "get_executor")
        yield _Carrier(executor.get_executor(pure=False) if dask else executor)
    elif workers == 1 or points < 2:
        yield None
    else:
        # Workers outlive the pause between two sweeps; by default they leave after ten seconds,
        # and one that leaves as work arrives makes loky warn.
        start = {"timeout": 120, "initializer": _leave_with, "initargs": (os.getpid(),)}
        pool = loky.get_reusable_executor(max_workers=workers, **start)
        try:
            yield _Carrier(pool)
        except BaseException:
            pool.shutdown(kill_workers=True)  # they would go on with points that nobody waits for
            raise


def finished(pool, tasks):
    """Yield (index, function that returns or raises the result) as tasks finish.

    The last ones start first: grids ascend in size as a rule, and no worker shall be left over
    with a large point.
    """
    if pool is None:
        yield from tasks.items()
        return
    futures = {pool.submit(tasks[i]): i for i in reversed(tasks)}
    try:
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result
    finally:
        for future in futures:
            future.cancel()


class _Carrier:
    """An executor whose processes may know neither the user's modules nor where they are."""

    def __init__(self, executor):
        self.executor = executor

    def submit(self, task):
        return self.executor.submit(_unpack, bytes(dumps(task)), list(filter(None, sys.path)))


def _unpack(content, folders):
    """Compute a task where the folders of modules, if they are there, are searched too."""
    sys.path += [folder for folder in folders if folder not in sys.path]
    return pickle.loads(content)()


@contextlib.contextmanager
def one_thread():
    """Compute with one BLAS thread, so that sums are taken in the same order everywhere.

    The limit is the process's: where several points are computed in threads of one process, the
    last one to end lifts it.
    """
    with _threads:
        _limits.append(None if _limits else threadpool_limits(limits=1))
    try:
        yield
    finally:
        with _threads:
            if len(_limits) > 1:
                _limits.pop()
            else:
                _limits.pop().restore_original_limits()


@contextlib.contextmanager
def progress(total, done, label):
    """Show points done and time left on the terminal, never among the outputs of a notebook.

    `crossmem.reproduce` names a file in CROSSMEM_PROGRESS, because the kernel of a notebook has no
    terminal. A target that cannot be opened or written stops no sweep.
    """
    stream, target = sys.stderr, os.environ.get("CROSSMEM_PROGRESS")
    with contextlib.suppress(OSError):
        stream = open(target, "a", encoding="utf-8") if target else stream  # noqa: SIM115
    terminal, own = stream.isatty(), stream is not sys.stderr
    bar = tqdm(
        total=total,
        initial=done,
        desc=label,
        file=_Patient(stream),
        disable=not (terminal or own),
        mininterval=0.2 if terminal else 1,
        bar_format="{desc}: {n_fmt}/{total_fmt} points, {elapsed} gone, {remaining} left",
    )
    try:
        yield bar
    finally:
        bar.close()
        with contextlib.suppress(OSError):
            if own:
                stream.close()


class _Patient:
    """A stream that loses what it cannot write."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        with contextlib.suppress(OSError):
            self.stream.write(text)
            self.stream.flush()

    def flush(self):
        """Nothing to do: each text has been written."""


def _leave_with(parent):
    """End this worker when its parent is gone; by itself it would wait for work for two minutes."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
