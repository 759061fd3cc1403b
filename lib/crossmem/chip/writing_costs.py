"""Energy and time of writing devices by pulses and reads, counted."""

from crossmem.chip.costs import Chip, recall_cost
from crossmem.chip.devices import DeviceModel


def writing_cost(pulses, reads, constants, *, tile=64):
    """Time in s and energy in J of so many pulses and reads, one device after the other.

    A pulse and a read drive a line each; a read converts one column. A device is taken to be at
    half of G_max. Chips that work on several tiles at a time take less time and the same energy.

    Parameters
    ----------
    pulses, reads : float or array
    constants : dict of float
        A value for each of `costs.UNITS` and `costs.PULSE_UNITS`, in its unit.
    tile : int
        Rows and columns of a tile, even.

    Returns
    -------
    seconds, joules : float or array
    """
    constants = constants | {"mean_conductance": DeviceModel.g_max / 2}
    one = recall_cost([(1, 1)], "synchronous", 1, constants, chip=Chip(tile))
    events = 1e-12 * one["energy"] / one["count"]
    read, line = float(events.sum()), float(events.sel(component="dac"))
    power = 1e-6 * constants["mean_conductance"] * constants["pulse_voltage"] ** 2  # W
    pulse_seconds = 1e-9 * constants["pulse_time"]
    seconds = pulses * pulse_seconds + reads * 1e-9 * float(one["latency"])
    return seconds, pulses * (line + power * pulse_seconds) + reads * read
