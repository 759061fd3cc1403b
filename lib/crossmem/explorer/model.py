"""A memory on a chip that answers to a reader's hand: patterns, rule, recall, faults, writing."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import ThreadpoolController

from crossmem.checks import check_choice, check_count, check_fault_rates
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.faults import WeightLimits
from crossmem.deploy.programming import program
from crossmem.deploy.staged import StagePlan, program_in_stages
from crossmem.experiments.staged import PAPER_ERROR, device_with_error
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import UPDATES, cosine
from crossmem.networks.rules import HebbianMemory, PseudoInverseMemory, StorkeyMemory
from crossmem.networks.stability import energy
from crossmem.patterns import flip_bits, load_patterns
from crossmem.randomness import generator

# Fewer steps than the library's: every control must answer within 0.3 s. One update brings a
# pattern back, so that each state on the way can be looked at.
_adaptive = partial(AdaptiveMemory, optimizer="adam", steps=500, unroll=1)
RULES = {
    "Hebb": HebbianMemory,
    "Storkey": StorkeyMemory,
    "pseudo-inverse": PseudoInverseMemory,
    "adaptive": _adaptive,
    "adaptive, noisy cues": partial(_adaptive, cue_noise=0.1),
}
# Matrices of this size gain nothing from a second thread, and wait for it on a busy machine.
_one_thread = ThreadpoolController().wrap(limits=1, user_api="blas")
KNOWLEDGE = ("nothing", "mask", "intervals")
MOST_PATTERNS = 60
UPDATE_COUNT = 10  # updates of a recall
TEST_FLIPS, RECALLED = 0.05, 0.99  # of the cues that test all patterns; cosine that counts
WORKING, STUCK_OFF, STUCK_ON = range(3)  # states of a device
PLAN = StagePlan(shares=(0.2, 0.4, 0.6, 0.8, 1.0), rounds=(0.3, 0.1, 0.05), steps=200)


@dataclass(frozen=True, eq=False)
class Recall:
    """One recall, from the cue to the state where it ends, T updates later."""

    states: np.ndarray  # (T + 1, N), the cue first
    energies: np.ndarray  # (T + 1,), Hopfield's energy
    overlaps: np.ndarray  # (T + 1, P), cosine with each stored pattern
    settled: bool  # whether the last state is one in which no neuron moves

    @property
    def updates(self):
        """Number T of updates in which a neuron moved; all of them if the recall has not ended."""
        return len(self.states) - 1

    @property
    def nearest(self):
        """Index of the stored pattern that is nearest to the last state."""
        return int(self.overlaps[-1].argmax())


class Explorer:
    """Binary patterns of ``side`` x ``side`` pixels in a single layer on one crossbar.

    It begins with three digits by Hebb's rule, an ideal chip, and the first digit as cue, a fifth
    of whose pixels are flipped. ``seed`` draws the faults, the errors and the flips.

    The same settings always give the same memory, whatever was tried before. Only `write` and
    `write_in_stages` train; a device that breaks afterwards spoils the written weights.

    Attributes
    ----------
    cue : array (N,)
        The state that recall starts from, ±1.
    faults : array (N, N, 2) of int
        `WORKING`, `STUCK_OFF` or `STUCK_ON`, for each device of the pairs (n_out, n_in).
    rule, n_patterns, knowledge, error, update
        A key of `RULES`; how many patterns are stored; what training knows of the faults, one of
        `KNOWLEDGE`; the programming error in µS, 0 or at least 1; and the order of updates.
    """

    def __init__(self, *, side=10, seed=0):
        self.side, self.seed = check_count(side, "side", least=2), seed
        neurons, shape = side * side, (side * side,) * 2
        pool, labels = load_patterns("digits", size=side, return_labels=True)
        first = [np.flatnonzero(labels == label)[0] for label in range(10)]
        others = np.setdiff1d(np.arange(MOST_PATTERNS + 10), first)
        chosen = np.concatenate([first, others])[:MOST_PATTERNS]
        self._pool = [(pool[index], str(labels[index])) for index in chosen]
        self._own = []
        self.rule, self.n_patterns, self.knowledge = "Hebb", 3, "nothing"
        self.error, self.update = 0.0, UPDATES[0]
        self._draw = generator(seed, "faults").random((*shape, 2))
        self._clicked = np.full((*shape, 2), -1)
        self.faults = np.zeros((*shape, 2), dtype=int)
        self.cue = np.full(neurons, -1.0)
        self.pick(0)
        self.flip(0.2)
        self.write()

    @property
    def patterns(self):
        """The stored patterns, (P, N): those drawn by hand first, then digits."""
        return np.array([pattern for pattern, _ in self._stored()])

    @property
    def names(self):
        """What each stored pattern shows: a digit, or "own"."""
        return [name for _, name in self._stored()]

    def _stored(self):
        return (self._own + self._pool)[: self.n_patterns]

    # The cue.

    def pick(self, index):
        """Take a stored pattern as cue."""
        self.cue = self.patterns[index].copy()

    def set_pixel(self, pixel, value):
        """Set a pixel of the cue to -1 or +1."""
        self.cue[pixel] = check_choice(value, "value", (-1, 1))

    def flip(self, rate, draw=0):
        """Flip each pixel of the cue with probability ``rate``; ``draw`` counts the tries."""
        self.cue = flip_bits(self.cue[None], rate, generator(self.seed, "flips", draw))[0]

    def clear(self):
        """Make an empty cue, to draw on."""
        self.cue = np.full_like(self.cue, -1.0)

    def store(self):
        """Store the cue, ahead of the other patterns, whose number grows by one if it can."""
        self._own.insert(0, (self.cue.copy(), "own"))
        self.n_patterns = min(self.n_patterns + 1, MOST_PATTERNS)
        self.write()

    # The chip.

    def break_device(self, output, source, device):
        """Turn a working device to stuck off, a stuck-off one to stuck on, and that to working.

        ``device`` is 0 for G+ and 1 for G-, of the pair that joins ``source`` to ``output``.
        """
        place = (output, source, device)
        self._clicked[place] = (self.faults[place] + 1) % 3
        self._damage()

    def break_at_rate(self, stuck_off, stuck_on):
        """Break devices at random, with these probabilities; those broken by hand stay so."""
        check_fault_rates(stuck_off, stuck_on)
        drawn = np.select(
            [self._draw < stuck_off, self._draw >= 1 - stuck_on], [STUCK_OFF, STUCK_ON]
        )
        self._damage(drawn)

    def repair(self):
        """Take a new chip without faults, and write it."""
        self._clicked[:] = -1
        self._damage(np.zeros_like(self.faults))
        self.write()

    def _damage(self, drawn=None):
        """Break devices of the written chip; one that works again keeps its conductance."""
        faults = self.faults if drawn is None else drawn
        self.faults = np.where(self._clicked >= 0, self._clicked, faults)
        self.crossbar = self._chip(self.crossbar.conductance)

    def _chip(self, conductance):
        """A crossbar with these conductances in µS, but for those of the stuck devices."""
        device = device_with_error(self.error or PAPER_ERROR)
        ends = [self.faults == STUCK_OFF, self.faults == STUCK_ON]
        conductance = np.select(ends, [0.0, device.g_max], conductance)
        rng = generator(self.seed, "chip")
        return Crossbar(conductance, self.faults > 0, rng=rng, device=device, tile=64)

    @property
    def new_faults(self):
        """Number of devices that have changed since the chip was written."""
        return int((self.faults != self._written).sum())

    # Training and writing.

    def set(self, **settings):
        """Change ``rule``, ``n_patterns``, ``knowledge`` or ``error``, and write the chip anew."""
        checks = {
            "rule": lambda value: check_choice(value, "rule", RULES),
            "n_patterns": lambda value: min(check_count(value, "n_patterns"), MOST_PATTERNS),
            "knowledge": lambda value: check_choice(value, "knowledge", KNOWLEDGE),
            "error": lambda value: value if not value else device_with_error(value) and value,
        }
        for name, value in settings.items():
            setattr(self, check_choice(name, "setting", checks), checks[name](value))
        self.write()

    @_one_thread
    def write(self):
        """Train on what is known of the chip, and write all devices at once."""
        chip = self._chip(0.0)
        memory = self._train(chip)
        if self.error:
            program(memory, [chip], generator(self.seed, "writing"))
        else:
            targets = chip.targets(memory.layers_[0].weights.astype(float))
            chip.conductance = np.where(chip.stuck, chip.conductance, targets)
        self._keep(memory, chip)

    @property
    def why_not_staged(self):
        """Why the chip cannot be written in stages, or an empty string."""
        if not self.rule.startswith("adaptive"):
            return "A formula cannot be trained further: choose an adaptive rule."
        if self.knowledge == "mask":
            return "Masked weights have no limits on this chip: choose nothing or intervals."
        return "" if self.error else "Without a programming error, writing at once is exact."

    @_one_thread
    def write_in_stages(self, on_stage=lambda share: None):
        """Train and write a share of the devices after the other, each around those before it.

        ``on_stage`` is called with the share of the stages done.
        """
        if self.why_not_staged:
            raise ValueError(self.why_not_staged)
        chip = self._chip(0.0)
        memory = self._train(chip)
        watched = WatchedCrossbar(chip, lambda count: on_stage(count / PLAN.stages))
        rng = generator(self.seed, "writing")
        program_in_stages(memory, self.patterns, [watched], rng, plan=PLAN)
        self._keep(memory, watched)

    def _train(self, chip):
        """Fit a memory within what is known of the chip; the scan is kept where it is used."""
        faults = chip.characterize() if self.knowledge != "nothing" else None
        if self.knowledge == "nothing":
            limits = WeightLimits(np.full(chip.shape, -1.0), np.ones(chip.shape))
        elif self.knowledge == "mask":
            limits, chip.faults = faults.masked(), None
        else:
            limits = faults.weight_limits()
        return RULES[self.rule]().fit(self.patterns, limits=[limits])

    def _keep(self, memory, chip):
        self.memory, self.crossbar, self._written = memory, chip, self.faults.copy()

    # Recall.

    @property
    def network(self):
        """The network that the devices make, as they are now."""
        return self.memory.network_.with_weights([self.crossbar.weights.astype(np.float32)])

    @_one_thread
    def recall(self):
        """Recall from the cue, a `Recall`; in asynchronous order an update is a whole sweep."""
        network = self.network
        trace = network.recall(
            self.cue[None], iterations=UPDATE_COUNT, update=self.update, trace=True
        )[:, 0]
        moved = (np.diff(trace, axis=0) != 0).any(axis=1)
        end = int(np.flatnonzero(moved).max(initial=-1)) + 1
        states = trace[: end + 1]
        overlaps = cosine(states[:, None], self.patterns[None])
        return Recall(states, energy(network.layers[0], states), overlaps, end < UPDATE_COUNT)

    @_one_thread
    def test(self):
        """Cosine of each pattern with its recall from a cue with 5 % flipped pixels, (P,)."""
        cues = flip_bits(self.patterns, TEST_FLIPS, generator(self.seed, "test"))
        return cosine(
            self.network.recall(cues, iterations=UPDATE_COUNT, update=self.update), self.patterns
        )


class WatchedCrossbar(Crossbar):
    """A crossbar that reports how often it was written since it was made from another one."""

    def __init__(self, chip, on_write):
        super().__init__(
            chip.conductance,
            chip.stuck,
            rng=np.random.default_rng(0),
            device=chip.device,
            tile=chip.tile,
        )
        self.faults, self._on_write, self._count = chip.faults, on_write, 0

    def write_level(self, target, rng=None, where=True):
        """As `Crossbar.write_level`."""
        written = super().write_level(target, rng, where)
        self._count += 1
        self._on_write(self._count)
        return written
