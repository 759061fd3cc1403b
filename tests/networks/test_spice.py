"""Circuits for SPICE programs, against circuits written by hand."""

import shutil
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from crossmem.networks.clamps import Clamps, Diodes
from crossmem.networks.resistive import ResistiveNetwork
from crossmem.networks.spice import elements, ngspice, nodes

#: One feature, one hidden node, a pair of outputs.
NETWORK = ResistiveNetwork((np.full((4, 1), 0.1), np.full((3, 2), 0.5)), Clamps(0.3, 2.0), gain=4.0)
needs_ngspice = pytest.mark.skipif(not shutil.which("ngspice"), reason="ngspice is not installed")


def test_elements_by_hand():
    assert list(elements(NETWORK, np.array([0.25]), np.array([1e-6, -1e-6]))) == [
        ("V", "in0", "in0", "0", 0.25),
        ("V", "in1", "in1", "0", -0.25),
        ("V", "plus", "plus", "0", 1.0),
        ("V", "minus", "minus", "0", -1.0),
        ("I", "n1_0", "0", "n1_0", 1e-6),
        ("I", "n1_1", "0", "n1_1", -1e-6),
        *(
            ("R", f"0_{i}_0", w, "n0_0", 10.0)
            for i, w in enumerate(["in0", "in1", "plus", "minus"])
        ),
        ("B", "n0_0", "n0_0", "0", "i=(max(v(n0_0)-0.3,0)+min(v(n0_0)+0.3,0))/2.0"),
        ("E", "n0_0", "out_n0_0", "0", "n0_0", "0", 4.0),
        ("V", "out_n0_0", "out_n0_0", "amplified_n0_0", 0.0),
        ("F", "n0_0", "n0_0", "0", "Vout_n0_0", 0.25),
        *(
            ("R", f"1_{i}_{j}", word, f"n1_{j}", 2.0)
            for i, word in enumerate(["amplified_n0_0", "plus", "minus"])
            for j in (0, 1)
        ),
    ]
    assert nodes(NETWORK) == ["n0_0", "n1_0", "n1_1"]


def test_diodes_stand_in_both_directions_and_lines_have_a_segment_beside_each_device():
    network = replace(NETWORK, nonlinearity=Diodes(), line_resistance=5.0)
    found = list(elements(network, np.array([0.25]), np.zeros(2)))
    assert [e[2:] for e in found if e[0] == "D"] == [("n0_0", "0", "clamp"), ("0", "n0_0", "clamp")]
    assert sum(e[0] == "R" and e[-1] == 5.0 for e in found) == 2 * (4 + 6)


@needs_ngspice
def test_points_of_one_session_are_those_of_sessions_of_their_own():
    rng = np.random.default_rng(0)
    points = [(rng.uniform(-1, 1, 1), rng.normal(0, 0.1, 2)) for _ in range(4)]
    points.insert(2, (points[1][0], np.zeros(2)))  # a current that ends must be taken away
    alone = np.vstack([ngspice(NETWORK, [point]) for point in points])
    np.testing.assert_allclose(ngspice(NETWORK, points), alone, rtol=0, atol=1e-12)


@needs_ngspice
def test_injected_currents_are_those_of_the_network():
    features, currents = np.array([[0.4], [-0.7]]), np.array([[0.2, -0.1], [0.0, 0.3]])
    free = NETWORK.free(features)
    expected = np.hstack(NETWORK.voltages(free + NETWORK.nudged(free, currents)))
    found = ngspice(NETWORK, list(zip(features, currents, strict=True)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_missing_voltages_are_an_error(monkeypatch):
    said = SimpleNamespace(stdout="v(n0_0) = 1.0e-01\n", stderr="singular matrix\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: said)
    with pytest.raises(RuntimeError, match="found 1 of 1 x 3 voltages, .*: singular matrix"):
        ngspice(NETWORK, [(np.zeros(1), np.zeros(2))])
