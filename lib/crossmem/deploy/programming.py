"""Write a network onto crossbars: a network in, a network out."""

import copy

import numpy as np
from sklearn.utils.validation import check_is_fitted

from crossmem.checks import check_not_negative
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import WeightLimits
from crossmem.networks.network import Layer


def program(memory, crossbars, rng):
    """Write a fitted memory onto crossbars.

    Parameters
    ----------
    memory : AssociativeMemory
        Fitted.
    crossbars : list of Crossbar
        One per layer, of the layer's shape; they are programmed in place.
    rng : numpy.random.Generator
        Draws the programming errors.

    Returns
    -------
    AssociativeMemory
        A copy whose weights are the conductances that resulted, faults and errors included.

    Raises
    ------
    ValueError
        If the crossbars do not match the layers.
    """
    check_is_fitted(memory)
    if isinstance(crossbars, Crossbar):
        raise TypeError("crossbars is a single Crossbar; pass a list with one per layer.")
    if len(crossbars) != len(memory.layers_):
        raise ValueError(
            f"{len(crossbars)} crossbars for {len(memory.layers_)} layer(s): pass one per layer"
        )
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        if crossbar.shape != layer.weights.shape:
            raise ValueError(
                f"a crossbar of shape {crossbar.shape} for a layer of {layer.weights.shape}: "
                "fabricate one of the layer's shape (n_out, n_in)"
            )
    on_chip = copy.copy(memory)
    on_chip.layers_ = []
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        crossbar.program(layer.weights, rng)
        weights = crossbar.weights.astype(np.float32)
        on_chip.layers_.append(Layer(weights, layer.bias, layer.gain))
    return on_chip


def miswritten(memory, error, rng):
    """A copy of a fitted memory whose devices miss their targets by a Gaussian error (Fig. 6b).

    Parameters
    ----------
    memory : AssociativeMemory
    error : float
        Standard deviation in µS; no conductance falls below zero.
    rng : numpy.random.Generator
    """
    check_not_negative(error, "error", 3.9)
    spread = error / DeviceModel.g_max
    wrong = copy.copy(memory)
    wrong.layers_ = []
    for layer in memory.layers_:
        pair = np.stack((layer.weights, -layer.weights)).clip(0)
        plus, minus = (pair + spread * rng.standard_normal(pair.shape)).clip(0)
        weights = (plus - minus).astype(np.float32)
        wrong.layers_.append(Layer(weights, layer.bias, layer.gain))
    return wrong


def polarity(limits, patterns):
    """Which neurons of a single layer had better exchange their two columns.

    The comparator of a neuron may as well subtract G+ from G-: one bit per neuron turns the
    intervals of its row around. A row is turned if the middles of its intervals then agree better
    with Hebb's weights. They are fixed by the faults, and training within the intervals can only
    move away from them by half a conductance.

    Parameters
    ----------
    limits : WeightLimits
        Finite ones, of the chip as it is.
    patterns : array (P, N)

    Returns
    -------
    array (N, 1)
        -1 for a neuron that exchanges its columns, else 1.
    """
    hebb = np.asarray(patterns, dtype=float).T @ patterns
    np.fill_diagonal(hebb, 0.0)
    agreement = ((limits.low + limits.high) * hebb).sum(axis=1, keepdims=True)
    return np.where(agreement < 0, -1.0, 1.0)


def exchanged(limits, signs):
    """Limits of the same chip with the columns exchanged where ``signs`` (N, 1) are -1."""
    ends = signs * limits.low, signs * limits.high
    return WeightLimits(np.minimum(*ends), np.maximum(*ends))


def turned(memory, signs):
    """A copy of a single-layer memory with the rows of weights times ``signs`` (N, 1)."""
    (layer,) = memory.layers_
    copied = copy.copy(memory)
    weights = (signs * layer.weights).astype(layer.weights.dtype)
    copied.layers_ = [Layer(weights, layer.bias, layer.gain)]
    return copied


def bias_corrected(memory, faults, patterns):
    """A copy of a single-layer memory that cancels the mean field of offsets of touched pairs.

    Parameters
    ----------
    memory : fitted AssociativeMemory
    faults : FaultMap
        Of its chip, where the partner of a stuck device is off.
    patterns : array (P, N)
        The mean pattern is what the neurons see on average.
    """
    stuck = np.where(faults.stuck, faults.stuck_conductance / faults.g_max, 0.0)
    offsets = stuck[..., 0] - stuck[..., 1]
    (layer,) = memory.layers_
    bias = layer.bias - layer.gain * offsets @ patterns.mean(axis=0)
    corrected = copy.copy(memory)
    corrected.layers_ = [Layer(layer.weights, bias.astype(layer.weights.dtype), layer.gain)]
    return corrected
