"""Recall: a stack of layers fed back onto itself until the state stays where it is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from sklearn.utils.validation import check_is_fitted

from crossmem.checks import check_choice, check_count, check_not_negative, check_rng
from crossmem.labels import quantity
from crossmem.patterns import check_patterns
from crossmem.storage import load_dataset, save_dataset

UPDATES = ("synchronous", "asynchronous")
ACTIVATIONS = ("sign", "tanh")
# Fields below this, in units of gain and largest weight, count as zero. Rounding leaves about that
# much of a sum of a thousand single-precision weights that should cancel.
TIE = 1e-5


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of synapses and its neurons: output = f(gain · W x + bias).

    Arrays that do not fit each other, and a gain that is no finite number of at least 0, are a
    TypeError or ValueError.

    Attributes
    ----------
    weights : array (n_out, n_in)
        Dimensionless; in units of the largest conductance once the layer sits on a crossbar.
    bias : array (n_out,)
        Added after the gain. The threshold of the paper's equation 2 is its negative.
    gain : float
        Scale of the read-out circuit.
    """

    weights: np.ndarray
    bias: np.ndarray
    gain: float = 1.0
    #: Whether a product exists only for the whole state, not corrected neuron by neuron.
    synchronous_only = False

    def __post_init__(self):
        for name in ("weights", "bias"):
            array = np.asarray(getattr(self, name))
            array = array if array.dtype.kind == "f" else array.astype(float)
            object.__setattr__(self, name, array)
        # A NumPy scalar would raise the precision of every field.
        object.__setattr__(self, "gain", float(check_not_negative(self.gain, "gain", 1.0)))
        if self.weights.ndim != 2 or self.bias.shape != self.weights.shape[:1]:
            raise ValueError(
                f"weights have shape {self.weights.shape} and the bias {self.bias.shape}: "
                "give arrays (n_out, n_in) and (n_out,)"
            )

    def field(self, states):
        """Local field gain · W x + bias of every neuron, (n, n_in) -> (n, n_out)."""
        return self.gain * (states @ self.weights.T) + self.bias


