"""Patterns to store and the corrupted cues that recall them.

Image pools follow the paper (He et al., Nature Communications 2026): handwritten characters,
cropped to their central 24 x 24 pixels, resized by bicubic interpolation and binarised at the
image's own mean, or scaled to [-1, 1] for continuous patterns.
"""

import math

import numpy as np

from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_rate,
    check_rng,
    check_shape,
    check_within,
)
from crossmem.images import IMAGE_FILES, grey_images, image_pool

SOURCES = ("digits", *IMAGE_FILES, "random")


def load_patterns(name="digits", *, size=8, binary=True, count=None, rng=None, return_labels=False):
    """Load a pool of square patterns.

    Downloaded files are checked by SHA-256. The variable CROSSMEM_DATA names a folder that already
    holds them, and CROSSMEM_MIRROR a base URL to try first; an OSError says that none has them.

    Parameters
    ----------
    name : {"digits", "mnist", "mnist-train", "emnist", "random"}
        Scikit-learn's 1,797 embedded digits (8 x 8, no download); the 10,000 test or 60,000
        training images of MNIST; the 20,800 test images of EMNIST letters; or independent random
        pixels, fair +-1 if `binary`, else uniform in [-1, 1].
    size : int
        Side of the pattern in pixels.
    binary : bool
        Binarise at the image's own mean; otherwise scale the grey levels to [-1, 1].
    count : int, optional
        Number of patterns: the first images, the whole pool by default; 2000 if random.
    rng : numpy.random.Generator, optional
        Choose the images at random without replacement. Required by "random".
    return_labels : bool
        Also return the class of each pattern (EMNIST letters count from 1).

    Returns
    -------
    patterns : ndarray of float64, shape (count, size * size)
    labels : ndarray of int, shape (count,), only if `return_labels`
    """
    check_choice(name, "name", SOURCES)
    size = check_count(size, "size")
    count = None if count is None else check_count(count, "count")
    if name == "random":
        if return_labels:
            raise ValueError("name='random' has no labels: choose images, such as 'digits'")
        shape = (count or 2000, size * size)
        if binary:
            return 2.0 * check_rng(rng).integers(0, 2, shape, dtype=np.int8) - 1.0
        return check_rng(rng).uniform(-1, 1, shape)
    pool, labels = image_pool(name, size, bool(binary)), grey_images(name)[1]
    count = len(pool) if count is None else count
    if count > len(pool):
        raise ValueError(
            f"count is {count}, but the pool {name!r} holds {len(pool)} patterns; take fewer."
        )
    chosen = slice(count) if rng is None else check_rng(rng).choice(len(pool), count, replace=False)
    patterns = pool[chosen].astype(np.float64)
    return (patterns, labels[chosen].astype(int)) if return_labels else patterns


def one_of_each(name="digits", *, size=8, binary=True, rng):
    """One random pattern of every class: ten digits, 0 to 9, or the 26 letters of "emnist".

    Takes what `load_patterns` takes, which has no classes for "random", and returns an array of
    float64, shape (classes, size * size).
    """
    check_rng(rng)
    pool, labels = load_patterns(name, size=size, binary=binary, return_labels=True)
    return pool[[rng.choice(np.flatnonzero(labels == label)) for label in np.unique(labels)]]


def flip_bits(patterns, rate, rng):
    """Flip each bit of patterns (n, N) of +-1 independently with probability `rate`.

    The cosine of cue and pattern is 1 - 2 * rate on average: 0.90 at the paper's 5 %.
    """
    patterns = check_patterns(patterns, binary=True)
    flipped = check_rng(rng).random(patterns.shape) < check_rate(rate)
    return np.where(flipped, -patterns, patterns)


def add_gaussian_noise(patterns, sigma, rng):
    """Add Gaussian noise to each element of patterns (n, N) and clip the sum to [-1, 1].

    `sigma` is the standard deviation before clipping (paper: 0.3 for capacity).
    """
    patterns = check_patterns(patterns)
    check_not_negative(sigma, "sigma")
    return np.clip(patterns + sigma * check_rng(rng).standard_normal(patterns.shape), -1, 1)


def image_side(neurons):
    """Side in pixels of a square image with `neurons` pixels."""
    neurons = check_count(neurons, "neurons")
    side = math.isqrt(neurons)
    if side * side != neurons:
        near = f"the nearest are {side**2} and {(side + 1) ** 2}"
        raise ValueError(f"neurons is {neurons}, but an image has a square number; {near}.")
    return side


def check_patterns(patterns, *, binary=False):
    """Return `patterns` as a float64 array (n, N) in [-1, 1], or +-1 throughout if `binary`."""
    patterns = np.asarray(patterns, dtype=np.float64)
    check_shape(patterns, ("n", "N"), "patterns", "store a single one as patterns[None, :]")
    check_within(patterns, -1, 1, "a pattern's value", "scale them, or remove rows with NaN")
    if binary and not (np.abs(patterns) == 1).all():
        raise ValueError(
            "Patterns hold values other than -1 and +1, but must be binary here; "
            "binarise them with numpy.where(patterns > 0, 1, -1)."
        )
    return patterns
