"""Finished grid points: one checked file each, named by all that the point depends on."""

import gzip
import json
import warnings

import numpy as np
import xarray as xr


def encode(result, seconds):
    """Turn the results of one point, computed in `seconds`, into the bytes that are kept.

    They are JSON, compressed with a checksum. What JSON cannot hold, such as Python objects or
    complex numbers, is a TypeError: no pickle is ever written.
    """
    dataset = result if isinstance(result, xr.Dataset) else xr.Dataset(result)
    for name, variable in dataset.variables.items():
        dtype = variable.dtype
        if dtype.kind not in "biufU" or (dtype.kind == "f" and dtype.itemsize > 8):
            held = "Python objects" if dtype.hasobject else dtype.name
            raise TypeError(f"result {name!r} holds {held}: return real numbers or strings")
    content = dataset.assign_attrs(seconds=seconds).to_dict(data="array")
    return gzip.compress(json.dumps(content, default=_array_to_json).encode(), compresslevel=1)


def decode(content):
    """Return the Dataset of these bytes; whatever is wrong with them raises an exception."""
    text = gzip.decompress(content)
    return xr.Dataset.from_dict(json.loads(text, object_hook=_array_from_json))


def read(path):
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


def _array_to_json(array):
    if not isinstance(array, np.generic | np.ndarray) or array.dtype.kind not in "biufU":
        raise TypeError(f"an attribute is {array!r}: give numbers, strings or lists of them")
    return {"dtype": array.dtype.str, "shape": array.shape, "values": array.ravel().tolist()}


def _array_from_json(found):
    if found.keys() != {"dtype", "shape", "values"}:
        return found
    return np.array(found["values"], found["dtype"]).reshape(found["shape"])
