"""Several memories in a cascade: each passes on patterns, and the least changed answer counts."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone

from crossmem.checks import check_choice, check_count, check_rate
from crossmem.networks.base import AssociativeMemory, check_limits
from crossmem.networks.network import Network, cosine
from crossmem.patterns import check_patterns, flip_bits
from crossmem.randomness import generator

#: What a memory passes on to the next: the patterns that it fails to recall; those that it recalls
#: worst, so that all memories store equally many; or as many at random, as a control.
ESCALATIONS = ("failed", "hardest", "random")


@dataclass(frozen=True, eq=False)
class Cascade:
    """Networks that answer the same cues; the answer nearest to the cue counts.

    No pattern is known in recall. A network that stores the pattern corrects the flipped bits of
    the cue and nothing else; one that does not store it ends in another state, farther away.

    Parameters
    ----------
    networks : tuple of Network
        At least one, each of N visible neurons.
    """

    networks: tuple[Network, ...]

    @property
    def layers(self):
        """Layers of all networks, one after the other."""
        return tuple(layer for network in self.networks for layer in network.layers)

    @property
    def neurons(self):
        """Number N of visible neurons of each network."""
        return self.networks[0].neurons

    def answers(self, cues, **options):
        """What each network recalls, and which answer counts.

        Parameters, options and errors are those of `Network.recall`.

        Returns
        -------
        states : array (k, n, N), or (k, iterations + 1, n, N) with ``trace=True``
        chosen : array of int (n,)
            Number of the network whose last state has the largest overlap with the cue; the first
            of equals.
        """
        states = np.stack([network.recall(cues, **options) for network in self.networks])
        last = states[:, -1] if options.get("trace") else states
        overlap = (last * np.asarray(cues)).sum(axis=-1)
        return states, overlap.argmax(axis=0)

    def recall(self, cues, **options):
        """The answers that count, as `Network.recall` returns them."""
        states, chosen = self.answers(cues, **options)
        place = chosen.reshape((1,) * (states.ndim - 2) + (-1, 1))
        return np.take_along_axis(states, place, axis=0)[0]

    def score(self, cues, patterns, **options):
        """Mean cosine similarity of the recalled cues with the patterns, as in `Network.score`."""
        return float(cosine(self.recall(cues, **options), check_patterns(patterns)).mean())


class CascadeMemory(AssociativeMemory):
    """A cascade of equal memories of sign neurons.

    A memory is fitted to all patterns that reached it and probed with corrupted cues. It passes
    patterns on to the next memory and is fitted again to those that it keeps. The last memory keeps
    what is left. Memories that keep nothing are left out.

    Parameters
    ----------
    memory : AssociativeMemory
        What all memories are made like, unfitted.
    memories : int
        How many.
    escalate : {"failed", "hardest", "random"}
        What is passed on, see `ESCALATIONS`.
    flip_rate, cues : float, int
        The probes: probability of a flipped bit, and cues per pattern.
    threshold : float
        Mean cosine similarity from which a pattern counts as recalled, for "failed".
    seed : int
        Probes and random choice.

    Attributes
    ----------
    network_ : Cascade
    stored_in_ : array of int (P,)
        Number of the network in ``network_`` that stores each pattern.
    """

    def __init__(
        self,
        memory,
        *,
        memories=2,
        escalate="failed",
        flip_rate=0.05,
        cues=5,
        threshold=0.99,
        seed=0,
    ):
        self.memory, self.memories, self.escalate = memory, memories, escalate
        self.flip_rate, self.cues, self.threshold, self.seed = flip_rate, cues, threshold, seed

    def fit(self, patterns, y=None, *, limits=None):
        """Store patterns (P, N) of ±1; all else is as in `AssociativeMemory.fit`.

        ``limits`` has the layers of the first memory, then those of the next.
        """
        self.check_parameters()
        patterns = check_patterns(patterns, binary=True)
        per_memory = len(self.memory.layer_shapes(patterns.shape[1]))
        limits = self.layer_limits(limits, patterns.shape[1])
        rng, rest, networks = generator(self.seed, "cascade"), np.arange(len(patterns)), []
        self.stored_in_ = np.empty(len(patterns), dtype=int)
        for number in range(self.memories):
            own = limits[number * per_memory :][:per_memory]
            left = self.memories - number
            kept = self._kept(patterns[rest], own, left, rng)
            if kept.any():
                self.stored_in_[rest[kept]] = len(networks)
                networks.append(clone(self.memory).fit(patterns[rest[kept]], limits=own).network_)
            rest = rest[~kept]
        self.network_, self.limits_ = Cascade(tuple(networks)), limits
        self.n_features_in_ = patterns.shape[1]
        return self

    def _kept(self, patterns, limits, left, rng):
        """Which of the patterns that reached it a memory keeps if so many memories are left."""
        count = len(patterns)
        if left == 1 or not count:
            return np.ones(count, dtype=bool)
        if self.escalate == "random":
            return rng.permutation(count) < -(-count // left)
        memory = clone(self.memory).fit(patterns, limits=limits)
        probes = [flip_bits(patterns, self.flip_rate, rng) for _ in range(self.cues)]
        recalled = np.mean([cosine(memory.recall(cues), patterns) for cues in probes], axis=0)
        if self.escalate == "failed":
            return recalled >= self.threshold
        return np.argsort(np.argsort(-recalled, kind="stable")) < -(-count // left)

    def layer_limits(self, limits, neurons):
        """A WeightLimits per layer of all memories; single layers without self-connections."""
        shapes = self.layer_shapes(neurons)
        limits = [None] * len(shapes) if limits is None else limits
        if len(limits) != len(shapes):
            raise ValueError(
                f"{len(limits)} limits for {len(shapes)} layers: pass those of the first memory, "
                "then those of the next"
            )
        step = len(shapes) // self.memories
        parts = [limits[start : start + step] for start in range(0, len(shapes), step)]
        own = self.memory.layer_shapes(neurons)
        return [limit for part in parts for limit in check_limits(part, own)]

    def layer_shapes(self, neurons):
        """Shapes (n_out, n_in) of the layers of all memories."""
        return self.memory.layer_shapes(neurons) * self.memories

    def check_parameters(self):
        if not isinstance(self.memory, AssociativeMemory) or self.memory.activation != "sign":
            raise TypeError(f"memory={self.memory!r} must be a memory of sign neurons, unfitted")
        check_count(self.memories, "memories")
        check_choice(self.escalate, "escalate", ESCALATIONS)
        check_rate(self.flip_rate, "flip_rate")
        check_count(self.cues, "cues")
        check_rate(self.threshold, "threshold")
        check_count(self.seed, "seed", least=0)
