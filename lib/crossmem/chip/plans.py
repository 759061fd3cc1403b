"""Ways to recall on a chip, and what each costs by the updates that a simulation counted.

Costs are those of `costs.recall_cost`. Counts of updates are Datasets as of
`experiments.update_schemes`, or means of them: ``updates`` of the whole state until it is known to
rest, ``moving`` until the last change, and ``changes`` of single neurons, along ``scheme`` and any
other dimensions.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import xarray as xr

from crossmem.checks import check_choice
from crossmem.chip.costs import layer_shapes, recall_cost
from crossmem.labels import describe


class Plan(NamedTuple):
    """A way to recall: the order of the updates, and the scheme by which the chip does them."""

    order: str
    scheme: str


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
    """Cost of recalls by a plan of `PLANS` and a rule of `STOPS` for their end.

    ``counted`` are counts as above, all else is as in `recall_cost`. Returns its Dataset along the
    other dimensions of the counts.
    """
    order, scheme = PLANS[check_choice(plan, "plan", PLANS)]
    counted = counted.sel(scheme=order).reset_coords(drop=True)
    steps = 1 if order == "synchronous" else shapes[0][1]
    updates = counted[STOPS[check_choice(stop, "stop", STOPS)]] * steps
    changed = counted["changes"] if scheme == "line-holding" else 0
    return recall_cost(shapes, scheme, updates, constants, changed=changed, chip=chip)


def costs_by_width(counted, neurons, constants, *, stops=STOPS):
    """`plan_cost` of all plans, and of some ``stops``, in networks of so many visible neurons.

    The counts have a dimension ``width`` too, 0 for the single layer. The first dimensions of the
    Dataset are ``width``, ``plan`` and ``stop``.
    """
    found = []
    for width, plan, stop in product(counted["width"].values.tolist(), PLANS, stops):
        network, shapes = counted.sel(width=width), layer_shapes(neurons, width)
        cost = plan_cost(network, plan, shapes, constants, stop=stop)
        found.append(cost.expand_dims(width=[width], plan=[plan], stop=[stop]))
    orders = {"width": counted["width"].variable, "plan": list(PLANS), "stop": list(stops)}
    return describe(xr.combine_by_coords(found).sel(orders).assign_coords(orders))


def costs_by_size(counted, neuron_counts, constants, wirings):
    """`plan_cost` in a single layer and in a stack, whose hidden layer has half of the neurons.

    The counts have the dimensions ``layers``, 1 or 2, and ``neurons`` too. Beyond the largest
    simulated network its updates are taken, and its changes of single neurons grow in proportion to
    the neurons; a size in between that was not simulated is a ValueError. ``wirings`` has a key of
    `PLANS` and a `Chip` or None by name. The first dimensions of the Dataset are ``layers``,
    ``plan`` (the names) and ``neurons``.
    """
    simulated, found = counted["neurons"].values.tolist(), []
    largest = max(simulated)
    for layers, (name, (plan, chip)), n in product(
        counted["layers"].values.tolist(), wirings.items(), neuron_counts
    ):
        known = check_choice(min(n, largest), "neurons", simulated)
        at_size = counted.sel(layers=layers, neurons=known, drop=True)
        at_size = at_size.assign(changes=at_size["changes"] * max(n / largest, 1))
        shapes = layer_shapes(n, n // 2 if layers == 2 else 0)
        cost = plan_cost(at_size, plan, shapes, constants, chip=chip)
        found.append(cost.expand_dims(layers=[layers], plan=[name], neurons=[n]))
    return describe(xr.combine_by_coords(found).sel(plan=list(wirings), neurons=neuron_counts))


def over_synchronous(costs, **baseline):
    """Costs of the plans of one network, such as ``width=0``, over synchronous recall in each.

    Takes a Dataset of `costs_by_width` or `costs_by_size`. Returns ratios of ``energy`` and
    ``latency``, and ``saved``, the percentage of the time of a plan that synchronous recall saves.
    """
    costs = xr.Dataset({"energy": costs["energy"].sum("component"), "latency": costs["latency"]})
    found = costs.sel(baseline, drop=True) / costs.sel(plan="synchronous", drop=True)
    return describe(
        found.assign(saved=100 * (1 - 1 / found["latency"])),
        energy=("1", "energy over that of synchronous recall"),
        latency=("1", "time over that of synchronous recall"),
        saved=("%", "time that synchronous recall saves"),
    )
