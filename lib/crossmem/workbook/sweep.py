"""Run an experiment over a grid of conditions: in parallel, resumable, into one Dataset.

Every finished grid point is kept as one small file, written beside its place and moved over it,
so that a killed sweep goes on where it was. `joblib.Memory` would keep the points too, but as
pickles, keyed on the text of the function alone: an edit in a module below it would go unseen.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import inspect
import itertools
import os
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from crossmem.checks import nearest
from crossmem.workbook.fingerprint import check_unedited, check_worker, fingerprint, source_file
from crossmem.workbook.points import (
    PointStore,
    check_writable,
    decode,
    encode,
    is_frozen,
    members,
    plain,
)
from crossmem.workbook.workers import count_workers, finished, one_thread, opened_pool, progress


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
    executor : object with ``submit``, optional
        Where to compute instead, such as a `dask.distributed.Client`. By default the Dask cluster
        that CROSSMEM_CLUSTER names, a scheduler's address or "local", if it names one.
    cache : path, optional
        Folder that keeps finished grid points. They are found again by the same function, setup,
        values and source; comments and docstrings do not matter.
    label : str, optional
        Name of the sweep in the progress bar; the function's name by default.
    **own
        Parameters of `function` that are the same at every point: numbers, strings, lists of them,
        or frozen dataclasses.

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
    workers = count_workers(workers)
    over, own = _check_grid(over), {name: plain(value, name) for name, value in own.items()}
    calls = _plan(function, setup, over, own)
    apart = workers > 1 or executor is not None or bool(os.environ.get("CROSSMEM_CLUSTER"))
    sources = _sources(function, [setup, *own.values()], cache, apart)
    task, name = _Task(function, sources), _name(function)
    store = PointStore(cache, f"{_module(function)}.{name}", sources) if cache else None

    found = {i: point for i, call in enumerate(calls) if store and (point := store.read(call.key))}
    missing = {i: functools.partial(task, call) for i, call in enumerate(calls) if i not in found}
    if missing and store:
        check_writable(store.folder)
    with (
        opened_pool(workers, executor, len(missing)) as pool,
        progress(len(calls), len(found), label or name) as bar,
        contextlib.closing(finished(pool, missing)) as results,
    ):
        for i, get in results:
            content = _collect(get, name, calls[i])
            if store:
                store.write(calls[i].key, content)
            found[i] = decode(content)
            bar.update()
    dataset = _assemble(over, calls, [found[i] for i in range(len(calls))])
    dataset.attrs["compute_time_s"] = sum(point.seconds for point in found.values())
    dataset.attrs["wall_time_s"] = time.perf_counter() - start
    return dataset


@dataclass(frozen=True)
class _Call:
    """One grid point: its labels, and what the function is called with."""

    labels: dict
    setup: object
    values: dict

    @property
    def key(self):
        return [self.setup, self.values]

    def __str__(self):
        return ", ".join(f"{name}={value!r}" for name, value in self.labels.items())


@dataclass(frozen=True)
class _Task:
    """An experiment as it travels to a worker, with the source that the worker shall run."""

    function: object
    sources: dict

    def __call__(self, call):
        """Return the encoded results of one point."""
        check_worker(self.sources)
        setup = () if call.setup is None else (call.setup,)
        start = time.perf_counter()
        with one_thread():
            result = self.function(*setup, **call.values)
        return encode(result, time.perf_counter() - start)


def _check_grid(over):
    """Return the grid in plain values, if it is one."""
    over = {name: plain(values, f"over[{name!r}]") for name, values in over.items()}
    for name, values in over.items():
        scalar = isinstance(values, list) and all(isinstance(v, str | int | float) for v in values)
        if not scalar or not 0 < len(set(values)) == len(values):
            raise ValueError(
                f"over[{name!r}] is {values!r}: give a list of numbers or strings, each once"
            )
    return over


def _plan(function, setup, over, own):
    """Put each name where it belongs and build the setup of every point, before any point runs."""
    parameters = _check_names(function, setup, over, own)
    calls = []
    for values in itertools.product(*over.values()):
        labels = dict(zip(over, values, strict=True))
        changes = {name: value for name, value in labels.items() if name not in parameters}
        call = _Call(labels, setup, own | {n: v for n, v in labels.items() if n in parameters})
        try:
            calls.append(replace(call, setup=setup.at(**changes)) if changes else call)
        except (TypeError, ValueError) as error:
            raise type(error)(f"there is no setup at {call}: {error}") from error
    return calls


def _check_names(function, setup, over, own):
    """Return the parameters of the function that the sweep may set."""
    name, known = _name(function), []
    if setup is not None:
        if not is_frozen(setup) or not hasattr(setup, "at"):
            raise TypeError(
                f"setup is {setup!r}: pass a frozen dataclass with a method at(**changes), and the "
                "values that vary in over"
            )
        known = list(_fields(setup))
    parameters = dict(list(inspect.signature(function).parameters.items())[setup is not None :])
    for given in {**over, **own}:
        if given not in parameters and given in own and given in known:
            raise TypeError(f"{given!r} belongs to the setup: pass setup.at({given}=...)")
        if given not in parameters and given not in known:
            close = nearest(given, [*parameters, *(known if given in over else ())])
            raise TypeError(f"{name} has no parameter {given!r}: did you mean {close!r}?")
    for needed, parameter in parameters.items():
        if parameter.default is parameter.empty and needed not in {**over, **own}:
            raise TypeError(f"{name} needs {needed!r}: add it to over, or pass {needed}=...")
    if both := over.keys() & own.keys():
        raise ValueError(f"{sorted(both)} is in over and outside it: keep it in one place")
    return parameters.keys()


def _fields(setup):
    """Names of the fields of a dataclass and of the dataclasses within."""
    for name, value in members(setup).items():
        yield name
        yield from _fields(value) if dataclasses.is_dataclass(value) else ()


def _sources(function, values, cache, apart):
    """Fingerprint of what the function runs, checked against the disk; empty if nobody needs it."""
    if not cache and not apart:
        return {}
    if cache:
        _check_followed(function)
    followed = source_file(_module(function)) and _is_named(function)
    modules = {_module(function)} if followed else _modules_of_names(function)
    modules |= set().union(*map(_types, values))
    check_unedited(modules)
    return fingerprint(modules)


def _check_followed(function):
    """Refuse a function whose source a cache cannot follow."""
    file, code = source_file(_module(function)), getattr(inspect.unwrap(function), "__code__", None)
    elsewhere = code and file and os.path.basename(code.co_filename) != os.path.basename(file)
    in_console = _module(function) == "__main__" and (not file or elsewhere)
    if in_console or not file or not _is_named(function):
        place = "defined in a notebook or a console" if in_console else "not at the top level"
        raise TypeError(
            f"{_name(function)} is {place}, where a cache cannot follow its source: define it at "
            "the top level of a module (or import it again), or pass no cache"
        )


def _is_named(function):
    """Tell whether a module knows the function by its name."""
    return getattr(sys.modules.get(_module(function)), _name(function), None) is function


def _modules_of_names(function):
    """Modules of what a function calls by name; the function itself travels by value."""
    code = getattr(function, "__code__", None)
    found = (function.__globals__.get(name) for name in code.co_names) if code else ()
    return {getattr(item, "__module__", None) or getattr(item, "__name__", "") for item in found}


def _types(value):
    """Modules of the dataclasses within a value."""
    if dataclasses.is_dataclass(value):
        return {type(value).__module__}.union(*map(_types, members(value).values()))
    inner = value.values() if isinstance(value, dict) else value
    return set().union(*map(_types, inner)) if isinstance(value, dict | list) else set()


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


def _assemble(over, calls, points):
    """Stack the points into one Dataset."""
    first, inner = points[0], {name: points[0].variables[name] for name in points[0].coordinates}
    shapes = {name: variable.sizes for name, variable in first.variables.items()}
    for call, point in zip(calls, points, strict=True):
        same = {name: variable.sizes for name, variable in point.variables.items()} == shapes
        if not same or any(not point.variables[n].equals(v) for n, v in inner.items()):
            raise ValueError(
                f"the results at {call} differ in names, shapes or coordinates from those at "
                f"{calls[0]}: return the same at every point, padded to the same lengths"
            )
    size = [len(values) for values in over.values()]
    stacked = {}
    for name, variable in first.variables.items():
        if name not in inner:
            values = np.stack([point.variables[name].values for point in points])
            values = values.reshape([*size, *variable.shape])
            stacked[name] = ((*over, *variable.dims), values, variable.attrs)
    return xr.Dataset(stacked, over | inner)


def _module(function):
    return getattr(function, "__module__", None) or ""


def _name(function):
    return getattr(function, "__qualname__", repr(function))
