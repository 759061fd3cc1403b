"""What every associative memory shares: fitting, limits, recall."""

import json

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from crossmem.chip.faults import WeightLimits
from crossmem.networks.network import Layer, cosine, recall
from crossmem.patterns import check_patterns

LAYER_PARTS = ("weights", "bias", "gain", "low", "high")


# Gain of a layer with bounded weights, times sqrt(n_in): how far its fields can reach. Chosen by
# trying 1, 2, 4, 8 and 16 at N = 144: 2 and 4 were best with the squared loss, whose value the
# cubic one takes; the logistic loss has no plateau and used more.
READOUT_GAIN = {"squared": 3.0, "cubic": 3.0, "logistic": 8.0}


class AssociativeMemory(BaseEstimator):
    """What every memory shares: fitting layers to patterns, recall and its score.

    Attributes
    ----------
    layers_ : list of Layer
        Weights in units of the largest conductance, in [-1, 1], as a crossbar holds them; the
        layer's gain undoes that scale.
    limits_ : list of WeightLimits
        What the weights were fitted within, without self-connections for a single layer.
    n_features_in_ : int
        Number N of visible neurons.
    """

    activation = "sign"

    def fit(self, patterns, y=None, *, limits=None):
        """Store patterns.

        Parameters
        ----------
        patterns : array_like (P, N)
            One pattern per row: ±1, or within [-1, 1] for ``activation="tanh"``.
        y : None
            Ignored; scikit-learn's interface has it.
        limits : list of WeightLimits or None, optional
            One per layer; None, for all or for one, leaves the weights unbounded.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For patterns or limits that the memory cannot take; the message says why.
        """
        self._check_parameters()
        patterns = self._check_stored(patterns)
        limits = check_limits(limits, self.layer_shapes(patterns.shape[1]))
        return self._keep(self._learn(patterns, limits), limits)

    def _check_parameters(self):
        """Raise for constructor parameters that training cannot use."""

    def _check_stored(self, patterns):
        """Patterns to store, as float32, if they are of the kind that the activation returns."""
        patterns = check_patterns(patterns)
        binary = bool((np.abs(patterns) == 1).all())
        if binary != (self.activation == "sign"):
            raise ValueError(
                "the patterns are all ±1, which tanh never reaches: use activation='sign'"
                if binary
                else "the patterns hold values other than ±1, which activation='sign' cannot "
                "return: use AdaptiveMemory(activation='tanh'), or binarise them with "
                "numpy.where(patterns > 0, 1, -1)"
            )
        return patterns.astype(np.float32)

    def _keep(self, layers, limits):
        """Take fitted layers."""
        self.layers_, self.limits_ = layers, limits
        self.n_features_in_ = layers[0].weights.shape[1]
        return self

    def devices(self, neurons):
        """Number of memristors that a memory of that many visible neurons needs, two per weight."""
        return sum(2 * n_out * n_in for n_out, n_in in self.layer_shapes(neurons))

    def layer_shapes(self, neurons):
        """Shapes (n_out, n_in) of the layers of a memory of that many visible neurons."""
        return [(neurons, neurons)]

    def recall(self, cues, *, iterations=10, update="synchronous", rng=None, trace=False):
        """Complete corrupted patterns; parameters and return value as in `dynamics.recall`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            For cues of the wrong shape or with values that are not finite.
        """
        check_is_fitted(self)
        return recall(
            self.layers_,
            self._check_states(cues),
            iterations=iterations,
            activation=self.activation,
            update=update,
            rng=rng,
            trace=trace,
        )

    def score(self, cues, patterns, **recall_options):
        """Mean cosine similarity of the recalled cues with the patterns, arrays (n, N)."""
        recalled = self.recall(cues, **recall_options)
        patterns = self._check_states(patterns)
        if patterns.shape != recalled.shape:
            raise ValueError(
                f"{len(recalled)} cues and {len(patterns)} patterns: pass one pattern per cue"
            )
        return float(cosine(recalled, patterns).mean())

    def to_dataset(self):
        """Everything that recall needs, and the limits, as a labelled Dataset for netCDF.

        Returns
        -------
        xarray.Dataset
            Per layer k: ``weights_k``, ``bias_k``, ``gain_k``, ``low_k`` and ``high_k``; the class
            and its parameters in the attributes. `from_dataset` turns it back.
        """
        check_is_fitted(self)
        variables = {}
        for k, (layer, limits) in enumerate(zip(self.layers_, self.limits_, strict=True)):
            pair, unit = (f"output_{k}", f"input_{k}"), {"units": "G_max"}
            described = {"units": "1", "long_name": f"read-out gain of layer {k}"}
            variables[f"gain_{k}"] = ((), layer.gain, described)
            described = {"units": "1", "long_name": f"biases of layer {k}"}
            variables[f"bias_{k}"] = (pair[:1], layer.bias, described)
            for name, values in (
                ("weights", layer.weights),
                ("low", limits.low),
                ("high", limits.high),
            ):
                variables[f"{name}_{k}"] = (
                    pair,
                    values,
                    unit | {"long_name": f"{name}, layer {k}"},
                )
        attributes = {
            "memory": type(self).__name__,
            "settings": json.dumps(self.get_params(), default=np.generic.item),
        }
        return xr.Dataset(variables, attrs=attributes)

    def _check_states(self, states):
        """Cues or patterns (n, N) of this memory's width, with values in [-1, 1]."""
        states = check_patterns(states)
        if states.shape[1] != self.n_features_in_:
            raise ValueError(
                f"Patterns have {states.shape[1]} elements, but this memory has "
                f"{self.n_features_in_} neurons; pass patterns of the size it was fitted to."
            )
        return states


