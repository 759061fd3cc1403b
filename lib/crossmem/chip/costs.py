"""Energy and latency of one recall on a crossbar chip, counted from updates that were simulated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil, inf, nan
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import xarray as xr
import yaml
from scipy.optimize import brentq

from crossmem.checks import check_choice, check_count, check_not_negative, nearest
from crossmem.labels import describe

SCHEMES = ("synchronous", "asynchronous", "line-holding")


COMPONENTS = ("dac", "array", "tia", "adc", "digital")


#: Constants that a recall needs, and the unit in which it takes each.
UNITS = {
    "read_voltage": "V",
    "mean_conductance": "µS",
    "read_time": "ns",
    "dac_energy": "pJ",
    "drive_time": "ns",
    "line_capacitance": "fF",
    "cell_capacitance": "fF",
    "line_voltage": "V",
    "tia_energy": "pJ",
    "adc_energy": "pJ",
    "adc_time": "ns",
    "digital_energy": "pJ",
    "digital_time": "ns",
}


#: Those that a write needs beside them.
PULSE_UNITS = {"pulse_time": "ns", "pulse_voltage": "V"}


class Cost(NamedTuple):
    """One constant of the table: what it is, its range and where that comes from."""

    name: str
    unit: str
    low: float
    typical: float
    high: float
    source: str


class Saving(NamedTuple):
    """One recall's energy and latency over another's, and the share of time that one saves."""

    energy: float
    latency: float
    latency_saved: float


@dataclass(frozen=True)
class Chip:
    """How the chip is wired: tiles as in `Crossbar`, each output on two columns of one.

    Attributes
    ----------
    tile : int
        Rows and columns of a tile, even.
    differential : bool
        Whether the two columns of an output are subtracted before one conversion; else both are
        converted and subtracted digitally.
    conversions_per_adc : int
        Conversions that one converter makes one after the other; 1 if each column has its own.
    idle_columns_conduct : bool
        Whether all driven columns draw current while an asynchronous step reads two; else they
        float.
    idle_strips_driven : bool
        Whether an asynchronous step drives the lines of all tiles, as in one undivided array, where
        they reach every column; else only those of the strip of tiles that holds its columns.
    """

    tile: int = 64
    differential: bool = False
    conversions_per_adc: int = 1
    idle_columns_conduct: bool = False
    idle_strips_driven: bool = True

    def __post_init__(self):
        if check_count(self.tile, "tile") % 2:
            raise ValueError(f"tile is {self.tile} but must be even: a pair takes two columns")
        check_count(self.conversions_per_adc, "conversions_per_adc")


def load_costs(path):
    """Read a table of constants, in YAML, with each of `UNITS` and `PULSE_UNITS` -> dict of Cost.

    Raises
    ------
    ValueError
        If a constant is missing or unknown, or its fields, unit, numbers or order are wrong.
    """
    table, units = yaml.safe_load(Path(path).read_text(encoding="utf-8")), UNITS | PULSE_UNITS
    if not isinstance(table, dict):
        raise ValueError(f"{path} is not a table: give an entry for each of {', '.join(units)}")
    for key in table:
        if key not in units:
            raise ValueError(f"constant {key!r} is unknown: did you mean {nearest(key, units)!r}?")
    check_complete(table, units)
    return {key: _checked(key, table[key], unit) for key, unit in units.items()}


def typical(costs):
    """Typical values of a table of constants, dict of Cost -> dict of float."""
    return {key: cost.typical for key, cost in costs.items()}


def recall_cost(shapes, scheme, updates, constants, *, changed=0, chip=None):
    """Energy and latency of one recall, by component.

    A synchronous update drives all lines, reads all cells and converts all outputs, layer after
    layer. An asynchronous step drives all lines (see `Chip`) for the columns of one output;
    line-holding keeps them driven, on all tiles, and toggles the line of a neuron that changed. In
    a stack, a step passes through the hidden layers synchronously, and only the first layer's lines
    can be held.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Shape (n_out, n_in) of each layer, first layer first; the last feeds the first.
    scheme : {"synchronous", "asynchronous", "line-holding"}
    updates : float
        Synchronous iterations or asynchronous neuron steps that the recall took, or their mean.
    constants : dict of float
        A value for each of `UNITS`, in its unit; see `typical`.
    changed : float
        Steps in which the neuron changed; only line-holding asks.
    chip : Chip, optional

    Returns
    -------
    xarray.Dataset
        ``count`` and ``energy`` in pJ along ``component``, and ``latency`` in ns.

    Raises
    ------
    ValueError
        If the layers do not fit each other, or an argument is missing or out of range.

    Notes
    -----
    Currents flow for the read time only, and a column's value is held until its converter is free.
    Tiles and neurons work in parallel. Leakage, currents of amplifiers at rest and the control
    logic are left out.
    """
    chip = chip or Chip()
    check_complete(constants)
    _check_recall(shapes, scheme, updates, changed)
    count, latency = dict.fromkeys(COMPONENTS, 0.0), 0.0
    for depth, (n_out, n_in) in enumerate(shapes):
        alone = scheme != "synchronous" and depth == len(shapes) - 1
        held = scheme == "line-holding" and depth == 0
        drives, settlings = n_in * updates, updates
        if held:
            # All lines rise once; a change in the last step is never read again.
            begun, toggles = min(updates, 1), min(changed, max(updates - 1, 0))
            drives, settlings = n_in * begun + toggles, begun + toggles
        one_strip = alone and not (held or chip.idle_strips_driven)
        driven = min(n_out, chip.tile // 2) if one_strip else n_out  # outputs on driven tiles
        count["dac"] += drives * ceil(2 * driven / chip.tile)
        latency += settlings * constants["drive_time"]
        events, time = _read_out(driven, n_in, 1 if alone else n_out, constants, chip)
        for part, number in events.items():
            count[part] += updates * number
        latency += updates * time
    each = _event_energies(constants, chip.tile)
    result = xr.Dataset(
        {
            "count": ("component", [count[part] for part in COMPONENTS]),
            "energy": ("component", [count[part] * each[part] for part in COMPONENTS]),
            "latency": latency,
        },
        coords={"component": list(COMPONENTS)},
    )
    return describe(
        result,
        count=("1", "line drives, cell reads, integrations, conversions, digital operations"),
        energy=("pJ", "energy of one recall"),
        latency=("ns", "time of one recall"),
        component=("1", "part of the chip"),
    )


def saving(baseline, chip):
    """Ratios of two results of `recall_cost`, baseline over chip.

    Raises
    ------
    ValueError
        If a recall took no updates: its cost is zero.
    """
    times = [float(result["latency"]) for result in (baseline, chip)]
    energies = [float(result["energy"].sum()) for result in (baseline, chip)]
    if min(*times, *energies) <= 0:
        raise ValueError(f"costs are {energies} pJ, {times} ns: compare recalls with updates")
    return Saving(energies[0] / energies[1], times[0] / times[1], 1 - times[1] / times[0])


def tornado(ratio, costs):
    """A ratio at the low and high end of each constant, the others at their typical value.

    Parameters
    ----------
    ratio : callable
        Takes a dict of constants and returns a number.
    costs : dict of Cost

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

    Each cost rises with each constant as a linear function of it or of its square, so that their
    ratio either rises or falls over the whole range: there is one such value or none.

    Parameters
    ----------
    ratio : callable
        Takes a dict of constants and returns a number.
    goal : float
    costs : dict of Cost
    key : str
        The constant.

    Returns
    -------
    float
        In the unit of the constant; NaN if no value from its low to its high end will do.

    Raises
    ------
    ValueError
        If the table has no such constant.
    """
    check_choice(key, "constant", costs)
    middle, low, high = typical(costs), costs[key].low, costs[key].high

    def excess(value):
        return float(ratio(middle | {key: value})) - goal

    at_low, at_high = excess(low), excess(high)
    if at_low == at_high or at_low * at_high > 0:
        return nan
    return brentq(excess, low, high)


def _read_out(driven, n_in, outputs, constants, chip):
    """Events and time in ns after the lines have settled, when one layer computes some outputs."""
    per_output = 1 if chip.differential else 2
    partial_sums = outputs * ceil(n_in / chip.tile)
    on_a_tile = min(outputs, chip.tile // 2) * per_output
    events = {
        "array": 2 * n_in * (driven if chip.idle_columns_conduct else outputs),
        "tia": partial_sums * per_output,
        "adc": partial_sums * per_output,
        "digital": partial_sums,  # each is added to the next, the last sum is activated
    }
    converting = min(chip.conversions_per_adc, on_a_tile) * constants["adc_time"]
    return events, constants["read_time"] + converting + constants["digital_time"]


def _event_energies(constants, tile):
    """Energy in pJ of one event of each component."""
    capacitance = constants["line_capacitance"] + tile * constants["cell_capacitance"]  # fF
    power = constants["read_voltage"] ** 2 * constants["mean_conductance"]  # µW
    return {
        "dac": constants["dac_energy"] + 1e-3 * capacitance * constants["line_voltage"] ** 2,
        "array": 1e-3 * power * constants["read_time"],
        "tia": constants["tia_energy"],
        "adc": constants["adc_energy"],
        "digital": constants["digital_energy"],
    }


def check_complete(constants, units=UNITS):
    """Refuse a table in which a constant is missing."""
    for key, unit in units.items():
        if key not in constants:
            raise ValueError(f"constant {key!r} is missing: add it, in {unit}")


def _checked(key, entry, unit):
    """One entry of the table as a `Cost`, or a ValueError that says what is wrong with it."""
    entry = entry if isinstance(entry, dict) else {}
    for field in Cost._fields:
        if entry.get(field) in (None, ""):
            raise ValueError(f"constant {key!r} has no {field}: add it")
    cost = Cost(*(entry[field] for field in Cost._fields))
    if cost.unit != unit:
        raise ValueError(f"constant {key!r} is in {cost.unit}: convert it to {unit}")
    for field in ("low", "typical", "high"):
        value = entry[field]
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0 <= value < inf:
            raise ValueError(f"{field} of constant {key!r} is {value!r}: give a number >= 0")
    if not cost.low <= cost.typical <= cost.high:
        raise ValueError(
            f"constant {key!r} has low {cost.low:g}, typical {cost.typical:g} and high "
            f"{cost.high:g}: put them in rising order"
        )
    return cost


def _check_recall(shapes, scheme, updates, changed):
    check_choice(scheme, "scheme", SCHEMES)
    check_not_negative(updates, "updates", 2)
    check_not_negative(changed, "changed", 0)
    if changed > updates:
        raise ValueError(f"changed is {changed} but updates {updates}: a step changes one neuron")
    if not len(shapes):
        raise ValueError("shapes is empty: give the (n_out, n_in) of at least one layer")
    for number, (n_out, n_in) in enumerate(shapes):
        check_count(n_out, "n_out")
        check_count(n_in, "n_in")
        if n_in != shapes[number - 1][0]:  # the first layer takes what the last one gives
            raise ValueError(
                f"layer {number} takes {n_in} inputs but the layer below gives "
                f"{shapes[number - 1][0]}: make the shapes fit"
            )


def ratio_range(ratio, costs, groups):
    """Least and greatest value of a ratio of costs when all constants are anywhere in their ranges.

    A cost is a sum of products of constants with counts, so that a ratio of two costs has its
    extremes at corners of the box of constants.

    Parameters
    ----------
    ratio : callable
        Takes a dict of constants and returns a number.
    costs : dict of costs.Cost
    groups : list of lists of str
        Constants that go to the same end together, as those of one product may; others stay at
        their typical value.

    Returns
    -------
    float, float
    """
    found = []
    for ends in product(("low", "high"), repeat=len(groups)):
        chosen = {
            key: getattr(costs[key], end)
            for group, end in zip(groups, ends, strict=True)
            for key in group
        }
        found.append(float(ratio(typical(costs) | chosen)))
    return min(found), max(found)
