"""Classical learning rules as memories: Hebb, Storkey, pseudo-inverse, equilibrium propagation."""

import numpy as np
from scipy.linalg import orth

from crossmem.checks import check_count, check_positive
from crossmem.networks.base import AssociativeMemory, normalised_layer
from crossmem.networks.network import Layer


class HebbianMemory(AssociativeMemory):
    """Hebb's rule W = XᵀX / N (Hopfield 1982)."""

    def _learn(self, patterns, limits):
        return [scaled_layer(patterns.T @ patterns / patterns.shape[1], limits[0])]


class StorkeyMemory(AssociativeMemory):
    """Storkey & Valabregue's local, incremental rule (Neural Networks 12, 869, 1999)."""

    def _learn(self, patterns, limits):
        neurons = patterns.shape[1]
        weights = np.zeros((neurons, neurons))
        for pattern in patterns.astype(float):
            # field[i, j]: local field of neuron i without the parts due to neurons i and j
            field = (weights @ pattern - np.diag(weights) * pattern)[:, None] - weights * pattern
            np.fill_diagonal(field, 0.0)
            crosstalk = pattern[:, None] * field.T
            weights += (np.outer(pattern, pattern) - crosstalk - crosstalk.T) / neurons
            np.fill_diagonal(weights, 0.0)
        return [scaled_layer(weights, limits[0])]


class PseudoInverseMemory(AssociativeMemory):
    """Projection onto the patterns' span (Personnaz et al. 1985; Kanter & Sompolinsky 1987)."""

    def _learn(self, patterns, limits):
        basis = orth(patterns.T.astype(float))
        return [scaled_layer(basis @ basis.T, limits[0])]


class EquilibriumMemory(AssociativeMemory):
    """Equilibrium propagation on the graded Hopfield energy.

    The energy E(s) = -½ sᵀWs + Σ∫artanh(s) ds (Hopfield 1984) is relaxed from each pattern to a
    free equilibrium s⁰, then, with the cost ½β‖s - x‖² added, to a nudged one sᵝ; the weights
    follow the contrast (sᵝsᵝᵀ - s⁰s⁰ᵀ)/β, which tends to the negative gradient of the cost at the
    free equilibrium (Scellier & Bengio 2017, theorem 1).

    Parameters
    ----------
    nudge : float
        Strength β of the nudged phase, above 0.
    learning_rate, epochs : float, int
        Step along the mean contrast over the patterns, and number of steps.
    free_steps, nudged_steps : int
        Relaxation steps of the two phases.
    """

    def __init__(
        self, *, nudge=0.5, learning_rate=0.01, epochs=1000, free_steps=10, nudged_steps=5
    ):
        self.nudge, self.learning_rate, self.epochs = nudge, learning_rate, epochs
        self.free_steps, self.nudged_steps = free_steps, nudged_steps

    def _learn(self, patterns, limits):
        (limits,) = limits
        weights = np.zeros(limits.shape, dtype=np.float32)
        for _ in range(self.epochs):
            contrast = self.contrast(weights, patterns)
            weights = limits.clip(weights + self.learning_rate * contrast).astype(np.float32)
        return [normalised_layer(weights, 1.0, limits)]

    def check_parameters(self):
        check_positive(self.nudge, "nudge", 0.5)
        check_positive(self.learning_rate, "learning_rate", 0.01)
        for name in ("epochs", "free_steps", "nudged_steps"):
            check_count(getattr(self, name), name)

    def contrast(self, weights, patterns):
        """Mean contrast of the two phases over the patterns, (N, N) and (P, N) -> (N, N)."""
        free = self.relax(weights, patterns, patterns, 0.0, self.free_steps)
        nudged = self.relax(weights, free, patterns, self.nudge, self.nudged_steps)
        return (nudged.T @ nudged - free.T @ free) / (self.nudge * len(patterns))

    def relax(self, weights, states, targets, nudge, steps):
        """Follow du/dt = -u + W s + β(x - s), s = tanh(u), in steps of ½ from outputs (P, N)."""
        potential = np.arctanh(np.clip(states, -0.995, 0.995))
        for _ in range(steps):
            output = np.tanh(potential)
            drive = output @ weights.T + nudge * (targets - output)
            potential += 0.5 * (drive - potential)
        return np.tanh(potential)


def scaled_layer(weights, limits):
    """Scale the result of a closed-form rule into [-1, 1], then clip it, as programming would."""
    weights = np.array(weights, dtype=float)
    np.fill_diagonal(weights, 0.0)  # before scaling: it is the largest entry, and not stored
    scale = np.abs(weights).max()
    # A projection onto every direction is the identity: what rounding leaves is not a memory.
    weights = weights / scale if scale > 1e-9 else np.zeros_like(weights)
    clipped = limits.clip(weights).astype(np.float32)
    return Layer(clipped, np.zeros(len(clipped), dtype=np.float32), float(scale) or 1.0)
