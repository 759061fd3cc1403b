"""Program a chip in stages: write a share, read it back, train the rest around what was read.

Each stage writes a share of the pairs by write-and-verify and reads them back. They are held at
the weights that were read, as pairs are whose two devices are stuck: their `WeightLimits` are a
single point. The other weights are trained further within their limits, and the next share is
written. Rounds of polishing open some working pairs again, train them and write them again.

A device that took all pulses and still misses its target by more than the tolerance is found
stuck. It enters the `FaultMap` of its crossbar, and the next stage trains and writes the pair again
within what its partner can reach. After the last stage there is none: a pair in which that stage
finds a fault stays as it is.
"""

from dataclasses import asdict, dataclass, field
from hashlib import sha256

import numpy as np
from sklearn.base import clone

from crossmem.checks import check_choice, check_count, check_positive, check_rate, check_rng
from crossmem.chip.faults import FaultMap, WeightLimits
from crossmem.deploy.programming import paired
from crossmem.deploy.progress import Progress, Stage
from crossmem.networks.adaptive import AdaptiveMemory, descend
from crossmem.networks.network import Network, as_network
from crossmem.randomness import generator
from crossmem.storage import to_json

ORDERS = ("largest", "random")
EXACT = 1e-3  # of G_max: after a stage whose weights all miss by less, nothing is trained
# Where the noise of the cues starts in each of the trainings: a share of the way back from the last
# level of the memory's own training to its first. Without noise, a memory that was trained through
# two updates forgets how to correct its cues. Chosen by trial; no dataset compares it.
NOISE_START = 0.4


@dataclass(frozen=True)
class StagePlan:
    """How much is written in each stage, and what is done between two of them.

    The defaults of shares, rounds, steps and order were chosen at 144 neurons (notebook A4), the
    rest by trial. Many stages hold more than few of as many steps. Rounds and the order help most
    where faults are unknown. Together the trainings take 8,000 steps, two to three times those of a
    memory on noisy cues.

    Parameters
    ----------
    shares : tuple of float
        Share of the pairs of each neuron that is written by the end of each stage; increasing, and
        the last is 1.
    rounds : tuple of float
        Share of the working pairs of each neuron that each round of polishing opens, trains and
        writes again; () for no polishing.
    steps : int
        Training steps between two stages.
    field_step : float
        Largest change of a neuron's field in a step at the begin of these trainings, from which
        follows the learning rate of Adam. It falls to zero in each of them.
    reads : int
        Reads of a device, averaged, after it was written.
    order : {"largest", "random"}
        Which pairs of a neuron come first: those whose weights are largest as planned at that
        stage, or any. The largest first recall more where the scan missed faults. A likely reason
        is that a fault costs most under a large weight, and is then found while many pairs can
        still make up for it.

    Raises
    ------
    TypeError, ValueError
        For a value out of range.
    """

    shares: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    rounds: tuple[float, ...] = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
    steps: int = 500
    field_step: float = 0.4
    reads: int = 4
    order: str = "largest"

    def __post_init__(self):
        for name in ("shares", "rounds"):
            values = getattr(self, name)
            if not isinstance(values, list | tuple | np.ndarray):
                raise TypeError(f"{name} is {values!r}, but must be a tuple such as (0.5, 1.0).")
            values = tuple(check_rate(value, f"a share of {name}") for value in values)
            object.__setattr__(self, name, values)
        rising = all(a < b for a, b in zip((0.0, *self.shares), self.shares, strict=False))
        if not rising or self.shares[-1:] != (1.0,):
            raise ValueError(
                f"shares are {self.shares}, but must increase from above 0 to 1: "
                "give for example (0.5, 0.75, 1.0)"
            )
        if not all(self.rounds):
            raise ValueError(
                f"rounds are {self.rounds}, but a share of 0 does nothing: leave it out"
            )
        check_choice(self.order, "order", ORDERS)
        check_count(self.steps, "steps")
        check_positive(self.field_step, "field_step", 0.4)
        check_count(self.reads, "reads")

    @property
    def stages(self):
        """Number of stages, rounds of polishing included."""
        return len(self.shares) + len(self.rounds)

    def polishing(self, stage):
        """Whether a stage, counted from 0, is a round of polishing."""
        return stage >= len(self.shares)


@dataclass(frozen=True)
class StageRecord:
    """What programming in stages took, one `Stage` after the other."""

    stages: tuple[Stage, ...] = ()

    def total(self, name):
        """Sum over the stages of ``pairs``, ``pulses``, ``reads``, ``steps`` or ``found``."""
        return sum(getattr(stage, name) for stage in self.stages)


@dataclass(frozen=True, eq=False)
class StagedNetwork(Network):
    """A network programmed in stages, with the record of them."""

    record: StageRecord = field(default_factory=StageRecord)

    def save(self, path):
        """Write the network as `Network.save` does, without its record."""
        Network(self.layers, self.activation, self.unroll).save(path)