@dataclass(frozen=True, eq=False)
class Network:
    """Layers of weights whose last output is fed back to the first input.

    A network is never changed: training makes one, and everything that happens to it on a chip
    makes another (`crossmem.deploy`). Layers that do not fit each other, or none, and an unknown
    parameter are a TypeError or ValueError.

    Parameters
    ----------
    layers : sequence of Layer
        Each takes what the one below gives, and the first what the last gives.
    activation : {"sign", "tanh"}
        Output of the visible neurons. Hidden neurons are tanh units in both cases.
    unroll : int
        Updates of the state that bring a pattern back; recall takes a multiple of them.
    """

    layers: tuple[Layer, ...]
    activation: str = "sign"
    unroll: int = 1

    def __post_init__(self):
        check_choice(self.activation, "activation", ACTIVATIONS)
        check_count(self.unroll, "unroll")
        layers = tuple(self.layers) if isinstance(self.layers, Iterable) else ()
        if not layers or not all(isinstance(layer, Layer) for layer in layers):
            kinds = [type(layer).__name__ for layer in layers]
            kind = type(self.layers).__name__
            raise TypeError(f"layers is a {kind} of {kinds}; pass a list of at least one Layer.")
        object.__setattr__(self, "layers", layers)
        for number, layer in enumerate(layers):
            below = layers[number - 1].weights.shape[0]  # the last layer feeds the first
            if layer.weights.shape[1] != below:
                raise ValueError(
                    f"layer {number} takes {layer.weights.shape[1]} inputs but the layer below "
                    f"gives {below}: make the shapes fit"
                )

    @property
    def neurons(self):
        """Number N of visible neurons."""
        return self.layers[0].weights.shape[1]

    def with_layers(self, layers):
        """The network with other layers."""
        return replace(self, layers=layers)

    def with_weights(self, weights):
        """The network with other weights, an array (n_out, n_in) per layer; biases and gains stay.

        Layers that are more than these are a TypeError, arrays of other shapes a ValueError.
        """
        self.check_plain()
        weights = [np.asarray(matrix) for matrix in weights]
        shapes = [matrix.shape for matrix in weights]
        own = [layer.weights.shape for layer in self.layers]
        if shapes != own:
            raise ValueError(f"weights have shapes {shapes}, but the layers {own}: give the same")
        return self.with_layers(
            replace(layer, weights=matrix.astype(layer.weights.dtype))
            for layer, matrix in zip(self.layers, weights, strict=True)
        )

    def check_plain(self):
        """Refuse layers that are more than weights, bias and gain, such as those of a chip."""
        for number, layer in enumerate(self.layers):
            if (kind := type(layer)) is not Layer:
                raise TypeError(
                    f"layer {number} is of the kind {kind.__name__}, which is more than weights, "
                    "bias and gain; use the network that it was made from."
                )

    def recall(self, cues, *, iterations=10, update="synchronous", rng=None, trace=False):
        """Feed cues back until nothing moves, at most ``iterations`` times.

        Cues of another width or outside [-1, 1], or of 0 and 1 for sign neurons, an unknown update,
        iterations that end between two passes, and asynchronous updates of layers behind converters
        are a TypeError or ValueError.

        Parameters
        ----------
        cues : array_like (n, N)
            Corrupted patterns, with values in [-1, 1].
        iterations : int
            Largest number of updates of the whole state, a multiple of ``unroll``.
        update : {"synchronous", "asynchronous"}
            All neurons at once, or one after the other in random order.
        rng : numpy.random.Generator
            Draws that order; None stands for seed 0, so that a call repeats itself.
        trace : bool
            Return every state, the cue first.

        Returns
        -------
        array (n, N), or (iterations + 1, n, N) if ``trace``
        """
        cues = self.check_states(cues)
        check_count(iterations, "iterations", least=0)
        check_choice(update, "update", UPDATES)
        if iterations % self.unroll:
            raise ValueError(
                f"iterations={iterations} ends between two passes: use a multiple of "
                f"unroll={self.unroll}, after which patterns come back"
            )
        if update == "asynchronous" and any(layer.synchronous_only for layer in self.layers):
            raise ValueError(
                "update='asynchronous' would bypass converters and noise: use update='synchronous'"
            )
        rng = np.random.default_rng(0) if rng is None else check_rng(rng)
        states = np.array(cues, dtype=self.layers[0].weights.dtype)
        seen = [states]
        for _ in range(iterations):
            if update == "synchronous":
                states = step(self.layers, states, self.activation)
            else:
                states = sweep_neurons(self.layers, states, self.activation, rng)
            seen.append(states)
            if np.array_equal(states, seen[-2]):
                break
        if not trace:
            return states
        return np.stack(seen + [states] * (iterations + 1 - len(seen)))

    def score(self, cues, patterns, **recall_options):
        """Mean cosine similarity of the recalled cues with the patterns, arrays (n, N).

        Options and errors are those of `recall`; sign neurons refuse patterns other than ±1.
        """
        patterns = self.check_states(patterns, stored=True)
        recalled = self.recall(cues, **recall_options)
        cues, stored = len(recalled), len(patterns)
        if cues != stored:
            raise ValueError(f"{cues} cues and {stored} patterns: pass one pattern per cue")
        return float(cosine(recalled, patterns).mean())

    def check_states(self, states, *, stored=False):
        """Cues (n, N) of this network's width, within [-1, 1]; or patterns that it can return."""
        signs = self.activation == "sign"
        states = check_patterns(states, binary=stored and signs)
        if signs and states.min() == 0 and states.any() and np.isin(states, (0, 1)).all():
            raise ValueError(
                "the cues hold only 0 and 1, but the neurons are -1 and +1; pass 2 * cues - 1, or "
                "0 for the unknown bits alone"
            )
        if states.shape[1] != self.neurons:
            raise ValueError(
                f"patterns have {states.shape[1]} elements, but this network has {self.neurons} "
                "neurons; pass as many"
            )
        return states

    def save(self, path):
        """Write ``weights_k``, ``bias_k`` and ``gain_k`` of each layer as netCDF.

        Layers that are more than these, such as converters, are a TypeError.
        """
        self.check_plain()
        if type(self) is not Network:
            raise TypeError(
                f"a file cannot hold a {type(self).__name__} whole; save "
                "Network(network.layers, network.activation, network.unroll)."
            )
        variables = {}
        for k, layer in enumerate(self.layers):
            axes = (f"output_{k}", f"input_{k}")
            variables |= {
                f"weights_{k}": quantity(layer.weights, "G_max", f"weights of layer {k}", axes),
                f"bias_{k}": quantity(layer.bias, "1", f"bias of layer {k}", axes[:1]),
                f"gain_{k}": quantity(layer.gain, "1", f"gain of layer {k}"),
            }
        attrs = {"activation": self.activation, "unroll": self.unroll}
        save_dataset(xr.Dataset(variables, attrs=attrs), path)

    @classmethod
    def load(cls, path):
        """Read a network that `save` has written; it recalls bit for bit.

        A file that holds no network is a ValueError; other errors are those of `load_dataset`.
        """
        data = load_dataset(path, renew="save the network again")
        count = sum(str(name).startswith("weights_") for name in data)
        try:
            layers = [
                Layer(*(data[f"{part}_{k}"].values[()] for part in ("weights", "bias", "gain")))
                for k in range(count)
            ]
            return cls(layers, str(data.attrs["activation"]), int(data.attrs["unroll"]))
        except (KeyError, TypeError, ValueError) as error:
            wrong = f"lacks {error} and" if isinstance(error, KeyError) else f"({error})"
            raise ValueError(
                f"{path} {wrong} holds no network: pass what Network.save wrote"
            ) from None


