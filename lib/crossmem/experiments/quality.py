"""Recall of a given number of stored patterns."""

import xarray as xr

from crossmem.analysis.capacity import recall_quality
from crossmem.deploy.programming import with_programming_error
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import quantity
from crossmem.networks.adaptive import fit_batch
from crossmem.randomness import generator


def stored_quality(setup, *, seeds):
    """Recall of a given number of stored patterns through masked weights (Fig. 3g, 3h, 4e).

    The seeds, a list, are repetitions, trained as one batch where that is possible. Returns the
    Dataset of `setup_quality` along ``seed``.
    """
    if not isinstance(seeds, list | tuple) or not seeds:
        raise ValueError(f"seeds={seeds!r} must be a list of at least one, such as [0, 1, 2]")
    setup.require(**NO_CHIP)
    memories = [setup.memory(seed) for seed in seeds]
    stored = [setup.stored(seed) for seed in seeds]
    fit_batch(memories, stored, limits=[setup.masked_limits(seed) for seed in seeds])
    found = []
    for seed, memory, own in zip(seeds, memories, stored, strict=True):
        network = memory.network_
        if setup.programming_error:
            rng = generator(seed, "conductance error", setup.neurons)
            network = with_programming_error(network, setup.programming_error, rng)
        found.append(setup_quality(setup, network, own, seed))
    return xr.concat(found, xr.Variable("seed", list(seeds)))


def setup_quality(setup, network, stored, seed):
    """``cosine`` and ``worst_cosine`` of a network that stores patterns (P, N), in a Dataset.

    The cues belong to the seed and are the same for every network.
    """
    rng = generator(seed, "cues", setup.neurons, len(stored), setup.level)
    options = {"cues": setup.cues, "iterations": setup.iterations}
    found = recall_quality(network, stored, setup.corrupt, rng, **options)
    return xr.Dataset(
        {
            "cosine": quantity(found.mean, "1", "cosine similarity, mean over patterns"),
            "worst_cosine": quantity(found.worst_pattern, "1", "cosine similarity, worst pattern"),
        }
    )
