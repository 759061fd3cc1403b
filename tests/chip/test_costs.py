"""Costs of a recall against events counted by hand; the table of constants."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from crossmem.chip.costs import (
    PULSE_UNITS,
    UNITS,
    Chip,
    layer_shapes,
    line_share,
    load_costs,
    ranges,
    recall_cost,
    recall_power,
    typical,
)
from crossmem.storage import save_dataset

TABLE = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"
SMALL = Chip(tile=4)
PARTS = ("dac", "array", "tia", "adc", "digital")


@pytest.fixture
def constants():
    """Round numbers; with tiles of 4, a line drive takes 1 pJ + (2 + 4 * 0.5) fF * (10 V)²."""
    return dict.fromkeys(UNITS, 1.0) | {
        "line_capacitance": 2.0,
        "cell_capacitance": 0.5,
        "line_voltage": 10.0,
        "read_voltage": 0.2,
        "mean_conductance": 50.0,
        "read_time": 100.0,
        "drive_time": 10.0,
        "adc_energy": 30.0,
        "adc_time": 20.0,
        "digital_time": 5.0,
    }


def counts(result):
    return dict(zip(PARTS, result["count"].values.tolist(), strict=True))


def change(tmp_path, key, **fields):
    """The project's table with some fields of one entry replaced."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    table[key] |= fields
    path = tmp_path / "costs.yaml"
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    return path


# By hand


@pytest.mark.parametrize(
    ("scheme", "updates", "changed", "expected", "latency"),
    [
        # 2 iterations: 2 lines, 8 cells and 4 columns each; 10 + 100 + 20 + 5 ns each.
        ("synchronous", 2, 0, (4, 16, 8, 8, 4), 270),
        # 4 steps: 2 lines, 4 cells and 2 columns each.
        ("asynchronous", 4, 0, (8, 16, 8, 8, 4), 540),
        # As before, but 2 lines at first and one for the change; twice 10 ns to settle.
        ("line-holding", 4, 1, (3, 16, 8, 8, 4), 520),
        # A change in the only step is never driven.
        ("line-holding", 1, 1, (2, 4, 2, 2, 1), 135),
    ],
)
def test_two_neurons(constants, scheme, updates, changed, expected, latency):
    result = recall_cost([(2, 2)], scheme, updates, constants, changed=changed, chip=SMALL)
    assert counts(result) == dict(zip(PARTS, expected, strict=True))
    each = (1.4, 0.2, 1.0, 30.0, 1.0)  # pJ
    energy = [n * pj for n, pj in zip(expected, each, strict=True)]
    assert result["energy"].values == pytest.approx(energy)
    assert float(result["latency"]) == pytest.approx(latency)


def test_scheme_details(constants):
    """Converters that are shared, columns that do not float."""

    def cost(scheme, **details):
        return recall_cost([(2, 2)], scheme, 1, constants, chip=Chip(tile=4, **details))

    # One converter for the tile: the four columns one after the other, or the two of a step.
    assert float(cost("synchronous", conversions_per_adc=64)["latency"]) == 115 + 4 * 20
    assert float(cost("asynchronous", conversions_per_adc=64)["latency"]) == 115 + 2 * 20
    assert counts(cost("asynchronous", idle_columns_conduct=True))["array"] == 8


def test_partial_sums_of_several_tiles(constants):
    """5 inputs and outputs on tiles of 4: two tiles down, ten columns on three tiles across."""
    result = recall_cost([(5, 5)], "synchronous", 1, constants, chip=SMALL)
    assert counts(result) == {"dac": 15, "array": 50, "tia": 20, "adc": 20, "digital": 10}


