"""The cost of a scan against events counted by hand."""

from pathlib import Path

import pytest

from crossmem.chip.costs import layer_shapes, load_costs, recall_power, typical
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.scan_costs import (
    sample_writes,
    scan_cost,
    scan_share,
    scan_table,
)
from crossmem.randomness import generator
from crossmem.storage import save_dataset

TABLE = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"

# Reads of 1 ns, pulses of 10 ns at 1 V; a line takes 1 pJ, a column 2 + 3 + 8 pJ.
CONSTANTS = {
    "read_voltage": 1.0,
    "mean_conductance": 1e6,  # of trained weights: a scan takes half of G_max
    "read_time": 0.25,
    "dac_energy": 1.0,
    "drive_time": 0.25,
    "line_capacitance": 0.0,
    "cell_capacitance": 0.0,
    "line_voltage": 1.0,
    "tia_energy": 2.0,
    "adc_energy": 3.0,
    "adc_time": 0.25,
    "digital_energy": 8.0,
    "digital_time": 0.25,
    "pulse_time": 10.0,
    "pulse_voltage": 1.0,
}
CELL = 75e-6 * 0.25e-9  # J, one device read at half of G_max
PULSE = 75e-6 * 10e-9  # J


def test_costs_by_hand():
    # 3 x 4 pairs are 24 devices, on two tiles of 2 rows, and three strips of 2 columns.
    setting = {"tile": 2, "pulses": 5, "slowest": 7}
    column = 2e-12 + 3e-12 + 8e-12
    one = scan_cost(3, 4, "devices", CONSTANTS, **setting)
    assert one[:3] == (48, 48, 240)
    assert one[3:5] == pytest.approx((48e-9, 48 * (5 * 10 + 6) * 1e-9))
    assert one.read_energy == pytest.approx(48 * (1e-12 + CELL + column))
    assert one.write_energy == pytest.approx(48 * 11e-12 + 48 * 6 * (CELL + column) + 240 * PULSE)
    rows = scan_cost(3, 4, "rows", CONSTANTS, **setting)
    assert rows[:3] == (4, 48, 240)
    assert rows[3:5] == pytest.approx((4e-9, 4 * (7 * 10 + 8) * 1e-9))
    # A row has a line on each of the three strips.
    assert rows.read_energy == pytest.approx(24e-12 + 48 * (CELL + column))
    assert rows.write_energy == pytest.approx(24 * 15e-12 + 48 * 6 * (CELL + column) + 240 * PULSE)
    # 3 vectors, each converted by 6 columns of 2 tiles.
    sampled = scan_cost(3, 4, "sampled", CONSTANTS, vectors=3, **setting)
    assert sampled[:3] == (3, 36, 240)
    assert sampled.read_energy == pytest.approx(3 * 12e-12 + 3 * 24 * CELL + 36 * column)
    assert sampled[4] == rows[4] and sampled.write_energy == rows.write_energy
    assert scan_cost(3, 4, "rows", CONSTANTS, pulses=5, slowest=7).vectors == 8
    assert rows.seconds == rows.read_seconds + rows.write_seconds
    assert rows.energy == rows.read_energy + rows.write_energy


def test_share_of_a_scan():
    assert scan_share(1.0, 3.0) == 0.25
    assert scan_share(0.0, 3.0) == 0
    assert scan_share(0.7, 99 * 0.7) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sampled"}, "vectors is 0"),
        ({"mode": "row"}, "mode='row'"),
    ],
)
def test_costs_refuse_what_makes_no_sense(arguments, message):
    setting = {"n_out": 3, "n_in": 4, "mode": "rows", "constants": CONSTANTS}
    with pytest.raises(ValueError, match=message):
        scan_cost(**{**setting, "pulses": 5, "slowest": 7, **arguments})


def test_pulses_of_a_write_are_those_of_a_scan():
    crossbar = Crossbar.fabricate(8, 8, rng=generator(0, "scan cost"))
    writes = sample_writes(0.0, 0.0, size=8)
    assert writes["pulses"] == crossbar.characterize().writes / (2 * 128)
    assert writes["slowest"] == crossbar.device.max_pulses


def test_the_table_holds_every_scan_and_its_range(tmp_path):
    costs, writes = load_costs(TABLE), {"pulses": 5.0, "slowest": 50}
    table = scan_table(costs, [64, 256], writes)
    middle = typical(costs)
    for mode in ("devices", "rows"):
        for size in (64, 256):
            at = table.sel(mode=mode, neurons=size)
            one = scan_cost(size, size, mode, middle, **writes)
            assert all(at[name] == value for name, value in one._asdict().items())
            assert at["seconds"].sel(end="typical") == one.seconds
            assert at["energy"].sel(end="typical") == one.energy
            power = recall_power(layer_shapes(size), middle)
            assert at["equivalent"].sel(end="typical") == one.energy / power
            for name in ("seconds", "energy", "equivalent"):
                low, typical_, high = at[name].values
                assert low < typical_ < high
    largest = table.sel(mode="rows", neurons=256)
    ends = [largest["seconds"].sel(end=end) for end in ("low", "high")]
    assert ends[0] < table["seconds_at_low"].min() < table["seconds_at_high"].max() < ends[1]
    assert table["seconds_at_high"].sel(constant="pulse_time") == pytest.approx(
        scan_cost(
            256, 256, "rows", middle | {"pulse_time": costs["pulse_time"].high}, **writes
        ).seconds
    )
    assert all({"units", "long_name"} <= v.attrs.keys() for v in table.data_vars.values())
    save_dataset(table, tmp_path / "table.nc")


def test_reads_have_a_share_in_the_time_and_in_the_energy():
    one = scan_cost(4, 4, "rows", CONSTANTS, tile=4, pulses=2.0, slowest=3)
    time, energy = one.read_shares
    assert time == one.read_seconds / (one.read_seconds + one.write_seconds)
    assert energy == one.read_energy / (one.read_energy + one.write_energy)
    assert 0 < time < 1 and 0 < energy < 1


def test_stuck_devices_lengthen_the_writes_of_a_sample():
    few, many = sample_writes(0.0, 0.0, size=16), sample_writes(0.1, 0.1, size=16)
    assert few.keys() == {"pulses", "slowest"}
    assert 0 < few["pulses"] < many["pulses"] < many["slowest"] == few["slowest"]
    assert sample_writes(0.1, 0.1, size=16) == many
