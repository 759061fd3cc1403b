"""Energy and latency of one recall on a crossbar chip, by counted updates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
import xarray as xr

from crossmem.checks import check_choice, check_count, check_even, check_number
from crossmem.labels import describe, quantity
from crossmem.storage import read_yaml

#: Parts of the chip among which the energy is divided.
COMPONENTS = ("dac", "array", "tia", "adc", "digital")

#: Constants that a recall needs, and the unit of each.
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

#: The names of these constants in short.
SHORT_NAMES = {
    key: re.sub("^(dac|tia|adc) ", lambda found: found[0].upper(), key.replace("_", " "))
    for key in UNITS
}

#: Constants that a write needs in addition.
PULSE_UNITS = {"pulse_time": "ns", "pulse_voltage": "V"}


class Cost(NamedTuple):
    """One constant of the table: what it is, its range and where that comes from."""

    name: str
    unit: str
    low: float
    typical: float
    high: float
    source: str


@dataclass(frozen=True)
class Chip:
    """How the chip is wired: tiles as in `Crossbar`, each output on two columns of one tile.

    A shared converter makes its conversions one after the other. An asynchronous step reads two
    columns; the other driven ones draw current too, or float. It drives the lines of all tiles, as
    in one undivided array, where a line reaches every column, or those of the strip of tiles that
    holds its columns.
    """

    tile: int = 64  # rows and columns, even
    conversions_per_adc: int = 1  # 1 if each column has its own converter
    idle_columns_conduct: bool = False
    idle_strips_driven: bool = True

    def __post_init__(self):
        check_even(self.tile, "tile")
        check_count(self.conversions_per_adc, "conversions_per_adc")


def load_costs(path):
    """Read a YAML table with each constant of `UNITS` and `PULSE_UNITS` into a dict of Cost.

    A ValueError if a constant is missing or unknown, or its fields, unit or order are wrong.
    """
    table, units = read_yaml(path), UNITS | PULSE_UNITS
    if wrong := units.keys() ^ table:
        raise ValueError(f"{path} lacks, or should not have, {sorted(wrong)}: give {list(units)}")
    for key, entry in table.items():
        if not isinstance(entry, dict) or entry.keys() != {*Cost._fields}:
            raise ValueError(f"constant {key!r} is {entry}: give {', '.join(Cost._fields)}")
        for name in ("low", "typical", "high"):  # YAML takes 1e-3, without a point, for a text
            check_number(entry[name], f"{name} of constant {key!r}", 1.0e-3)
    costs = {key: Cost(**table[key]) for key in units}
    for key, cost in costs.items():
        if cost.unit != units[key] or not 0 <= cost.low <= cost.typical <= cost.high:
            raise ValueError(
                f"constant {key!r} has low {cost.low}, typical {cost.typical} and high {cost.high} "
                f"{cost.unit}: give rising values of at least 0 in {units[key]}"
            )
    return costs


def typical(costs):
    """Typical values of a table of constants: dict of Cost -> dict of float."""
    return {key: cost.typical for key, cost in costs.items()}


def ranges(costs):
    """Both ends of each constant: dict of Cost -> dict of DataArray along ``end``, low and high."""
    ends = quantity(["low", "high"], "1", "end of the range that all constants are at", "end")
    return {key: xr.DataArray([c.low, c.high], {"end": ends}) for key, c in costs.items()}


def recall_cost(shapes, scheme, updates, constants, *, changed=0, chip=None):
    """Energy and latency of one recall, by component.

    A synchronous update drives all lines, reads all cells and converts all outputs, layer after
    layer. An asynchronous step drives all lines (see `Chip`) for the columns of one output.
    Line-holding keeps them driven on all tiles and toggles the line of a neuron that changed. In a
    stack, a step passes through the hidden layers synchronously, and only the lines of the first
    layer can be held.

    Currents flow for the read time only, and a column's value is held until its converter is free.
    Tiles and neurons work in parallel. Leakage, amplifiers at rest and control logic are left out.

    Parameters
    ----------
    shapes : sequence of (int, int)
        Shape (n_out, n_in) of each layer, first layer first; the last feeds the first.
    scheme : {"synchronous", "asynchronous", "line-holding"}
    updates : float or DataArray
        Synchronous iterations or asynchronous neuron steps that the recall took, or their mean.
    constants : dict of float or DataArray
        A value for each of `UNITS`, in its unit; see `typical` and `ranges`.
    changed : float or DataArray
        Steps in which the neuron changed; used by line-holding only.
    chip : Chip, optional

    Returns
    -------
    xarray.Dataset
        ``count`` and ``energy`` in pJ along ``component``, and ``latency`` in ns. Dimensions of
        ``updates``, ``changed`` and the constants come first.
    """
    chip = chip or Chip()
    check_choice(scheme, "scheme", ("synchronous", "asynchronous", "line-holding"))
    count, latency = dict.fromkeys(COMPONENTS, 0.0), 0.0
    for depth, (n_out, n_in) in enumerate(shapes):
        alone = scheme != "synchronous" and depth == len(shapes) - 1
        held = scheme == "line-holding" and depth == 0
        drives, settlings = n_in * updates, updates
        if held:
            # All lines rise once; a change in the last step is never read again.
            begun, toggles = np.minimum(updates, 1), np.minimum(changed, np.maximum(updates - 1, 0))
            drives, settlings = n_in * begun + toggles, begun + toggles
        one_strip = alone and not (held or chip.idle_strips_driven)
        driven = min(n_out, chip.tile // 2) if one_strip else n_out  # outputs on driven tiles
        count["dac"] = count["dac"] + drives * ceil(2 * driven / chip.tile)
        latency = latency + settlings * constants["drive_time"]
        events, time = _read_out(driven, n_in, 1 if alone else n_out, constants, chip)
        for part, number in events.items():
            count[part] = count[part] + updates * number
        latency = latency + updates * time
    count = xr.Dataset(count).to_array("component")
    energy = count * xr.Dataset(_event_energies(constants, chip.tile)).to_array("component")
    parts = xr.broadcast(count, energy, xr.DataArray(latency), exclude=["component"])
    result = xr.Dataset(dict(zip(("count", "energy", "latency"), parts, strict=True)))
    return describe(
        result.transpose(..., "component"),
        count=("1", "line drives, cell reads, integrations, conversions, digital operations"),
        energy=("pJ", "energy of one recall"),
        latency=("ns", "time of one recall"),
        component=("1", "part of the chip"),
    )


def layer_shapes(neurons, width=0):
    """Shapes (n_out, n_in) of the layers with one hidden layer of ``width`` neurons, or none."""
    return [(width, neurons), (neurons, width)] if width else [(neurons, neurons)]


def line_share(shapes, constants):
    """Share of the line drivers in the energy of a synchronous iteration."""
    energy = recall_cost(shapes, "synchronous", 1, constants)["energy"]
    return float(energy.sel(component="dac") / energy.sum())


def recall_power(shapes, constants):
    """Power in W of a network that is updated synchronously without a pause."""
    update = recall_cost(shapes, "synchronous", 1, constants)
    power = update["energy"].sum("component") / update["latency"]  # pJ per ns are mW
    return 1e-3 * power.values[()]


def _read_out(driven, n_in, outputs, constants, chip):
    """Events and time in ns after the lines have settled, when one layer computes some outputs."""
    partial_sums = outputs * ceil(n_in / chip.tile)
    events = {
        "array": 2 * n_in * (driven if chip.idle_columns_conduct else outputs),
        "tia": 2 * partial_sums,
        "adc": 2 * partial_sums,
        "digital": partial_sums,  # each is added to the next, the last sum is activated
    }
    columns = min(2 * outputs, chip.tile)  # on a tile
    converting = min(chip.conversions_per_adc, columns) * constants["adc_time"]
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
