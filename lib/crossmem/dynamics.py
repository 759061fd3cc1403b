"""Recall: a stack of layers fed back onto itself until the state stays where it is."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs, svds

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


def settling_time(trace, *, tolerance=1e-3):
    """Updates after which a recall stays within a tolerance of where it ends.

    Parameters
    ----------
    trace : array (iterations + 1, n, N)
        As returned by `recall`.
    tolerance : float
        Largest distance of any neuron.

    Returns
    -------
    array (n,) of int
        A recall that still moves at the end has all of ``iterations``.
    """
    away = np.abs(trace - trace[-1]).max(axis=2) > tolerance
    return np.where(away, np.arange(1, len(trace) + 1)[:, None], 0).max(axis=0)


def energy(layer, states):
    """Hopfield energy -½ xᵀ(gain·W)x - bias·x of each state (paper, equation 1).

    It never rises in asynchronous recall if W is symmetric with a zero diagonal.

    Parameters
    ----------
    layer : Layer
        A square layer.
    states : array (..., N)

    Returns
    -------
    array (...)
    """
    quadratic = np.einsum("...i,ij,...j->...", states, layer.weights, states, optimize=True)
    return -0.5 * layer.gain * quadratic - states @ layer.bias


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


# --- stability of stored patterns -------------------------------------------------------------


def jacobian_factors(layers, state):
    """Factors diag(tanh'(h)) · gain · W of each layer at a state, first layer first.

    The visible neurons count as tanh units, as in training: the sign has no derivative.

    Parameters
    ----------
    layers : sequence of Layer
    state : array (N,)

    Returns
    -------
    list of arrays (n_out, n_in)
    """
    factors, below = [], np.asarray(state, dtype=float)
    if below.shape != (layers[0].weights.shape[1],):
        raise ValueError(
            f"state has shape {below.shape}, but the network has {layers[0].weights.shape[1]} "
            "neurons: pass one state, an array (N,)"
        )
    for layer in layers:
        below = np.tanh(layer.field(below))
        factors.append((1 - below**2)[:, None] * (layer.gain * layer.weights.astype(float)))
    return factors


def jacobian(layers, state):
    """Jacobian of one synchronous update of the smooth network at a state, (N,) -> (N, N)."""
    product = None
    for factor in jacobian_factors(layers, state):
        product = factor if product is None else factor @ product
    return product


def spectral_norm(layers, state):
    """Largest singular value of the Jacobian at a state; below 1 everywhere, updates contract.

    The Jacobian is never formed: a stack of N·Nh weights costs N·Nh operations per iteration of
    the Lanczos process (`scipy.sparse.linalg.svds`).
    """
    operator = _jacobian_operator(layers, state)
    if operator is None:
        return float(np.linalg.norm(jacobian(layers, state), 2))
    return float(svds(operator, k=1, rng=0, return_singular_vectors=False)[0])


def spectral_radius(layers, state):
    """Largest modulus of the Jacobian's eigenvalues: below 1, a fixed point attracts nearby states.

    It never exceeds the norm, and may be far below it where the Jacobian is not symmetric.
    """
    operator = _jacobian_operator(layers, state)
    if operator is None:
        return float(np.abs(np.linalg.eigvals(jacobian(layers, state))).max())
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    return float(np.abs(eigs(operator, k=1, v0=start, return_eigenvectors=False))[0])


def _jacobian_operator(layers, state):
    """The Jacobian as an operator; None where it is too small, or zero, for an iteration."""
    factors = jacobian_factors(layers, state)
    if len(state) < 4 or any(not factor.any() for factor in factors):
        return None

    def forward(vector):
        for factor in factors:
            vector = factor @ vector
        return vector

    def backward(vector):
        for factor in reversed(factors):
            vector = factor.T @ vector
        return vector

    shape = (factors[-1].shape[0], factors[0].shape[1])
    return LinearOperator(shape, matvec=forward, rmatvec=backward, dtype=float)


def is_fixed_point(layers, states, *, activation="sign", tolerance=1e-3):
    """Whether one more update moves no neuron by more than a tolerance, (n, N) -> (n,) of bool."""
    states = np.asarray(states, dtype=layers[0].weights.dtype)
    return np.abs(step(layers, states, activation) - states).max(axis=1) <= tolerance
