"""The plain alternative to a memory: images written down in the rows of a chip, and searched.

Each image takes one row of pairs, or several as copies. A cue goes to all rows at once; the row
with the largest product wins and is read. It needs a circuit that finds the largest of many
currents, and lines that work in both directions.
"""

import numpy as np

from crossmem.analysis.capacity import CRITERIA, recall_quality
from crossmem.checks import check_count
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.experiments.staged import PAPER_ERROR, Writing, device_with_error
from crossmem.labels import labelled
from crossmem.randomness import generator

MOST_COPIES = 32
SCANNED = Writing()


class WrittenImages:
    """Images (P, N) written on a crossbar with a row of pairs for each copy of an image.

    A pair carries a pixel between the ends of the interval that it can reach, so that a pair with
    one stuck device still tells both values of a bit. Its faults are known.

    Parameters
    ----------
    images : array (P, N)
    crossbar : Crossbar
        At least ``copies`` times P rows of N pairs, characterised if it has faults.
    limits : WeightLimits
        What each pair can reach.
    copies : int
        Rows for each image.
    rng : numpy.random.Generator
        Draws the programming errors.
    binary : bool
        Whether the pixels are ±1.
    """

    def __init__(self, images, crossbar, limits, copies, rng, *, binary):
        rows, self.binary = len(images) * check_count(copies, "copies"), binary
        middle, half = (limits.high + limits.low) / 2, (limits.high - limits.low) / 2
        wanted = np.zeros(crossbar.shape)
        wanted[:rows] = np.tile(images, (copies, 1))
        crossbar.program(limits.clip(middle + half * wanted), rng)
        by_copy = copies, *images.shape
        weights, middle, half = (
            matrix[:rows].reshape(by_copy) for matrix in (crossbar.weights, middle, half)
        )
        self.weights = weights.sum(axis=0)
        # Grey images differ in their norm, which moves the largest product.
        self.bias = np.zeros(len(images)) if binary else -np.square(weights).sum(axis=(0, 2)) / 2
        reach = np.square(half).sum(axis=0)
        self.known = reach > 0
        signal = ((weights - middle) * half).sum(axis=0)
        self.pixels = np.divide(signal, reach, out=np.zeros_like(signal), where=self.known)

    def winners(self, cues):
        """Number of the image whose rows give the largest product with each cue (n, N)."""
        return (cues @ self.weights.T + self.bias).argmax(axis=1)

    def recall(self, cues, *, iterations=1):
        """The images of the winning rows, (n, N); pixels that no pair tells stay those of the cue.

        More ``iterations`` change nothing.
        """
        won = self.winners(cues)
        pixels = np.sign(self.pixels) if self.binary else self.pixels.clip(-1, 1)
        return np.where(self.known[won], pixels[won], cues)


def write_images(setup, images, copies, seed, *, writing=SCANNED):
    """`WrittenImages` on as many devices as the memory of a setup has, with as many faults.

    The ``writing`` says how many levels the devices have. The faults are known, whether a scan or
    the reading of what was written has found them.
    """
    rows = setup.memory(0).devices(setup.neurons) // (2 * setup.neurons)
    rng, shape = generator(seed, "rows of images", setup.neurons), (rows, setup.neurons)
    device = device_with_error(setup.programming_error or PAPER_ERROR, writing.levels)
    rates = {"stuck_off": setup.stuck_off, "stuck_on": setup.stuck_on}
    crossbar = Crossbar.fabricate(*shape, **rates, device=device, rng=rng)
    chip = crossbar.characterize().weight_limits()
    masked = WeightLimits.masked(shape, setup.masked_fraction, rng)
    limits = WeightLimits(chip.clip(masked.low), chip.clip(masked.high))
    return WrittenImages(images, crossbar, limits, copies, rng, binary=setup.binary)


def lookup_capacity(setup, *, writing=SCANNED, threshold=0.99, seed):
    """How many images the devices of a memory hold if they are written down and searched.

    All rows are used, with as few copies of each image as the threshold takes.

    Parameters
    ----------
    setup : Setup
        As in `staged_quality`; a masked pair tells nothing of its pixel.
    writing : Writing
        Its levels; what surrounds the devices is left out.
    threshold : float
        Cosine similarity that counts as recalled.

    Returns
    -------
    dict
        ``capacity`` and ``copies`` by criterion, 0 and NaN where no number of copies up to 32 is
        enough.
    """
    rows, pool = setup.memory(0).devices(setup.neurons) // (2 * setup.neurons), setup.pool(seed)
    held, needed = dict.fromkeys(CRITERIA, 0), dict.fromkeys(CRITERIA, np.nan)
    for copies in range(1, min(MOST_COPIES, rows) + 1):
        images = pool[: rows // copies]
        table = write_images(setup, images, copies, seed, writing=writing)
        rng = generator(seed, "cues", setup.neurons, len(images), setup.level)
        quality = recall_quality(table, images, setup.corrupt, rng, cues=setup.cues)
        for criterion in CRITERIA:
            if not held[criterion] and getattr(quality, criterion) >= threshold:
                held[criterion], needed[criterion] = len(images), copies
        if all(held.values()):
            break
    along = {"criterion": list(CRITERIA)}
    return {
        "capacity": labelled([*held.values()], "images", "images written down", **along),
        "copies": labelled([*needed.values()], "1", "rows for each image", **along),
    }
