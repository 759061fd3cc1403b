"""What a memory holds as trained, programmed at once, and programmed in stages."""

import copy
import math
from dataclasses import asdict, replace

import numpy as np
import xarray as xr

from crossmem.analysis.capacity import CRITERIA
from crossmem.checks import check_choice
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import FaultMap, WeightLimits
from crossmem.deploy.programming import program
from crossmem.deploy.staged import program_in_stages
from crossmem.experiments.capacity import capacities, capacity_search, first_load
from crossmem.experiments.quality import setup_quality
from crossmem.labels import quantity
from crossmem.randomness import generator

WAYS = ("trained", "at once", "in stages")
#: Programming error of the paper's devices in µS (Fig. 6a), and the least that can be asked for.
PAPER_ERROR, LEAST_ERROR = 3.894, 1.0


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


def chip_for(setup, *, levels=0, scanned=True, free=False, seed):
    """Crossbars of a setup, and the `WeightLimits` within which a memory for them trains.

    The limits are those of the fault map, -1 and 1 without faults or without a scan, and zero for
    the masked weights of the setup. With ``free`` there are none but the masks.
    """
    rng = generator(seed, "chip to program", setup.neurons)
    device = device_with_error(setup.programming_error or PAPER_ERROR, levels)
    crossbars, masks, limits = setup.fabricate(rng, device), setup.masked_limits(seed), []
    for crossbar, masked in zip(crossbars, masks, strict=True):
        unknown = FaultMap.without_faults(crossbar.shape, device.g_max)
        chip = (crossbar.characterize() if scanned else unknown).weight_limits()
        limits.append(WeightLimits(chip.clip(masked.low), chip.clip(masked.high)))
    return crossbars, masks if free else limits


def staged_quality(setup, *, levels=0, scanned=True, free=False, plan=None, seed):
    """Recall of a given number of patterns in each of the `WAYS`, and what programming took.

    Parameters
    ----------
    setup : Setup
        Its ``programming_error`` is that of `device_with_error`, the paper's if it is 0; its stuck
        devices are those of the chip, and its masked weights stay zero.
    levels : int
        Conductances that a target can have; 0 for any.
    scanned : bool
        Whether the training knows the stuck devices. Otherwise they are found while programming.
    free : bool
        Train free weights, which are scaled into the range of the chip afterwards, as published,
        rather than within the limits of the chip.
    plan : StagePlan, optional
    """
    crossbars, limits = chip_for(setup, levels=levels, scanned=scanned, free=free, seed=seed)
    stored = setup.stored(seed)
    memory = setup.memory(seed).fit(stored, limits=limits)
    networks = {"trained": memory.network_}
    for way in WAYS[1:]:
        networks[way] = _written(memory, stored, copy.deepcopy(crossbars), way, plan, seed)
    found = []
    for network in networks.values():
        spread = np.concatenate([layer.weights.ravel() for layer in network.layers]).std()
        spread = quantity(spread, "G_max", "standard deviation of the weights")
        found.append(setup_quality(setup, network, stored, seed).assign(spread=spread))
    counts = _counts(networks["in stages"].record)
    return xr.concat(found, xr.Variable("way", list(WAYS))).assign(counts)


def staged_capacity(
    setup, *, way, levels=0, scanned=True, free=False, threshold=0.99, criteria=CRITERIA, seed
):
    """Capacity in one of the `WAYS`; parameters as in `staged_quality` and `storage_capacity`."""
    check_choice(way, "way", WAYS)
    crossbars, limits = chip_for(setup, levels=levels, scanned=scanned, free=free, seed=seed)

    def deploy(memory, stored):
        return _written(memory, stored, copy.deepcopy(crossbars), way, None, seed)

    search = capacity_search(setup, seed, limits, deploy=None if way == "trained" else deploy)
    working = np.mean([own.working.mean() for own in limits])
    share = setup.memory(seed).devices(setup.neurons) / (2 * setup.neurons) * working**1.25
    guess = max(round(first_load(setup) * share), 1)
    return capacities(search, criteria, threshold=threshold, guess=guess)


def _written(memory, stored, crossbars, way, plan, seed):
    """The network of crossbars that are programmed at once or in stages."""
    rng = generator(seed, "writing", way, memory.n_features_in_, len(stored))
    if way == "at once":
        return program(memory, crossbars, rng)
    return program_in_stages(memory, stored, crossbars, rng, plan=plan)


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
