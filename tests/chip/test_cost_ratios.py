"""Ranges of the ratios between ways to recall, against values by hand and the tornado's."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.chip.cost_ratios import cost_ratios
from crossmem.chip.costs import layer_shapes, line_share, load_costs, typical
from crossmem.chip.sensitivity import plan_sensitivity
from crossmem.storage import save_dataset

COSTS = load_costs(Path(__file__).resolve().parents[2] / "params" / "costs.yaml")
ORDERS = ["synchronous", "asynchronous"]
TWICE = xr.DataArray([[1.0, 2.0], [1.0, 2.0]], {"width": [0, 16], "scheme": ORDERS})


@pytest.fixture(scope="module")
def ratios():
    """Two sweeps for each iteration, and no neuron that changes."""
    counted = xr.Dataset({"updates": TWICE, "changes": 0 * TWICE})
    plans = ["synchronous", "sweeps", "sweeps, lines held"]
    return cost_ratios(counted, 64, [0, 16], plans, COSTS, points=5)


def test_a_sweep_drives_the_lines_of_an_iteration_again_in_each_step(ratios):
    """By hand: s (1 + (n - 1) f) in energy and N s in time, f the share of the lines."""
    sweeps = ratios.sel(plan="sweeps", width=0)
    shares = [
        line_share(layer_shapes(64), typical(COSTS) | {"adc_energy": float(adc)})
        for adc in ratios["adc_energy"]
    ]
    by_hand = [2 * (1 + 63 * share) for share in shares]
    np.testing.assert_allclose(sweeps["energy_by_adc"], by_hand)
    assert float(sweeps["latency"]) == pytest.approx(128)
    assert sweeps["latency_range"].values == pytest.approx([128, 128])
    # Two layers take twice the time of one.
    assert float(ratios["latency"].sel(plan="sweeps", width=16)) == pytest.approx(64)


def test_a_network_over_itself_is_one(ratios):
    one = ratios.sel(plan="synchronous", width=0)
    for name in ("energy", "energy_range", "energy_by_adc", "latency", "latency_range"):
        np.testing.assert_allclose(one[name], 1)


def test_ranges_are_those_of_the_tornado(ratios):
    counted = xr.Dataset({"updates": TWICE, "changes": 0 * TWICE})
    for width in (0, 16):
        whole = plan_sensitivity(counted, 64, width, COSTS)
        one = ratios.sel(plan="sweeps", width=width)
        np.testing.assert_allclose(one["energy_range"], whole["extremes"])
        assert float(one["energy"]) == pytest.approx(float(whole["at_typical"]))
        ends = one["energy_by_adc"].isel(adc_energy=[0, -1])
        bar = whole.sel(constant="adc_energy")
        np.testing.assert_allclose(ends, [bar["at_low"], bar["at_high"]])
        assert one["energy_range"][0] <= ends.min() and ends.max() <= one["energy_range"][1]


def test_held_lines_that_never_toggle_cost_their_first_drive_only(ratios):
    """Two sweeps convert twice what an iteration does, and drive the lines as often as it."""
    held = ratios.sel(plan="sweeps, lines held", width=0)
    share = line_share(layer_shapes(64), typical(COSTS))
    assert float(held["energy"]) == pytest.approx(2 * (1 - share) + share)


def test_the_dataset_has_units_and_can_be_written(ratios, tmp_path):
    assert all({"units", "long_name"} <= ratios[name].attrs.keys() for name in ratios.variables)
    assert ratios["energy_by_adc"].dims == ("plan", "width", "adc_energy")
    assert ratios["adc_energy"].values[[0, -1]] == pytest.approx([1.2, 44])
    save_dataset(ratios, tmp_path / "ratios.nc")
