"""Trainings by pulses modulated in amplitude, of models with thresholds."""

from dataclasses import dataclass, replace

import numpy as np

from crossmem.chip.memristors import make_device
from crossmem.chip.pulse_size import pulse_size
from crossmem.experiments.resistive_training import Trial
from crossmem.networks.eqprop import FREQUENCIES

FIRST = 0.79e-3  # S, width of the first conductances of the public code


@dataclass(frozen=True)
class AmplitudeTrial(Trial):
    """A trial whose pulses are modulated in amplitude.

    All starts have the same pulse: it makes the step on devices whose conductances are spread as
    those of the public code before training.
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
    """Pulse in V s that moves a device by a step, a share of its conductance range, in one period.

    The change is that of one Euler step, over both signs and conductances uniform in `FIRST` above
    1 / r_off. For the frequency in Hz and errors, see `pulse_size`.
    """
    model = make_device(device, r_off=r_off)
    states = model.state(1 / r_off + FIRST * np.arange(0.05, 1, 0.1))
    return pulse_size(model, states, step, frequency, exact=False)
