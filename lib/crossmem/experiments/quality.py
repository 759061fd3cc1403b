"""Recall of a given number of stored patterns."""

from crossmem.analysis.capacity import recall_quality
from crossmem.deploy.programming import with_programming_error
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import labelled
from crossmem.networks.adaptive import fit_batch
from crossmem.networks.network import as_network
from crossmem.randomness import generator


def stored_quality(setup, *, seeds):
    """Recall of a given number of stored patterns through masked weights (Fig. 3g, 3h, 4e).

    Parameters
    ----------
    setup : Setup
    seeds : list of int
        Repetitions, trained as one batch where that is possible.

    Returns
    -------
    dict
        ``cosine`` and ``worst_cosine`` by seed.
    """
    if not isinstance(seeds, list | tuple) or not seeds:
        raise ValueError(f"seeds={seeds!r} must be a list of at least one, such as [0, 1, 2]")
    setup.require(**NO_CHIP)
    memories = [setup.memory(seed) for seed in seeds]
    stored = [setup.stored(seed) for seed in seeds]
    fit_batch(memories, stored, limits=[setup.masked_limits(seed) for seed in seeds])
    found = []
    for seed, memory, own in zip(seeds, memories, stored, strict=True):
        network = as_network(memory)
        if setup.programming_error:
            rng = generator(seed, "conductance error", setup.neurons)
            network = with_programming_error(network, setup.programming_error, rng)
        found.append(setup_quality(setup, network, own, seed))
    means, worst = zip(*((one.mean, one.worst_pattern) for one in found), strict=True)
    along = {"seed": list(seeds)}
    return {
        "cosine": labelled(list(means), "1", "cosine similarity, mean over patterns", **along),
        "worst_cosine": labelled(list(worst), "1", "cosine similarity, worst pattern", **along),
    }


def setup_quality(setup, network, stored, seed):
    """`Quality` of a network on the seed's own cues, which are the same for every network."""
    rng = generator(seed, "cues", setup.neurons, len(stored), setup.level)
    options = {"cues": setup.cues, "iterations": setup.iterations}
    return recall_quality(network, stored, setup.corrupt, rng, **options)
