"""Pulses modulated in amplitude make the step that is asked for."""

import numpy as np
import pytest

from crossmem.chip.memristors import make_device
from crossmem.experiments.amplitude_pulses import AmplitudeTrial, pulse_of_step
from crossmem.experiments.resistive_training import least_loss
from crossmem.networks.eqprop import FREQUENCIES


@pytest.mark.parametrize("r_off", [500.0, 1e5])
@pytest.mark.parametrize("device, step", [("vteam", 0.01), ("yakopcic", 0.03), ("mms", 0.1)])
def test_devices_move_by_the_step(device, step, r_off):
    """By the state equation, one Euler step of a period, on devices that are drawn."""
    frequency = FREQUENCIES[device]
    amplitude = pulse_of_step(device, r_off, step, frequency) * frequency
    model = make_device(device, r_off=r_off)
    start = 1 / r_off + np.random.default_rng(0).uniform(0, 0.79e-3, 20_000)
    state, changes = model.state(start), []
    for voltage in (amplitude, -amplitude):
        moved = np.clip(state + model.rate(state, voltage) / frequency, *model.bounds)
        changes.append(model.conductance(moved) - start)
    found = np.sqrt(np.mean(np.square(changes))) / (1 / 100 - 1 / r_off)
    assert found == pytest.approx(step, rel=0.03)


def test_metastable_switches_learn_with_a_pulse_that_is_met():
    """At the same nominal step a coarse interpolation left them where they were."""
    trial = AmplitudeTrial(device="mms", step=0.1, epochs=30)
    found = least_loss(trial, seed=0)
    assert float(found["least"]) < 0.2 * float(found["first"])
    assert trial.classifier(0).recipe.pulse == pytest.approx(4.8e-3, rel=0.02)  # as published


def test_a_step_out_of_reach_is_named_and_its_loss_is_nan():
    with pytest.raises(ValueError, match="10 V changes the devices by a step of 0.3"):
        pulse_of_step("vteam", 1e5, 0.3, 5e9)
    trial = AmplitudeTrial(device="vteam", step=0.3, epochs=2)
    assert np.isnan(float(least_loss(trial, seed=0)["least"]))
    slower = trial.at(frequency_share=1e-3)
    assert float(least_loss(slower, seed=0)["least"]) > 0
