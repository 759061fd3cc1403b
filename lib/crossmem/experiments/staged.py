"""What a memory holds as trained, programmed at once, and programmed in stages."""

import copy
import math
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import xarray as xr

from crossmem.analysis.capacity import CRITERIA
from crossmem.checks import check_choice
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import FaultMap, WeightLimits
from crossmem.deploy.programming import program
from crossmem.deploy.staged import StagePlan, program_in_stages
from crossmem.experiments.capacity import capacities, capacity_search, first_load
from crossmem.experiments.quality import setup_quality
from crossmem.experiments.surroundings import IDEAL, surrounded
from crossmem.labels import describe, quantity
from crossmem.networks.base import AssociativeMemory
from crossmem.randomness import generator

WAYS = ("trained", "at once", "in stages")
#: Programming error of the paper's devices in µS (Fig. 6a), and the least that can be asked for.
PAPER_ERROR, LEAST_ERROR = 3.894, 1.0
BINS = np.linspace(-1.11, 1.11, 112)  # G_max, of the histogram of the weights; 0 is inside of one


@dataclass(frozen=True)
class Writing:
    """How a memory comes onto a chip."""

    levels: int = 0  #: conductances that a target can have; 0 for any
    #: whether the training knows the stuck devices; otherwise they are found while programming
    scanned: bool = True
    #: train free weights, which are scaled into the range of the chip afterwards, as published,
    #: rather than within the limits of the chip; they are written at once only
    free: bool = False
    plan: StagePlan = StagePlan()  #: of programming in stages
    chip: tuple = IDEAL  #: what surrounds the devices of the written chip, see `surrounded`

    @property
    def ways(self):
        """Which of the `WAYS` there are."""
        return WAYS[:2] if self.free else WAYS


def device_with_error(error, levels=0):
    """A `DeviceModel` with another programming error, in µS, and a number of levels, 0 for any.

    Smaller errors than the paper's come from finer pulses, a narrower tolerance and quieter reads,
    larger ones from more relaxation. The error is the standard deviation of conductance minus
    target for targets spread over the range, except that the ends of the range cut off a part of
    errors above 10 µS.
    """
    if not error >= LEAST_ERROR:
        raise ValueError(
            f"programming_error is {error} µS, but devices are modelled from {LEAST_ERROR:g} µS "
            "on: raise it, or take the memory as trained for no error"
        )
    paper = DeviceModel(levels=levels)
    if error < PAPER_ERROR:
        names = ("read_noise", "tolerance", "set_gain", "reset_gain", "relaxation")
        finer = {name: getattr(paper, name) * error / PAPER_ERROR for name in names}
        return replace(paper, **finer, max_pulses=500)
    more = math.sqrt(error**2 - PAPER_ERROR**2 + paper.relaxation**2)
    return replace(paper, relaxation=more)


def chip_for(setup, writing, seed):
    """Crossbars of a setup, and the `WeightLimits` within which a memory for them trains.

    The limits are those of the fault map, -1 and 1 without faults or without a scan, and zero for
    the masked weights of the setup. Free weights have none but the masks.
    """
    rng = generator(seed, "chip to program", setup.neurons)
    device = device_with_error(setup.programming_error or PAPER_ERROR, writing.levels)
    crossbars, masks, limits = setup.fabricate(rng, device), setup.masked_limits(seed), []
    for crossbar, masked in zip(crossbars, masks, strict=True):
        unknown = FaultMap.without_faults(crossbar.shape, device.g_max)
        chip = (crossbar.characterize() if writing.scanned else unknown).weight_limits()
        limits.append(WeightLimits(chip.clip(masked.low), chip.clip(masked.high)))
    return crossbars, masks if writing.free else limits


def written(memory, stored, crossbars, writing, way, seed):
    """A memory written on copies of crossbars, at once or in stages: its network, and they."""
    own, rng = copy.deepcopy(crossbars), generator(seed, "writing", way, *stored.shape[::-1])
    if check_choice(way, "way", WAYS[1:]) == "at once":
        return program(memory, own, rng), own
    return program_in_stages(memory, stored, own, rng, plan=writing.plan), own


