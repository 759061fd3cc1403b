"""One experimental condition as an object: what is stored, where, and how it is recalled."""

import math
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np

from crossmem.checks import (
    check_choice,
    check_count,
    check_fault_rates,
    check_not_negative,
    check_rate,
    nearest,
)
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.networks import published_rules, rules
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.patterns import SOURCES, add_gaussian_noise, flip_bits, image_side, load_patterns
from crossmem.randomness import generator

RULES = {
    "hebbian": rules.HebbianMemory,
    "storkey": rules.StorkeyMemory,
    "pseudo-inverse": rules.PseudoInverseMemory,
    "equilibrium": rules.EquilibriumMemory,
    "published storkey": published_rules.PublishedStorkeyMemory,
    "published equilibrium": published_rules.PublishedEquilibriumMemory,
    "adaptive": AdaptiveMemory,
}
# What an experiment requires that has no crossbars, or that has them instead of masks.
NO_CHIP = {"stuck_off": 0.0, "stuck_on": 0.0}
NO_MASKS = {"masked_fraction": 0.0, "programming_error": 0.0}
# Random patterns to draw from, per neuron: more than any memory holds (Gardner's bound is 2).
RANDOM_POOL = 3


@dataclass(frozen=True)
class Training:
    """How adaptive training descends; attributes as in `AdaptiveMemory`.

    Equilibrium propagation takes the ``learning_rate`` too, in its own units. The other rules have
    no training. A value out of range is a TypeError or ValueError.
    """

    optimizer: str | None = None
    learning_rate: float | None = None
    steps: int | None = None
    cue_noise: float | tuple[float, float] = 0.0
    unroll: int | None = None
    loss: str | None = None
    batch: float | None = None
    gain: float | None = None

    def __post_init__(self):
        if isinstance(self.cue_noise, list | np.ndarray):  # as parameter files have it
            object.__setattr__(self, "cue_noise", tuple(np.asarray(self.cue_noise).tolist()))
        AdaptiveMemory(**asdict(self)).recipe([])


