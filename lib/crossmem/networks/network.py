"""Recall: a stack of layers fed back onto itself until the state stays where it is."""

from dataclasses import dataclass

import numpy as np

from crossmem.checks import check_choice, check_count

UPDATES = ("synchronous", "asynchronous")


ACTIVATIONS = ("sign", "tanh")


# Fields below this, in units of gain and largest weight, count as zero. Rounding leaves about that
# much of a sum of a thousand single-precision weights that should cancel.
TIE = 1e-5


@dataclass(frozen=True)
class Layer:
    """One layer of synapses and its neurons: output = f(gain · W x + bias).

    Attributes
    ----------
    weights : array (n_out, n_in)
        Dimensionless; in units of the largest conductance once the layer sits on a crossbar.
    bias : array (n_out,)
        Added after the gain. The threshold of the paper's equation 2 is its negative.
    gain : float
        Scale of the read-out circuit, positive.
    """

    weights: np.ndarray
    bias: np.ndarray
    gain: float = 1.0
    #: Whether a product exists only for the whole state, not corrected neuron by neuron.
    synchronous_only = False

    def field(self, states):
        """Local field gain · W x + bias of every neuron, (n, n_in) -> (n, n_out)."""
        return self.gain * (states @ self.weights.T) + self.bias


def activate(field, previous, activation, gain=1.0):
    """Neuron outputs for a local field; a sign neuron whose field is zero keeps its state."""
    if activation == "tanh":
        return np.tanh(field)
    tied = np.abs(field) <= TIE * gain
    return np.where(tied, previous, np.sign(field)).astype(field.dtype, copy=False)


def step(layers, states, activation="sign"):
    """One synchronous update of every neuron (paper, equation 2).

    Hidden neurons are tanh units in both kinds of network; only the visible ones are binary.

    Parameters
    ----------
    layers : sequence of Layer
    states : array (n, N)
    activation : {"sign", "tanh"}

    Returns
    -------
    array (n, N)
    """
    hidden = states
    for layer in layers[:-1]:
        hidden = np.tanh(layer.field(hidden))
    return activate(layers[-1].field(hidden), states, activation, layers[-1].gain)


def sweep_neurons(layers, states, activation, rng):
    """One asynchronous sweep: every neuron once, in random order, each seeing the latest state.

    The first layer's products are kept and corrected for each neuron that moves, so a sweep of a
    single layer costs as much as one synchronous update.
    """
    states = states.copy()
    first, last = layers[0], layers[-1]
    product = states @ first.weights.T
    for neuron in rng.permutation(states.shape[1]):
        if len(layers) == 1:
            below, weights = product[:, neuron], first.weights.dtype.type(1)
        else:
            hidden = np.tanh(first.gain * product + first.bias)
            for layer in layers[1:-1]:
                hidden = np.tanh(layer.field(hidden))
            below, weights = hidden, last.weights[neuron]
        field = last.gain * np.dot(below, weights) + last.bias[neuron]
        moved = activate(field, states[:, neuron], activation, last.gain)
        product += np.outer(moved - states[:, neuron], first.weights[:, neuron])
        states[:, neuron] = moved
    return states


def recall(
    layers,
    cues,
    *,
    iterations=10,
    activation="sign",
    update="synchronous",
    rng=None,
    trace=False,
):
    """Feed cues back through the stack until nothing moves, at most ``iterations`` times.

    Parameters
    ----------
    layers : sequence of Layer
        The last layer has as many outputs as the first has inputs.
    cues : array (n, N)
        Corrupted patterns.
    iterations : int
        Largest number of updates of the whole state; the paper uses 10.
    activation : {"sign", "tanh"}
        Output of the visible neurons.
    update : {"synchronous", "asynchronous"}
        All neurons at once, or one after the other in random order.
    rng : numpy.random.Generator
        Order of asynchronous updates; None draws it from seed 0, so that a call repeats itself.
    trace : bool
        Return every state, the cue first.

    Returns
    -------
    array (n, N), or (iterations + 1, n, N) if ``trace``

    Raises
    ------
    ValueError
        For an unknown update or activation, fewer than 0 iterations, or asynchronous updates of
        layers that only work on the whole state.
    """
    check_count(iterations, "iterations", least=0)
    check_choice(activation, "activation", ACTIVATIONS)
    check_choice(update, "update", UPDATES)
    if update == "asynchronous" and any(layer.synchronous_only for layer in layers):
        raise ValueError(
            "update='asynchronous' would bypass the converters and the noise of these layers: "
            "recall with update='synchronous'"
        )
    if rng is None:
        rng = np.random.default_rng(0)
    states = np.array(cues, dtype=layers[0].weights.dtype)
    states_seen = [states]
    for _ in range(iterations):
        if update == "synchronous":
            moved = step(layers, states, activation)
        else:
            moved = sweep_neurons(layers, states, activation, rng)
        settled = np.array_equal(moved, states)
        states = moved
        states_seen.append(states)
        if settled:
            break
    if not trace:
        return states
    states_seen += [states] * (iterations + 1 - len(states_seen))
    return np.stack(states_seen)


def cosine(states, patterns):
    """Cosine similarity of each state with its pattern, arrays (..., N) -> (...).

    A state of zeros resembles nothing: its cosine is 0.
    """
    states, patterns = np.asarray(states, dtype=float), np.asarray(patterns, dtype=float)
    dot, ours, theirs = (
        np.einsum("...i,...i->...", left, right)
        for left, right in ((states, patterns), (states, states), (patterns, patterns))
    )
    norms = np.sqrt(ours * theirs)  # one root, so that equal binary states give exactly 1
    return np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0)
