"""Run an experiment over a grid of parameters: in parallel, resumable, into one Dataset.

Every finished grid point is kept as one small file, written beside its place and moved over it,
so that a killed sweep goes on where it was. `joblib.Memory` would keep the points too, but as
pickles, keyed on the text of the function alone: an edit in a module below it would go unseen.
"""

import ast
import contextlib
import functools
import hashlib
import inspect
import io
import itertools
import json
import os
import queue
import re
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import joblib
import joblib.externals.loky as loky
import numpy as np
import scipy
import sklearn
import xarray as xr
import xyzpy
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from crossmem.checks import nearest
from crossmem.storage import write_atomically

#: The library as this process imported it: module name to source text.
SOURCES = {
    ".".join(("crossmem", *path.relative_to(Path(__file__).parents[1]).with_suffix("").parts)): (
        path.read_text(encoding="utf-8")
    )
    for path in Path(__file__).parents[1].rglob("*.py")
}


def sweep(
    function, grid, *, constants=None, workers=None, executor=None, cache=None, label=None
) -> xr.Dataset:
    """Evaluate a function at every point of a grid.

    The result does not depend on the number of workers, on the order of evaluation or on what
    the cache already held, as long as `function` takes its random numbers from
    `crossmem.randomness.generator`.

    Parameters
    ----------
    function : callable
        Top-level function of plain keyword parameters. Returns one grid point's results: a
        dictionary from variable name to a scalar, an `xarray.Variable` or an `xarray.DataArray`
        (for values with dimensions of their own, or with units), or a Dataset of these.
    grid : dict of str to sequence
        The values of each parameter that varies; each becomes a labelled dimension.
    constants : dict, optional
        Parameters that are the same at every point.
    workers : int, optional
        Processes to use, one BLAS thread each. 1 computes in this process. By default (None or
        0) the environment variable CROSSMEM_WORKERS, else the processors that this process may use.
    executor : object with ``submit``, optional
        Where to compute instead, such as a `dask.distributed.Client`.
    cache : path, optional
        Folder that keeps finished grid points. They are found again by the same function,
        parameters and library source; comments and docstrings do not matter.
    label : str, optional
        Name of the sweep in the progress bar; the function's name by default.

    Returns
    -------
    xarray.Dataset
        One dimension per key of `grid`, then the dimensions of the function's own. Attributes
        ``wall_time_s`` (this call) and ``compute_time_s`` (all points, cached ones included).

    Raises
    ------
    TypeError, ValueError
        If the request cannot be run: an unknown or missing parameter, an empty grid, a function
        that other processes cannot import.
    RuntimeError
        If the function fails; the message names the grid point.
    """
    start = time.perf_counter()
    grid, constants = _plain(grid, "grid"), _plain(constants or {}, "constants")
    workers = count_workers(workers)
    _check_request(function, grid, constants, isolated=workers == 1 and not executor and not cache)
    points = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    task = _Task(function, constants, _fingerprint(function.__module__))
    store = _Store(Path(cache), task) if cache else None

    found = {i: entry for i, p in enumerate(points) if (entry := store and store.read(p))}
    missing = [i for i in range(len(points)) if i not in found]
    with _progress(len(points), len(found), label or function.__name__) as bar:
        for i, get in _finished(task, points, missing, workers, executor):
            content = _collect(get, function, points[i])
            if store:
                store.write(points[i], content)
            found[i] = _decode(content)
            bar.update()
    dataset = _assemble(grid, points, [found[i] for i in range(len(points))])
    dataset.attrs["compute_time_s"] = sum(entry.seconds for entry in found.values())
    dataset.attrs["wall_time_s"] = time.perf_counter() - start
    return dataset


def count_workers(workers=None):
    """Return the number of worker processes: as asked, else CROSSMEM_WORKERS, else all.

    Raises
    ------
    ValueError
        If the number is not a whole number of at least 1 (None and 0 mean "not asked").
    """
    wanted = workers or os.environ.get("CROSSMEM_WORKERS") or joblib.cpu_count()
    try:
        number = int(wanted)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ValueError(
            f"workers is {wanted!r}, but must be a whole number of at least 1: pass workers=1, "
            "or set CROSSMEM_WORKERS=1"
        )
    return number


def _plain(parameters, what):
    """Return parameters as Python scalars and lists, so that their text identifies them."""
    return {name: _plain_value(value, f"{what}[{name!r}]") for name, value in parameters.items()}


