"""How a ratio of costs depends on the constants of the table."""

from __future__ import annotations

from itertools import product
from math import isnan, nan

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from crossmem.checks import check_choice
from crossmem.chip.costs import saving, typical
from crossmem.labels import describe

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


def cost_ratio(baseline, chosen, quantity="energy"):
    """A ratio of two costs as a function of the constants.

    ``baseline`` and ``chosen`` take a dict of constants and return a result of `recall_cost`;
    ``quantity`` is a field of `costs.Saving`. The function returns a float.
    """

    def ratio(constants):
        return getattr(saving(baseline(constants), chosen(constants)), quantity)

    return ratio


def tornado(ratio, costs):
    """A ratio at the low and high end of each constant, the others at their typical value.

    ``ratio`` takes a dict of constants and returns a number; ``costs`` is a dict of `Cost`.

    Returns
    -------
    xarray.Dataset
        ``at_low`` and ``at_high`` along ``constant``, widest bar first, and ``at_typical``.
    """
    middle = typical(costs)
    at_low = {key: float(ratio(middle | {key: cost.low})) for key, cost in costs.items()}
    at_high = {key: float(ratio(middle | {key: cost.high})) for key, cost in costs.items()}
    order = sorted(costs, key=lambda key: -abs(at_high[key] - at_low[key]))
    result = xr.Dataset(
        {
            "at_low": ("constant", [at_low[key] for key in order]),
            "at_high": ("constant", [at_high[key] for key in order]),
            "at_typical": float(ratio(middle)),
        },
        coords={"constant": order},
    )
    return describe(
        result,
        at_low=("1", "ratio with the constant at its low end"),
        at_high=("1", "ratio with the constant at its high end"),
        at_typical=("1", "ratio with every constant at its typical value"),
        constant=("1", "constant that is varied"),
    )


def value_for(ratio, goal, costs, key):
    """Value of one constant at which a ratio of costs reaches a goal, the others typical.

    Each cost rises with each constant as a linear function of it or of its square, so that a ratio
    of two either rises or falls over the whole range: there is one such value or none.

    Parameters
    ----------
    ratio, costs
        As in `tornado`.
    goal : float
    key : str
        The constant; a ValueError if the table lacks it.

    Returns
    -------
    float
        In the unit of the constant; NaN if no value from its low to its high end reaches the goal.
    """
    check_choice(key, "constant", costs)
    middle, low, high = typical(costs), costs[key].low, costs[key].high

    def excess(value):
        return float(ratio(middle | {key: value})) - goal

    at_low, at_high = excess(low), excess(high)
    if at_low == at_high or at_low * at_high > 0:
        return nan
    return brentq(excess, low, high)


def ratio_range(ratio, costs, groups):
    """Least and greatest value of a ratio of costs with all constants anywhere in their ranges.

    A cost is a sum of products of constants with counts, so that a ratio of two costs has its
    extremes at corners of the box of constants.

    Parameters
    ----------
    ratio, costs
        As in `tornado`; the ratio may be a list of several numbers.
    groups : sequence of sequences of str
        Constants that go to the same end together, as those of one product may. The others stay at
        their typical value.

    Returns
    -------
    least, greatest : float, or array as returned by ``ratio``
    """
    found = []
    for ends in product(("low", "high"), repeat=len(groups)):
        chosen = {
            key: getattr(costs[key], end)
            for group, end in zip(groups, ends, strict=True)
            for key in group
        }
        found.append(ratio(typical(costs) | chosen))
    return np.min(found, axis=0), np.max(found, axis=0)


def sensitivity(ratio, costs, groups=ENERGY_GROUPS, published=nan):
    """How a ratio depends on each constant and on all, and where a published ratio would hold.

    Parameters
    ----------
    ratio, costs, groups
        As in `ratio_range`.
    published : float, optional
        The value that the constants may explain.

    Returns
    -------
    xarray.Dataset
        `tornado` in the order of the table; by constant, the value ``needed`` for the published
        ratio (`value_for`), NaN if there is none; ``extremes`` along ``end`` (`ratio_range`).
    """
    result = tornado(ratio, costs).sel(constant=list(costs))
    needed = [nan if isnan(published) else value_for(ratio, published, costs, key) for key in costs]
    result["needed"] = ("constant", needed)
    result["extremes"] = ("end", list(ratio_range(ratio, costs, groups)))
    result["published"] = published
    return describe(
        result.assign_coords(end=["least", "greatest"]),
        needed=("unit of the constant", "value at which the published ratio holds, others typical"),
        extremes=("1", "ratio with every constant anywhere in its range"),
        published=("1", "published ratio"),
        end=("1", "end of the range"),
    )
