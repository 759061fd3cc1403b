"""Energy and time of a scan for stuck devices."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import xarray as xr

from crossmem.checks import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_rate,
)
from crossmem.chip.costs import (
    COMPONENTS,
    PULSE_UNITS,
    UNITS,
    Chip,
    check_complete,
    recall_cost,
    recall_power,
    typical,
)
from crossmem.chip.devices import DeviceModel
from crossmem.chip.sensitivity import ratio_range, tornado
from crossmem.labels import describe, quantity

#: Ways to scan; see `scan_cost`.
MODES = ("devices", "rows", "sampled")

_TIMES = tuple(name for name in UNITS if name.endswith("_time"))
#: Constants that go to the same end of their range together: of pulses, times and energies.
GROUPS = (
    tuple(PULSE_UNITS),
    _TIMES,
    tuple(name for name in UNITS if name not in (*_TIMES, "read_voltage")),
)

#: Amounts of a whole scan, with unit and meaning.
AMOUNTS = {
    "seconds": ("s", "time of a scan"),
    "energy": ("J", "energy of a scan"),
    "equivalent": ("s", "use without a pause that takes as much energy"),
}

#: Fields of `ScanCost`, with unit and meaning.
PARTS = {
    "vectors": ("1", "reads, one after the other"),
    "conversions": ("1", "analog-to-digital conversions that decide"),
    "pulses": ("1", "programming pulses, over all devices"),
    "read_seconds": ("s", "time of the deciding reads"),
    "write_seconds": ("s", "time of programming"),
    "read_energy": ("J", "energy of the deciding reads"),
    "write_energy": ("J", "energy of programming"),
}


class ScanCost(NamedTuple):
    """Cost of one scan, in the units of `PARTS`: program high, read, program low, read.

    Programming has a verifying read before the first pulse and after each one. Conversions are
    those of the deciding reads, over all columns of all tiles.
    """

    vectors: int
    conversions: int
    pulses: float
    read_seconds: float
    write_seconds: float
    read_energy: float
    write_energy: float

    @property
    def seconds(self):
        """Time of the whole scan."""
        return self.read_seconds + self.write_seconds

    @property
    def energy(self):
        """Energy of the whole scan in J."""
        return self.read_energy + self.write_energy


def scan_cost(n_out, n_in, mode, constants, *, vectors=0, tile=64, pulses, slowest):
    """Cost of scanning a layer of ``n_out`` x ``n_in`` pairs of devices.

    Parameters
    ----------
    mode : {"devices", "rows", "sampled"}
        One device of the chip at a time; one row of every tile at a time with its columns in
        parallel; or ``vectors`` (of both levels) into whole tiles, programmed row by row.
    constants : dict of float
        As for `costs.recall_cost`, and a value for each of `costs.PULSE_UNITS`.
    tile : int
        Rows and columns of a tile; tiles work at the same time, except with one device at a time.
    pulses, slowest : float
        Pulses of one write: of a device on average, and of the slowest one in its row, for which
        the row waits; see `write_pulses`.

    Notes
    -----
    Devices are read and pulsed between the two ends of their range: half of G_max on average.
    Each pulse and each read drives its line once; devices that are done are not read again. What is
    out of range, missing or unknown is a ValueError.
    """
    for value, name in ((n_out, "n_out"), (n_in, "n_in"), (tile, "tile")):
        check_count(value, name)
    check_complete(constants, PULSE_UNITS)
    amounts = {"pulses": pulses, "slowest": slowest}
    for name, value in (amounts | {key: constants[key] for key in PULSE_UNITS}).items():
        check_not_negative(value, name, 1.0)
    check_choice(mode, "mode", MODES)
    constants = constants | {"mean_conductance": DeviceModel.g_max / 2}
    each, seconds = _one_read(constants, tile)
    devices, strips = 2 * n_out * n_in, math.ceil(2 * n_out / tile)
    steps = devices if mode == "devices" else min(tile, n_in)
    lines = devices if mode == "devices" else n_in * strips  # driven to reach every device once
    waiting = pulses if mode == "devices" else slowest
    reads, drives, cells, conversions = 2 * steps, 2 * lines, 2 * devices, 2 * devices
    if mode == "sampled":
        reads = check_count(vectors, "vectors")
        drives, cells = reads * lines, reads * devices
        conversions = reads * 2 * n_out * math.ceil(n_in / tile)
    verifying = 2 * devices * (pulses + 1)
    seconds_of_pulse = 1e-9 * constants["pulse_time"]
    power = 1e-6 * constants["mean_conductance"] * constants["pulse_voltage"] ** 2  # W
    return ScanCost(
        vectors=reads,
        conversions=conversions,
        pulses=2 * devices * pulses,
        read_seconds=reads * seconds,
        write_seconds=2 * steps * (waiting * seconds_of_pulse + (waiting + 1) * seconds),
        read_energy=_reading(each, drives, cells, conversions),
        write_energy=_reading(each, 2 * lines * (2 * waiting + 1), verifying, verifying)
        + 2 * devices * pulses * power * seconds_of_pulse,
    )


def write_pulses(crossbar):
    """Arguments ``pulses`` and ``slowest`` of `scan_cost`, from a scan of a simulated crossbar.

    A stuck device takes all its pulses, and its row has to wait for it.
    """
    pulses = crossbar.characterize().writes / (2 * crossbar.devices)
    return {"pulses": pulses, "slowest": crossbar.device.max_pulses}


def scan_table(costs, sizes, writes, modes=("devices", "rows")):
    """Cost of scanning square layers, with its range over the constants.

    Parameters
    ----------
    costs : dict of Cost
    sizes : list of int
        Neurons of the layers.
    writes : dict
        As returned by `write_pulses`.
    modes : sequence of str
        As in `scan_cost`, without "sampled".

    Returns
    -------
    xarray.Dataset
        `AMOUNTS` by mode, neurons and end of the ranges, and `PARTS` at typical constants by mode
        and neurons. Of the last size, scanned row by row, each amount with one constant at its low
        or high end, by constant. ``pulses_per_write``, the mean over the devices.
    """
    middle = typical(costs)
    values, parts = np.empty((len(modes), len(sizes), 3, len(AMOUNTS))), []
    for (i, mode), (j, size) in product(enumerate(modes), enumerate(sizes)):
        parts.append(scan_cost(size, size, mode, middle, **writes))
        amounts = partial(_amounts, mode, size, writes)
        least, greatest = ratio_range(amounts, costs, GROUPS)
        values[i, j] = least, amounts(middle), greatest
    axes = ("mode", "neurons", "end")
    result = xr.Dataset(coords={"mode": list(modes), "neurons": sizes})
    result = result.assign_coords(end=["low", "typical", "high"])
    for k, (name, (units, meaning)) in enumerate(AMOUNTS.items()):
        result[name] = quantity(values[..., k], units, meaning, axes)
        bars = tornado(lambda own, k=k: _amounts("rows", sizes[-1], writes, own)[k], costs)
        for end in ("at_low", "at_high"):
            what = f"{meaning}, one constant {end.replace('_', ' its ')}, largest layer, row by row"
            result[f"{name}_{end}"] = bars[end].assign_attrs(units=units, long_name=what)
    for name, meaning in PARTS.items():
        own = [float(getattr(cost, name)) for cost in parts]
        own = np.reshape(own, (len(modes), len(sizes)))
        result[name] = quantity(own, *meaning, axes[:2])
    pulses = quantity(writes["pulses"], "1", "pulses of one write, mean over the devices")
    return describe(
        result.assign(pulses_per_write=pulses),
        mode=("1", "what is scanned at a time"),
        end=("1", "end of the range of the constants"),
    )


def scan_share(scan, use):
    """Share that a scan has in the whole, ``use`` being the time or energy spent until the next."""
    check_positive(use, "use", 60.0)
    return check_not_negative(scan, "scan", 0.01) / (scan + use)


def use_between(scan, share):
    """Time or energy of use between two scans at which scans have the given share in the whole."""
    check_positive(check_rate(share, "share"), "share", 0.01)
    return check_not_negative(scan, "scan", 0.01) * (1 - share) / share


def _amounts(mode, size, writes, constants):
    """`AMOUNTS` of the scan of one square layer."""
    cost = scan_cost(size, size, mode, constants, **writes)
    power = recall_power([(size, size)], constants)
    return [cost.seconds, cost.energy, cost.energy / power]


def _one_read(constants, tile):
    """Energy in J of one event of each component of a read, and the time in s of a whole one."""
    chip = Chip(tile=max(tile + tile % 2, 2))
    one = recall_cost([(1, 1)], "synchronous", 1, constants, chip=chip)
    energy = 1e-12 * one["energy"] / one["count"]
    return dict(zip(COMPONENTS, energy.values, strict=True)), 1e-9 * float(one["latency"])


def _reading(each, drives, cells, conversions):
    """Energy in J of line drives, devices that carry current and columns that are converted."""
    column = each["tia"] + each["adc"] + each["digital"]
    return drives * each["dac"] + cells * each["array"] + conversions * column
