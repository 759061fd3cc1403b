"""Loops and what is measured on them, against closed forms."""

import numpy as np
import pytest

from crossmem.experiments.loops import FREQUENCIES, loops, switching, yakopcic_as_published

SPEED = 1e9  # 1/(A s), mobility times r_on over the squared thickness of the drift models


def test_ion_drift_switches_at_the_frequency_of_its_flux(assert_labelled):
    """The flux from 1 to 99 % of the state, the integral of the resistance, is 1 / (π f)."""
    found = switching(device="ion-drift", r_off=16e3)
    assert_labelled(found)
    flux = 0.98 * (100 + 16e3) / 2 / SPEED
    for way in ("rising", "falling"):
        assert float(found[way]) == pytest.approx(1 / (np.pi * flux), rel=5e-3)


@pytest.mark.parametrize("device", FREQUENCIES)
def test_loops_are_pinched_and_shrink(device, assert_labelled):
    found = loops(device=device, r_off=16e3, steps=2000)
    assert_labelled({name: found[name] for name in found})
    voltage, current = found["voltage"].values, found["current"].values
    assert voltage.size == current.shape[1] and voltage.max() == pytest.approx(1)
    assert abs(current[:, abs(voltage) < 1e-9]).max() < 1e-9
    area = found["area"].values
    assert 0 < area[1] < area[0]


def test_the_area_is_that_of_the_drawn_loop():
    found = loops(device="yakopcic", r_off=1e5, steps=5000)
    point = found["current"]["point"].values
    voltage, current = found["voltage"].values, found["current"].values
    for speed in (0, 1):
        lobes = []
        for start in (1.0, 1.5):
            lobe = (point >= start - 1e-9) & (point <= start + 0.5 + 1e-9)
            x, y = voltage[lobe], current[speed, lobe]
            lobes.append(abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2)  # shoelace
        assert found["area"].values[speed] == pytest.approx(sum(lobes), rel=1e-2)


def test_flux_controlled_devices_without_a_side_are_symmetric_and_biolek_is_not():
    for device, bound in (("ion-drift", 0.005), ("joglekar", 0.005)):
        assert (loops(device=device, r_off=16e3, steps=2000)["asymmetry"] < bound).all()
    biolek = loops(device="biolek", r_off=16e3, steps=2000)
    assert biolek["asymmetry"][0] > 0.3 and biolek["drift"][1] > biolek["drift"][0]


def test_vteam_comes_back_at_once():
    found = loops(device="vteam", r_off=16e3, steps=5000)
    assert found["rise"][0] < 0.1 * found["fall"][0]


def test_what_the_paper_says_of_yakopcic(assert_labelled):
    """(1 - x_n - x_on) / (x_n - x_on) with x_n = 0.3 and x_on = r_on / r_off; sinh(b) / b - 1."""
    for r_off in (1e3, 1e5):
        found = yakopcic_as_published(r_off=r_off)
        assert_labelled(found)
        x_on = 100 / r_off
        assert float(found["before_jump"]) == pytest.approx((0.7 - x_on) / (0.3 - x_on))
        assert float(found["at_end"]) == 0
        assert float(found["deviation"]) == pytest.approx(np.sinh(0.05) / 0.05 - 1, rel=1e-4)
        assert float(found["at_one"]) == pytest.approx(100)
