"""Net patterns: what a memory itself accounts for, beside images that it never saw."""


def net_patterns(control):
    """Net patterns (s - u) P of a control with unseen images.

    The shares s of the stored and u of the unseen images are those recalled from corrupted cues.
    P patterns are stored.

    Parameters
    ----------
    control : Dataset
        ``recalled`` (images, start, ...), as `unseen_quality` gives it, and ``n_patterns``.

    Returns
    -------
    DataArray
        In patterns, along the other dimensions.
    """
    shares = control["recalled"].sel(start="corrupted", drop=True)
    stored, unseen = (shares.sel(images=images, drop=True) for images in ("stored", "unseen"))
    return (stored - unseen) * control["n_patterns"]


def peaks(net):
    """Memories by the load at which their net patterns are most, in the mean over the seeds.

    ``net`` is an array (memory, load, seed). The dict of lists goes by rising load.
    """
    best = net.mean("seed").idxmax("load").to_series()
    return {load: list(names.index) for load, names in best.groupby(best)}


def without_fall(net, share=0.05):
    """Memories whose net patterns at the last load are within a share of the most.

    Their maximum was not passed. ``net`` is as in `peaks`, its loads rise.
    """
    mean = net.mean("seed")
    level = mean.isel(load=-1) >= (1 - share) * mean.max("load")
    return mean["memory"].values[level.transpose("memory").values].tolist()