def _plain_value(value, where):
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain_value(item, where) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(
        f"{where} holds {value!r}, a {type(value).__name__}, but a sweep takes numbers, strings "
        "and lists of them: pass a plain value and build the object inside the function"
    )


def _check_request(function, grid, constants, isolated):
    _check_grid(grid)
    name = getattr(function, "__qualname__", repr(function))
    parameters = inspect.signature(function).parameters
    for given in [*grid, *constants]:
        if given not in parameters:
            raise TypeError(
                f"{name} has no parameter {given!r}: did you mean {nearest(given, parameters)!r}?"
            )
    for needed, parameter in parameters.items():
        if parameter.default is parameter.empty and needed not in {**grid, **constants}:
            raise TypeError(f"{name} needs {needed!r}: add it to the grid or to the constants")
    if both := grid.keys() & constants.keys():
        raise ValueError(f"{sorted(both)} is in both grid and constants: keep it in one of them")
    if not isolated and not _is_importable(function):
        raise TypeError(
            f"{name} cannot be imported by a worker or found again by a cache: define it at the "
            "top level of a module, or pass workers=1 and no cache"
        )


def _check_grid(grid):
    if not grid:
        raise ValueError("grid is empty: name at least one parameter and its values")
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid[{name!r}] is {values!r}: give a list of at least one value")
        if any(isinstance(value, list) for value in values):
            raise TypeError(f"grid[{name!r}] holds lists: each value must be a single scalar")
        if len(set(values)) < len(values):
            raise ValueError(f"grid[{name!r}] repeats a value: list each value once")


def _is_importable(function):
    """Tell whether the function is a top-level name of a module that has a source file."""
    module = sys.modules.get(getattr(function, "__module__", None))
    found = getattr(module, getattr(function, "__qualname__", ""), None)
    return found is function and bool(getattr(module, "__file__", None))


@dataclass(frozen=True)
class _Task:
    """One evaluation, as it travels to a worker; returns the encoded results."""

    function: object
    constants: dict
    fingerprint: str

    def __call__(self, point):
        if self.fingerprint != _fingerprint(self.function.__module__):
            raise RuntimeError(
                "a worker holds another version of crossmem: restart the kernel or the cluster"
            )
        start = time.perf_counter()
        # One thread always, so that sums are taken in the same order whatever the worker count.
        with threadpool_limits(limits=1):
            result = self.function(**point, **self.constants)
        return _encode(result, time.perf_counter() - start)


def _finished(task, points, missing, workers, executor):
    """Yield (index, function that returns or raises the result) as points finish."""
    if executor is None and (workers == 1 or len(missing) < 2):
        for i in missing:
            yield i, functools.partial(task, points[i])
        return
    if executor is None:
        # Workers outlive the pause between two sweeps; by default they leave after ten seconds,
        # and one that leaves as work arrives makes loky warn.
        executor = loky.get_reusable_executor(max_workers=workers, timeout=120)
    # A queue, since `concurrent.futures.wait` does not take the futures of Dask.
    done = queue.SimpleQueue()
    # Grids ascend in size as a rule: the last points, which take longest, go first, lest one worker
    # be left over with one of them.
    futures = {executor.submit(task, points[i]): i for i in reversed(missing)}
    try:
        for future in futures:
            future.add_done_callback(done.put)
        for _ in futures:
            future = done.get()
            yield futures[future], future.result
    finally:
        for future in futures:
            if not future.done():  # Dask would forget a finished task just as it is asked for again
                future.cancel()


def _collect(get, function, point):
    try:
        return get()
    except Exception as error:
        where = ", ".join(f"{name}={value!r}" for name, value in point.items())
        raise RuntimeError(
            f"{function.__qualname__} failed at {where}: {type(error).__name__}: {error}"
        ) from error


@contextlib.contextmanager
def _progress(total, done, label):
    """Show points done and time left on the terminal, never among the outputs of a notebook.

    `crossmem.reproduce` names its own terminal or log in CROSSMEM_PROGRESS, because the kernel
    of a notebook has none.
    """
    target = os.environ.get("CROSSMEM_PROGRESS")
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(open(target, "a")) if target else sys.stderr
        terminal = stream.isatty()
        yield stack.enter_context(
            tqdm(
                total=total,
                initial=done,
                desc=label,
                file=stream,
                disable=not (terminal or target),
                mininterval=0.2 if terminal else 20,
                bar_format="{desc}: {n_fmt}/{total_fmt} points, {elapsed} gone, {remaining} left",
            )
        )