def as_network(memory):
    """The network of a memory, NotFittedError before its `fit`; or the network itself."""
    if isinstance(memory, Network):
        return memory
    check_is_fitted(memory, "network_")
    return memory.network_


def activate(field, previous, activation, gain=1.0):
    """Neuron outputs for a local field; a sign neuron whose field is zero keeps its state."""
    if activation == "tanh":
        return np.tanh(field)
    tied = np.abs(field) <= TIE * gain
    return np.where(tied, previous, np.sign(field)).astype(field.dtype, copy=False)


def step(layers, states, activation="sign"):
    """One synchronous update of every neuron (paper, equation 2), (n, N) -> (n, N).

    Hidden neurons are tanh units in both kinds of network; only the visible ones are binary.
    """
    hidden = states
    for layer in layers[:-1]:
        hidden = np.tanh(layer.field(hidden))
    return activate(layers[-1].field(hidden), states, activation, layers[-1].gain)


def sweep_neurons(layers, states, activation, rng):
    """One asynchronous sweep: every neuron once, in random order, each seeing the latest state.

    The first layer's products are corrected for each neuron that moves: a sweep of a single layer
    costs as much as one synchronous update.
    """
    states = states.copy()
    first, last = layers[0], layers[-1]
    product = states @ first.weights.T
    for neuron in rng.permutation(states.shape[1]):
        if len(layers) == 1:
            below, weights = product[:, neuron], first.weights.dtype.type(1)
        else:
            below, weights = hidden_outputs(layers, product), last.weights[neuron]
        field = last.gain * np.dot(below, weights) + last.bias[neuron]
        moved = activate(field, states[:, neuron], activation, last.gain)
        product += np.outer(moved - states[:, neuron], first.weights[:, neuron])
        states[:, neuron] = moved
    return states


def hidden_outputs(layers, product):
    """Outputs (n, Nh) of the last hidden layer, given the products W x (n, n_out) of the first."""
    hidden = np.tanh(layers[0].gain * product + layers[0].bias)
    for layer in layers[1:-1]:
        hidden = np.tanh(layer.field(hidden))
    return hidden


def cosine(states, patterns):
    """Cosine similarity of states with patterns, (..., N) -> (...); 0 for a state of zeros."""
    states, patterns = np.asarray(states, dtype=float), np.asarray(patterns, dtype=float)
    dot, ours, theirs = (
        np.einsum("...i,...i->...", left, right)
        for left, right in ((states, patterns), (states, states), (patterns, patterns))
    )
    norms = np.sqrt(ours * theirs)  # one root, so that equal binary states give exactly 1
    return np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0)
