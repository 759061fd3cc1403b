"""Energy and time of a scan for stuck devices."""

from __future__ import annotations

import math
from collections import namedtuple
from functools import partial
from itertools import product

import numpy as np
import xarray as xr

from crossmem.checks import check_choice, check_count
from crossmem.chip.costs import PULSE_UNITS, UNITS, Chip, recall_cost, recall_power, typical
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.sensitivity import ratio_range, tornado
from crossmem.labels import describe, quantity
from crossmem.randomness import generator

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


class ScanCost(namedtuple("ScanCost", PARTS)):
    """Cost of one scan, the fields of `PARTS`: program high, read, program low, read.

    Programming has a verifying read before the first pulse and after each one. Conversions are
    those of the deciding reads, over all columns of all tiles.
    """

    @property
    def seconds(self):
        """Time of the whole scan."""
        return self.read_seconds + self.write_seconds

    @property
    def energy(self):
        """Energy of the whole scan in J."""
        return self.read_energy + self.write_energy

    @property
    def read_shares(self):
        """Shares of the deciding reads in the time and in the energy of the whole scan."""
        return self.read_seconds / self.seconds, self.read_energy / self.energy


def scan_cost(n_out, n_in, mode, constants, *, vectors=0, tile=64, pulses, slowest):
    """`ScanCost` of a scan of a layer of ``n_out`` x ``n_in`` pairs of devices.

    Devices are read and pulsed between the two ends of their range: half of G_max on average.
    Each pulse and each read drives its line once; devices that are done are not read again.

    Parameters
    ----------
    mode : {"devices", "rows", "sampled"}
        One device of the chip at a time; one row of every tile at a time with its columns in
        parallel; or ``vectors`` (of both levels) into whole tiles, programmed row by row.
    constants : dict of float
        A value for each of `costs.UNITS` and `costs.PULSE_UNITS`, in its unit.
    tile : int
        Rows and columns of a tile; tiles work at the same time, except with one device at a time.
    pulses, slowest : float
        Pulses of one write: of a device on average, and of the slowest one in its row, for which
        the row waits; see `sample_writes`.
    """
    check_choice(mode, "mode", ("devices", "rows", "sampled"))
    constants = constants | {"mean_conductance": DeviceModel.g_max / 2}
    line, device, column, seconds = _one_read(constants, tile)
    devices, strips = 2 * n_out * n_in, math.ceil(2 * n_out / tile)
    steps = devices if mode == "devices" else min(tile, n_in)
    lines = devices if mode == "devices" else n_in * strips  # driven to reach every device once
    waiting = pulses if mode == "devices" else slowest
    reads, drives, cells, conversions = 2 * steps, 2 * lines, 2 * devices, 2 * devices
    if mode == "sampled":
        reads = check_count(vectors, "vectors")
        drives, cells = reads * lines, reads * devices
        conversions = reads * 2 * n_out * math.ceil(n_in / tile)
    verifying, redrives = 2 * devices * (pulses + 1), 2 * lines * (2 * waiting + 1)
    seconds_of_pulse = 1e-9 * constants["pulse_time"]
    power = 1e-6 * constants["mean_conductance"] * constants["pulse_voltage"] ** 2  # W
    return ScanCost(
        vectors=reads,
        conversions=conversions,
        pulses=2 * devices * pulses,
        read_seconds=reads * seconds,
        write_seconds=2 * steps * (waiting * seconds_of_pulse + (waiting + 1) * seconds),
        read_energy=drives * line + cells * device + conversions * column,
        write_energy=redrives * line
        + verifying * device
        + verifying * column
        + 2 * devices * pulses * power * seconds_of_pulse,
    )


def sample_writes(stuck_off, stuck_on, size=64):
    """``pulses`` and ``slowest`` of `scan_cost`, from the scan of a simulated square layer.

    The layer of ``size`` neurons has such shares of stuck devices. They take all their pulses, and
    their rows have to wait for them.
    """
    rng, rates = generator(0, "scan cost"), {"stuck_off": stuck_off, "stuck_on": stuck_on}
    crossbar = Crossbar.fabricate(size, size, **rates, rng=rng)
    pulses = crossbar.characterize().writes / (2 * crossbar.devices)
    return {"pulses": pulses, "slowest": crossbar.device.max_pulses}


def scan_table(costs, sizes, writes):
    """Cost of scanning square layers, device by device or row by row, over the constants.

    Parameters
    ----------
    costs : dict of Cost
    sizes : list of int
        Neurons of the layers.
    writes : dict
        Of `sample_writes`.

    Returns
    -------
    xarray.Dataset
        `AMOUNTS` by mode, neurons and end of the ranges, and `PARTS` at typical constants by mode
        and neurons. Of the last size, scanned row by row, each amount with one constant at its low
        or high end, by constant. ``pulses_per_write``, the mean over the devices.
    """
    middle, modes = typical(costs), ["devices", "rows"]
    amounts, parts = [], []
    for mode, size in product(modes, sizes):
        cost = partial(_amounts, mode, size, writes)
        least, greatest = ratio_range(cost, costs, GROUPS)
        amounts.append((least, cost(middle), greatest))
        parts.append(scan_cost(size, size, mode, middle, **writes))
    shape = len(modes), len(sizes)
    amounts = np.reshape(amounts, (*shape, 3, len(AMOUNTS)))
    parts = np.reshape(np.array(parts, dtype=float), (*shape, len(PARTS)))
    coords = {"mode": modes, "neurons": sizes, "end": ["low", "typical", "high"]}
    result = xr.Dataset(coords=coords)
    for k, (name, (units, meaning)) in enumerate(AMOUNTS.items()):
        result[name] = quantity(amounts[..., k], units, meaning, list(coords))
        bars = tornado(lambda own, k=k: _amounts("rows", sizes[-1], writes, own)[k], costs)
        for end in ("at_low", "at_high"):
            what = f"{meaning}, one constant {end.replace('_', ' its ')}, largest layer, row by row"
            result[f"{name}_{end}"] = bars[end].assign_attrs(units=units, long_name=what)
    for k, (name, meaning) in enumerate(PARTS.items()):
        result[name] = quantity(parts[..., k], *meaning, ("mode", "neurons"))
    result["pulses_per_write"] = quantity(
        writes["pulses"], "1", "pulses of one write, mean over the devices"
    )
    return describe(
        result,
        mode=("1", "what is scanned at a time"),
        end=("1", "end of the range of the constants"),
    )


def scan_share(scan, use):
    """Share that a scan has in the whole, ``use`` being the time or energy until the next."""
    return scan / (scan + use)


def _amounts(mode, size, writes, constants):
    """`AMOUNTS` of the scan of one square layer."""
    cost = scan_cost(size, size, mode, constants, **writes)
    equivalent = cost.energy / recall_power([(size, size)], constants)
    return np.array([cost.seconds, cost.energy, equivalent])


def _one_read(constants, tile):
    """Energy in J to drive a line, read a device and convert a column; time in s of all that."""
    one = recall_cost([(1, 1)], "synchronous", 1, constants, chip=Chip(tile + tile % 2))
    line, device, *column = np.moveaxis((1e-12 * one["energy"] / one["count"]).values, -1, 0)
    return line, device, sum(column), 1e-9 * one["latency"].values[()]
