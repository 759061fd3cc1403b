"""Fresh cues for each training step, written in place in single precision."""

import numpy as np


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
    np.copyto(out, targets)
    throws = rng.poisson(-out.size * np.log1p(-rate))
    where = (rng.random(throws) * out.size).astype(np.intp)  # `integers` costs three times as much
    out.reshape(-1)[where] = -targets.reshape(-1)[where]


def gaussian_cues(targets, sigma, rng, out):
    """Write the targets plus Gaussian noise, clipped to [-1, 1], into ``out``."""
    rng.standard_normal(out=out, dtype=np.float32)
    out *= sigma
    out += targets
    np.maximum(out, -1.0, out=out)
    np.minimum(out, 1.0, out=out)
