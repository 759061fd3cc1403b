"""What every associative memory shares: fitting within limits, recall and its score."""

import numpy as np
from sklearn.base import BaseEstimator

from crossmem.chip.faults import WeightLimits
from crossmem.networks.network import Layer, Network, as_network
from crossmem.patterns import check_patterns


class AssociativeMemory(BaseEstimator):
    """A memory that `fit` turns into a `Network`; each learning rule is a subclass.

    Attributes
    ----------
    network_ : Network
        What recalls. Its weights are in units of the largest conductance, in [-1, 1], as a
        crossbar holds them; the gain of each layer undoes that scale.
    limits_ : list of WeightLimits
        What the weights were fitted within, without self-connections for a single layer.
    """

    hidden, activation = (), "sign"
    period = 1  # updates of the state after which a stored pattern comes back

    def fit(self, patterns, y=None, *, limits=None):
        """Store patterns, and return the memory.

        Parameters, patterns and limits that the memory cannot take are a TypeError or ValueError.

        Parameters
        ----------
        patterns : array_like (P, N)
            One pattern per row: ±1, or within [-1, 1] for ``activation="tanh"``.
        y : None
            Ignored; scikit-learn's interface has it.
        limits : list of WeightLimits or None, optional
            One per layer; None, for all or for one, leaves the weights unbounded.
        """
        patterns, limits = self.check_input(patterns, limits)
        return self.keep(self._learn(patterns, limits), limits)

    def check_input(self, patterns, limits):
        """The patterns as float32 and a WeightLimits per layer, if the memory can take them."""
        self.check_parameters()
        patterns = check_patterns(patterns)
        binary = bool((np.abs(patterns) == 1).all())
        if binary and self.activation == "tanh":
            raise ValueError("the patterns are all ±1, but tanh is less: use activation='sign'")
        if not binary and self.activation == "sign":
            raise ValueError(
                "the patterns hold values other than ±1, but activation='sign' returns only those: "
                "use AdaptiveMemory(activation='tanh'), or numpy.where(patterns > 0, 1, -1)"
            )
        limits = check_limits(limits, self.layer_shapes(patterns.shape[1]))
        return patterns.astype(np.float32), limits

    def check_parameters(self):
        """Raise for constructor parameters that training cannot use."""

    def keep(self, layers, limits):
        """Take fitted layers, and return the memory."""
        self.network_ = Network(layers, self.activation, self.period)
        self.limits_, self.n_features_in_ = limits, self.network_.neurons
        return self

    @property
    def layers_(self):
        """Layers of the fitted network, a tuple of `Layer`."""
        return self.network_.layers

    def devices(self, neurons):
        """Number of memristors that a memory of that many visible neurons needs, two per weight."""
        return sum(2 * n_out * n_in for n_out, n_in in self.layer_shapes(neurons))

    def layer_shapes(self, neurons):
        """Shapes (n_out, n_in) of the layers of a memory of that many visible neurons."""
        sizes = [neurons, *self.hidden, neurons]
        return [(n_out, n_in) for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)]

    def recall(self, cues, **options):
        """Complete corrupted patterns (n, N) after `fit`; all else is as in `Network.recall`."""
        return as_network(self).recall(cues, **options)

    def score(self, cues, patterns, **recall_options):
        """Mean cosine similarity of the recalled cues with the patterns, as in `Network.score`."""
        return as_network(self).score(cues, patterns, **recall_options)


def is_free(limits):
    """Whether weights are free or masked, rather than bounded by what a chip can reach.

    A mix of unbounded and bounded weights is a ValueError: no one scale would fit both.
    """
    unbounded = np.isinf(limits.low) & np.isinf(limits.high)
    masked = (limits.low == 0) & (limits.high == 0)
    if (unbounded | masked).all():
        return True
    if np.isinf([limits.low, limits.high]).any():
        raise ValueError("the limits mix unbounded with bounded weights: bound all, as by [-1, 1]")
    return False


def readout_gain(limits, reach):
    """Gain of a layer: 1 for free weights; bounded ones need one that lets fields saturate tanh."""
    return 1.0 if is_free(limits) else reach / limits.shape[1] ** 0.5


def normalised_layer(effective, gain, limits):
    """A layer of weights in [-1, 1], without biases, from effective weights (gain times weight)."""
    if is_free(limits):
        gain = float(np.abs(effective).max()) or 1.0
    # Dividing may round past a bound by one unit in the last place.
    weights = limits.clip(effective / np.float32(gain)).astype(np.float32)
    return Layer(weights, np.zeros(len(weights), np.float32), gain)


def check_limits(limits, shapes):
    """One WeightLimits per layer, unbounded where None was given; no self-connections."""
    limits = [None] * len(shapes) if limits is None else limits
    if not isinstance(limits, list | tuple):
        kind = type(limits).__name__
        raise TypeError(f"limits is a single {kind}; pass a list of WeightLimits, one per layer.")
    count, layers = len(limits), len(shapes)
    if count != layers:
        raise ValueError(f"{count} limits for {layers} layer(s): pass one WeightLimits per layer")
    limits = [
        WeightLimits(np.full(shape, -np.inf), np.full(shape, np.inf)) if limit is None else limit
        for limit, shape in zip(limits, shapes, strict=True)
    ]
    for limit, shape in zip(limits, shapes, strict=True):
        if not isinstance(limit, WeightLimits) or limit.shape != shape:
            raise ValueError(
                f"limits hold a {type(limit).__name__} of shape {np.shape(limit)} for a layer of "
                f"shape {shape} (n_out, n_in): pass the WeightLimits of a crossbar of that shape"
            )
    return limits if len(limits) > 1 else [limits[0].without_self_connections()]
