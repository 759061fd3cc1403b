"""One experimental condition, and what each experiment starts from."""

import math

from crossmem.checks import check_choice, check_count
from crossmem.chip.faults import WeightLimits
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.rules import (
    EquilibriumMemory,
    HebbianMemory,
    PseudoInverseMemory,
    StorkeyMemory,
)
from crossmem.patterns import add_gaussian_noise, flip_bits, image_side, load_patterns
from crossmem.randomness import generator

METHODS = {
    "hebbian": HebbianMemory,
    "storkey": StorkeyMemory,
    "pseudo-inverse": PseudoInverseMemory,
    "equilibrium": EquilibriumMemory,
    "adaptive": AdaptiveMemory,
}


# The random-pattern pool need only exceed every capacity: Gardner's 2N, with room to spare.
RANDOM_POOL = 3


def hidden_sizes(neurons, layers=1, hidden=None):
    """Sizes of the hidden layers of a stack.

    Parameters
    ----------
    neurons : int
        Visible neurons N.
    layers : int
        Layers of weights; 1 is the Hopfield network, without hidden neurons.
    hidden : int, optional
        Neurons of each hidden layer. By default as many as N² weights allow, so that all stacks
        need the devices of the single layer: N/2 for two layers (paper, Fig. 4f), in general the
        solution of 2Nh + (L - 2)h² = N².

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        For hidden neurons without a hidden layer, or a size below 1.
    """
    check_count(layers, "layers")
    if hidden is not None:
        check_count(hidden, "hidden")
    if layers == 1:
        if hidden is not None:
            raise ValueError(f"hidden={hidden} with layers=1: a hidden layer needs layers=2")
        return ()
    if hidden is None:
        inner = layers - 2
        share = (math.sqrt(inner + 1) - 1) / inner if inner else 0.5
        hidden = int(neurons * share)
    return (hidden,) * (layers - 1)


def make_memory(
    method,
    seed,
    *,
    hidden=(),
    activation="sign",
    optimizer="adam",
    steps=None,
    learning_rate=None,
    cue_noise=0.0,
    unroll=1,
):
    """An unfitted memory of the named method.

    All but the seed are heeded by adaptive training alone; ``learning_rate`` by equilibrium
    propagation too, in its own units.
    """
    check_choice(method, "method", METHODS)
    if method == "adaptive":
        settings = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
        settings |= {"cue_noise": cue_noise, "unroll": unroll}
        return AdaptiveMemory(hidden=hidden, activation=activation, seed=seed, **settings)
    if hidden or activation != "sign":
        raise ValueError(
            f"method={method!r} knows one layer of sign neurons only: use method='adaptive' for "
            "hidden layers or continuous patterns"
        )
    if method == "equilibrium" and learning_rate is not None:
        return EquilibriumMemory(learning_rate=learning_rate)
    return METHODS[method]()


def draw_pool(dataset, neurons, seed, count=None, *, binary=True):
    """Patterns in random order, (n, N): a new draw for each seed."""
    rng = generator(seed, "patterns", dataset, neurons)
    if dataset == "random" and count is None:
        count = RANDOM_POOL * neurons
    return load_patterns(dataset, size=image_side(neurons), binary=binary, count=count, rng=rng)


def corruption(activation, flip_rate=0.0, noise=0.0):
    """A ``corrupt(patterns, rng)``: flipped bits for sign neurons, Gaussian noise for tanh.

    Raises
    ------
    ValueError
        For the corruption of the other kind of neuron.
    """
    if noise if activation == "sign" else flip_rate:
        raise ValueError(
            f"flip_rate={flip_rate} and noise={noise} with activation={activation!r}: "
            "sign neurons take a flip_rate, tanh neurons a noise"
        )
    if activation == "tanh":
        return lambda patterns, rng: add_gaussian_noise(patterns, noise, rng)
    return lambda patterns, rng: flip_bits(patterns, flip_rate, rng)


def masked_limits(shapes, fault_rate, seed):
    """The paper's fault model for layers of shapes (n_out, n_in): a new map for each seed."""
    rng = generator(seed, "faults", shapes[0][1])
    return [WeightLimits.masked(shape, fault_rate, rng) for shape in shapes]
