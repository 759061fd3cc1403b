"""The programs multiply the same pairs behind converters of as many bits; times are not tested."""

import numpy as np
import pytest

from crossmem.chip.devices import DeviceModel
from crossmem.experiments import analog_speed

COMPLETE = [analog_speed.OURS, analog_speed.WHOLE, analog_speed.SQUARE]
if not analog_speed.HAS_SIMULATOR:
    COMPLETE = COMPLETE[:1]
INSTALLED = [*COMPLETE, analog_speed.BARE]


@pytest.fixture(scope="module")
def products():
    return analog_speed.product_seconds([64, 192], [1, 40], rounds=2)


def test_products_are_labelled_by_program_size_and_inputs(products, assert_labelled):
    assert_labelled(products.data_vars)
    assert dict(products["seconds"].sizes) == {"program": 4, "neurons": 2, "inputs": 2}
    timed = products.sel(program=INSTALLED)
    assert bool((timed["seconds"] > 0).all())
    assert bool((timed["ratio"].sel(program=analog_speed.OURS) == 1).all())
    assert products["error"].sel(program=analog_speed.BARE).isnull().all()
    assert bool(products.drop_sel(program=INSTALLED).isnull().all().to_array().all())


@pytest.mark.parametrize("program", COMPLETE)
def test_the_error_is_that_of_eight_bits(products, program):
    """A conversion rounds by 1/sqrt(12) of a step; a weight takes two of ours in each tile."""
    conversions = 2 if program == analog_speed.OURS else 1
    tiles = products["neurons"] / analog_speed.TILE
    expected = np.sqrt(conversions * tiles / 12)
    found = products["error"].sel(program=program, inputs=40)
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_a_missing_simulator_leaves_its_times_out(monkeypatch):
    monkeypatch.setattr(analog_speed, "HAS_SIMULATOR", False)
    found = analog_speed.product_seconds([20], [2], rounds=1)
    assert np.isfinite(found["seconds"]).sum() == 2
    assert np.isfinite(found["error"].sel(program=analog_speed.OURS)).all()


def test_ratios_are_those_of_second_calls_in_one_round(monkeypatch):
    """The second round is slower for all by a factor of three, as on a machine that others use."""
    both = dict.fromkeys([analog_speed.OURS, analog_speed.WHOLE], lambda x: np.zeros((len(x), 20)))
    monkeypatch.setattr(analog_speed, "programs", lambda pairs: both)
    taken = np.array([[9.0, 9.0], [1.0, 3.0], [9.0, 9.0], [2.0, 6.0]])
    monkeypatch.setattr(analog_speed, "seconds_in_turn", lambda calls, rounds: taken)
    found = analog_speed.product_seconds([20], [2], rounds=2).sel(program=analog_speed.WHOLE)
    assert (found["ratio"] == 0.5).all() and (found["seconds"] == 2).all()


def test_a_scan_takes_more_pulses_than_a_write():
    """Each stuck device takes all the pulses of one of the two levels of a scan."""
    found = analog_speed.chip_seconds([50], stuck_fraction=0.2, rounds=2).isel(neurons=0)
    again = analog_speed.chip_seconds([50], stuck_fraction=0.2, rounds=2).isel(neurons=0)
    assert found["task"].values.tolist() == ["scan", "write"] and (found["seconds"] > 0).all()
    np.testing.assert_array_equal(found["pulses"], again["pulses"])
    stuck = 0.2 * 2 * 50 * 50
    assert found["pulses"].sel(task="scan") > 0.9 * stuck * DeviceModel().max_pulses
    assert found["pulses"].sel(task="write") < 0.5 * found["pulses"].sel(task="scan")
