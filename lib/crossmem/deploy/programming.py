"""Write a network onto crossbars: a network in, a network out."""

from dataclasses import replace

import numpy as np

from crossmem.checks import check_not_negative, check_rng, check_shape
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import WeightLimits
from crossmem.networks.network import as_network
from crossmem.patterns import check_patterns


def program(memory, crossbars, rng):
    """Write a network onto crossbars.

    Crossbars that do not match the layers, or a network behind peripherals, are a TypeError or
    ValueError.

    Parameters
    ----------
    memory : AssociativeMemory or Network
    crossbars : list of Crossbar
        One per layer, of the layer's shape; they are programmed in place.
    rng : numpy.random.Generator
        Draws the programming errors.

    Returns
    -------
    Network
        Its weights are the conductances that resulted, faults and errors included.
    """
    network = as_network(memory)
    network.check_plain()
    for layer, crossbar in paired(network, crossbars):
        crossbar.program(layer.weights, rng)
    return network.with_weights(crossbar.weights.astype(np.float32) for crossbar in crossbars)


def paired(network, crossbars, *, programmed=False):
    """Pairs of a layer and its crossbar, if there is one of its shape for each layer.

    With ``programmed`` the crossbars must hold the weights of the network as well.
    """
    if not isinstance(crossbars, list | tuple):
        kind = type(crossbars).__name__
        raise TypeError(f"crossbars is a single {kind}; pass a list of Crossbar, one per layer.")
    count, layers = len(crossbars), len(network.layers)
    if count != layers:
        raise ValueError(f"{count} crossbars for {layers} layer(s): pass one per layer")
    pairs = list(zip(network.layers, crossbars, strict=True))
    for number, (layer, crossbar) in enumerate(pairs):
        if not isinstance(crossbar, Crossbar):
            raise TypeError(f"crossbar {number} is {crossbar!r}; pass a Crossbar for each layer.")
        if crossbar.shape != layer.weights.shape:
            raise ValueError(
                f"crossbar {number} has shape {crossbar.shape}, but its layer "
                f"{layer.weights.shape}: fabricate one of the layer's shape (n_out, n_in)"
            )
        if programmed and not np.array_equal(layer.weights, crossbar.weights.astype(np.float32)):
            raise ValueError(
                f"crossbar {number} does not hold the weights of layer {number}: pass what program "
                "returned, and program again after a scan or another write"
            )
    return pairs


def with_programming_error(memory, error, rng):
    """The network with devices that miss their targets by a Gaussian error (Fig. 6b).

    ``error`` is its standard deviation in µS; no conductance falls below zero.
    """
    network = as_network(memory)
    spread = check_not_negative(error, "error", 3.9) / DeviceModel.g_max
    check_rng(rng)
    pairs = [np.stack((layer.weights, -layer.weights)).clip(0) for layer in network.layers]
    missed = [(pair + spread * rng.standard_normal(pair.shape)).clip(0) for pair in pairs]
    return network.with_weights([plus - minus for plus, minus in missed])


def best_signs(limits, patterns):
    """Which neurons of a single layer gain if their two columns are swapped: -1, else 1, (N, 1).

    The comparator of a neuron may as well subtract G+ from G-: one bit per neuron reverses the
    intervals of its row. A row is reversed if the middles of its finite `WeightLimits`, which the
    faults fix, then agree better with Hebb's weights of the patterns (P, N): training can only move
    away from them by half a conductance.
    """
    patterns = check_patterns(patterns)
    hebb = patterns.T @ patterns
    check_shape(limits.low, hebb.shape, "limits", "pass those of a square layer of the patterns")
    np.fill_diagonal(hebb, 0.0)
    agreement = ((limits.low + limits.high) * hebb).sum(axis=1, keepdims=True)
    return np.where(agreement < 0, -1.0, 1.0)


def swap_limits(limits, signs):
    """Limits of the same chip with the columns swapped where ``signs`` (N, 1) are -1."""
    ends = signs * limits.low, signs * limits.high
    return WeightLimits(np.minimum(*ends), np.maximum(*ends))


def swap_columns(memory, signs):
    """A single-layer network with the rows of its weights times ``signs``, ±1 in (N, 1)."""
    network, signs = as_network(memory), np.asarray(signs)
    weights, remedy = network.layers[0].weights, "pass what best_signs returned"
    check_shape(signs, (len(weights), 1), "signs", remedy)
    if not (np.abs(signs) == 1).all():
        raise ValueError(f"signs hold values other than -1 and +1; {remedy}.")
    return network.with_weights([signs * weights])


def with_bias_correction(memory, faults, patterns):
    """A single-layer network whose biases cancel the mean field of the offsets of touched pairs.

    The `FaultMap` is that of its chip, on which the partner of a stuck device is off; the mean of
    the stored patterns (P, N) is what the neurons see on average.
    """
    stuck = np.where(faults.stuck, faults.stuck_conductance / faults.g_max, 0.0)
    network, offsets = as_network(memory), stuck[..., 0] - stuck[..., 1]
    shapes = [layer.weights.shape for layer in network.layers]
    if shapes != [offsets.shape]:
        raise ValueError(
            f"faults of shape {offsets.shape} for layers of shapes {shapes}: pass a single layer "
            "and the map of its crossbar"
        )
    layer, mean = network.layers[0], network.check_states(patterns, stored=True).mean(axis=0)
    bias = layer.bias - layer.gain * offsets @ mean
    return network.with_layers([replace(layer, bias=bias.astype(layer.weights.dtype))])
