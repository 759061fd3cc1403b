"""Ratios of costs over the ranges of the constants, against every corner and values by hand."""

from itertools import product
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.chip.costs import (
    UNITS,
    Chip,
    layer_shapes,
    line_share,
    load_costs,
    recall_cost,
    typical,
)
from crossmem.chip.sensitivity import (
    ENERGY_GROUPS,
    TIME_GROUPS,
    plan_ratio,
    plan_sensitivity,
    ratio_range,
    tornado,
    value_for,
)
from crossmem.storage import save_dataset

TABLE = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"
ONE = xr.DataArray(np.ones((2, 2)), {"width": [0, 16], "scheme": ["synchronous", "asynchronous"]})
COUNTED = xr.Dataset({"updates": ONE, "changes": 0 * ONE})  # one update of the whole state


@pytest.fixture
def costs():
    return load_costs(TABLE)


def sweep_ratio(neurons, width=0, quantity="energy"):
    """One sweep in the single layer over one iteration, in it or in a network."""
    return plan_ratio(COUNTED, "sweeps", neurons, width, quantity=quantity)


def test_bars_of_a_tornado(costs):
    ratio = sweep_ratio(64)
    bars = tornado(ratio, costs)
    swing = abs(bars["at_high"] - bars["at_low"]).values
    assert (swing[:-1] >= swing[1:]).all()
    flat = bars.sel(constant="adc_time")
    assert flat["at_low"] == flat["at_high"] == bars["at_typical"] == ratio(typical(costs))
    # Cheaper lines bring the sweep closer to the iteration, cheaper converters move it away.
    assert bars["at_low"].sel(constant="line_voltage") < bars["at_typical"]
    assert bars["at_low"].sel(constant="adc_energy") > bars["at_typical"]


def test_value_for_a_published_ratio(costs):
    """By hand: a sweep costs 1 + (N - 1) f iterations, so the ADC must leave the lines f."""
    ratio = sweep_ratio(64)
    found = value_for(ratio, 2.68, costs, "adc_energy")
    share = line_share(layer_shapes(64), typical(costs) | {"adc_energy": found})
    assert 1 + 63 * share == pytest.approx(2.68)
    assert costs["adc_energy"].low < found < costs["adc_energy"].typical
    # A quadratic one, an end of a range, a goal out of reach and a constant that does not matter.
    squared = value_for(lambda values: values["line_voltage"] ** 2, 4, costs, "line_voltage")
    assert squared == pytest.approx(2)
    assert value_for(lambda values: values["adc_energy"], 44, costs, "adc_energy") == 44
    assert isnan(value_for(ratio, 100, costs, "adc_energy"))
    assert isnan(value_for(ratio, ratio(typical(costs)), costs, "adc_time"))


def test_ratio_range_covers_every_corner(costs):
    ratio = sweep_ratio(8)
    groups = [["mean_conductance", "read_time"], ["dac_energy", "line_voltage"], ["adc_energy"]]
    low, high = ratio_range(ratio, costs, groups)
    singles = [key for group in groups for key in group]
    corners = [
        ratio(typical(costs) | dict(zip(singles, values, strict=True)))
        for values in product(*((costs[key].low, costs[key].high) for key in singles))
    ]
    assert (low, high) == pytest.approx((min(corners), max(corners)))
    assert 1 < low < high < 8


def test_several_ratios_have_a_range_each(costs):
    key = "adc_energy"
    least, most = ratio_range(lambda values: [values[key], -values[key]], costs, [[key]])
    assert list(least) == [costs[key].low, -costs[key].high]
    assert list(most) == [costs[key].high, -costs[key].low]


@pytest.mark.parametrize(("width", "expected"), [(0, 64), (16, 32)])
def test_latency_ratios_have_no_range(costs, width, expected):
    """An iteration of each layer takes as long as a step of one, whatever the constants."""
    times = [[key] for key in ("read_time", "drive_time", "adc_time", "digital_time")]
    ratio = sweep_ratio(64, width, "latency")
    for groups in (times, TIME_GROUPS):
        assert ratio_range(ratio, costs, groups) == pytest.approx((expected, expected))


def test_a_plan_on_another_chip(costs):
    """A converter for the tile makes the two columns of a step one after the other, or all 64."""
    shared, values = Chip(conversions_per_adc=64), typical(costs)
    found = plan_ratio(COUNTED, "sweeps", 64, quantity="latency", chip=shared)(values)
    slow, fast = (
        recall_cost([(64, 64)], scheme, updates, values, chip=shared)["latency"]
        for scheme, updates in (("asynchronous", 64), ("synchronous", 1))
    )
    assert found == pytest.approx(float(slow / fast))


def test_sensitivity_joins_all_of_it(costs, tmp_path):
    ratio = sweep_ratio(64, 16)
    table = plan_sensitivity(COUNTED, 64, 16, costs, published=2.68)
    recall = {key: costs[key] for key in UNITS}
    bars = tornado(ratio, recall)
    for name in ("at_low", "at_high"):
        assert (table[name] == bars[name].sel(constant=list(UNITS))).all()
    needed = table["needed"].sel(constant="adc_energy")
    np.testing.assert_equal(float(needed), value_for(ratio, 2.68, recall, "adc_energy"))
    np.testing.assert_array_equal(table["extremes"], ratio_range(ratio, recall, ENERGY_GROUPS))
    assert table["extremes"][0] < table["at_low"].min()
    assert isnan(table["needed"].sel(constant="adc_time"))
    assert table["latency_extremes"].values.tolist()[0] == pytest.approx([32, 32])
    assert np.isnan(plan_sensitivity(COUNTED, 64, 0, costs)["needed"]).all()
    assert all({"units", "long_name"} <= v.attrs.keys() for v in table.variables.values())
    save_dataset(table, tmp_path / "table.nc")
