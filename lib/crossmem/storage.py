"""Files that are whole or absent: written beside their place, then moved over it."""

import contextlib
import json
import os
from pathlib import Path

import numpy as np
import xarray as xr


def write_atomically(path, content):
    """Write bytes beside a file's place, then move them over it; make the folder if needed.

    A kill or a full disk leaves the old file or the new one, never a part.

    Raises
    ------
    OSError
        If the folder cannot be written; the old file, if any, stays as it was.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"cannot write {path} ({error.strerror or error}); what was there is unchanged: "
            "free some space or choose another folder",
        ) from error


def to_json(value):
    """JSON text of plain values, NumPy scalars and arrays among them; keys in order.

    Raises
    ------
    TypeError
        For a value that is none of these; the message names it.
    """
    return json.dumps(value, sort_keys=True, default=_plain)


def save_dataset(dataset, path):
    """Write a dataset as compressed netCDF, over what was there or not at all.

    Raises
    ------
    OSError
        If the folder cannot be written; an older file stays as it was.
    """
    compressed = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.ndim and variable.dtype.kind in "biuf"
    }
    content = dataset.to_netcdf(engine="h5netcdf", encoding=compressed)
    write_atomically(path, bytes(content))


def load_dataset(path):
    """Read a netCDF file into memory; no lock is taken.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OSError
        If the file is there but cannot be read, for want of permission for example.
    ValueError
        If what was read is not a netCDF file.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no dataset {path}: run the notebook that writes it"
        ) from None
    except OSError as error:
        raise OSError(
            error.errno, f"cannot read {path} ({error.strerror or error}): check its permissions"
        ) from error
    try:
        return xr.load_dataset(content, engine="h5netcdf")
    except Exception as error:
        raise ValueError(
            f"{path} is damaged or no netCDF file ({error}): delete it and run its notebook again"
        ) from error


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(
        f"{value!r} is a {type(value).__name__}, which JSON cannot hold: give numbers, strings, "
        "true or false, or lists of them"
    )
