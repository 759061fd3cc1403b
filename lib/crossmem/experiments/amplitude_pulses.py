"""Trainings by pulses modulated in amplitude, of models with thresholds."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from crossmem.chip.memristors import make_device
from crossmem.experiments.resistive_training import Trial
from crossmem.networks.eqprop import FREQUENCIES

LARGEST = 10.0  # V, amplitude of a pulse
FIRST = 0.79e-3  # S, width of the first conductances of the public code


@dataclass(frozen=True)
class AmplitudeTrial(Trial):
    """A trial whose pulses are modulated in amplitude, and whose step is met to rounding.

    `Recipe` interpolates between pulses that lie a quarter apart. That is too coarse where the
    effect of a pulse is as steep in its amplitude as that of a metastable switch.
    """

    update: str = "pam"
    step: float = 0.01

    def classifier(self, seed):
        """An unfitted network; ValueError if no pulse of up to 10 V makes the step."""
        frequency = self.frequency_share * FREQUENCIES[self.device]
        pulse = pulse_of_step(self.device, self.r_off, self.step, frequency)
        network = super().classifier(seed)
        return network.set_params(recipe=replace(network.recipe, pulse=pulse))


def pulse_of_step(device, r_off, step, frequency):
    """Pulse in V s that moves a device by a step, a share of its conductance range.

    The change is the root mean square over both signs and over devices whose conductances are
    spread as those of the public code before training.

    Raises
    ------
    ValueError
        If no amplitude of up to 10 V makes the step within a period of the frequency in Hz.
    """
    model = make_device(device, r_off=r_off)
    wanted = step * (1 / model.r_on - 1 / r_off)
    lowest, largest = 1e-6 * LARGEST / frequency, LARGEST / frequency
    if not change_by_pulse(model, largest, frequency) > wanted:
        raise ValueError(
            f"no pulse of up to {LARGEST:g} V moves {device} by a step of {step:g} of its range: "
            "lower the step, or the frequency of the pulses"
        )
    return brentq(
        lambda pulse: change_by_pulse(model, pulse, frequency) - wanted, lowest, largest, xtol=1e-18
    )


def change_by_pulse(model, pulse, frequency):
    """Change of the conductance in S by a pulse in V s, as `pulse_of_step` means it."""
    states = model.state(1 / model.r_off + FIRST * np.arange(0.05, 1, 0.1))
    updates = pulse * np.array([[1.0], [-1.0]])
    moved = model.conductance(model.write(states, updates, frequency, exact=False))
    return np.sqrt(((moved - model.conductance(states)) ** 2).mean())
