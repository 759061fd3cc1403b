"""The four-node circuit against the hand calculation, the gradient against its definition."""

import numpy as np
import pytest

from crossmem.experiments.resistive_circuits import four_nodes, gradient_quality, two_measurements
from crossmem.experiments.resistive_training import Trial


def test_four_nodes_by_hand(assert_labelled):
    """Laws of the nodes in mS and V: 4 y+ = 8 h, 8 y- = 8 h, and 7.5 h + h + 1.5 h = 2.5 x."""
    found = four_nodes(nudge=1e-3, clamp=0.06, points=9)
    assert_labelled(found)
    nodes = found["node"]
    np.testing.assert_allclose(nodes.sel(term="free"), [0.1, 0.2, 0.1], atol=1e-12)
    # nudged by 1 mS times the error 0.4 V: the same laws, with 0.4 mA into y+ and out of y-
    laws = np.array([[11.5, -0.5, -0.5], [-8.0, 4.0, 0.0], [-8.0, 0.0, 8.0]])
    nudged = np.linalg.solve(laws, [1.0, 0.4, -0.4])
    np.testing.assert_allclose(nodes.sel(term="nudged"), nudged, atol=1e-12)
    # clamped beyond 0.06 V by 1 Ω, that is 1000 mS
    laws[0, 0] += 1000
    clamped = np.linalg.solve(laws, [1.0 + 60, 0, 0])
    np.testing.assert_allclose(nodes.sel(term="clamped"), clamped, atol=1e-12)


@pytest.mark.parametrize("term", ["free", "nudged", "clamped"])
def test_the_energy_is_least_in_equilibrium(term):
    found = four_nodes(nudge=1e-3, clamp=0.06, points=81)
    energy, node = found["energy"].sel(term=term), found["node"].sel(term=term)
    assert float(energy.min()) >= -1e-18
    least = energy.where(energy == energy.min(), drop=True)
    assert float(least["h"][0]) == pytest.approx(float(node.sel(name="h")), abs=0.2 / 80)
    assert float(least["y"][0]) == pytest.approx(float(node.sel(name="y+")), abs=0.4 / 80)


def test_two_measurements_give_the_gradient(assert_labelled):
    found = two_measurements(nudge=1e-6, change=1e-9)
    assert_labelled(found)
    np.testing.assert_allclose(found["free"], [0.3, -0.5, 0.9, -1.1, 0.2, 0.3], atol=1e-12)
    np.testing.assert_allclose(found["estimate"], found["exact"], rtol=1e-3)
    coarse = two_measurements(nudge=1e-3, change=1e-9)
    assert (abs(coarse["estimate"] / coarse["exact"] - 1) > 1e-3).any()


def test_quality_of_the_gradient_by_nudge_and_noise(assert_labelled):
    trial = Trial(epochs=5)
    found = gradient_quality(trial, nudge=1e-6, noise=0.0, seed=0)
    assert_labelled(found)
    assert (found["cosine"] > 0.9999).all()
    noisy = gradient_quality(trial, nudge=1e-6, noise=1e-4, seed=0)["cosine"]
    assert (noisy < 0.9).any()
    again = gradient_quality(trial, nudge=1e-6, noise=1e-4, seed=0)["cosine"]
    other = gradient_quality(trial, nudge=1e-6, noise=1e-4, seed=1)["cosine"]
    assert noisy.equals(again) and not noisy.equals(other)
    strong = gradient_quality(trial, nudge=1e-2, noise=1e-3, seed=0)["cosine"]
    assert (strong.sel(estimate="centred") > 0.98).all()
    assert (strong.sel(estimate="one-sided") < 0.9).any()
