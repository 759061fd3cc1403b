"""Compensation of what the lines of a crossbar lose."""

from dataclasses import replace

import numpy as np

from crossmem.checks import check_choice
from crossmem.chip.circuit import effective_pairs
from crossmem.deploy.programming import paired
from crossmem.networks.network import as_network

REMEDIES = ("none", "gain", "weights")


def compensate_ir_drop(memory, crossbars, wire_resistance, remedy):
    """A network prepared for lines with resistance, to be programmed in place of the given one.

    An unknown remedy, or crossbars that do not match the layers, are a TypeError or ValueError.

    Parameters
    ----------
    memory : AssociativeMemory or Network
    crossbars : list of Crossbar
        The ones that it is going to be programmed on.
    wire_resistance : float
        Resistance of a line between neighbouring cells, in Ω, as the losses are predicted.
    remedy : {"none", "gain", "weights"}
        "gain" raises the read-out gain of each layer by the one factor that fits the losses best
        (least squares). "weights" divides each weight by the share that the lines leave of the
        device that carries it, then scales the layer back into [-1, 1] and its gain up. Larger
        weights lose a little more: it is one step of a fixed-point iteration, for small losses.
    """
    network = as_network(memory)
    network.check_plain()
    pairs = paired(network, crossbars)
    if check_choice(remedy, "remedy", REMEDIES) == "none":
        return network
    layers = []
    for layer, crossbar in pairs:
        wanted = crossbar.targets(layer.weights.astype(float))
        seen = effective_pairs(wanted, wire_resistance=wire_resistance, tile=crossbar.tile)
        weights, gain = layer.weights, layer.gain
        if remedy == "gain":
            left, right = (pair[..., 0] - pair[..., 1] for pair in (wanted, seen))
            gain *= float((left * right).sum() / max((right**2).sum(), 1e-30))
        else:
            carrier = wanted.argmax(axis=-1)[..., None]
            share = np.divide(seen, wanted, out=np.ones_like(seen), where=wanted > 0)
            weights = layer.weights / np.take_along_axis(share, carrier, axis=-1)[..., 0]
            scale = float(max(np.abs(weights).max(), 1.0))
            weights, gain = (weights / scale).astype(np.float32), gain * scale
        layers.append(replace(layer, weights=weights, gain=gain))
    return network.with_layers(layers)
