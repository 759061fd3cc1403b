"""Energy and time of a scan for stuck devices."""

from __future__ import annotations

import math
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

#: Constants of a scan that go to the same end together: of pulses, times and energies of a read.
GROUPS = (
    ("pulse_time", "pulse_voltage"),
    ("read_time", "drive_time", "adc_time", "digital_time"),
    (
        "dac_energy",
        "tia_energy",
        "adc_energy",
        "digital_energy",
        "line_capacitance",
        "cell_capacitance",
        "line_voltage",
        "mean_conductance",
    ),
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
    """Cost of one scan: program high, read, program low, read."""

    vectors: int  # read operations, one after the other, that decide on the faults
    conversions: int  # analog-to-digital conversions in them, over all columns of all tiles
    pulses: float  # programming pulses, over all devices
    read_seconds: float  # time of the deciding reads
    write_seconds: float  # time of programming, with a verifying read after each pulse and before
    read_energy: float  # energy of the deciding reads, in J
    write_energy: float  # energy of programming, verifying reads included, in J

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

    Raises
    ------
    ValueError
        If a size is below 1, a constant is missing or negative, or the mode is unknown.

    Notes
    -----
    Devices are read and pulsed between the two ends of their range: half of G_max on average.
    Each pulse and each read drives its line once; devices that are done are not read again.
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

    A stuck device takes all its pulses in vain, and a row has to wait for it.
    """
    faults = crossbar.characterize()
    return {
        "pulses": faults.writes / (2 * crossbar.devices),
        "slowest": crossbar.device.max_pulses,
    }


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
        As in `scan_cost`; "sampled" needs vectors and is not among them.

    Returns
    -------
    xarray.Dataset
        `AMOUNTS` by mode, neurons and end of the ranges, and `PARTS` at typical constants by mode
        and neurons. Of the last size, scanned row by row, each amount with one constant at its low
        or high end, by constant. ``pulses_per_write``, the mean over the devices.
    """
    middle, ends = typical(costs), np.empty((len(modes), len(sizes), 3, len(AMOUNTS)))
    for place in np.ndindex(ends.shape[:2]):
        mode, size = modes[place[0]], sizes[place[1]]

        def amounts(constants, mode=mode, size=size):
            return _amounts(mode, size, constants, writes)

        least, greatest = ratio_range(amounts, costs, GROUPS)
        ends[place] = least, amounts(middle), greatest
    result = xr.Dataset(
        {
            name: quantity(ends[..., k], units, meaning, ("mode", "neurons", "end"))
            for k, (name, (units, meaning)) in enumerate(AMOUNTS.items())
        },
        coords={"mode": list(modes), "neurons": sizes, "end": ["low", "typical", "high"]},
    )
    found = [[scan_cost(n, n, mode, middle, **writes) for n in sizes] for mode in modes]
    for name, meaning in PARTS.items():
        values = [[float(getattr(cost, name)) for cost in row] for row in found]
        result[name] = quantity(values, *meaning, ("mode", "neurons"))
    result["pulses_per_write"] = quantity(
        writes["pulses"], "1", "pulses of one write, mean over the devices"
    )
    for k, (name, (units, meaning)) in enumerate(AMOUNTS.items()):
        bars = tornado(lambda values, k=k: _amounts("rows", sizes[-1], values, writes)[k], costs)
        for end in ("low", "high"):
            long_name = f"{meaning}, one constant at its {end}, largest layer, row by row"
            result[f"{name}_at_{end}"] = bars[f"at_{end}"].assign_attrs(
                units=units, long_name=long_name
            )
    return describe(
        result,
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


def _amounts(mode, size, constants, writes):
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
