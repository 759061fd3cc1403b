"""Finished grid points: one checked file each, named by all that the point depends on."""

import dataclasses
import hashlib
import io
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from crossmem.storage import write_atomically


@dataclass(frozen=True)
class Point:
    """Results of one grid point: variables by name, which of them are coordinates, seconds."""

    variables: dict
    coordinates: list
    seconds: float


def encode(result, seconds):
    """Turn the results of one point, computed in `seconds`, into the bytes that are kept.

    A variable of Python objects is a TypeError: no pickle is ever written.
    """
    dataset = result if isinstance(result, xr.Dataset) else xr.Dataset(result)
    for name, variable in dataset.variables.items():
        if variable.dtype.hasobject:
            raise TypeError(f"result {name!r} holds Python objects: return numbers or strings")
    header = {
        "variables": {
            name: [list(variable.dims), plain(variable.attrs, f"attributes of {name!r}")]
            for name, variable in dataset.variables.items()
        },
        "coordinates": list(dataset.coords),
        "seconds": seconds,
    }
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(content, text, *(variable.values for variable in dataset.variables.values()))
    return content.getvalue()


def decode(content):
    """Return the `Point` of these bytes; whatever is wrong with them raises an exception."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        header, *arrays = (archive[f"arr_{i}"] for i in range(len(archive.files)))
    header = json.loads(header.tobytes())
    variables = {
        name: xr.Variable(dims, values, attrs)
        for (name, (dims, attrs)), values in zip(header["variables"].items(), arrays, strict=True)
    }
    return Point(variables, header["coordinates"], header["seconds"])


class PointStore:
    """Folder of finished points, one below `cache` for each experiment's full name.

    `sources` is the experiment's `crossmem.workbook.fingerprint.fingerprint`.
    """

    def __init__(self, cache, name, sources):
        self.folder = Path(cache) / re.sub(r"\W", "_", name)
        self.identity = [name, sources]

    def path(self, values):
        """File of the point of these values."""
        key = json.dumps([self.identity, values], sort_keys=True, default=_to_json)
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()}.npz"

    def read(self, values):
        """Return a finished point, or None if it is missing or damaged (each array has a CRC).

        A file that is there but cannot be read, for want of permission for example, is an OSError.
        """
        path = self.path(values)
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise OSError(
                error.errno,
                f"cannot read the finished point {path} ({error.strerror or error}): check its "
                "permissions, or name another cache",
            ) from error
        try:
            return decode(content)
        except Exception as error:  # the bytes are here: whatever fails is their damage
            warnings.warn(
                f"finished point {path} is damaged ({error}) and is computed again", stacklevel=3
            )
            return None

    def write(self, values, content):
        """Keep a point: a kill or a full disk leaves the whole file or none."""
        write_atomically(self.path(values), content)


def check_writable(folder):
    """Learn before the work that nothing can be written to a folder; the OSError names it."""
    probe = Path(folder) / "probe.tmp"
    write_atomically(probe, b"")
    probe.unlink(missing_ok=True)


def plain(value, where):
    """Return a value with lists for tuples and arrays; frozen dataclasses stay as they are.

    Anything but these, numbers, strings and dictionaries is a TypeError, which says `where`.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple | range):
        return [plain(item, where) for item in value]
    if isinstance(value, dict):
        return {name: plain(item, where) for name, item in value.items()}
    if value is None or isinstance(value, str | bool | int | float) or is_frozen(value):
        return value
    raise TypeError(
        f"{where} holds {value!r}, a {type(value).__name__}, but a sweep takes numbers, strings, "
        "lists of them and frozen dataclasses: pass one of these and build the object inside the "
        "function"
    )


def is_frozen(value):
    """Tell whether a value is an instance of a frozen dataclass."""
    return (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and type(value).__dataclass_params__.frozen
    )


def members(value):
    """Fields of a dataclass by name."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _to_json(value):
    """A frozen dataclass or an array as JSON can hold it."""
    if is_frozen(value):
        return [type(value).__module__, type(value).__qualname__, members(value)]
    return plain(value, "a finished point")
