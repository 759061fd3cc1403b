"""A programmed network as its devices age, and its recalibration."""

from dataclasses import replace

import numpy as np

from crossmem.checks import check_not_negative, check_rng
from crossmem.deploy.analog import seen_through_lines
from crossmem.deploy.programming import check_crossbars


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
    return np.where(crossbar.stuck, fresh, walked * elapsed[:, None, None, None] ** -exponents)


def drifted(network, crossbars, conductances, wire_resistance=0.0):
    """A network behind peripherals whose devices have changed since; its converters stay as set.

    Parameters
    ----------
    network : Network
        As returned by `with_peripherals`.
    crossbars : list of Crossbar
        The ones it was programmed on, unchanged since.
    conductances : list of array (n_out, n_in, 2)
        What the devices of each crossbar have now, in µS, see `drift`.
    wire_resistance : float
        Of the chip, in Ω.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        If the network is behind no peripherals, or crossbars or conductances are not its own.
    """
    check_crossbars(network, crossbars)
    if len(conductances) != len(crossbars):
        raise ValueError(
            f"{len(conductances)} arrays of conductances for {len(crossbars)} crossbar(s): "
            "pass one per layer"
        )
    layers = []
    for layer, crossbar, now in zip(network.layers, crossbars, conductances, strict=True):
        _check_written(layer, crossbar, now)
        layers.append(replace(layer, **seen_through_lines(crossbar, now, wire_resistance)))
    return network.with_layers(layers)


def recalibrated(network, fresh):
    """A drifted network whose gains make up for what its conductances have lost in sum.

    Parameters
    ----------
    network, fresh : Network
        The network as it is now, and as it was when it was written, both behind peripherals. The
        sum over a layer is what one read with all rows driven gives, summed over the columns.

    Raises
    ------
    ValueError
        If the two are not one network at two times.
    """
    pairs = [[getattr(x, "pairs", np.empty(0)) for x in one.layers] for one in (network, fresh)]
    shapes = [[own.shape for own in one] for one in pairs]
    if shapes[0] != shapes[1] or (0,) in shapes[0]:
        raise ValueError(
            "the two networks differ in their layers, or are behind no peripherals: pass what "
            "drifted returned and what with_peripherals returned"
        )
    gains = [float(then.sum() / max(now.sum(), 1e-30)) for now, then in zip(*pairs, strict=True)]
    return network.with_layers(
        replace(layer, gain=layer.gain * gain)
        for layer, gain in zip(network.layers, gains, strict=True)
    )


def _check_written(layer, crossbar, now):
    written = getattr(layer, "written", None)
    if written is None:
        raise ValueError(
            "the network is behind no peripherals: pass what with_peripherals returned"
        )
    if not np.array_equal(written, crossbar.conductance):
        raise ValueError(
            "a crossbar has been written or scanned since the network was programmed on it: "
            "program it again"
        )
    if np.shape(now) != written.shape:
        raise ValueError(
            f"conductances have shape {np.shape(now)} for a crossbar of {written.shape}: "
            "pass those of this crossbar, in µS"
        )
