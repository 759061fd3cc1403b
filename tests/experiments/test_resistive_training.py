"""Trials against the curves that the authors committed, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from crossmem.experiments.resistive_training import Trial, least_loss, least_squares, trained

# Losses that the authors' code committed for the Biolek model, by epoch (public code, output/).
IRIS = {1: 0.17485755570203207, 2: 0.13780877479380627, 50: 0.024059197025542184}
CANCER = {1: 0.12220562916272969, 2: 0.11477444317021351, 10: 0.07114186415955698}


@pytest.mark.parametrize("data, losses", [("iris", IRIS), ("cancer", CANCER)])
def test_the_first_seed_is_that_of_the_authors(data, losses, assert_labelled):
    found = trained(Trial(data=data, device="biolek"), seed=0)
    assert_labelled(found)
    for epoch, loss in losses.items():
        assert float(found["loss"].sel(epoch=epoch)) == pytest.approx(loss, rel=1e-9)
    assert float(found["least"]) == float(found["loss"].min())


def test_the_coded_iris_has_five_of_the_third_species():
    features, labels = Trial().training()
    assert features.shape == (105, 4) and np.bincount(labels).tolist() == [50, 50, 5]
    assert Trial(samples="all").training()[0].shape == (150, 4)
    assert Trial(data="cancer").training()[0].shape == (398, 30)
    everything, _ = Trial().everything()
    assert everything.min() == pytest.approx(-1) and everything.max() == pytest.approx(1)


@pytest.mark.parametrize("data", ["iris", "cancer"])
@pytest.mark.parametrize("samples", ["coded", "all"])
def test_the_floor_is_linear_regression(data, samples, assert_labelled):
    trial = Trial(data=data, samples=samples)
    found = least_squares(trial)
    assert_labelled(found)
    features, labels = trial.training()
    targets = np.eye(labels.max() + 1)[labels] - 0.5
    voltages = np.round(0.5 * features, 2)
    predicted = LinearRegression().fit(voltages, targets).predict(voltages)
    assert float(found["floor"]) == pytest.approx(((predicted - targets) ** 2).mean() / 2)
    assert float(found["correct"]) == pytest.approx((predicted.argmax(axis=1) == labels).mean())


def test_without_conducting_clamps_the_floor_holds():
    """200 epochs come near the floor of least squares and not below it."""
    trial = Trial(epochs=200)
    found, floor = trained(trial, seed=0), float(least_squares(trial)["floor"])
    assert float(found["conducting"]) == 0
    assert floor < float(found["least"]) < 1.05 * floor


def test_another_pulse_size_or_seed_is_another_training():
    trial = Trial(epochs=3)
    first = least_loss(trial, seed=0)["least"]
    for other, seed in ((trial, 1), (trial.at(step=0.05), 0), (trial.at(r_off=1e3), 0)):
        assert float(least_loss(other, seed=seed)["least"]) != float(first)
    amplitude = trial.at(update="pam", device="vteam", step=0.01)
    slow = least_loss(amplitude.at(frequency_share=1e-4), seed=0)["least"]
    assert float(slow) != float(least_loss(amplitude, seed=0)["least"])


def test_a_step_out_of_reach_is_nan():
    """VTEAM in a fifth of a nanosecond at 10 V; the published pulse is within reach."""
    trial = Trial(device="vteam", update="pam", epochs=2)
    assert all(np.isnan(value) for value in least_loss(trial.at(step=0.3), seed=0).values())
    assert 0 < float(least_loss(trial, seed=0)["least"]) < 1


def test_devices_at_the_ends_are_counted():
    """Pulses of half the range drive nearly all devices to an end; a tiny one leaves them."""
    trial = Trial(r_off=200.0, epochs=20)
    assert float(least_loss(trial.at(step=0.5), seed=0)["at_bound"]) > 0.5
    assert float(least_loss(trial.at(step=1e-6), seed=0)["at_bound"]) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"data": "wine"},
        {"samples": "some"},
        {"size": "huge"},
        {"step": -1.0},
        {"epochs": 0},
        {"frequency_share": 0.0},
    ],
)
def test_bad_trials_are_refused(change):
    with pytest.raises((ValueError, TypeError)):
        Trial(**change)