def is_free(limits):
    """Whether weights are free or masked, rather than bounded by what a chip can reach.

    Raises
    ------
    ValueError
        If some are unbounded and others bounded: no one scale would fit both.
    """
    unbounded = np.isinf(limits.low) & np.isinf(limits.high)
    masked = (limits.low == 0) & (limits.high == 0)
    if (unbounded | masked).all():
        return True
    if np.isinf(limits.low).any() or np.isinf(limits.high).any():
        raise ValueError(
            "the limits mix unbounded with bounded weights: bound all of them, e.g. by [-1, 1]"
        )
    return False


def readout_gain(limits, loss):
    """Gain of a layer: 1 for free weights; bounded ones need one that lets fields saturate tanh."""
    return 1.0 if is_free(limits) else READOUT_GAIN[loss] / limits.shape[1] ** 0.5


def normalised_layer(effective, bias, gain, limits):
    """A layer whose weights lie in [-1, 1], from trained effective weights (gain times weight)."""
    if is_free(limits):
        gain = float(np.abs(effective).max()) or 1.0
    # Dividing may round past a bound by one unit in the last place.
    weights = limits.clip(effective / np.float32(gain)).astype(np.float32)
    return Layer(weights, bias, gain)


def check_limits(limits, shapes):
    """One WeightLimits per layer, unbounded where None was given; no self-connections."""
    if isinstance(limits, WeightLimits):
        raise TypeError("limits is a single WeightLimits; pass a list with one per layer.")
    limits = [None] * len(shapes) if limits is None else list(limits)
    if len(limits) != len(shapes):
        raise ValueError(
            f"{len(limits)} limits for {len(shapes)} layer(s): pass one WeightLimits per layer"
        )
    checked = []
    for limit, shape in zip(limits, shapes, strict=True):
        if limit is None:
            limit = WeightLimits(np.full(shape, -np.inf), np.full(shape, np.inf))
        if not isinstance(limit, WeightLimits):
            raise TypeError(
                f"limits hold a {type(limit).__name__}, but each must be a WeightLimits or None; "
                "make one with crossbar.characterize().weight_limits()."
            )
        if limit.shape != shape:
            raise ValueError(
                f"limits of shape {limit.shape} for a layer of shape {shape} (n_out, n_in): "
                "make them from a crossbar of the layer's shape"
            )
        checked.append(limit)
    if len(shapes) == 1:
        checked[0] = checked[0].without_self_connections()
    return checked


def from_dataset(dataset):
    """The fitted memory that `AssociativeMemory.to_dataset` described; it recalls bit for bit.

    Raises
    ------
    ValueError
        If the dataset does not hold a memory.
    """
    kinds = {kind.__name__: kind for kind in AssociativeMemory.__subclasses__()}
    if dataset.attrs.get("memory") not in kinds:
        raise ValueError(
            f"the dataset holds {dataset.attrs.get('memory')!r}, not one of the memories "
            f"{', '.join(kinds)}: pass what to_dataset returned"
        )
    settings = json.loads(dataset.attrs["settings"])
    if "hidden" in settings:
        settings["hidden"] = tuple(settings["hidden"])  # JSON knows only lists
    memory = kinds[dataset.attrs["memory"]](**settings)
    count = sum(name.startswith("weights_") for name in dataset.data_vars)
    layer = [{n: dataset[f"{n}_{k}"].values for n in LAYER_PARTS} for k in range(count)]
    memory.layers_ = [Layer(d["weights"], d["bias"], float(d["gain"])) for d in layer]
    memory.limits_ = [WeightLimits(d["low"], d["high"]) for d in layer]
    memory.n_features_in_ = memory.layers_[0].weights.shape[1]
    return memory
