"""Two baselines in the form that the paper's published code gives them.

In that code (github.com/hecp2025/SuperlinearAssociativeMemory) the rules called Storkey and
equilibrium propagation differ from the rules of these names in `crossmem.networks.rules`. Figures
3g and 3h compare with the forms below.
"""

import numpy as np

from crossmem.checks import check_count, check_not_negative, check_positive
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.rules import scaled_layer
from crossmem.randomness import generator


class PublishedStorkeyMemory(AssociativeMemory):
    """Storkey's rule with its quadratic term and with self-couplings while it learns.

    Each pattern x adds (x - h)(x - h)ᵀ/N, where h = W x is the full local field. The rule of 1999
    has no term in hhᵀ and leaves two neurons out of each field. The diagonal is set to zero, and
    masks apply, once all patterns are stored.
    """

    def _learn(self, patterns, limits):
        neurons = patterns.shape[1]
        weights = np.zeros((neurons, neurons))
        for pattern in patterns.astype(float):
            error = pattern - weights @ pattern
            weights += np.outer(error, error) / neurons
        return [scaled_layer(weights, limits[0])]


class PublishedEquilibriumMemory(AssociativeMemory):
    """A contrast of ternary states, called equilibrium propagation in the published code.

    States settle by s ← t(W s + βx), where t gives 1 from the threshold upwards, -1 below minus the
    threshold and 0 between. Both phases start at the pattern x: a free one (β = 0) and a nudged
    one. The weights, at first random and symmetric, follow the sum of sᵝsᵝᵀ - s⁰s⁰ᵀ over all
    patterns. The diagonal is set to zero, and masks apply, after the training.

    The threshold allows states of zeros, which no energy of Scellier & Bengio (2017) describes, and
    the nudge is too strong for the contrast to be a gradient.

    Parameters
    ----------
    nudge : float
        Strength β of the nudged phase, above 0.
    learning_rate, epochs : float, int
        Step along the contrast, and number of steps.
    threshold : float
        Size of the field from which a neuron is not 0.
    settling : int
        Largest number of synchronous updates of each phase.
    seed : int
        Of the initial weights.
    """

    def __init__(
        self, *, nudge=10.0, learning_rate=0.01, epochs=100, threshold=0.5, settling=100, seed=0
    ):
        self.nudge, self.learning_rate, self.epochs = nudge, learning_rate, epochs
        self.threshold, self.settling, self.seed = threshold, settling, seed

    def check_parameters(self):
        check_positive(self.nudge, "nudge", 10.0)
        check_positive(self.learning_rate, "learning_rate", 0.01)
        check_not_negative(self.threshold, "threshold", 0.5)
        check_count(self.epochs, "epochs")
        check_count(self.settling, "settling")

    def _learn(self, patterns, limits):
        weights = self.initial_weights(patterns.shape[1])
        step = np.float32(self.learning_rate)
        for _ in range(self.epochs):
            free = self.settle(weights, patterns, 0.0)
            nudged = self.settle(weights, patterns, self.nudge)
            weights += step * (nudged.T @ nudged - free.T @ free)
        return [scaled_layer(weights, limits[0])]

    def initial_weights(self, neurons):
        """Symmetric Gaussian couplings of variance 1/200 without a diagonal, (N, N) float32."""
        rng = generator(self.seed, "published equilibrium propagation", neurons)
        weights = rng.standard_normal((neurons, neurons), dtype=np.float32)
        np.fill_diagonal(weights, 0.0)
        return (weights + weights.T) / 20

    def settle(self, weights, patterns, nudge):
        """Ternary states (P, N) that the patterns (P, N) reach, or those of the last update."""
        drive, last = np.float32(nudge) * patterns, patterns.copy()
        states, before = patterns.copy(), patterns.copy()
        moving = np.arange(len(patterns))
        for update in range(1, self.settling + 1):
            field = states[moving] @ weights.T + drive[moving]
            new = (field >= self.threshold).astype(np.float32) - (field < -self.threshold)
            # Synchronous updates of symmetric couplings end in a rest or in a cycle of two states.
            cycles = (new == before[moving]).all(axis=1)
            rests = (new == states[moving]).all(axis=1)
            even = (self.settling - update) % 2 == 0
            last[moving] = new if even else np.where(cycles[:, None], states[moving], new)
            before[moving], states[moving] = states[moving], new
            if not len(moving := moving[~(rests | cycles)]):
                break
        return last
