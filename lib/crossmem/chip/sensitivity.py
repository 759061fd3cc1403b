"""How a ratio of costs depends on the constants of the table."""

from __future__ import annotations

from itertools import product
from math import nan

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from crossmem.chip.costs import UNITS, layer_shapes, typical
from crossmem.chip.plans import plan_cost
from crossmem.labels import describe, quantity

#: Constants of a recall's energy that occur in one product only, the energy of one kind of event.
ENERGY_GROUPS = (
    ("mean_conductance", "read_time"),
    ("dac_energy", "line_capacitance", "cell_capacitance", "line_voltage"),
    ("tia_energy",),
    ("adc_energy",),
    ("digital_energy",),
)

#: Constants of a recall's latency; in the time of a step, the last three occur as their sum only.
TIME_GROUPS = (("drive_time",), ("read_time", "adc_time", "digital_time"))


def plan_ratio(counted, plan, neurons, width=0, *, quantity="energy", chip=None):
    """A plan in the single layer over synchronous recall in a network, by the constants.

    Parameters
    ----------
    counted : Dataset
        Mean counts, see `plans`, along ``scheme`` and ``width``, 0 for the single layer.
    plan, quantity : str
        Key of `plans.PLANS`, and "energy" or "latency".
    neurons, width : int
        Visible neurons, and hidden ones of the network that recalls synchronously.
    chip : costs.Chip, optional

    Returns
    -------
    callable
        From a dict of constants to a float.
    """

    def cost(plan, width, constants):
        shapes = layer_shapes(neurons, width)
        found = plan_cost(counted.sel(width=width), plan, shapes, constants, chip=chip)[quantity]
        return (found.sum("component") if quantity == "energy" else found).values[()]

    return lambda constants: cost(plan, 0, constants) / cost("synchronous", width, constants)


def tornado(ratio, costs):
    """A ratio at the low and high end of each constant, the others at their typical value.

    ``ratio`` takes a dict of constants, numbers or arrays with a named dimension, and returns as
    many numbers; ``costs`` is a dict of `Cost`. Returns a Dataset: ``at_low`` and ``at_high`` along
    ``constant``, widest bar first, and ``at_typical``.
    """
    middle = quantity(ratio(typical(costs)), "1", "ratio with every constant at its typical value")
    bars = {"at_typical": middle}
    for end in ("low", "high"):
        constants = {
            key: [getattr(cost, end if key == own else "typical") for own in costs]
            for key, cost in costs.items()
        }
        found = ratio({k: xr.DataArray(v, dims="constant") for k, v in constants.items()})
        meaning = f"ratio with the constant at its {end} end"
        bars[f"at_{end}"] = quantity(found, "1", meaning, "constant")
    names = quantity(list(costs), "1", "constant that is varied", "constant")
    result = xr.Dataset(bars, {"constant": names})
    return result.sortby(-abs(result["at_high"] - result["at_low"]))


def value_for(ratio, goal, costs, key):
    """Value of one constant at which a ratio of costs reaches a goal, the others typical.

    Each cost rises with each constant as a linear function of it or of its square, so that a ratio
    of two either rises or falls over the whole range: there is one such value, in the unit of the
    constant, or none, which is NaN.
    """
    middle, low, high = typical(costs), costs[key].low, costs[key].high

    def excess(value):
        return float(ratio(middle | {key: value})) - goal

    at_low, at_high = excess(low), excess(high)
    if at_low == at_high or not at_low * at_high <= 0:
        return nan
    return brentq(excess, low, high)


def ratio_range(ratio, costs, groups):
    """Least and greatest value of a ratio of costs with all constants anywhere in their ranges.

    A cost is a sum of products of constants with counts, so that a ratio of two costs has its
    extremes at corners of the box of constants. Ratio and costs are as in `tornado`, but the ratio
    may be a list of several numbers. Each of the ``groups`` names constants that go to the same end
    together, as those of one product may; the others stay at their typical value.
    """
    constants, corners = typical(costs), product(("low", "high"), repeat=len(groups))
    for group, ends in zip(groups, zip(*corners, strict=True), strict=True):
        for key in group:
            at_ends = [getattr(costs[key], end) for end in ends]
            constants[key] = xr.DataArray(at_ends, dims="corner")
    found = ratio(constants)
    return np.min(found, axis=-1), np.max(found, axis=-1)


def plan_sensitivity(counted, neurons, width, costs, *, published=nan):
    """How the ratios of sweeps in the single layer to a network depend on the constants.

    Takes counts and sizes as in `plan_ratio`, a dict of `Cost`, and a ``published`` energy ratio.
    Returns a Dataset: the `tornado` of the energy ratio; by constant, the value ``needed`` for the
    published one (`value_for`); ``extremes`` along ``end`` (`ratio_range`); ``latency_extremes``
    along ``latency_plan`` too: sweeps with lines driven anew, and held.
    """
    costs = {key: costs[key] for key in UNITS}  # a recall writes nothing
    ratio, held = plan_ratio(counted, "sweeps", neurons, width), ["sweeps", "sweeps, lines held"]
    times = [plan_ratio(counted, plan, neurons, width, quantity="latency") for plan in held]
    anywhere = "every constant anywhere in its range"
    result = tornado(ratio, costs).sel(constant=list(costs))
    result["needed"] = "constant", [value_for(ratio, published, costs, key) for key in costs]
    result["extremes"] = "end", list(ratio_range(ratio, costs, ENERGY_GROUPS))
    latency = [ratio_range(time, costs, TIME_GROUPS) for time in times]
    result["latency_extremes"] = ("latency_plan", "end"), latency
    return describe(
        result.assign(published=published, end=["least", "greatest"], latency_plan=held),
        needed=("unit of the constant", "value at which the published ratio holds, others typical"),
        extremes=("1", f"ratio with {anywhere}"),
        published=("1", "published ratio"),
        latency_extremes=("1", f"latency ratio with {anywhere}"),
        end=("1", "end of the range"),
        latency_plan=("1", "order of the updates, and the lines"),
    )
