"""A programmed network as its devices age, and its recalibration."""

from dataclasses import replace

import numpy as np

from crossmem.deploy.analog import AnalogLayer, seen_through_lines
from crossmem.networks.network import as_network


def drift(crossbar, times, rng, *, nu=0.0, nu_spread=0.0):
    """Conductances of a programmed crossbar as time passes, (n_times, n_out, n_in, 2) in µS.

    Stuck devices stay as they are; the others drift as in `DeviceModel.retention`, which says what
    the parameters are. ``nu=phase_change.NU, nu_spread=phase_change.NU_SPREAD`` are those of
    phase-change cells, whose exponents depend on their state.
    """
    fresh = crossbar.conductance
    aged = crossbar.device.retention(fresh, times, rng, nu=nu, nu_spread=nu_spread)
    return np.where(crossbar.stuck, fresh, aged)


def drifted(network, conductances):
    """A network of `with_peripherals` whose devices have changed since; its converters stay as set.

    ``conductances`` are those of each layer now, in µS, a list of arrays (n_out, n_in, 2); see
    `drift`. A ValueError if they are others, or a crossbar was written or scanned in between.
    """
    network = _behind_peripherals(network)
    count, layers = len(conductances), []
    if count != len(network.layers):
        raise ValueError(
            f"{count} arrays of conductances for {len(network.layers)} layer(s): pass one for each"
        )
    for number, (layer, now) in enumerate(zip(network.layers, conductances, strict=True)):
        if not np.array_equal(layer.written, layer.crossbar.conductance):
            raise ValueError(
                f"crossbar {number} has been written or scanned since the network was programmed "
                "on it: program it again"
            )
        if np.shape(now) != layer.written.shape:
            raise ValueError(
                f"conductances {number} have shape {np.shape(now)} for a crossbar of "
                f"{layer.written.shape}: pass those of this crossbar, in µS"
            )
        seen = seen_through_lines(layer.crossbar, now, layer.peripherals.wire_resistance)
        layers.append(replace(layer, **seen))
    return network.with_layers(layers)


def recalibrated(network):
    """A drifted network whose gains make up for what its conductances have lost in sum.

    The sum over a layer is what one read with all rows driven gives, summed over the columns. It is
    compared with that of the conductances as they were written.
    """
    network = _behind_peripherals(network)
    return network.with_layers(
        replace(now, gain=now.gain * float(now.written_sum / max(now.pairs.sum(), 1e-30)))
        for now in network.layers
    )


def _behind_peripherals(network):
    network = as_network(network)
    if not all(isinstance(layer, AnalogLayer) for layer in network.layers):
        raise ValueError("the network is behind no peripherals: pass one of with_peripherals")
    return network