@dataclass(frozen=True)
class _Entry:
    """Results of one grid point: variables by name, which of them are coordinates, seconds."""

    variables: dict
    coordinates: list
    seconds: float


def _encode(result, seconds):
    """Turn the results of one point into the bytes that travel and that the cache keeps."""
    dataset = result if isinstance(result, xr.Dataset) else xr.Dataset(result)
    for name, variable in dataset.variables.items():
        if variable.dtype.hasobject:
            raise TypeError(f"result {name!r} holds Python objects: return numbers or strings")
    header = {
        "variables": {n: [list(v.dims), v.attrs] for n, v in dataset.variables.items()},
        "coordinates": list(dataset.coords),
        "seconds": seconds,
    }
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(content, text, *(variable.values for variable in dataset.variables.values()))
    return content.getvalue()


def _decode(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header, *arrays = (archive[f"arr_{i}"] for i in range(len(archive.files)))
    header = json.loads(header.tobytes())
    variables = {
        name: xr.Variable(dims, values, attrs)
        for (name, (dims, attrs)), values in zip(header["variables"].items(), arrays, strict=True)
    }
    return _Entry(variables, header["coordinates"], header["seconds"])


def _assemble(grid, points, entries):
    """Stack the points into one Dataset; xyzpy knows how to label a grid of plain results."""
    first = entries[0]
    shape = {name: variable.sizes for name, variable in first.variables.items()}
    for point, entry in zip(points, entries, strict=True):
        if {name: variable.sizes for name, variable in entry.variables.items()} != shape:
            raise ValueError(
                f"the results at {point} differ in names or shapes from those at {points[0]}: "
                "return the same variables, padded to the same lengths, at every point"
            )
    inner = {name: first.variables[name] for name in first.coordinates}
    names = [name for name in first.variables if name not in inner]
    at = {tuple(p.values()): entry for p, entry in zip(points, entries, strict=True)}

    def look_up(**point):
        entry = at[tuple(point[name] for name in grid)]
        values = tuple(entry.variables[name].values for name in names)
        return values if len(names) > 1 else values[0]

    dims = {name: first.variables[name].dims for name in names}
    dataset = xyzpy.combo_runner_to_ds(look_up, grid, names, var_dims=dims, verbosity=0)
    for name in names:
        dataset[name].attrs.update(first.variables[name].attrs)
    return dataset.assign_coords(inner)


class _Store:
    """Folder of finished points, one file each, named by all that the result depends on."""

    def __init__(self, folder, task):
        module = task.function.__module__
        for name in _dependencies(module) & SOURCES.keys():
            path = Path(__file__).parents[2].joinpath(*name.split(".")).with_suffix(".py")
            if _syntax(_source(path)) != _syntax(SOURCES[name]):
                raise RuntimeError(
                    f"{name} has changed since it was imported, so finished points could be filed "
                    "under the wrong version: restart the kernel"
                )
        self.identity = [task.function.__qualname__, task.fingerprint]
        self.constants = task.constants
        self.folder = folder / re.sub(r"\W", "_", f"{module}.{task.function.__qualname__}")

    def path(self, point):
        key = json.dumps([self.identity, {**self.constants, **point}], sort_keys=True)
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"

    def read(self, point):
        """Return a finished point, or None if it is missing or damaged (checked by its CRC)."""
        path = self.path(point)
        try:
            return _decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except Exception as error:
            warnings.warn(
                f"cache entry {path} is damaged ({error}) and will be computed again", stacklevel=3
            )
            return None

    def write(self, point, content):
        write_atomically(self.path(point), content)


@functools.lru_cache
def _fingerprint(module):
    """Hash what a module and the library modules below it do, and the numerical libraries."""
    parts = [f"{name} {_syntax(_source(name))}" for name in sorted(_dependencies(module))]
    parts += [np.__version__, scipy.__version__, sklearn.__version__]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@functools.lru_cache
def _dependencies(module):
    """Return the module and those of this library that it imports, directly or through others."""
    found, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.walk(ast.parse(_source(name))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            else:
                continue
            waiting |= (names & SOURCES.keys()) - found
    return found


def _source(module):
    """Source text of a module of the library as imported, or of the experiment's own module."""
    if module in SOURCES:
        return SOURCES[module]
    path = module if isinstance(module, Path) else getattr(sys.modules[module], "__file__", None)
    return Path(path).read_text(encoding="utf-8") if path else ""


@functools.lru_cache
def _syntax(source):
    """Syntax tree of a module without comments and docstrings, as text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
