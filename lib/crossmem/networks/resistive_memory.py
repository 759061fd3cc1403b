"""An associative memory that is a resistive network: it learns in place to give patterns back."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from crossmem.checks import check_count, check_rate
from crossmem.chip.memristors import MemristorArray, make_device
from crossmem.networks.clamps import Clamps
from crossmem.networks.eqprop import INPUT_VOLTAGE, TARGET, Recipe, train
from crossmem.networks.network import Layer, cosine
from crossmem.networks.resistive import ResistiveNetwork
from crossmem.patterns import check_patterns, flip_bits
from crossmem.randomness import generator


class ResistiveMemory(BaseEstimator):
    """Auto-association of binary patterns by equilibrium propagation on memristors.

    Each pixel has two word lines, +x and -x at 0.5 V, and a pair of output lines. Training asks
    each pair for the pixel of the stored pattern. Recall feeds the signs of the pairs back to the
    word lines until they stay the same.

    Parameters
    ----------
    hidden : tuple of int
        Nodes of each hidden layer; () is a single crossbar, whose outputs are weighted means.
    cue_noise : float
        Share of flipped bits in the cues of the training; 0 trains on the clean patterns.
    copies : int
        Corrupted copies of each pattern to train on; one is enough without noise.
    device : str
        As in `make_device`.
    clamp, gain : float
        Threshold of the clamps in V, and gain of the amplifiers.
    epochs : int
        Passes through the copies.
    recipe : Recipe or None
        How to train.
    seed : int
        Draws first conductances, corrupted copies and batches.

    Attributes
    ----------
    network_ : ResistiveNetwork
    loss_curve_ : numpy.ndarray, shape (epochs,)
    """

    def __init__(
        self,
        hidden=(),
        cue_noise=0.0,
        copies=1,
        device="linear",
        clamp=0.1,
        gain=16.0,
        epochs=50,
        recipe=None,
        seed=0,
    ):
        self.hidden = hidden
        self.cue_noise = cue_noise
        self.copies = copies
        self.device = device
        self.clamp = clamp
        self.gain = gain
        self.epochs = epochs
        self.recipe = recipe
        self.seed = seed

    def fit(self, patterns, y=None, *, limits=None):
        """Store patterns (P, N) of ±1; the devices take what conductance they can, no limits.

        Raises
        ------
        TypeError, ValueError
            For patterns or parameters that the memory cannot take, or limits.
        """
        patterns = check_patterns(patterns, binary=True)
        if limits is not None:
            raise TypeError("a resistive memory has no weights to limit: pass limits=None")
        check_rate(self.cue_noise, "cue_noise")
        rng = generator(self.seed, "resistive memory", len(patterns))
        stored = np.tile(patterns, (check_count(self.copies, "copies"), 1))
        device = make_device(self.device, repaired=True)
        lowest, highest = 1 / device.r_off, 1 / device.r_on
        first = [
            rng.uniform(lowest, lowest + 0.08 * (highest - lowest), shape)
            for shape in self.shapes(patterns.shape[1])
        ]
        self.arrays_ = [MemristorArray(device, conductance) for conductance in first]
        self.network_, self.loss_curve_ = train(
            ResistiveNetwork(tuple(first), Clamps(self.clamp), self.gain),
            self.arrays_,
            INPUT_VOLTAGE * flip_bits(stored, self.cue_noise, rng),
            TARGET * stored,
            recipe=self.recipe or Recipe(),
            epochs=check_count(self.epochs, "epochs"),
            rng=rng,
        )
        return self

    def shapes(self, neurons):
        """Shapes (rows, columns) of the crossbars for patterns of that many pixels."""
        widths = [*self.hidden, 2 * neurons]
        return [
            (rows + 2, columns)
            for rows, columns in zip([2 * neurons, *widths[:-1]], widths, strict=True)
        ]

    def devices(self, neurons):
        """Number of memristors."""
        return sum(rows * columns for rows, columns in self.shapes(neurons))

    @property
    def layers(self):
        """The crossbars as layers of weights, their conductances in S."""
        check_is_fitted(self, "network_")
        return [Layer(g.T, np.zeros(g.shape[1])) for g in self.network_.conductances]

    def recall(self, cues, *, iterations=10):
        """States (n, N) of ±1 after so many synchronous updates from cues (n, N), or fewer."""
        check_is_fitted(self, "network_")
        states = check_patterns(cues, binary=True)
        for _ in range(check_count(iterations, "iterations", least=0)):
            outputs = self.network_.outputs(self.network_.free(INPUT_VOLTAGE * states))
            updated = np.where(outputs == 0, states, np.sign(outputs))
            if (updated == states).all():
                break
            states = updated
        return states

    def score(self, cues, patterns, **options):
        """Mean cosine similarity of the recalled cues with the patterns."""
        return float(cosine(self.recall(cues, **options), patterns).mean())
