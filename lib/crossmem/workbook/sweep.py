"""Run an experiment over a grid of conditions: in parallel, resumable, into one Dataset.

Every finished grid point is kept as one small file, written beside its place and moved over it,
so that a killed sweep goes on where it was. `joblib.Memory` would keep the points too, but as
pickles, keyed on the text of the function alone: an edit in a module below it would go unseen.
"""

import concurrent.futures
import contextlib
import functools
import inspect
import itertools
import pickletools
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import xarray as xr
from joblib.externals.loky.backend.reduction import dumps

from crossmem.checks import nearest
from crossmem.storage import check_writable, write_atomically
from crossmem.workbook import points
from crossmem.workbook.fingerprint import check_worker, fingerprint, source_file
from crossmem.workbook.workers import count_workers, finished, opened_pool, progress


def sweep(
    function, setup=None, *, over, workers=None, executor=None, cache=None, label=None, **own
) -> xr.Dataset:
    """Evaluate an experiment at every point of a grid.

    The result does not depend on the number of workers, on the order of evaluation or on what
    the cache already held, as long as `function` takes its random numbers from
    `crossmem.randomness.generator`.

    Parameters
    ----------
    function : callable
        Called as ``function(setup, **values)``, or ``function(**values)`` without a setup. Returns
        one grid point's results: a dictionary from variable name to a scalar, an
        `xarray.Variable` or an `xarray.DataArray` (for values with dimensions of their own, or
        with units), or a Dataset of these.
    setup : frozen dataclass with ``at(**changes)``, optional
        The condition that all points start from, such as `crossmem.experiments.Setup`.
    over : dict of str to sequence of scalars
        What varies; each name becomes a labelled dimension. A parameter of `function` goes there,
        any other name to ``setup.at``.
    workers : int, optional
        Processes to use, one BLAS thread each. 1 computes in this process. By default (None or
        0) the environment variable CROSSMEM_WORKERS, else the processors that this process may use.
    executor : dask.distributed.Client, optional
        The cluster to use instead. By default that of the scheduler whose address is in
        CROSSMEM_CLUSTER, if there is one.
    cache : path, optional
        Folder that keeps finished grid points. They are found again by the same function, setup,
        values and source; comments and docstrings do not matter.
    label : str, optional
        Name of the sweep in the progress bar; the function's name by default.
    **own
        Parameters of `function` that are the same at every point.

    Returns
    -------
    xarray.Dataset
        One dimension per key of `over`, then the dimensions of the function's own. Attributes
        ``wall_time_s`` (this call) and ``compute_time_s`` (all points, cached ones included).

    Raises
    ------
    TypeError, ValueError
        If the request cannot be run; every point's setup is built before any point runs.
    RuntimeError
        If the function fails (the message names the grid point), or if a module was edited since
        it was imported.
    OSError
        If finished points cannot be read or written.
    """
    start = time.perf_counter()
    workers, over = count_workers(workers), _check_grid(over)
    calls = _plan(function, setup, over, own)
    name, sources = function.__qualname__, _sources(function, [setup, own], cache)
    tasks = {i: functools.partial(_compute, function, sources, c) for i, c in enumerate(calls)}
    found, paths = {}, {}
    if cache:
        folder = Path(cache) / re.sub(r"\W", "_", f"{function.__module__}.{name}")
        science = joblib.hash(sources, "sha1")
        keys = [joblib.hash([science, call.setup, call.values], "sha1") for call in calls]
        paths = {i: folder / f"{key}.json.gz" for i, key in enumerate(keys)}
        found = {i: point for i, path in paths.items() if (point := points.read(path))}
        tasks = {i: task for i, task in tasks.items() if i not in found}
        if tasks:
            check_writable(folder)
    with (
        opened_pool(workers, executor, len(tasks)) as pool,
        progress(len(calls), len(found), label or name) as bar,
        contextlib.closing(finished(pool, tasks)) as results,
    ):
        for i, get in results:
            content = _collect(get, name, calls[i])
            if cache:
                write_atomically(paths[i], content)
            found[i] = points.decode(content)
            bar.update()
    dataset = _assemble(over, calls, [found[i] for i in range(len(calls))])
    dataset.attrs["compute_time_s"] = sum(point.attrs["seconds"] for point in found.values())
    dataset.attrs["wall_time_s"] = time.perf_counter() - start
    return dataset


@dataclass(frozen=True)
class _Call:
    """One grid point: its labels, and what the function is called with."""

    labels: dict
    setup: tuple
    values: dict

    def __str__(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.labels.items())


