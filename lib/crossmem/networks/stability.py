"""How firmly a network holds a state: energy, Jacobian, settling time."""

import functools

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs, svds

from crossmem.networks.network import step


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


def jacobian_factors(network, state):
    """Factors diag(tanh'(h)) · gain · W of each layer at a state, first layer first.

    The visible neurons count as tanh units, as in training: the sign has no derivative.

    Parameters
    ----------
    network : Network
    state : array (N,)

    Returns
    -------
    list of arrays (n_out, n_in)
    """
    factors, below = [], np.asarray(state, dtype=float)
    if below.shape != (network.neurons,):
        raise ValueError(
            f"state has shape {below.shape}, but the network has {network.neurons} "
            "neurons: pass one state, an array (N,)"
        )
    for layer in network.layers:
        below = np.tanh(layer.field(below))
        factors.append((1 - below**2)[:, None] * (layer.gain * layer.weights.astype(float)))
    return factors


def jacobian(network, state):
    """Jacobian of one synchronous update of the smooth network at a state, (N,) -> (N, N)."""
    return functools.reduce(lambda below, factor: factor @ below, jacobian_factors(network, state))


def spectral_norm(network, state):
    """Largest singular value of the Jacobian at a state; below 1 everywhere, updates contract.

    The Jacobian is never formed: a stack of N·Nh weights costs N·Nh operations per iteration of
    the Lanczos process (`scipy.sparse.linalg.svds`).
    """
    operator = _jacobian_operator(network, state)
    if operator is None:
        return float(np.linalg.norm(jacobian(network, state), 2))
    return float(svds(operator, k=1, rng=0, return_singular_vectors=False)[0])


def spectral_radius(network, state):
    """Largest modulus of the Jacobian's eigenvalues: below 1, a fixed point attracts nearby states.

    It never exceeds the norm, and may be far below it where the Jacobian is not symmetric.
    """
    operator = _jacobian_operator(network, state)
    if operator is None:
        return float(np.abs(np.linalg.eigvals(jacobian(network, state))).max())
    start = np.random.default_rng(0).standard_normal(operator.shape[0])
    return float(np.abs(eigs(operator, k=1, v0=start, return_eigenvectors=False))[0])


def _jacobian_operator(network, state):
    """The Jacobian as an operator; None where it is too small, or zero, for an iteration."""
    factors = jacobian_factors(network, state)
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


def is_fixed_point(network, states, *, tolerance=1e-3):
    """Whether one more update moves no neuron by more than a tolerance, (n, N) -> (n,) of bool."""
    states = np.asarray(states, dtype=network.layers[0].weights.dtype)
    return (
        np.abs(step(network.layers, states, network.activation) - states).max(axis=1) <= tolerance
    )