def test_a_step_may_drive_only_the_strip_it_reads(constants):
    """5 outputs on tiles of 4: three strips, each of two outputs; 5 lines on one or on all."""

    def cost(scheme, shapes=((5, 5),), **details):
        return counts(recall_cost(shapes, scheme, 2, constants, chip=Chip(tile=4, **details)))

    for scheme, lines in (("synchronous", 2 * 15), ("asynchronous", 2 * 5), ("line-holding", 15)):
        one = cost(scheme, idle_strips_driven=False)
        assert one == cost(scheme) | {"dac": lines}
    conducting = {"idle_columns_conduct": True}
    assert cost("asynchronous", **conducting)["array"] == 2 * 50
    assert cost("asynchronous", idle_strips_driven=False, **conducting)["array"] == 2 * 2 * 5 * 2
    # 4-2-4: four lines on the one strip of the hidden layer, two on one of the two behind it.
    stack = [(2, 4), (4, 2)]
    assert cost("asynchronous", stack, idle_strips_driven=False)["dac"] == 2 * (4 + 2)
    assert cost("line-holding", stack, idle_strips_driven=False)["dac"] == 4 + 2 * 2


def test_a_step_of_a_stack_passes_all_hidden_neurons(constants):
    """A 4-2-4 network on tiles of 8: hidden layer whole, then one visible neuron."""
    shapes = [(2, 4), (4, 2)]
    plain = recall_cost(shapes, "asynchronous", 3, constants, chip=Chip(tile=8))
    assert counts(plain) == {"dac": 18, "array": 60, "tia": 18, "adc": 18, "digital": 9}
    held = recall_cost(shapes, "line-holding", 3, constants, changed=1, chip=Chip(tile=8))
    assert counts(held) == counts(plain) | {"dac": 4 + 1 + 3 * 2}


def test_share_of_the_lines_and_power_by_hand(constants):
    # 64 lines of 1.4 pJ... on two strips of tiles of 64: 33 fF more each than with tiles of 4.
    line = 1 + 1e-3 * (2 + 64 * 0.5) * 10**2
    energy = 2 * 64 * line + 2 * 64 * 64 * 0.2 + 128 * (1 + 30) + 64
    assert line_share(layer_shapes(64), constants) == pytest.approx(2 * 64 * line / energy)
    assert recall_power(layer_shapes(64), constants) == pytest.approx(1e-3 * energy / 135)
    assert layer_shapes(64, 16) == [(16, 64), (64, 16)]


# Labelled arrays


@pytest.mark.parametrize("scheme", ["synchronous", "asynchronous", "line-holding"])
def test_labelled_updates_and_constants_give_each_cost_of_its_own(scheme):
    costs, shapes = load_costs(TABLE), layer_shapes(40, 10)
    updates = xr.DataArray([[1.5, 20.0], [3.0, 80.0]], {"seed": [4, 7]}, ("seed", "load"))
    changed = updates / 2
    together = recall_cost(shapes, scheme, updates, ranges(costs), changed=changed)
    assert together["energy"].dims == ("seed", "load", "end", "component")
    for row, column in np.ndindex(2, 2):
        for end in ("low", "high"):
            values = {key: getattr(cost, end) for key, cost in costs.items()}
            at = {"seed": row, "load": column}
            steps, moved = float(updates[row, column]), float(changed[row, column])
            alone = recall_cost(shapes, scheme, steps, values, changed=moved)
            found = together.isel(at).sel(end=end)
            assert all((found[name] == alone[name]).all() for name in alone.data_vars)


# Identities


def test_synchronous_latency_does_not_depend_on_the_neurons(constants):
    sizes = (2, 64, 1000)
    times = {float(recall_cost([(n, n)], "synchronous", 3, constants)["latency"]) for n in sizes}
    assert len(times) == 1
    chip = Chip(conversions_per_adc=8)
    shared = [
        float(recall_cost([(n, n)], "synchronous", 3, constants, chip=chip)["latency"])
        for n in sizes
    ]
    assert shared[0] < shared[1] == shared[2]


def test_energy_and_latency_add_over_layers(constants):
    stack = recall_cost([(8, 8), (8, 8)], "synchronous", 3, constants)
    layer = recall_cost([(8, 8)], "synchronous", 3, constants)
    assert stack["energy"].values == pytest.approx(2 * layer["energy"].values)
    assert float(stack["latency"]) == pytest.approx(2 * float(layer["latency"]))


