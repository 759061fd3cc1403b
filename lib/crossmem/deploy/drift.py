"""A programmed network as its devices age, and its recalibration."""

import copy
from dataclasses import replace

import numpy as np

from crossmem.checks import check_not_negative, check_rng
from crossmem.deploy.analog import _seen


def drift(crossbar, times, rng, *, nu=0.0, nu_spread=0.0):
    """Conductances of a programmed crossbar as time passes; stuck devices stay as they are.

    Parameters
    ----------
    crossbar : Crossbar
    times : list of float
        Seconds since programming, increasing.
    rng : numpy.random.Generator
        Draws the walk of each device, and then its exponent.
    nu, nu_spread : float
        Mean drift exponent, 0 for the measured cells, and its spread from device to device. No
        device drifts upwards. The law is that of `DeviceModel.retention`.

    Returns
    -------
    array (n_times, n_out, n_in, 2)
        In µS.

    Raises
    ------
    ValueError
        For a negative exponent or spread, or times that are negative or do not increase.
    """
    check_not_negative(nu, "nu", 0.05)
    check_not_negative(nu_spread, "nu_spread", 0.02)
    device, fresh = crossbar.device, crossbar.conductance
    walked = device.retention(fresh, times, check_rng(rng))
    exponents = np.maximum(nu + nu_spread * rng.standard_normal(fresh.shape), 0.0)
    elapsed = 1 + np.asarray(times, dtype=float) / device.drift_onset
    return np.where(crossbar._stuck, fresh, walked * elapsed[:, None, None, None] ** -exponents)


def drifted(chip, crossbars, conductances, wire_resistance=0.0):
    """A chip with its peripherals whose devices have changed since; its converters stay as set.

    Parameters
    ----------
    chip : AssociativeMemory
        As returned by `with_peripherals`.
    crossbars : list of Crossbar
    conductances : list of array (n_out, n_in, 2)
        What the devices of each crossbar have now, in µS, see `drift`.
    wire_resistance : float
        Of the chip, in Ω.

    Returns
    -------
    AssociativeMemory
        A copy.
    """
    changed = copy.copy(chip)
    changed.layers_ = [
        replace(layer, **_seen(crossbar, now, wire_resistance))
        for layer, crossbar, now in zip(chip.layers_, crossbars, conductances, strict=True)
    ]
    return changed


def with_reset_gain(chip, fresh):
    """A drifted chip whose layers' gains make up for what their conductances have lost in sum.

    Parameters
    ----------
    chip, fresh : AssociativeMemory
        The chip as it is now, and as it was when it was written. The sum over a layer is what one
        read with all rows driven tells, summed over the columns.
    """
    reset = copy.copy(chip)
    reset.layers_ = [
        replace(now, gain=now.gain * float(then.pairs.sum() / max(now.pairs.sum(), 1e-30)))
        for now, then in zip(chip.layers_, fresh.layers_, strict=True)
    ]
    return reset
