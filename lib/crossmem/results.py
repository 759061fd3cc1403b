"""Write and open datasets and figures, with their provenance; means and their intervals."""

import io
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.stats
import xarray as xr

from crossmem.capacity import scaling_exponent
from crossmem.checks import nearest
from crossmem.randomness import generator
from crossmem.sweep import write_atomically

#: Units and long names of the coordinates that many experiments share.
COORDINATES = {
    "seed": ("1", "seed of the repetition"),
    "neurons": ("1", "number of neurons N"),
    "hidden": ("1", "number of hidden neurons"),
    "layers": ("1", "layers of weights"),
    "patterns": ("1", "number of stored patterns P"),
    "fault_rate": ("1", "fraction of faulty cells"),
    "flip_rate": ("1", "fraction of flipped bits in the cue"),
    "noise": ("1", "standard deviation of the noise on the cue"),
    "cue_noise": ("1", "corruption of the cue"),
    "conductance_error": ("µS", "standard deviation of the conductance error"),
    "iteration": ("1", "recall iteration"),
    "method": ("1", "learning method"),
    "source": ("1", "origin of the patterns"),
    "dataset": ("1", "origin of the patterns"),
    "outcome": ("1", "where the recall ends"),
    "level": ("1", "corruption of the cue"),
    "criterion": ("1", "success criterion"),
    "optimizer": ("1", "optimiser of the training"),
    "learning_rate": ("1", "learning rate"),
}
#: Dots per inch of a figure inside a notebook.
INLINE_DPI = 150


def describe(dataset, **meanings):
    """Attach units and long names to the variables of a dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Changed in place. Shared coordinates (`COORDINATES`) that bear no name yet get theirs.
    **meanings : tuple of (str, str)
        Units (``"1"`` for a pure number) and long name, by variable.

    Returns
    -------
    xarray.Dataset
        The same dataset.

    Raises
    ------
    ValueError
        If a name is not in the dataset.
    """
    for name, (units, long_name) in meanings.items():
        if name not in dataset.variables:
            raise ValueError(
                f"the dataset has no variable {name!r}: did you mean "
                f"{nearest(name, dataset.variables)!r}?"
            )
        dataset[name].attrs.update(units=units, long_name=long_name)
    for name in COORDINATES.keys() & dataset.variables.keys():
        units, long_name = COORDINATES[name]
        dataset[name].attrs = {"units": units, "long_name": long_name, **dataset[name].attrs}
    return dataset


def save(dataset, path, *, parameters=None, seed=None):
    """Write a dataset as netCDF, with provenance, over what was there or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Each variable carries ``units`` and ``long_name`` (see `describe`).
    path : path
        Where to write; the folder is made if needed.
    parameters : dict, optional
        What the dataset was computed from; kept as one JSON string.
    seed : int, optional
        The seed, where one seed stands for the whole dataset.

    Raises
    ------
    ValueError
        If a variable lacks units or a long name.
    OSError
        If the folder cannot be written; an older file stays as it was.
    """
    dataset = describe(dataset.copy())
    for name, variable in dataset.variables.items():
        for needed in ("units", "long_name"):
            if not variable.attrs.get(needed):
                raise ValueError(
                    f"variable {name!r} has no {needed}: add it with "
                    f"describe(dataset, {name}=(units, long_name))"
                )
    dataset.attrs.update(provenance(parameters, seed))
    compressed = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.ndim and variable.dtype.kind in "biuf"
    }
    content = dataset.to_netcdf(engine="h5netcdf", encoding=compressed)
    write_atomically(path, bytes(content))


def load(path):
    """Open a dataset into memory.

    Raises
    ------
    FileNotFoundError
        If there is none; the message says how to make it.
    ValueError
        If the file is not a readable netCDF file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no dataset {path}: run the notebook that writes it")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise ValueError(
            f"{path} is not a readable netCDF file ({error}): delete it and run its notebook again"
        ) from error


def provenance(parameters=None, seed=None):
    """Return where a result comes from, as attributes that netCDF can hold."""
    known = {"parameters": json.dumps(parameters or {}, sort_keys=True)}
    if seed is not None:
        known["seed"] = int(seed)
    for package in ("crossmem", "numpy", "scipy", "xarray"):
        known[f"{package}_version"] = _version(package)
    return known | {
        "python_version": platform.python_version(),
        "git_commit": _git_commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save_figure(figure, path, *, alt):
    """Write a figure as PNG with its description inside, over what was there or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    alt : str
        What the figure shows, in words, for those who cannot see it.

    Raises
    ------
    ValueError
        If the description is empty.
    OSError
        If the folder cannot be written; an older file stays as it was.
    """
    if not alt.strip():
        raise ValueError("alt is empty: describe in a sentence what the figure shows")
    path, content = Path(path), io.BytesIO()
    metadata = {"Title": path.stem, "Description": alt}
    figure.savefig(content, format="png", metadata=metadata)
    write_atomically(path, content.getvalue())


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray


def mean_interval(values, dim="seed", *, resamples=2000):
    """Return the mean over a dimension with its 95 % bootstrap interval (percentiles).

    Parameters
    ----------
    values : xarray.DataArray
    dim : str
        The dimension of the repetitions, at least two of them.
    resamples : int
        Number of bootstrap samples; their random numbers are always the same.

    Returns
    -------
    Interval
        Three arrays without the dimension.

    Raises
    ------
    ValueError
        If the dimension is missing or holds a single value.
    """
    if values.sizes.get(dim, 0) < 2:
        raise ValueError(
            f"values have sizes {dict(values.sizes)}, but an interval needs at least 2 along "
            f"{dim!r}: run more of them"
        )
    bootstrap = scipy.stats.bootstrap(
        (values.astype(float).values,),
        np.mean,
        axis=values.get_axis_num(dim),
        n_resamples=resamples,
        batch=100,
        method="percentile",
        rng=generator(0, "mean_interval"),
    )
    mean = values.astype(float).mean(dim)
    low, high = bootstrap.confidence_interval
    return Interval(mean, mean.copy(data=low), mean.copy(data=high))


def project_root():
    """Return the folder that holds the notebooks: at or above this one, or the installed tree.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
                return folder
    raise FileNotFoundError(
        f"neither {Path.cwd()} nor a folder above it holds notebooks and params: change to the "
        "folder of the workbook"
    )


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit():
    """Return the commit, with "+changes" if code, notebooks or parameters differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--", ":/lib", ":/notebooks", ":/params"],
            capture_output=True,
            text=True,
        )
    except OSError:
        return "unknown"
    if commit.returncode:
        return "unknown"
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def growth(values, dim):
    """Return the exponent with which capacities grow along a dimension, with its interval.

    Parameters
    ----------
    values : xarray.DataArray
        With the dimensions ``dim``, a size, and "seed", no others. Seeds that are all NaN are left
        out.
    dim : str

    Returns
    -------
    capacity.Exponent
    """
    values = values.transpose("seed", dim).dropna("seed", how="all")
    return scaling_exponent(values[dim], values, generator(0, "exponent", dim))