def program_in_stages(memory, patterns, crossbars, rng, *, plan=None, path=None):
    """Write a memory onto crossbars share by share, each trained around what was written before.

    Needs no scan of the chip, but uses the faults that one found.

    Parameters
    ----------
    memory : AdaptiveMemory
        Fitted, best within the limits of the chip: those of `Crossbar.characterize`, or -1 and 1
        without faults. It stays as it is.
    patterns : array_like (P, N)
        What it stores.
    crossbars : list of Crossbar
        One per layer, of the layer's shape; they are programmed in place.
    rng : numpy.random.Generator
        Gives one number, the seed of all errors, reads, orders, rounds and trainings.
    plan : StagePlan, optional
    path : str or Path, optional
        A netCDF file that is written after each stage. If it is there, programming goes on behind
        its last stage, and ends as if it had never stopped: call again with the same memory,
        patterns, plan and fresh crossbars with the same known faults, and an equally seeded
        ``rng``.

    Returns
    -------
    StagedNetwork
        Its weights are the conductances that resulted; its ``record`` counts pulses, reads and
        training steps by stage.

    Raises
    ------
    TypeError, ValueError
        If the memory is no fitted AdaptiveMemory, the crossbars or patterns do not match it, the
        network is on a chip with peripherals, or the file belongs to another programming.
    """
    plan = StagePlan() if plan is None else plan
    network, patterns = _checked(memory, patterns, crossbars, plan)
    seed = int(check_rng(rng).integers(2**63))
    chip = _StagedChip(memory, patterns, crossbars, plan, seed)
    done = chip.finish(Progress(chip.signature(), path))
    written = network.with_weights(crossbar.weights.astype(np.float32) for crossbar in crossbars)
    return StagedNetwork(
        written.layers, written.activation, written.unroll, StageRecord(tuple(done))
    )


def _checked(memory, patterns, crossbars, plan):
    """The network of the memory, and the patterns in single precision."""
    if not isinstance(memory, AdaptiveMemory):
        raise TypeError(
            f"memory is a {type(memory).__name__}, which cannot be trained around what was "
            "written: fit an AdaptiveMemory, or use program"
        )
    if not isinstance(plan, StagePlan):
        raise TypeError(f"plan is {plan!r}, but must be a StagePlan; pass StagePlan(steps=200).")
    network = as_network(memory)
    network.check_plain()
    paired(network, crossbars)
    network.check_states(patterns, stored=True)
    return network, memory.check_input(patterns, None)[0]


