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
    """The Dataset ``counted`` at a number of neurons, also at more than were simulated.

    Beyond the largest simulated network its updates are taken, and its changes of single neurons
    grow in proportion to the neurons. A size in between that was not simulated is a ValueError.
    """
    simulated = counted["neurons"].values.tolist()
    largest = max(simulated)
    known = check_choice(min(neurons, largest), "neurons", simulated)
    counted = counted.sel(neurons=known, drop=True)
    return counted.assign(changes=counted["changes"] * max(neurons / largest, 1))


def sweeps_for_saving(saved, neurons, layers=1):
    """Sweeps of a single layer per iteration of a network at which the iterations save that much.

    ``saved`` is a share of the time of the sweeps. A step of a sweep takes as long as an iteration
    of one layer, at any constants, as long as each column has its own converter.
    """
    return layers / neurons / (1 - saved)


def over_synchronous(costs, **baseline):
    """Costs of the plans of one network over those of synchronous recall in each network.

    Parameters
    ----------
    costs : Dataset
        ``energy`` and ``latency``, as of `plan_costs`, along ``plan`` and the other dimensions.
    **baseline
        The network of the plans, such as ``width=0``.

    Returns
    -------
    xarray.Dataset
        Ratios of ``energy`` and ``latency``, and ``saved``, the percentage of the time of a plan
        that synchronous recall saves; along the dimension of the networks, and ``plan``.
    """
    energy, latency = costs["energy"].sum("component"), costs["latency"]
    found = {
        name: values.sel(baseline, drop=True) / values.sel(plan="synchronous", drop=True)
        for name, values in (("energy", energy), ("latency", latency))
    }
    found["saved"] = 100 * (1 - 1 / found["latency"])
    return describe(
        xr.Dataset(found),
        energy=("1", "energy over that of synchronous recall"),
        latency=("1", "time over that of synchronous recall"),
        saved=("%", "time that synchronous recall saves"),
    )
