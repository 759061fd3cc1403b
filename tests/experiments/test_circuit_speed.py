"""The benchmark of circuits stands beside badcrossbar, or beside nothing if it is not installed."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from crossmem.chip.circuit import CrossbarCircuit
from crossmem.experiments.circuit_speed import circuit_seconds


def test_without_badcrossbar_only_our_time_is_known(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = circuit_seconds(5, 2, lines=8)
    assert found["ours"] > 0
    assert all(np.isnan(found[name]) for name in ("once", "batch", "difference"))
    assert all({"units", "long_name"} <= v.attrs.keys() for v in found.data_vars.values())


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