class _StagedChip:
    """A chip between two stages.

    Each layer has planned ``weights``, the weights at which written pairs are ``held``, NaN for
    open ones, and a boolean matrix of the pairs to write ``again``, in which a fault was found. No
    stage is left for those of the last one. All have the shape (n_out, n_in).
    """

    def __init__(self, memory, patterns, crossbars, plan, seed):
        self.memory, self.patterns, self.crossbars = memory, patterns, crossbars
        self.plan, self.seed = plan, seed
        self.weights = [np.array(layer.weights, dtype=np.float32) for layer in memory.layers_]
        self.held = [np.full(crossbar.shape, np.nan) for crossbar in crossbars]
        self.again = [np.zeros(crossbar.shape, dtype=bool) for crossbar in crossbars]
        self.hit = False  # whether the last stage wrote all of its weights exactly
        for crossbar in crossbars:
            if crossbar.faults is None:
                g_max = crossbar.device.g_max
                crossbar.faults = FaultMap.without_faults(crossbar.shape, g_max)
        self.known = [crossbar.faults for crossbar in crossbars]  # before any stage

    def signature(self):
        """Digest of all that the result depends on, except for what changes on the way."""
        digest, memory = sha256(), self.memory
        settings = [memory.get_params(), asdict(self.plan), self.seed]
        settings += [asdict(crossbar.device) for crossbar in self.crossbars]
        digest.update(to_json(settings).encode())
        arrays = [self.patterns]
        layers = zip(memory.layers_, memory.limits_, self.crossbars, self.known, strict=True)
        for layer, own, crossbar, known in layers:
            arrays += [layer.weights, np.array(layer.gain), own.low, own.high, crossbar.stuck]
            arrays += [known.stuck_off, known.stuck_on, known.stuck_conductance]
        for array in arrays:
            digest.update(to_json([array.shape, str(array.dtype)]).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def finish(self, progress):
        """Go through the stages that are left; a list of each `Stage`, done before or now.

        If it is interrupted, the crossbars get back the fault maps that they came with, since the
        file tells what was found.
        """
        done = progress.resume(self)
        try:
            for stage in range(len(done), self.plan.stages):
                done.append(self.advance(stage))
                progress.keep(self, done)
        except BaseException:
            for crossbar, known in zip(self.crossbars, self.known, strict=True):
                crossbar.faults = known
            raise
        return done

    def advance(self, stage):
        """Train the open pairs, write those of this stage, and read them back: a `Stage`."""
        chosen = [self._chosen(stage, k) for k in range(len(self.weights))]
        if self.plan.polishing(stage):
            for held, where in zip(self.held, chosen, strict=True):
                held[where] = np.nan
        steps, loss = self._train(stage) if stage and not self.hit else (0, np.nan)
        parts = [self._write(stage, k, where) for k, where in enumerate(chosen)]
        pairs, pulses, reads, found, squares, devices, miss = np.transpose(parts)
        self.hit = not found.any() and miss.max() <= EXACT
        error = float(np.sqrt(squares.sum() / max(devices.sum(), 1)))
        counts = (int(part.sum()) for part in (pairs, pulses, reads))
        return Stage(*counts, steps, int(found.sum()), error, loss)

    def _limits(self):
        """The `WeightLimits` of each layer: the memory's on this chip, a point for held pairs."""
        limits = []
        for crossbar, own, held in zip(self.crossbars, self.memory.limits_, self.held, strict=True):
            chip = crossbar.faults.weight_limits()
            ends = (chip.clip(own.low), chip.clip(own.high))
            limits.append(WeightLimits(*(np.where(np.isnan(held), end, held) for end in ends)))
        return limits

    def _chosen(self, stage, k):
        """Which pairs of a layer a stage writes: a share of each row, and those again."""
        plan, shape = self.plan, self.weights[k].shape
        if not plan.polishing(stage):
            share, can = plan.shares[stage], np.isnan(self.held[k])
            if plan.order == "largest":
                place = -np.abs(self.weights[k])
            else:
                place = generator(self.seed, "order", k).random(shape)
            place = np.where(can, place, -np.inf)  # those written count in the share
        else:
            share = plan.rounds[stage - len(plan.shares)]
            chip, own = self.crossbars[k].faults.weight_limits(), self.memory.limits_[k]
            can = chip.clip(own.low) < chip.clip(own.high)
            place = np.where(can, generator(self.seed, "round", stage, k).random(shape), np.inf)
        rank = place.argsort(axis=1, kind="stable").argsort(axis=1)
        # A part of a pair counts as one, so that the smallest round still does something.
        return ((rank < np.ceil(share * shape[1] - 1e-9)) & can) | self.again[k]

    def _train(self, stage):
        """Train the open weights around the held ones; returns the steps and the last loss."""
        memory, limits = self.memory, self._limits()
        first, last = memory.noise_levels()
        start = last + NOISE_START * (first - last)
        inputs = max(own.working.sum(axis=1).mean() for own in memory.limits_)
        trainee = clone(memory).set_params(
            optimizer="adam",
            learning_rate=self.plan.field_step / max(inputs, 1.0),
            steps=self.plan.steps,
            loss=memory.recipe(memory.limits_).loss,
            cue_noise=(start, last),
        )
        gains = [layer.gain for layer in memory.layers_]
        layers = list(zip(gains, limits, self.weights, strict=True))
        weights = [np.float32(gain * own.clip(w))[None] for gain, own, w in layers]
        rng = generator(self.seed, "training", stage)
        trained = descend([trainee], self.patterns[None], weights, [limits], [rng], [gains])
        self.weights = [
            own.clip(effective[0] / np.float32(gain)).astype(np.float32)
            for gain, own, effective in zip(gains, limits, trained.weights, strict=True)
        ]
        return int(trained.steps[0]), float(trained.losses[0])

    def _write(self, stage, k, where):
        """Write and read back the pairs ``where`` of layer k.

        Returns the pairs, pulses, reads and faults found; sum of squared errors in µS and number of
        the working devices that were pulsed; and the largest miss of a weight.
        """
        crossbar, rng = self.crossbars[k], generator(self.seed, "write", stage, k)
        device, cells = crossbar.device, np.repeat(where[..., None], 2, axis=-1)
        written = crossbar.write_level(crossbar.targets(self.weights[k].astype(float)), rng, cells)
        seen = np.zeros(cells.shape)
        for _ in range(self.plan.reads):
            seen[cells] += device.read(crossbar.conductance[cells], rng) / self.plan.reads
        seen = seen.clip(0.0)
        miss = np.where(cells, seen - written.target, 0.0)
        gave_up = (written.pulses == device.max_pulses) & (np.abs(miss) > device.tolerance)
        found = gave_up & ~crossbar.faults.stuck
        if found.any():
            crossbar.faults = crossbar.faults.with_stuck(found, seen)
        self.again[k] = found.any(axis=-1) & crossbar.faults.weight_limits().working
        hold, weight = where & ~self.again[k], (seen[..., 0] - seen[..., 1]) / device.g_max
        missed = np.abs(weight - self.weights[k])[hold].max(initial=0.0)
        self.held[k][hold] = weight[hold]
        pulses, worked = int(written.pulses.sum()), (written.pulses > 0) & ~crossbar.faults.stuck
        reads = pulses + int(cells.sum()) * (1 + self.plan.reads)
        squares = float(np.square(miss[worked]).sum())
        return int(where.sum()), pulses, reads, found.sum(), squares, worked.sum(), missed
