"""How firmly a network holds a state: energy, Jacobian, settling time."""

import functools

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs, svds

from crossmem.checks import check_shape
from crossmem.networks.network import step

AT_REST = 1e-3  # largest distance of any neuron from where it rests


def settling_time(trace):
    """Updates after which recalls stay where they end, (iterations + 1, n, N) -> (n,) of int.

    The trace is that of `Network.recall`; a recall that still moves at the end has all of its
    iterations.
    """
    away = np.abs(trace - trace[-1]).max(axis=2) > AT_REST
    return np.where(away, np.arange(1, len(trace) + 1)[:, None], 0).max(axis=0)


def is_fixed_point(network, states):
    """Whether one more update leaves every neuron where it is, (n, N) -> (n,) of bool."""
    states = np.asarray(states, dtype=network.layers[0].weights.dtype)
    moved = np.abs(step(network.layers, states, network.activation) - states)
    return moved.max(axis=1) <= AT_REST


def energy(layer, states):
    """Hopfield energy -½ xᵀ(gain·W)x - bias·x of each state (paper, equation 1), (..., N) -> (...).

    It never rises in asynchronous recall if the W of the square layer is symmetric with a zero
    diagonal.
    """
    quadratic = np.einsum("...i,ij,...j->...", states, layer.weights, states, optimize=True)
    return -0.5 * layer.gain * quadratic - states @ layer.bias


def jacobian_factors(network, state):
    """Factors diag(tanh'(h)) · gain · W of each layer, (n_out, n_in), at a state (N,), first first.

    The visible neurons count as tanh units, as in training: the sign has no derivative.
    """
    factors, below = [], np.asarray(state, dtype=float)
    check_shape(below, (network.neurons,), "state", "pass one state of the network")
    for layer in network.layers:
        below = np.tanh(layer.field(below))
        factors.append((1 - below**2)[:, None] * (layer.gain * layer.weights.astype(float)))
    return factors


def jacobian(network, state):
    """Jacobian of one synchronous update of the smooth network at a state, (N,) -> (N, N)."""
    return functools.reduce(lambda below, factor: factor @ below, jacobian_factors(network, state))


def norm_and_radius(network, state):
    """Spectral norm and spectral radius of the Jacobian at a state (N,): two floats.

    Updates contract where the norm, the largest singular value, is below 1 everywhere. A fixed
    point attracts nearby states if the radius, the largest modulus of an eigenvalue, is below 1. It
    never exceeds the norm, and may be far below it where the Jacobian is not symmetric.

    The Jacobian is not formed, as long as it is neither tiny nor zero: a stack of N·Nh weights
    costs N·Nh operations per iteration of the Lanczos and of the Arnoldi process.
    """
    factors = jacobian_factors(network, state)
    if len(state) < 4 or any(not factor.any() for factor in factors):
        dense = jacobian(network, state)
        return float(np.linalg.norm(dense, 2)), float(np.abs(np.linalg.eigvals(dense)).max())

    def product(matrices):
        return lambda vector: functools.reduce(lambda below, m: m @ below, matrices, vector)

    forward, backward = product(factors), product([factor.T for factor in factors[::-1]])
    shape = (len(state),) * 2
    operator = LinearOperator(shape, matvec=forward, rmatvec=backward, dtype=float)
    norm = svds(operator, k=1, rng=0, return_singular_vectors=False)[0]
    start = np.random.default_rng(0).standard_normal(len(state))
    radius = np.abs(eigs(operator, k=1, v0=start, return_eigenvectors=False))[0]
    return float(norm), float(radius)
