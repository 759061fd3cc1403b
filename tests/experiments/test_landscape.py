"""The landscape against its closed form, against all states of a tiny network, and downhill."""

import itertools

import numpy as np
import pytest

from crossmem.experiments.landscape import energy_landscape


def found(neurons, seed=0, recalls=5):
    return energy_landscape(neurons=neurons, recalls=recalls, seed=seed)


def test_results_are_labelled_and_repeat(assert_labelled):
    first, again, other = found(12), found(12), found(12, seed=1)
    assert_labelled(first)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["path"].values != other["path"].values).any()


def test_the_energy_is_the_paraboloid_of_the_overlaps():
    neurons = 20
    landscape = found(neurons)
    squares = (landscape["overlap"].values ** 2).sum(axis=-1)
    np.testing.assert_allclose(
        landscape["energy"], neurons / 2 * (2 / neurons - squares), atol=1e-5
    )


def test_every_state_of_a_tiny_network_lies_on_the_landscape():
    """Enumerated with weights of our own, from two orthogonal patterns of ours."""
    patterns = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, -1, -1, -1]])
    weights = patterns.T @ patterns / 6
    np.fill_diagonal(weights, 0)
    landscape = found(6)
    known = {
        tuple(np.round(place, 6)): value
        for place, value in zip(
            landscape["overlap"].values.reshape(-1, 2),
            landscape["energy"].values.ravel(),
            strict=True,
        )
    }
    for state in itertools.product([-1, 1], repeat=6):
        place = tuple(np.round(np.array(state) @ patterns.T / 6, 6) + 0.0)
        assert known[place] == pytest.approx(-0.5 * np.dot(state, weights @ state), abs=1e-6)


def test_recalls_run_downhill_and_end_in_a_stored_pattern_or_its_inverse():
    landscape = found(32, recalls=20)
    assert (np.diff(landscape["path_energy"].values, axis=1) < 1e-5).all()
    last = landscape["path"].values[:, -1]
    settled = np.abs(last).max(axis=1) == 1
    assert settled.mean() >= 0.9  # a half at its tie stays where it is
    np.testing.assert_allclose(
        landscape["path_energy"].values[:, -1],
        16 * (1 / 16 - (last**2).sum(axis=1)),
        atol=1e-5,
    )


def test_an_odd_number_of_neurons_is_refused():
    with pytest.raises(ValueError, match="neurons=7 has no half"):
        found(7)
