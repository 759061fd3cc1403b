"""The benchmarks of circuits stand beside other programs, or beside nothing where there is none."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from crossmem.chip.circuit import CrossbarCircuit
from crossmem.experiments import circuit_speed
from crossmem.experiments.circuit_speed import circuit_seconds, equilibrium_seconds


def test_without_badcrossbar_only_our_time_is_known(monkeypatch, assert_labelled):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = circuit_seconds(5, 2, lines=8)
    assert found["ours"] > 0
    assert all(np.isnan(found[name]) for name in ("once", "batch", "difference"))
    assert_labelled(found.data_vars)


def test_times_and_currents_stand_beside_those_of_badcrossbar(monkeypatch):
    calls = []

    def compute(voltages, resistance, *, r_i):
        calls.append(voltages.shape[1])
        solved = CrossbarCircuit(1e6 / resistance, wire_resistance=r_i).currents(voltages.T)
        return SimpleNamespace(currents=SimpleNamespace(output=solved / 1e6))

    monkeypatch.setitem(sys.modules, "badcrossbar", SimpleNamespace(compute=compute))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    found = circuit_seconds(5, 2, lines=8)
    assert calls == [1, 1, 5]
    assert found["difference"] < 1e-12
    assert found["once"] > 0 and found["batch"] > 0


@pytest.mark.parametrize("counts", [(0, 1), (1, 0)])
def test_there_is_at_least_one_vector(counts):
    with pytest.raises(ValueError, match="is 0"):
        circuit_seconds(*counts)


def test_every_program_that_is_there_finds_the_same_voltages(assert_labelled):
    found = equilibrium_seconds("iris", solved=4, sampled=2, repeats=2, epochs=2)
    assert_labelled(found.variables)
    there = [is_there for is_there, *_ in circuit_speed._programs(4, 2).values()]
    assert np.isfinite(found["seconds"]).values.tolist() == [True, True, *there]
    assert np.isfinite(found["difference"]).values.tolist() == [False, False, *there]
    assert (found["difference"].fillna(0) < 1e-9).all()
    assert found["points"] == 210
    np.testing.assert_allclose(found["ratio"], found["seconds"] / found["seconds"][0])


def test_each_program_gets_free_and_nudged_points_and_is_charged_for_all(monkeypatch):
    """By a clock that charges a second for each operating point, and 50 for our training."""
    asked = []

    def solve(network, points):
        asked.append(points)
        return np.zeros((len(points), 20))

    def clock(function, repeats, clock=None):
        before = len(asked)
        function()
        return len(asked[-1]) if len(asked) > before else 50.0

    programs = {"absent": (False, None, 7), "all": (True, solve, 7), "part": (True, solve, 3)}
    monkeypatch.setattr(circuit_speed, "_programs", lambda solved, sampled: programs)
    monkeypatch.setattr(circuit_speed, "best_seconds", clock)
    found = equilibrium_seconds("cancer", solved=7, sampled=3)
    np.testing.assert_allclose(found["seconds"], [1, 1, np.nan, 796, 796])
    assert [len(points) for points in asked] == [14, 6]
    features, currents = (np.array(part) for part in zip(*asked[0], strict=True))
    np.testing.assert_array_equal(features[::2], features[1::2])
    assert not currents[::2].any() and 0 < np.abs(currents).max() < 3e-6
    np.testing.assert_array_equal(currents[:, ::2], -currents[:, 1::2])
    assert found["difference"].sel(way="part") > 0.01  # it was told that all nodes are at 0 V


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="data='irs' is unknown.*did you mean 'iris'"):
        equilibrium_seconds("irs", solved=1, sampled=1)
