"""Write a network onto crossbars: a network in, a network out."""

from dataclasses import replace

import numpy as np

from crossmem.checks import check_not_negative
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import WeightLimits
from crossmem.networks.network import as_network
from crossmem.patterns import check_patterns


def program(memory, crossbars, rng):
    """Write a network onto crossbars.

    Parameters
    ----------
    memory : AssociativeMemory or Network
        A fitted memory, or a network.
    crossbars : list of Crossbar
        One per layer, of the layer's shape; they are programmed in place.
    rng : numpy.random.Generator
        Draws the programming errors.

    Returns
    -------
    Network
        Its weights are the conductances that resulted, faults and errors included.

    Raises
    ------
    ValueError
        If the crossbars do not match the layers.
    """
    network = as_network(memory)
    check_crossbars(network, crossbars)
    for layer, crossbar in zip(network.layers, crossbars, strict=True):
        crossbar.program(layer.weights, rng)
    return network.with_weights(crossbar.weights.astype(np.float32) for crossbar in crossbars)


def check_crossbars(network, crossbars, *, programmed=False):
    """Refuse crossbars that do not fit a network layer by layer.

    Parameters
    ----------
    network : Network
    crossbars : list of Crossbar
    programmed : bool
        Whether the crossbars must hold the weights of the network as well.

    Raises
    ------
    TypeError
        For a single crossbar instead of a list.
    ValueError
        For another number of crossbars than layers, another shape, or other weights.
    """
    if isinstance(crossbars, Crossbar):
        raise TypeError("crossbars is a single Crossbar; pass a list with one per layer.")
    if len(crossbars) != len(network.layers):
        raise ValueError(
            f"{len(crossbars)} crossbars for {len(network.layers)} layer(s): pass one per layer"
        )
    for number, (layer, crossbar) in enumerate(zip(network.layers, crossbars, strict=True)):
        if crossbar.shape != layer.weights.shape:
            raise ValueError(
                f"a crossbar of shape {crossbar.shape} for a layer of {layer.weights.shape}: "
                "fabricate one of the layer's shape (n_out, n_in)"
            )
        if programmed and not np.array_equal(layer.weights, crossbar.weights.astype(np.float32)):
            raise ValueError(
                f"crossbar {number} does not hold the weights of layer {number}: pass what program "
                "returned, and program again after a scan or another write"
            )


def with_programming_error(memory, error, rng):
    """The network with devices that miss their targets by a Gaussian error (Fig. 6b).

    Parameters
    ----------
    memory : AssociativeMemory or Network
    error : float
        Standard deviation in µS; no conductance falls below zero.
    rng : numpy.random.Generator

    Returns
    -------
    Network
    """
    network = as_network(memory)
    spread = check_not_negative(error, "error", 3.9) / DeviceModel.g_max

    def missed(weights):
        pair = np.stack((weights, -weights)).clip(0)
        plus, minus = (pair + spread * rng.standard_normal(pair.shape)).clip(0)
        return plus - minus

    return network.with_weights([missed(layer.weights) for layer in network.layers])


def best_signs(limits, patterns):
    """Which neurons of a single layer gain if their two columns are swapped.

    The comparator of a neuron may as well subtract G+ from G-: one bit per neuron reverses the
    intervals of its row. A row is reversed if the middles of its intervals then agree better with
    Hebb's weights. The faults fix these middles, and training within the intervals can only move
    away from them by half a conductance.

    Parameters
    ----------
    limits : WeightLimits
        Finite ones, of the chip as it is.
    patterns : array (P, N)

    Returns
    -------
    array (N, 1)
        -1 for a neuron whose columns are swapped, else 1.
    """
    hebb = np.asarray(patterns, dtype=float).T @ patterns
    np.fill_diagonal(hebb, 0.0)
    agreement = ((limits.low + limits.high) * hebb).sum(axis=1, keepdims=True)
    return np.where(agreement < 0, -1.0, 1.0)


def swap_limits(limits, signs):
    """Limits of the same chip with the columns swapped where ``signs`` (N, 1) are -1."""
    ends = signs * limits.low, signs * limits.high
    return WeightLimits(np.minimum(*ends), np.maximum(*ends))


def swap_columns(memory, signs):
    """A single-layer network with the rows of its weights times ``signs`` (N, 1)."""
    network = as_network(memory)
    return network.with_weights([signs * layer.weights for layer in network.layers])


def with_bias_correction(network, faults, patterns):
    """A single-layer network whose biases cancel the mean field of the offsets of touched pairs.

    Parameters
    ----------
    network : Network
        On a chip, where the partner of a stuck device is off.
    faults : FaultMap
        Of that chip.
    patterns : array (P, N)
        The mean pattern is what the neurons see on average.

    Returns
    -------
    Network
    """
    stuck = np.where(faults.stuck, faults.stuck_conductance / faults.g_max, 0.0)
    offsets = stuck[..., 0] - stuck[..., 1]
    (layer,) = network.layers
    bias = layer.bias - layer.gain * offsets @ check_patterns(patterns).mean(axis=0)
    return network.with_layers([replace(layer, bias=bias.astype(layer.weights.dtype))])
