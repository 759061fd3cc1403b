"""Memory or denoiser: recall of images that were stored, beside images that were not."""

import numpy as np
import xarray as xr

from crossmem.experiments.staged import chip_for, written
from crossmem.labels import quantity
from crossmem.networks.network import cosine
from crossmem.randomness import generator

IMAGES, STARTS = ("stored", "unseen"), ("corrupted", "clean")


def unseen_quality(setup, *, writing, way, unseen=500, threshold=0.99, seed):
    """Recall of stored and of unseen images of the same source, from corrupted and clean starts.

    A memory sends images that it never saw to something else; a denoiser returns them.

    Parameters
    ----------
    setup : Setup
        Its number of patterns is stored.
    writing : Writing
        As in `staged_quality`. Other rules than adaptive training have free weights.
    way : str
        One of the ways of the writing.
    unseen : int
        Images that are not stored.
    threshold : float
        Cosine similarity that counts as recalled.

    Returns
    -------
    dict
        By images (stored, unseen) and start (corrupted, clean): cosine similarity with the image
        ``before`` and ``after`` recall, and the share ``recalled`` of the recalls.
    """
    crossbars, limits = chip_for(setup, writing, seed)
    pool = setup.pool(seed, setup.n_patterns + unseen)
    stored, new = np.split(pool, [setup.n_patterns])
    memory = setup.memory(seed).fit(stored, limits=limits)
    network = memory.network_
    if way != "trained":
        network, _ = written(memory, stored, crossbars, writing, way, seed)
    found = [
        [_recalled(network, images, corrupt, setup, threshold, seed) for corrupt in (True, False)]
        for images in (stored, new)
    ]
    names = {
        "before": "cosine similarity of the start with its image",
        "after": "cosine similarity of the recalled state with the image",
        "recalled": "share of recalls that reach the threshold",
    }
    values = np.moveaxis(np.array(found), -1, 0)
    coords = {"images": list(IMAGES), "start": list(STARTS)}
    meanings = {"images": ("1", "images"), "start": ("1", "start of the recall")}
    axes = {name: quantity(coords[name], *meanings[name], name) for name in coords}
    return {
        name: xr.DataArray(quantity(part, "1", meaning, list(coords)), axes)
        for (name, meaning), part in zip(names.items(), values, strict=True)
    }


def _recalled(network, images, corrupt, setup, threshold, seed):
    """Mean cosine before and after recall, and the share that reaches the threshold."""
    rng, cues = generator(seed, "cues of images", setup.neurons, len(images)), images
    if corrupt:
        images = np.repeat(images, setup.cues, axis=0)
        cues = setup.corrupt(images, rng)
    after = cosine(network.recall(cues, iterations=setup.iterations), images)
    return cosine(cues, images).mean(), after.mean(), (after >= threshold).mean()
