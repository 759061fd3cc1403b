"""What the pairs of a faulty chip that cannot be written do to the local fields."""

import numpy as np

from crossmem.deploy.programming import program
from crossmem.experiments.chip import train_on_chip
from crossmem.experiments.setup import NO_MASKS
from crossmem.labels import quantity
from crossmem.patterns import image_side, one_of_each
from crossmem.randomness import generator


def field_parts(setup, *, limits, seed):
    """Fields of stored digits on a programmed chip, of its writable and of its frozen pairs.

    A pair of two stuck devices is frozen. The fields are those of one update, so the setup must
    have a period of 1. The chips, digits and memories are those of
    `experiments.chip.half_broken`, with the same ``limits``. For the fields h of the digits x,
    the results are the mean of x·h over the writable pairs (``writable``), the root mean square of
    h over the frozen ones (``frozen``), and the share of neurons whose field has the wrong sign
    (``turned``).
    """
    setup.require(**NO_MASKS, layers=1, activation="sign", period=1)
    rng = generator(seed, "half broken", setup.neurons)
    digits = one_of_each(setup.source, size=image_side(setup.neurons), rng=rng)
    setup.corrupt(digits, rng)  # as there, so that the chips are the same
    memory, (crossbar,) = train_on_chip(setup, digits, rng, seed, limits)
    (layer,) = program(memory, [crossbar], rng).layers
    weights = layer.weights - np.diag(np.diag(layer.weights))  # a digit keeps no neuron by itself
    stuck = crossbar.faults.stuck.all(axis=-1)
    writable, frozen = (
        digits @ np.where(stuck, 0, weights).T,
        digits @ np.where(stuck, weights, 0).T,
    )
    turned = digits * (writable + frozen) <= 0
    return {
        "writable": quantity((digits * writable).mean(), "G_max", "field of the writable pairs"),
        "frozen": quantity(np.sqrt((frozen**2).mean()), "G_max", "field of the frozen pairs"),
        "turned": quantity(turned.mean(), "1", "neurons with a field of the wrong sign"),
    }
