"""A written chip behind its converters and lines, and after a time."""

from crossmem.chip import phase_change
from crossmem.chip.converters import Peripherals
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.drift import drift, drifted, recalibrated
from crossmem.deploy.ir_drop import compensate_ir_drop
from crossmem.randomness import generator

#: A chip of which nothing is measured but its devices; see `surrounded`.
IDEAL = (None, 0.0, 0.0, 0.0)


def surrounded(network, crossbars, chip, stored, seed):
    """A written network behind the periphery of its chip.

    Where lines have resistance, one factor for each layer's gain makes up for the mean loss. After
    a time the cells have drifted as phase-change cells do, with exponents by their state, and one
    read with all rows driven has set the gains anew.

    Parameters
    ----------
    network : Network
        As written on the ``crossbars``, which have not changed since.
    chip : list
        Bits of all converters (None: exact), read noise in µS, line resistance in Ω per segment,
        and seconds since programming.
    stored : array (P, N)
        The stored patterns, by which the ranges of the converters are set.
    seed : int
        Of the read noise and the drift.
    """
    bits, read_noise, wire_resistance, age = chip
    if tuple(chip) == IDEAL:
        return network
    network = compensate_ir_drop(
        network, crossbars, wire_resistance, "gain" if wire_resistance else "none"
    )
    rng = generator(seed, "surroundings", *stored.shape)
    peripherals = Peripherals(bits, bits, read_noise, wire_resistance)
    network = with_peripherals(network, crossbars, peripherals, stored, rng)
    if age:
        law = {"nu": phase_change.NU, "nu_spread": phase_change.NU_SPREAD}
        aged = [drift(crossbar, [age], rng, **law)[0] for crossbar in crossbars]
        network = recalibrated(drifted(network, aged))
    return network
