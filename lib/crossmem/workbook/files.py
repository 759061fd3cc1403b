"""Write and open datasets and figures, with their provenance."""

import io
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xarray as xr

from crossmem.labels import describe
from crossmem.storage import write_atomically


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
