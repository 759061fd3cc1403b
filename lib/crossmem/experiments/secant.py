"""Capacity where one training takes minutes: a search that gets by with one training or two."""

import numpy as np

from crossmem.analysis.capacity import EXPONENT
from crossmem.experiments.capacity import capacity_search, first_load
from crossmem.experiments.setup import NO_CHIP
from crossmem.labels import labelled, quantity

# Capacity of 400 grey neurons with 200 hidden ones after the published steps, its exponent in the
# number of neurons, and how a width of the hidden layer changes it (1 is half of the neurons).
# Fitted to earlier trainings with these steps on a grid of loads. It saves trainings, and where the
# first one falls near the threshold it decides most of the result: notebook A1 compares it with
# searches that bracket the capacity.
HALF_WIDTH = {
    "images": (172.0, 1.62, lambda width: 1.0 / (0.7 / width + 0.3)),
    "random": (107.0, 1.46, lambda width: np.tanh(2.0 * width) / np.tanh(2.0)),
}
# Shortfalls from perfect recall, in units of that allowed, between which they follow the law: less
# does not tell how far to go, and more is a memory that recalls nothing.
LEAST_SHORTFALL, MOST_SHORTFALL = 0.05, 20.0
# Typical exponents of the shortfall against the number of patterns, and the range in which one
# measured between two loads is believed. Grey memories fail abruptly, most of all those of random
# patterns, which are all alike hard.
BINARY_EXPONENT, GREY_EXPONENT, CREDIBLE = EXPONENT["mean"], 10.0, (3.0, 60.0)
RANDOM_GREY_EXPONENT = 40.0


def capacity_by_secant(setup, *, seed, threshold=0.99, nearness=0.08):
    """Capacity by the mean criterion, extrapolated by a few per cent from the load nearest to it.

    The shortfall from perfect recall grows roughly as a power of the number of patterns. The search
    starts where the capacity is expected and follows this law, whose exponent it corrects as soon
    as two loads were tried, until the law meets the threshold near the last load.

    Parameters
    ----------
    setup : Setup
        Its number of patterns is not used.
    threshold : float
        Mean cosine similarity that counts as recalled.
    nearness : float
        The search ends once capacity and nearest load differ by at most this share, or by half a
        pattern. An exponent of the shortfall that is wrong by a third then errs by a third of it.

    Returns
    -------
    dict
        As from `storage_capacity` by the mean criterion; the capacity is not rounded.
    """
    setup.require(**NO_CHIP, programming_error=0.0)
    search = capacity_search(setup, seed, setup.masked_limits(seed))
    top, capacity = len(search.pool), likely_capacity(setup)
    grey_exponent = RANDOM_GREY_EXPONENT if setup.source == "random" else GREY_EXPONENT
    shortfalls, exponent = {}, BINARY_EXPONENT if setup.binary else grey_exponent
    while True:
        trial = int(np.clip(round(capacity), 1, top))
        if trial in shortfalls:
            break
        shortfall = (1.0 - search.quality(trial).mean) / (1.0 - threshold)
        shortfalls[trial] = max(shortfall, LEAST_SHORTFALL)
        capacity = crossing(shortfalls, exponent)
        nearest = min(shortfalls, key=lambda load: abs(load - capacity))
        lawful = LEAST_SHORTFALL < shortfalls[nearest] < MOST_SHORTFALL
        ends = {shortfall > 1.0 for shortfall in shortfalls.values()}
        if (lawful or len(ends) == 2) and abs(capacity - nearest) <= max(nearness * nearest, 0.5):
            break
    devices = setup.memory(seed).devices(setup.neurons)
    found = 0.0 if shortfalls.get(1, 0.0) > 1.0 else min(capacity, top)
    return {
        "capacity": labelled([found], "patterns", "storage capacity", criterion=["mean"]),
        "trainings": quantity(len(search.qualities), "1", "trainings of the search"),
        "devices": quantity(devices, "1", "memristors, two per weight"),
    }


def likely_capacity(setup):
    """Number of patterns at which the search starts."""
    if setup.binary or not setup.hidden:
        weights = setup.memory(0).devices(setup.neurons) / 2
        return first_load(setup) * weights / setup.neurons
    held, exponent, share = HALF_WIDTH["random" if setup.source == "random" else "images"]
    return held * (setup.neurons / 400) ** exponent * share(2.0 * setup.hidden[0] / setup.neurons)


def crossing(shortfalls, exponent):
    """Load at which a power law through the shortfalls, in units of the largest allowed, is 1.

    The law passes through the smallest load that failed and the largest below it that was recalled,
    or through the two loads nearest to the threshold. Of a single load it has the ``exponent``.
    """
    high = min((load for load, short in shortfalls.items() if short > 1.0), default=np.inf)
    below = [load for load, short in shortfalls.items() if short <= 1.0 and load < high]
    ends = [max(below), high] if below and high < np.inf else shortfalls

    def distance(load):
        """From the threshold; of equals the load nearer to the other side comes first."""
        away = np.log(shortfalls[load])
        return abs(away), load if away > 0 else -load

    near = sorted(ends, key=distance)[:2]
    if len(near) == 2:
        rise = np.log(shortfalls[near[0]] / shortfalls[near[1]])
        steepest = np.inf if ends is not shortfalls else CREDIBLE[1]  # between the ends it is sure
        exponent = np.clip(rise / np.log(near[0] / near[1]), CREDIBLE[0], steepest)
    return float(near[0] * shortfalls[near[0]] ** (-1.0 / exponent))
