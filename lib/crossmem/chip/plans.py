"""Ways to recall on a chip, and what each costs by the updates that a simulation counted."""

from __future__ import annotations

from typing import NamedTuple

import xarray as xr

from crossmem.checks import check_choice
from crossmem.chip.costs import recall_cost
from crossmem.labels import describe


class Plan(NamedTuple):
    """A way to recall: the order of the updates, and the scheme by which the chip does them."""

    order: str
    scheme: str


#: The orders are those of `experiments.update_schemes`.
PLANS = {
    "synchronous": Plan("synchronous", "synchronous"),
    "sweeps": Plan("asynchronous", "asynchronous"),
    "sweeps, lines held": Plan("asynchronous", "line-holding"),
    "random draws": Plan("random draws", "asynchronous"),
    "random draws, lines held": Plan("random draws", "line-holding"),
}

#: When a recall ends, and the variable that counts its updates until then.
STOPS = {"known to rest": "updates", "last change": "moving"}


def plan_cost(counted, plan, shapes, constants, *, stop="known to rest", chip=None):
    """Cost of recalls whose updates were counted by simulation.

    Parameters
    ----------
    counted : Dataset
        Updates of the whole state, ``updates`` until known to rest and ``moving`` until the last
        change, and ``changes`` of single neurons, along ``scheme`` and any other dimensions.
    plan : str
        Key of `PLANS`.
    shapes, constants, chip
        As in `recall_cost`.
    stop : str
        Key of `STOPS`.

    Returns
    -------
    xarray.Dataset
        As of `recall_cost`, along the other dimensions of ``counted``.
    """
    order, scheme = PLANS[check_choice(plan, "plan", PLANS)]
    updates = counted[STOPS[check_choice(stop, "stop", STOPS)]]
    steps = 1 if order == "synchronous" else shapes[0][1]
    updates, changes = (
        values.sel(scheme=order).reset_coords(drop=True)
        for values in (updates * steps, counted["changes"])
    )
    changed = changes if scheme == "line-holding" else 0
    return recall_cost(shapes, scheme, updates, constants, changed=changed, chip=chip)


def plan_costs(counted, shapes, constants, *, plans=PLANS, stops=STOPS, chip=None):
    """`plan_cost` of several plans and rules for the end, along new first dimensions of theirs."""
    found = [
        xr.concat(
            [plan_cost(counted, plan, shapes, constants, stop=stop, chip=chip) for stop in stops],
            xr.Variable("stop", list(stops)),
        )
        for plan in plans
    ]
    result = xr.concat(found, xr.Variable("plan", list(plans)))
    return describe(
        result, plan=("1", "order of the updates, and the lines"), stop=("1", "when recall ends")
    )


def extrapolated(counted, neurons):
    """Counts of a recall with more neurons than were simulated.

    Beyond the largest simulated network its updates are taken, and its changes of single neurons
    grow in proportion to the neurons.

    Parameters
    ----------
    counted : Dataset
        As in `plan_cost`, along ``neurons`` too.
    neurons : int
        One of the simulated numbers, or a larger one.

    Returns
    -------
    Dataset
        The same without the dimension ``neurons``.
    """
    simulated = counted["neurons"].values.tolist()
    largest = max(simulated)
    known = check_choice(min(neurons, largest), "neurons", simulated)
    counted = counted.sel(neurons=known, drop=True)
    return counted.assign(changes=counted["changes"] * max(neurons / largest, 1))


def sweeps_for_saving(saved, neurons, layers=1):
    """Sweeps of a single layer per iteration of a network at which that one saves so much time.

    A step of a sweep takes as long as an iteration of one layer, at any constants, as long as each
    column has its own converter.

    Parameters
    ----------
    saved : float
        Share of the time of the sweeps that the synchronous recall saves, below 1.
    neurons : int
        Neurons of the single layer.
    layers : int
        Layers of the network that recalls synchronously.
    """
    return layers / neurons / (1 - saved)
