"""A programmed network as its devices age, and its recalibration."""

from dataclasses import replace

import numpy as np

from crossmem.checks import check_not_negative, check_rng
from crossmem.deploy.analog import AnalogLayer, seen_through_lines
from crossmem.deploy.programming import paired
from crossmem.networks.network import as_network


def drift(crossbar, times, rng, *, nu=0.0, nu_spread=0.0):
    """Conductances of a programmed crossbar as time passes, (n_times, n_out, n_in, 2) in µS.

    Stuck devices stay as they are; the others follow `DeviceModel.retention` and drift downwards.

    Parameters
    ----------
    crossbar : Crossbar
    times : list of float
        Seconds since programming, increasing.
    rng : numpy.random.Generator
        Draws the walk of each device, and then its exponent.
    nu, nu_spread : float
        Mean drift exponent, 0 for the measured cells, and its spread from device to device.

    Raises
    ------
    TypeError, ValueError
        For a negative exponent or spread, or times that are negative or do not increase.
    """
    check_not_negative(nu, "nu", 0.05)
    check_not_negative(nu_spread, "nu_spread", 0.02)
    device, fresh = crossbar.device, crossbar.conductance
    walked = device.retention(fresh, times, check_rng(rng))
    exponents = np.maximum(nu + nu_spread * rng.standard_normal(fresh.shape), 0.0)
    elapsed = 1 + np.asarray(times, dtype=float) / device.drift_onset
    return np.where(crossbar.stuck, fresh, walked * elapsed[:, None, None, None] ** -exponents)


def drifted(network, crossbars, conductances):
    """A network behind peripherals whose devices have changed since; its converters stay as set.

    Parameters
    ----------
    network : Network
        As returned by `with_peripherals`.
    crossbars : list of Crossbar
        The ones it was programmed on, unchanged since.
    conductances : list of array (n_out, n_in, 2)
        What the devices of each crossbar have now, in µS, see `drift`.

    Raises
    ------
    TypeError, ValueError
        If the network is behind no peripherals, or crossbars or conductances are not its own.
    """
    network, layers = _behind_peripherals(network), []
    pairs = paired(network, crossbars)
    if len(conductances) != len(crossbars):
        raise ValueError(
            f"{len(conductances)} arrays of conductances for {len(crossbars)} crossbar(s): "
            "pass one per layer"
        )
    for number, (layer, crossbar) in enumerate(pairs):
        now = np.asarray(conductances[number])
        if not np.array_equal(layer.written, crossbar.conductance):
            raise ValueError(
                f"crossbar {number} has been written or scanned since the network was programmed "
                "on it: program it again"
            )
        if now.shape != layer.written.shape:
            raise ValueError(
                f"conductances {number} have shape {now.shape} for a crossbar of "
                f"{layer.written.shape}: pass those of this crossbar, in µS"
            )
        seen = seen_through_lines(crossbar, now, layer.peripherals.wire_resistance)
        layers.append(replace(layer, **seen))
    return network.with_layers(layers)


def recalibrated(network, fresh):
    """A drifted network whose gains make up for what its conductances have lost in sum.

    The sum over a layer is what one read with all rows driven gives, summed over the columns. Both
    are one network behind peripherals, as it is now, and ``fresh`` as it was when it was written; a
    ValueError otherwise.
    """
    both = [_behind_peripherals(one).layers for one in (network, fresh)]
    written = [[layer.written for layer in layers] for layers in both]
    if len(both[0]) != len(both[1]) or not all(map(np.array_equal, *written)):
        raise ValueError(
            "the two networks are not one at two times: pass what drifted returned, and what "
            "with_peripherals returned before"
        )
    return network.with_layers(
        replace(now, gain=now.gain * float(then.pairs.sum() / max(now.pairs.sum(), 1e-30)))
        for now, then in zip(*both, strict=True)
    )


def _behind_peripherals(network):
    network = as_network(network)
    if not all(isinstance(layer, AnalogLayer) for layer in network.layers):
        raise ValueError(
            "the network is behind no peripherals: pass what with_peripherals returned"
        )
    return network
