"""Compute a few points of each sweep anew, and compare them with the datasets that are kept."""

import itertools
import os

import numpy as np
import xarray as xr

from crossmem.randomness import generator
from crossmem.workbook.sweep import sweep

#: Values that differ by more than this, in units of the root mean square of those compared of the
#: same variable, are not the same.
TOLERANCE = 1e-6


def sample_size():
    """Points of each sweep that the notebook now running shall compute, 0 for all of them."""
    return int(os.environ.get("CROSSMEM_SAMPLE", 0))


def sampled(function, setup=None, *, over, size, **options):
    """`crossmem.workbook.sweep.sweep` at some points of the grid, NaN at the others.

    None comes from the cache.
    """
    grid = {values: None for values in itertools.product(*over.values())}
    found = [
        sweep(function, setup, over={n: [v] for n, v in zip(over, values, strict=True)}, **options)
        for values in some_of(grid, size)
    ]
    spent = {name: sum(one.attrs[name] for one in found) for name in found[0].attrs}
    return filled(found, {n: list(values) for n, values in over.items()}).assign_attrs(spent)


def some_of(cases, size):
    """Part of a dictionary, as many cases as ``size`` says, or all if it is 0.

    They are drawn by their number, so that the draw repeats itself.
    """
    if not 0 < size < len(cases):
        return cases
    chosen = generator(0, "sample", len(cases)).choice(len(cases), size, replace=False)
    return {name: case for i, (name, case) in enumerate(cases.items()) if i in chosen}


def filled(found, labels):
    """Datasets as one along dimensions with these labels, NaN where none has a value."""
    whole = xr.merge(found, join="outer", compat="no_conflicts", combine_attrs="drop")
    return whole.reindex(labels)


def compare(found, kept):
    """How a sampled dataset compares with the kept one.

    Parameters
    ----------
    found, kept : xarray.Dataset
        Where ``found`` is NaN, nothing was computed. Text is left out.

    Returns
    -------
    dict
        ``values`` compared, how many ``differ``, and in ``worst`` a sentence on the variable whose
        values differ most.
    """
    values = differ = 0
    worst, largest = "", TOLERANCE
    for name, ours in found.data_vars.items():
        if ours.dtype.kind not in "biuf":
            continue
        if name not in kept:
            return {"values": 0, "differ": 1, "worst": f"{name} is not in the file"}
        theirs = kept[name].reindex_like(ours).transpose(*ours.dims)
        ours, theirs = (array.to_numpy().astype(float) for array in (ours, theirs))
        ours, theirs = ours[computed := ~np.isnan(ours)], theirs[computed]
        away = _distance(ours, theirs)
        values, differ = values + away.size, differ + int((away > TOLERANCE).sum())
        if away.max(initial=0.0) > largest:
            at, largest = away.argmax(), away.max()
            worst = f"{name} is {ours[at]:.6g} and was {theirs[at]:.6g}"
    return {"values": values, "differ": differ, "worst": worst}


def _distance(ours, theirs):
    """How far values are from others, in units of the root mean square of these.

    A value that only one side has, NaN or infinite, is infinitely far away.
    """
    finite = theirs[np.isfinite(theirs)]
    scale = np.sqrt(np.mean(finite**2)) if finite.any() else 1.0
    with np.errstate(invalid="ignore"):
        away = np.nan_to_num(np.abs(ours - theirs) / scale, nan=np.inf)
    return np.where(ours == theirs, 0.0, away)
