"""Ways to use a chip whose devices, not pairs, are faulty."""

import copy
from dataclasses import dataclass

from crossmem.analysis.capacity import CRITERIA, CapacitySearch
from crossmem.analysis.theory import chip_bound
from crossmem.checks import check_choice, check_rate
from crossmem.chip.crossbar import Crossbar
from crossmem.deploy.programming import bias_corrected, exchanged, polarity, program, turned
from crossmem.experiments.capacity import capacities
from crossmem.experiments.setup import corruption, draw_pool
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.optimal import MaxMarginMemory, MaxRecallMemory
from crossmem.randomness import generator

GUESS = 0.2  # share of the bound at which a capacity search starts; it only saves time


@dataclass(frozen=True)
class Way:
    """A way to store patterns on a chip with faulty devices.

    Attributes
    ----------
    training : {"published", "noise-trained", "two updates", "largest margin", "likeliest recall"}
        Clean cues; freshly corrupted cues; the same through two updates; `MaxMarginMemory`; or
        `MaxRecallMemory`.
    intervals : bool
        Train within what each pair can reach, rather than with zero for each touched pair.
    on_chip : bool
        Recall with the programmed conductances, rather than with the weights as trained.
    compensate : bool
        Program the working partner of a stuck device so that the pair comes as close to its weight
        as it can, rather than as if nothing were stuck.
    correct : bool
        Subtract from each neuron's field what the offsets of touched pairs add to it on average
        over the patterns.
    exchange : bool
        Let each neuron exchange its two columns where that suits the patterns; see `polarity`.
    """

    training: str = "published"
    intervals: bool = False
    on_chip: bool = True
    compensate: bool = True
    correct: bool = False
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
class EitherPolarity:
    """Fits a memory within the limits that are left after the exchange of columns."""

    memory: AssociativeMemory

    def fit(self, patterns, *, limits):
        """The fitted memory; parameters as in `AssociativeMemory.fit`."""
        (chip,) = limits
        return self.memory.fit(patterns, limits=[exchanged(chip, polarity(chip, patterns))])


def stuck_rates(fault_rate, on_share):
    """Rates per device of both faults, as `Crossbar.fabricate` and `chip_couplings` take them."""
    on = check_rate(fault_rate, "fault_rate") * check_rate(on_share, "on_share")
    return {"stuck_off": fault_rate - on, "stuck_on": on}


def chip_capacity(
    *,
    dataset,
    neurons,
    way,
    fault_rate,
    on_share,
    flip_rate,
    cue_noise,
    threshold,
    cues,
    iterations,
    resolution,
    criteria=CRITERIA,
    optimizer="adam",
    steps=None,
    learning_rate=None,
    noise_steps=None,
    noise_learning_rate=None,
    seed,
):
    """Capacity of one layer on a chip with faulty devices, used in one of the `WAYS`.

    The chip, its faults, the patterns and the cues are the same for every way, and a higher fault
    rate breaks the devices of a lower one and more.

    Parameters
    ----------
    dataset : str
        Name for `load_patterns`.
    neurons : int
    way : str
        Key of `WAYS`.
    fault_rate : float
        Probability that a device is stuck.
    on_share : float
        Share of the stuck devices that are on: 0 for off only, 1 for on only.
    flip_rate : float
        Share of flipped bits in the cues.
    cue_noise : float
        Share of flipped bits for which the ways that know of noise are made: the memories of
        largest margin and likeliest recall, and the noise training, whose noise falls from twice
        this share to nothing. Less than ``flip_rate`` serves recall in several updates, of which
        all but the first see fewer flips.
    threshold, cues, iterations, resolution, criteria
        As in `experiments.storage_capacity`.
    optimizer, steps, learning_rate
        Of the published training, as in `experiments.make_memory`.
    noise_steps, noise_learning_rate
        Of the noise training with Adam, as in `AdaptiveMemory`; the rate is that of a single
        update, two take the library's.
    seed : int

    Returns
    -------
    dict
        ``capacity`` by criterion, and the number of ``trainings`` it took.
    """
    chosen = WAYS[check_choice(way, "way", WAYS)]
    rng = generator(seed, "chip with faulty devices", neurons)
    rates = stuck_rates(fault_rate, on_share)
    crossbar = Crossbar.fabricate(neurons, neurons, **rates, rng=rng)
    faults = crossbar.characterize()
    published = {"optimizer": optimizer, "steps": steps, "learning_rate": learning_rate}
    noisy = {"optimizer": "adam", "steps": noise_steps, "cue_noise": (2 * cue_noise, 0.0)}
    limits = faults.weight_limits() if chosen.intervals else faults.masked()

    def make():
        if chosen.training == "largest margin":
            memory = MaxMarginMemory(flip_rate=cue_noise)
        elif chosen.training == "likeliest recall":
            memory = MaxRecallMemory(flip_rate=cue_noise)
        elif chosen.training == "noise-trained":
            memory = AdaptiveMemory(learning_rate=noise_learning_rate, seed=seed, **noisy)
        elif chosen.training == "two updates":
            memory = AdaptiveMemory(unroll=2, seed=seed, **noisy)
        else:
            memory = AdaptiveMemory(seed=seed, **published)
        return EitherPolarity(memory) if chosen.exchange else memory

    def deploy(memory, patterns):
        chip = copy.deepcopy(crossbar)
        if not chosen.compensate:
            chip.faults = None
        errors = generator(seed, "programming the chip", neurons, len(patterns))
        if chosen.exchange:
            signs = polarity(limits, patterns)
            return turned(program(turned(memory, signs), [chip], errors), signs)
        on_chip = program(memory, [chip], errors)
        return bias_corrected(on_chip, faults, patterns) if chosen.correct else on_chip

    search = CapacitySearch(
        make,
        draw_pool(dataset, neurons, seed),
        corruption("sign", flip_rate),
        limits=[limits],
        rng=generator(seed, "cues", neurons, flip_rate),
        cues=cues,
        iterations=iterations,
        deploy=deploy if chosen.on_chip else None,
    )
    bound = neurons * chip_bound(**rates, intervals=chosen.intervals)
    guess = max(round(GUESS * bound), 1)
    return capacities(search, criteria, threshold, resolution, guess)