def staged_quality(setup, *, writing, seed):
    """Recall of a given number of patterns in each of the ways, and what programming took.

    Parameters
    ----------
    setup : Setup
        Its ``programming_error`` is that of `device_with_error`, the paper's if it is 0; its stuck
        devices are those of the chip, and its masked weights stay zero.
    writing : Writing
        Its chip has no periphery. Only what is written in stages counts pulses, reads and steps.
    """
    crossbars, limits = chip_for(setup, writing, seed)
    stored = setup.stored(seed)
    memory, found = setup.memory(seed).fit(stored, limits=limits), []
    for way in writing.ways:
        network = memory.network_
        if way != "trained":
            network, _ = written(memory, stored, crossbars, writing, way, seed)
        weights = np.concatenate([layer.weights.ravel() for layer in network.layers])
        spread = quantity(weights.std(), "G_max", "standard deviation of the weights")
        density = np.histogram(weights, BINS, density=True)[0]
        density = quantity(density, "1/G_max", "density of the weights", "weight")
        quality = setup_quality(setup, network, stored, seed)
        found.append(quality.assign(spread=spread, density=density))
    found = xr.concat(found, xr.Variable("way", list(writing.ways)))
    found = found.assign_coords(weight=(BINS[1:] + BINS[:-1]) / 2)
    found = describe(found, weight=("G_max", "weight"))
    return found if writing.free else found.assign(_counts(network.record))


@dataclass
class FittedOnce:
    """Fits a memory, or returns the one that was fitted before to as many patterns.

    For searches whose patterns of one number are always the same: ``fitted`` holds their memories
    by number.
    """

    memory: AssociativeMemory
    fitted: dict

    def fit(self, patterns, *, limits):
        """The fitted memory; as `AssociativeMemory.fit`."""
        count = len(patterns)
        if count not in self.fitted:
            self.fitted[count] = self.memory.fit(patterns, limits=limits)
        return self.fitted[count]


def staged_capacity(setup, *, writing, threshold=0.99, worst_pattern_seeds=None, seed):
    """Capacity in each of the `WAYS`, with what surrounds the written chip.

    It is NaN in stages for free weights, which are not trained further. The other parameters are as
    in `staged_quality` and `storage_capacity`.
    """
    crossbars, limits = chip_for(setup, writing, seed)
    working = np.mean([own.working.mean() for own in limits])
    # Pairs that cannot change cost a little more than their share, as masks do in
    # `storage_capacity`. The search only begins with this guess.
    share = setup.memory(seed).devices(setup.neurons) / (2 * setup.neurons) * working**1.25
    guess, fitted, found = max(round(first_load(setup) * share), 1), {}, []
    by_mean_only = worst_pattern_seeds is not None and seed >= worst_pattern_seeds
    left_out = "worst_pattern" if by_mean_only else None

    def deploy(way, memory, stored):
        if way == "trained":
            return memory.network_
        network, own = written(memory, stored, crossbars, writing, way, seed)
        return surrounded(network, own, writing.chip, stored, seed)

    for way in writing.ways:
        search = capacity_search(
            setup,
            seed,
            limits,
            memory=lambda: FittedOnce(setup.memory(seed), fitted),
            deploy=partial(deploy, way),
        )
        held = capacities(search, CRITERIA, left_out, threshold=threshold, guess=guess)
        found.append(held["capacity"])
        # The other ways begin with a memory that is there, of about as many patterns as it can.
        most = max(float(found[0].sel(criterion="mean")), 1.0)
        guess = min(fitted, key=lambda count: abs(math.log(count / most)))
    trainings = quantity(len(fitted), "1", "trainings of the search")
    held = xr.concat(found, xr.Variable("way", list(writing.ways)))
    return {"capacity": held.reindex(way=list(WAYS)), "trainings": trainings}


def _counts(record):
    """What each stage took, variables by stage."""
    meanings = {
        "pairs": ("pairs", "pairs written"),
        "pulses": ("1", "pulses"),
        "reads": ("1", "reads of a device"),
        "steps": ("1", "training steps"),
        "found": ("devices", "devices found stuck"),
        "error": ("µS", "programming error, root mean square"),
        "loss": ("1", "training loss per output"),
    }
    stages = [asdict(stage) for stage in record.stages]
    return {
        name: quantity([stage[name] for stage in stages], *meaning, "stage")
        for name, meaning in meanings.items()
    }
