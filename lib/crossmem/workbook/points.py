"""Finished grid points: one checked file each, named by all that the point depends on."""

import gzip
import json
import re
import warnings
from pathlib import Path

import joblib
import numpy as np
import xarray as xr

from crossmem.storage import write_atomically


def encode(result, seconds):
    """Turn the results of one point, computed in `seconds`, into the bytes that are kept.

    They are JSON, compressed with a checksum. A variable of Python objects is a TypeError: no
    pickle is ever written.
    """
    dataset = result if isinstance(result, xr.Dataset) else xr.Dataset(result)
    for name, variable in dataset.variables.items():
        if variable.dtype.hasobject:
            raise TypeError(f"result {name!r} holds Python objects: return numbers or strings")
    content = dataset.assign_attrs(seconds=seconds).to_dict(data="array")
    return gzip.compress(json.dumps(content, default=_array_to_json).encode(), compresslevel=1)


def decode(content):
    """Return the Dataset of these bytes; whatever is wrong with them raises an exception."""
    text = gzip.decompress(content)
    return xr.Dataset.from_dict(json.loads(text, object_hook=_array_from_json))


class PointStore:
    """Folder of finished points, one below `cache` for each experiment's full name.

    `sources` is the experiment's `crossmem.workbook.fingerprint.fingerprint`.
    """

    def __init__(self, cache, name, sources):
        self.folder = Path(cache) / re.sub(r"\W", "_", name)
        self.identity = [name, sources]

    def path(self, values):
        """File of the point of these values, of whatever types."""
        return self.folder / f"{joblib.hash([self.identity, values], 'sha1')}.json.gz"

    def read(self, path):
        """Return a finished point, or None if its file is missing or damaged.

        A file that is there but cannot be read, for want of permission for example, is an OSError.
        """
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return decode(content)
        except Exception as error:  # the bytes are here: whatever fails is their damage
            warnings.warn(
                f"finished point {path} is damaged ({error}) and is computed again", stacklevel=3
            )
            return None


def check_writable(folder):
    """Learn before the work that nothing can be written to a folder; the OSError names it."""
    probe = Path(folder) / "probe.tmp"
    write_atomically(probe, b"")
    probe.unlink(missing_ok=True)


def _array_to_json(array):
    return {"dtype": array.dtype.str, "shape": array.shape, "values": array.ravel().tolist()}


def _array_from_json(found):
    if found.keys() != {"dtype", "shape", "values"}:
        return found
    return np.array(found["values"], found["dtype"]).reshape(found["shape"])