def _compute(function, sources, call):
    """Return the encoded results of one point, from the same source as the process that asks."""
    check_worker(sources)
    start = time.perf_counter()
    result = function(*call.setup, **call.values)
    return points.encode(result, time.perf_counter() - start)


def _check_grid(over):
    grid = {}
    for name, values in over.items():
        is_list = isinstance(values, list | tuple | range | np.ndarray)
        plain = [v.item() if isinstance(v, np.generic) else v for v in values] if is_list else []
        is_plain = all(isinstance(value, str | int | float) for value in plain)
        if not is_plain or not 0 < len(set(plain)) == len(plain):
            raise ValueError(
                f"over[{name!r}] is {values!r}: give a list of numbers or strings, each once"
            )
        grid[name] = plain
    return grid


def _plan(function, setup, over, own):
    """Put each name where it belongs and build the setup of every point, before any point runs."""
    if not inspect.isroutine(function) and not hasattr(function, "__wrapped__"):
        raise TypeError(
            f"{function!r} is no function: pass one that def has made, and what it is given at "
            "every point by name"
        )
    signature, name = inspect.signature(function), function.__qualname__
    if setup is not None and not hasattr(setup, "at"):
        raise TypeError(
            f"setup is {setup!r}: pass a frozen dataclass with a method at(**changes), and the "
            "values that vary in over"
        )
    parameters = list(signature.parameters)[setup is not None :]
    for given in [*over, *own]:
        if given not in parameters and (setup is None or given in own):
            close = nearest(given, parameters)
            other = "" if setup is None else f", or does it belong to setup.at({given}=...)"
            raise TypeError(f"{name} has no parameter {given!r}: did you mean {close!r}{other}?")
    if both := over.keys() & own.keys():
        raise ValueError(f"{sorted(both)} is in over and outside it: keep it in one place")
    calls = []
    for values in itertools.product(*over.values()):
        labels = dict(zip(over, values, strict=True))
        changes = {name: value for name, value in labels.items() if name not in parameters}
        arguments = own | {name: value for name, value in labels.items() if name in parameters}
        call = _Call(labels, () if setup is None else (setup,), arguments)
        try:
            if changes:
                call = replace(call, setup=(setup.at(**changes),))
            signature.bind(*call.setup, **arguments)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} cannot be called at {call}: {error}") from error
        calls.append(call)
    return calls


def _sources(function, values, cache):
    """Fingerprint of what the function runs, checked against the disk."""
    name, module = function.__qualname__, function.__module__
    file, code = source_file(module), getattr(inspect.unwrap(function), "__code__", None)
    typed = module == "__main__" and not (file and code and file.endswith(code.co_filename))
    if cache and (typed or not file or getattr(sys.modules[module], name, None) is not function):
        raise TypeError(
            f"{name} is not at the top level of a module, as in a notebook or a console, and a "
            "cache cannot follow its source: define it there (or import it again), or pass no cache"
        )
    # Pickled, function and values name the modules of all that they hold.
    operations = pickletools.genops(bytes(dumps((function, values))))
    modules = {word for _, word, _ in operations if isinstance(word, str)} & sys.modules.keys()
    return fingerprint(modules)


def _collect(get, name, call):
    """Return a point's encoded results; an error names the point."""
    try:
        return get()
    except (concurrent.futures.BrokenExecutor, concurrent.futures.CancelledError) as error:
        raise RuntimeError(
            "a worker process or the cluster ended before its work, by a kill or for want of "
            "memory: run the sweep again, with fewer workers if memory is short"
        ) from error
    except Exception as error:
        raise RuntimeError(f"{name} failed at {call}: {type(error).__name__}: {error}") from error


def _assemble(over, calls, results):
    first = results[0]
    if both := over.keys() & {*first.variables, *first.sizes}:
        raise ValueError(
            f"{sorted(both)} is in over and also a variable or dimension of the results: rename one"
        )
    dims = [{n: v.dims for n, v in point.variables.items()} for point in results]
    for call, point, own in zip(calls, results, dims, strict=True):
        same = own == dims[0] and point.sizes == first.sizes
        if not same or not point.coords.equals(first.coords):
            raise ValueError(
                f"the results at {call} differ in names, shapes or coordinates from those at "
                f"{calls[0]}: return the same at every point, padded to the same lengths"
            )
    size, stacked = [len(values) for values in over.values()], {}
    for name, variable in first.data_vars.variables.items():
        values = np.stack([point.variables[name].values for point in results])
        values = values.reshape([*size, *variable.shape])
        stacked[name] = ((*over, *variable.dims), values, variable.attrs)
    return xr.Dataset(stacked, {**over, **first.coords.variables})
