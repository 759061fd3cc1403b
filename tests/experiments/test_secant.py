"""Capacity with few trainings, held against the bracketing search and against a known law."""

import numpy as np
import pytest

from crossmem.analysis.capacity import Quality
from crossmem.experiments import Setup, secant, storage_capacity
from crossmem.experiments.secant import capacity_by_secant, crossing, likely_capacity

GREY = Setup(neurons=64, activation="tanh", noise=0.3, cues=3).at(
    layers=2, optimizer="rmsprop", learning_rate=0.002, steps=600
)


def lawful(capacity, exponent):
    """A search whose quality follows a power law that meets 0.99 at a given capacity."""

    class Search:
        pool = np.zeros((500, 64))

        def __init__(self):
            self.qualities = {}

        def quality(self, count):
            mean = max(1.0 - 0.01 * (count / capacity) ** exponent, -1.0)
            self.qualities[count] = Quality(mean, mean)
            return self.qualities[count]

    return Search()


@pytest.mark.parametrize("exponent", [6.0, 10.0, 15.0])
@pytest.mark.parametrize("capacity", [3.0, 8.0, 9.2, 14.0, 40.0])
def test_a_known_law_is_found_with_few_trainings(monkeypatch, capacity, exponent):
    search = lawful(capacity, exponent)
    monkeypatch.setattr(secant, "capacity_search", lambda *_: search)
    found = capacity_by_secant(GREY, seed=0)
    assert float(found["capacity"][0]) == pytest.approx(capacity, rel=0.06)
    assert int(found["trainings"].values) == len(search.qualities) <= 7


def test_one_training_is_enough_where_the_first_load_is_the_capacity(monkeypatch):
    monkeypatch.setattr(secant, "capacity_search", lambda *_: lawful(likely_capacity(GREY), 10.0))
    assert int(capacity_by_secant(GREY, seed=0)["trainings"].values) == 1


@pytest.mark.parametrize(("capacity", "found"), [(0.5, 0.0), (2000.0, 500.0)])
def test_ends_of_the_pool(monkeypatch, capacity, found):
    monkeypatch.setattr(secant, "capacity_search", lambda *_: lawful(capacity, 10.0))
    assert float(capacity_by_secant(GREY, seed=0)["capacity"][0]) == found


def test_it_agrees_with_the_bracketing_search():
    setup = GREY.at(neurons=144, steps=1000)
    usual, short = (
        np.array([float(find(setup, seed=seed, **own)["capacity"][0]) for seed in range(2)])
        for find, own in ((storage_capacity, {"criteria": ["mean"]}), (capacity_by_secant, {}))
    )
    assert short.mean() == pytest.approx(usual.mean() + 0.5, rel=0.1)  # the usual one rounds down


def test_the_law_passes_through_the_ends_of_a_bracket():
    shortfalls = {10: 0.5, 12: 4.0, 20: 50.0}
    exponent = np.log(8.0) / np.log(1.2)
    assert crossing(shortfalls, 10.0) == pytest.approx(10 * 2.0 ** (1 / exponent))
    assert crossing({10: 0.5}, 10.0) == pytest.approx(10 * 2.0**0.1)


def test_it_stays_between_the_ends_however_abrupt_the_failure():
    assert 24 < crossing({27: 62.0, 18: 0.05, 21: 0.05, 24: 0.05}, 10.0) < 27


def test_a_chip_is_refused():
    with pytest.raises(ValueError, match="stuck_off"):
        capacity_by_secant(GREY.at(stuck_off=0.1), seed=0)
