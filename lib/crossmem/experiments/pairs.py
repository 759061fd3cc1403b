"""Ways to use a chip whose devices, not pairs, are faulty.

A weight is the difference of two devices. Where one of them is stuck, the pair still reaches an
interval of weights. The published training masks the whole pair.
"""

import copy
import itertools
from dataclasses import dataclass

import numpy as np

from crossmem.analysis.capacity import CRITERIA
from crossmem.analysis.theory import chip_bound
from crossmem.checks import check_choice, check_rate
from crossmem.deploy.programming import (
    best_signs,
    program,
    swap_columns,
    swap_limits,
    with_bias_correction,
)
from crossmem.experiments.capacity import capacities, capacity_search
from crossmem.experiments.setup import NO_CHIP, NO_MASKS
from crossmem.labels import labelled
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.optimal import MaxMarginMemory, MaxRecallMemory
from crossmem.randomness import generator

GUESS = 0.2  # share of the bound at which a capacity search starts; it only saves time
OPTIMAL = {"largest margin": MaxMarginMemory, "likeliest recall": MaxRecallMemory}


@dataclass(frozen=True)
class Way:
    """A way to store patterns on a chip with faulty devices."""

    #: "published" on clean cues, "noise-trained" on freshly corrupted ones, the same through "two
    #: updates", or the "largest margin" or "likeliest recall" of the memories of `OPTIMAL`
    training: str = "published"
    #: train within what each pair can reach, rather than with zero for each touched pair
    intervals: bool = False
    #: recall with the programmed conductances, rather than with the weights as trained
    on_chip: bool = True
    #: program the working partner of a stuck device so that the pair comes as close to its weight
    #: as it can, rather than as if nothing were stuck
    compensate: bool = True
    #: subtract from each neuron's field what the offsets of touched pairs add to it on average
    correct: bool = False
    #: let each neuron swap its two columns where that suits the patterns, see `best_signs`
    exchange: bool = False


WAYS = {
    "ideal": Way(on_chip=False, compensate=False),
    "masked": Way(compensate=False),
    "corrected": Way(compensate=False, correct=True),
    "compensated": Way(),
    "noisy mask": Way("noise-trained"),
    "intervals": Way(intervals=True),
    "noise-trained": Way("noise-trained", intervals=True),
    "two updates": Way("two updates", intervals=True),
    "largest margin": Way("largest margin", intervals=True),
    "likeliest recall": Way("likeliest recall", intervals=True),
    "exchanged": Way("likeliest recall", intervals=True, exchange=True),
}


@dataclass
class SwappedMemory:
    """Fits a memory within the limits that are left after the swap of columns."""

    memory: AssociativeMemory

    def fit(self, patterns, *, limits):
        """The fitted memory, for a single crossbar; all else is as in `AssociativeMemory.fit`."""
        (chip,) = limits
        return self.memory.fit(patterns, limits=[swap_limits(chip, best_signs(chip, patterns))])


def stuck_rates(stuck_fraction, on_share):
    """Rates per device of both faults, as `Crossbar.fabricate` and `chip_couplings` take them."""
    on = check_rate(stuck_fraction, "stuck_fraction") * check_rate(on_share, "on_share")
    return {"stuck_off": stuck_fraction - on, "stuck_on": on}


def chip_bounds(neurons, stuck_fractions, on_shares):
    """Gardner's bounds for a chip, in patterns, (reach, stuck_fraction, on_share).

    The reach are the couplings that can be set: all intervals, or pairs without a stuck device
    alone. The fractions and shares, as in `chip_capacity`, are lists.
    """
    coords = {"reach": ["intervals", "untouched pairs"]}
    coords |= {"stuck_fraction": stuck_fractions, "on_share": on_shares}
    bounds = []
    for reach, *rates in itertools.product(*coords.values()):
        whole = reach == "intervals"
        bound = chip_bound(**stuck_rates(*rates), intervals=whole, compensate=whole)
        bounds.append(bound * neurons)
    bounds = np.reshape(bounds, [len(values) for values in coords.values()])
    return labelled(bounds, "patterns", "Gardner's bound", **coords)


def way_memory(way, setup, noisy, seed):
    """The unfitted memory of a `Way`; parameters as in `chip_capacity`."""
    if way.training in OPTIMAL:
        memory = OPTIMAL[way.training](flip_rate=noisy.cue_noise[0] / 2)
    elif way.training == "published":
        memory = setup.memory(seed)
    else:
        twice = {"unroll": 2, "learning_rate": None}
        own = twice if way.training == "two updates" else {"unroll": 1}
        memory = setup.at(training=noisy, **own).memory(seed)
    return SwappedMemory(memory) if way.exchange else memory


def chip_capacity(
    setup, *, way, stuck_fraction, on_share, noisy, threshold=0.99, criteria=CRITERIA, seed
):
    """Capacity of one layer on a chip with faulty devices, used in one of the `WAYS`.

    Parameters
    ----------
    setup : Setup
        One layer of sign neurons, and its published training.
    way : str
        Key of `WAYS`.
    stuck_fraction, on_share : float
        Probability that a device is stuck, and share of the stuck devices that are on.
    noisy : Training
        The noise training, whose noise falls from the first to the second of a pair. Its rate is
        that of a single update; two take the library's. The memories of largest margin and
        likeliest recall are made for half of the first level, which is less than the flip rate of
        the cues: all updates but the first see fewer flips.
    threshold, criteria
        As in `storage_capacity`.
    """
    setup.require(**NO_CHIP, **NO_MASKS, layers=1, activation="sign")
    chosen, neurons = WAYS[check_choice(way, "way", WAYS)], setup.neurons
    rates = stuck_rates(stuck_fraction, on_share)
    (crossbar,) = setup.at(**rates).fabricate(generator(seed, "chip with faulty devices", neurons))
    faults = crossbar.characterize()
    limits = faults.weight_limits() if chosen.intervals else faults.masked()

    def deploy(memory, patterns):
        chip = copy.deepcopy(crossbar)
        if not chosen.compensate:
            chip.faults = None
        errors = generator(seed, "programming the chip", neurons, len(patterns))
        signs = best_signs(limits, patterns) if chosen.exchange else np.ones((neurons, 1))
        on_chip = swap_columns(program(swap_columns(memory, signs), [chip], errors), signs)
        return with_bias_correction(on_chip, faults, patterns) if chosen.correct else on_chip

    search = capacity_search(
        setup,
        seed,
        [limits],
        memory=lambda: way_memory(chosen, setup, noisy, seed),
        deploy=deploy if chosen.on_chip else None,
    )
    bound = neurons * chip_bound(**rates, intervals=chosen.intervals)
    return capacities(search, criteria, threshold=threshold, guess=max(round(GUESS * bound), 1))