@pytest.mark.parametrize("scheme", ["synchronous", "asynchronous", "line-holding"])
def test_no_updates_cost_nothing(constants, scheme):
    result = recall_cost([(8, 8)], scheme, 0, constants)
    assert not result["energy"].any()
    assert float(result["latency"]) == 0


@pytest.mark.parametrize("updates", [0.5, 1, 2, 8])
@pytest.mark.parametrize("share", [0, 0.3, 1])
@pytest.mark.parametrize("shapes", [[(1, 1)], [(70, 70)], [(3, 8), (8, 3)]])
def test_holding_the_lines_never_costs_more(constants, shapes, updates, share):
    held = recall_cost(shapes, "line-holding", updates, constants, changed=share * updates)
    plain = recall_cost(shapes, "asynchronous", updates, constants)
    assert (held["energy"] <= plain["energy"]).all()
    assert held["latency"] <= plain["latency"]


def test_a_sweep_converts_as_much_as_an_iteration(constants):
    sweep = counts(recall_cost([(64, 64)], "asynchronous", 64, constants))
    iteration = counts(recall_cost([(64, 64)], "synchronous", 1, constants))
    assert sweep == iteration | {"dac": 64 * iteration["dac"]}


@pytest.mark.parametrize("neurons", [64, 128, 1024])
def test_a_sweep_drives_a_tile_once_per_neuron_or_per_output_of_it(neurons):
    """It costs 1 + (n - 1) f iterations, with n = N lines on all tiles, or 32 on one."""
    values, shape = typical(load_costs(TABLE)), layer_shapes(neurons)
    one, share = recall_cost(shape, "synchronous", 1, values), line_share(shape, values)
    for driven, times in ((True, neurons), (False, 32)):
        chip = Chip(idle_strips_driven=driven)
        sweep = recall_cost(shape, "asynchronous", neurons, values, chip=chip)
        ratio = sweep["energy"].sum() / one["energy"].sum()
        assert ratio == pytest.approx(1 + (times - 1) * share)


def test_results_can_be_saved(constants, tmp_path):
    save_dataset(recall_cost([(2, 2)], "synchronous", 1, constants), tmp_path / "cost.nc")


# Errors


def test_every_constant_of_the_project_has_a_source():
    assert set(load_costs(TABLE)) == set(UNITS | PULSE_UNITS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"unit": "nJ"}, "'adc_energy' .* 44 nJ: give .* in pJ"),
        ({"low": 50}, "'adc_energy' has low 50, typical 34 and high 44"),
        ({"typical": 45}, "low 1.2, typical 45 and high 44"),
        ({"low": -1}, "'adc_energy' has low -1"),
        ({"high": float("nan")}, "high nan"),
        ({"low": "1e-3"}, "low of constant 'adc_energy' is '1e-3'"),
        ({"doi": "none"}, "'adc_energy' is .*'doi'.*: give name, unit"),
    ],
)
def test_bad_entries(tmp_path, fields, message):
    with pytest.raises((TypeError, ValueError), match=message):
        load_costs(change(tmp_path, "adc_energy", **fields))


def test_bad_tables(tmp_path):
    path = tmp_path / "costs.yaml"
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    table["adc_enrgy"] = table.pop("adc_energy")
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    with pytest.raises(ValueError, match=r"\['adc_energy', 'adc_enrgy'\]: give"):
        load_costs(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="costs.yaml lacks"):
        load_costs(path)


def test_an_unknown_scheme(constants):
    with pytest.raises(ValueError, match="scheme='sync' is unknown"):
        recall_cost([(2, 2)], "sync", 1, constants)


def test_bad_chips():
    with pytest.raises(ValueError, match="tile is 3"):
        Chip(tile=3)
    with pytest.raises(ValueError, match="tile is 0"):
        Chip(tile=0)
    with pytest.raises(ValueError, match="conversions_per_adc is 0"):
        Chip(conversions_per_adc=0)