@dataclass(frozen=True)
class Setup:
    """One experimental condition.

    A value out of range, or values that exclude each other, are a TypeError or ValueError.
    """

    source: str = "digits"  #: where the patterns come from, a name for `load_patterns`
    neurons: int = 64  #: visible neurons N, a square number
    n_patterns: int = 10  #: stored patterns P; a capacity search chooses its own
    rule: str = "adaptive"  #: learning rule, a key of `RULES`
    layers: int = 1  #: layers of weights
    width: int | None = None  #: neurons of each hidden layer, see `hidden`
    activation: str = "sign"  #: or "tanh", for continuous patterns
    masked_fraction: float = 0.0  #: share of masked weights, the paper's fault model
    stuck_off: float = 0.0  #: share of devices of a chip that are stuck at no conductance
    stuck_on: float = 0.0  #: share of those stuck at the largest
    flip_rate: float = 0.0  #: corruption of the cues of sign neurons, probability of a flipped bit
    noise: float = 0.0  #: that of tanh neurons, standard deviation of Gaussian noise
    programming_error: float = 0.0  #: standard deviation of a Gaussian error of each device, in µS
    cues: int = 1  #: corrupted cues per pattern
    iterations: int = 10  #: largest number of synchronous updates
    training: Training = field(default_factory=Training)

    def __post_init__(self):
        check_choice(self.source, "source", SOURCES)
        image_side(self.neurons)
        check_count(self.n_patterns, "n_patterns")
        check_choice(self.rule, "rule", tuple(RULES))
        check_rate(self.masked_fraction, "masked_fraction")
        check_rate(self.flip_rate, "flip_rate")
        check_fault_rates(self.stuck_off, self.stuck_on)
        check_not_negative(self.noise, "noise", 0.3)
        check_not_negative(self.programming_error, "programming_error", 3.9)
        check_count(self.cues, "cues")
        check_count(self.iterations, "iterations", least=0)
        if not isinstance(self.training, Training):
            raise TypeError(f"training is {self.training!r}; pass a Training(steps=1000).")
        self._adaptive(0).check_parameters()  # so that no rule has a training that another refuses
        self.memory(0).check_parameters()
        self._check_together()

    def _check_together(self):
        """Refuse values that exclude each other, or would be ignored."""
        if self.noise if self.binary else self.flip_rate:
            raise ValueError(
                f"flip_rate={self.flip_rate} and noise={self.noise} with activation="
                f"{self.activation!r}: sign neurons take a flip_rate, tanh neurons a noise"
            )
        if self.rule != "adaptive" and (self.layers > 1 or not self.binary):
            raise ValueError(
                f"rule={self.rule!r} knows one layer of sign neurons only: use rule='adaptive'"
            )
        if self.iterations % self.period:
            raise ValueError(
                f"iterations={self.iterations} ends between two passes: use a multiple of "
                f"unroll={self.period}"
            )

    def at(self, **changes):
        """The condition with other values, each put where it belongs, here or in the training.

        An unknown name is a TypeError, whose message has the nearest valid one.
        """
        own, inner = ({entry.name for entry in fields(kind)} for kind in (Setup, Training))
        for name in changes.keys() - own - inner:
            raise TypeError(
                f"a setup has no parameter {name!r}: did you mean {nearest(name, own | inner)!r}?"
            )
        outer = {name: value for name, value in changes.items() if name in own}
        if training := {name: value for name, value in changes.items() if name in inner}:
            outer["training"] = replace(outer.get("training", self.training), **training)
        return replace(self, **outer)

    def require(self, **only):
        """Refuse values that an experiment would ignore: ``only`` has those that it can take."""
        for name, value in only.items():
            if (own := getattr(self, name)) != value:
                raise ValueError(f"the experiment ignores {name}={own!r}: use {name}={value!r}")

    @property
    def binary(self):
        """Whether the patterns are ±1."""
        return self.activation == "sign"

    @property
    def period(self):
        """Updates of the state after which a stored pattern comes back."""
        return self.memory(0).period

    @property
    def level(self):
        """Corruption of the cues, a flip rate or a noise."""
        return self.flip_rate if self.binary else self.noise

    @property
    def hidden(self):
        """Sizes of the hidden layers, a tuple, empty for a single layer.

        Without a width they are as many as N² weights allow, so that all stacks need the devices of
        the single layer: N/2 for two layers (paper, Fig. 4f), in general the solution of
        2Nh + (L - 2)h² = N².
        """
        if check_count(self.layers, "layers") == 1:
            if self.width is not None:
                raise ValueError(f"width={self.width} with layers=1: a hidden layer needs layers=2")
            return ()
        width, inner = self.width, self.layers - 2
        if width is None:
            share = (math.sqrt(inner + 1) - 1) / inner if inner else 0.5
            width = int(self.neurons * share)
        return (check_count(width, "width"),) * (self.layers - 1)

    def corrupt(self, patterns, rng):
        """Corrupted copies of patterns, arrays (n, N)."""
        spoil = flip_bits if self.binary else add_gaussian_noise
        return spoil(patterns, self.level, rng)

    def memory(self, seed):
        """An unfitted memory; the seed is that of its initial weights and training noise."""
        if self.rule == "adaptive":
            return self._adaptive(seed)
        if self.rule == "equilibrium" and self.training.learning_rate is not None:
            return rules.EquilibriumMemory(learning_rate=self.training.learning_rate)
        if self.rule == "published equilibrium":
            return published_rules.PublishedEquilibriumMemory(seed=seed)
        return RULES[self.rule]()

    def _adaptive(self, seed):
        network = {"hidden": self.hidden, "activation": self.activation}
        return AdaptiveMemory(**network, **asdict(self.training), seed=seed)

    def shapes(self):
        """Shapes (n_out, n_in) of the layers."""
        return self.memory(0).layer_shapes(self.neurons)

    def pool(self, seed, count=None):
        """Patterns in random order, (n, N): a new draw for each seed; all of them by default."""
        rng = generator(seed, "patterns", self.source, self.neurons)
        if self.source == "random" and count is None:
            count = RANDOM_POOL * self.neurons
        size = image_side(self.neurons)
        return load_patterns(self.source, size=size, binary=self.binary, count=count, rng=rng)

    def stored(self, seed):
        """The patterns to store, (P, N); another number of them is another draw."""
        return self.pool(seed, self.n_patterns)

    def masked_limits(self, seed):
        """The paper's fault model, `WeightLimits` for each layer: a new map for each seed."""
        shapes = self.shapes()
        rng = generator(seed, "faults", shapes[0][1])
        return [WeightLimits.masked(shape, self.masked_fraction, rng) for shape in shapes]

    def fabricate(self, rng, device=None):
        """Crossbars for the layers, with faults at random, of the paper's devices by default."""
        own = {"stuck_off": self.stuck_off, "stuck_on": self.stuck_on, "device": device}
        return [Crossbar.fabricate(*shape, **own, rng=rng) for shape in self.shapes()]
