"""Files that are whole or absent: written beside their place, then moved over it."""

import contextlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import xarray as xr
import yaml


def write_atomically(path, content):
    """Write bytes beside a file's place, then move them over it; make the folder if needed.

    A kill or a full disk leaves the old file or the new one, never a part.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
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


def check_writable(folder):
    """Learn before the work that nothing can be written to a folder; the OSError names it."""
    probe = Path(folder) / "probe.tmp"
    write_atomically(probe, b"")
    probe.unlink(missing_ok=True)


def to_json(value, **layout):
    """JSON text of plain values, NumPy scalars and arrays among them; keys in order.

    `layout` goes to `json.dumps`, such as ``indent=1``. Any other value is refused by name.
    """
    return json.dumps(value, sort_keys=True, default=_plain, **layout)


def save_dataset(dataset, path):
    """Write a dataset as compressed netCDF, over what was there or not at all.

    Attributes that netCDF cannot hold, such as ``True`` or a dictionary, are kept as JSON text.
    """
    dataset = dataset.copy()  # shares the values; the attributes are its own
    for item in (dataset, *dataset.variables.values()):
        item.attrs = {name: _attribute(value) for name, value in item.attrs.items()}
    compressed = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.ndim and variable.dtype.kind in "biuf"
    }
    content = dataset.to_netcdf(engine="h5netcdf", encoding=compressed)
    write_atomically(path, bytes(content))


def load_dataset(path, *, renew="write it again"):
    """Read a netCDF file into memory; no lock is taken.

    A file that is absent or cannot be read is an OSError, one that is no netCDF file a ValueError.
    `renew` is what these errors advise to get the file again.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        absent = isinstance(error, FileNotFoundError)
        remedy = f"check the name, or {renew}" if absent else "check its permissions"
        reason = f"cannot read {path} ({error.strerror or error}): {remedy}"
        raise OSError(error.errno, reason) from (None if absent else error)
    try:
        return xr.load_dataset(content, engine="h5netcdf")
    except Exception as error:
        raise ValueError(
            f"{path} is damaged or no netCDF file ({error}): delete it and {renew}"
        ) from error


def read_yaml(path):
    """The dictionary in a YAML file, empty if the file is.

    A file that holds no dictionary, or a name twice, of which YAML would take the last, is a
    ValueError.
    """
    try:
        found = yaml.load(Path(path).read_text(encoding="utf-8"), _OnceEach)
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(found, dict | None):
        raise ValueError(f"{path} holds {found!r}: write one 'name: value' per line")
    return found or {}


class _OnceEach(yaml.SafeLoader):
    """Refuses a name that stands twice."""

    def construct_mapping(self, node, deep=False):
        names = [key.value for key, _ in node.value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice[0]!r} stands there twice: keep one", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _attribute(value):
    """An attribute as netCDF holds it: a text, a number, or a list of either; else JSON text."""
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    parts = value if isinstance(value, list | tuple) else [value]
    kinds = {type(part) for part in parts}
    return value if kinds <= {str} or kinds <= {int, float} else to_json(value)


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(
        f"{value!r} is a {type(value).__name__}, which JSON cannot hold: give numbers, strings, "
        "true or false, or lists of them"
    )
