"""Capacities of written chips side by side: several sweeps as one, our training and the other."""

import xarray as xr


def join(dim, *parts):
    """Capacities of several sweeps as one, NaN where a seed or a criterion was not searched."""
    return xr.concat(parts, dim, join="outer").sortby(dim)


def beside(held, after, before, criterion="mean"):
    """Capacities of our training and of the published one, on the seeds that both were searched on.

    Parameters
    ----------
    held : DataArray (training, way, criterion, seed, ...)
        NaN where a seed was not searched.
    after, before : str
        The ways in which the memories of our training, and of the published one, are written.
    criterion : str

    Returns
    -------
    after, before : DataArray (seed, ...)
    """
    ends = {"ours": after, "published": before}.items()
    parts = (held.sel(training=t, way=w, criterion=criterion, drop=True) for t, w in ends)
    return xr.align(*(part.dropna("seed") for part in parts))
