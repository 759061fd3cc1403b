"""Fresh cues for each training step, written in place in single precision.

Random numbers are drawn in main memory for arrays on a GPU too, where the same cues train the same
network.
"""

import numpy as np

from crossmem.networks.arrays import namespace_of


def shuffled_batches(count, size, rng):
    """Endless batches of ``size`` of ``count`` indices: each pass takes them in a new order.

    What a pass has left over at its end, fewer than a batch, waits for a later pass.
    """
    while True:
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def flipped_cues(targets, rate, rng, out):
    """Write the targets into ``out`` with each bit flipped with probability ``rate``, below 1.

    Bits that a Poisson number of uniform throws hits are hit independently: with M bits and a mean
    of -M log(1 - rate) throws, each bit is missed with probability 1 - rate. That takes a random
    number per flip instead of one per bit, and no search for bits drawn twice. Both arrays must be
    contiguous, so that their flat views are views.
    """
    out[...] = targets
    throws = rng.poisson(-out.size * np.log1p(-rate))
    where = (rng.random(throws) * out.size).astype(np.intp)  # `integers` costs three times as much
    where = namespace_of(out).asarray(where)
    out.reshape(-1)[where] = -targets.reshape(-1)[where]


def gaussian_cues(targets, sigma, rng, out):
    """Write the targets plus Gaussian noise, clipped to [-1, 1], into ``out``."""
    xp = namespace_of(out)
    if xp is np:
        rng.standard_normal(out=out, dtype=np.float32)
    else:
        out[...] = xp.asarray(rng.standard_normal(out.shape, dtype=np.float32))
    out *= sigma
    out += targets
    xp.maximum(out, -1.0, out=out)
    xp.minimum(out, 1.0, out=out)
