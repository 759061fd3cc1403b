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

    The points are drawn by the names and the number of values, so that a sample repeats itself;
    none comes from the cache.
    """
    grid = list(itertools.product(*over.values()))
    rng = generator(0, "sample", *over, len(grid))
    chosen = sorted(rng.choice(len(grid), min(size, len(grid)), replace=False))
    found = [
        sweep(function, setup, over={n: [v] for n, v in zip(over, grid[i], strict=True)}, **options)
        for i in chosen
    ]
    spent = {name: sum(one.attrs[name] for one in found) for name in found[0].attrs}
    whole = xr.merge(found, join="outer", compat="no_conflicts", combine_attrs="drop")
    return whole.reindex({n: list(values) for n, values in over.items()}).assign_attrs(spent)


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
