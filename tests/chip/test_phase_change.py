"""Phase-change cells by their state, against exponents by hand and what they must do to weights."""

import numpy as np
import pytest

from crossmem.chip.devices import DeviceModel
from crossmem.chip.phase_change import NU, NU_SPREAD, StateLaw, programming_error

STATES = [1.0, 1 / 3, 0.1, 0.01, 0.0]
LAW = {"nu": NU, "nu_spread": NU_SPREAD}


def test_exponents_by_hand():
    # 0.0244 + 0.0155 ln 10 = 0.0601; a full cell and one at a third are below the lower limit.
    np.testing.assert_allclose(NU(STATES), [0.049, 0.049, 0.06009, 0.09578, 0.1], atol=1e-5)
    # -0.0059 + 0.0125 ln 3 = 0.0078, - 0.0059 + 0.0125 ln 10 = 0.0229, ln 100: 0.0517.
    np.testing.assert_allclose(NU_SPREAD(STATES), [0.008, 0.008, 0.02288, 0.045, 0.045], atol=1e-5)


def test_programming_error_by_hand():
    np.testing.assert_allclose(programming_error([0, 0.5, 1]), [0.263, 0.953, 1.055], atol=1e-3)
    np.testing.assert_allclose(programming_error(0.5, g_max=150.0), 6 * 0.953, atol=0.01)


def test_strong_cells_drift_least_and_most_alike():
    device, cells, year = DeviceModel(walk=0.0), 20_000, [3.156e7]
    for weak, strong in ((1.5, 15.0), (15.0, 75.0)):
        ends = [
            device.retention(np.full(cells, g), year, np.random.default_rng(1), **LAW)[0] / g
            for g in (weak, strong)
        ]
        assert ends[0].mean() < ends[1].mean() - 0.05
        assert ends[0].std() > 1.3 * ends[1].std()
    # At a third of the range and above the smallest pair of exponents holds for all.
    same = [
        device.retention(g, year, np.random.default_rng(1), **law)
        for g in (60.0, 140.0)
        for law in (LAW, {"nu": 0.049, "nu_spread": 0.008})
    ]
    assert same[0] == same[1] and same[2] == same[3]
    assert ends[1].mean() == pytest.approx((1 + 3.156e7 / 20) ** -0.049, rel=0.01)


def test_states_that_cannot_be():
    for law in (NU, StateLaw(0.0, 0.05, 0.0, 0.1), programming_error):
        with pytest.raises(ValueError, match="state -0.1 is outside"):
            law([-0.1, 0.5])
    with pytest.raises(ValueError, match="state 2 is outside"):
        programming_error(2.0)
