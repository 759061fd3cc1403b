"""The device experiments against what must hold by construction or by hand."""

import numpy as np
import pytest

from crossmem.chip.devices import DeviceModel
from crossmem.experiments import devices


def test_switching_closes_its_loop():
    cycle = devices.switching_cycles(cycles=3, seed=0)
    voltage, current = cycle["voltage"].values, cycle["current"].values
    assert current.shape == (3, voltage.size)
    assert np.abs(current[:, voltage == 0]).max() == 0
    assert (np.sign(current) * np.sign(voltage) >= 0).all()  # a passive cell
    up, down = np.flatnonzero(np.isclose(voltage, 0.5))
    assert (current[:, down] > 10 * current[:, up]).all()


def test_currents_of_programmed_states_are_conductance_times_voltage():
    states = devices.programmed_states(levels=[50.0, 150.0], points=201, seed=0)
    slope = [np.polyfit(row["bias"], row, 1)[0] for row in states["current"]]
    assert slope == pytest.approx(states["conductance"].values, abs=0.5)


def test_retention_keeps_the_median_and_drift_does_not():
    grid = {"levels": [100.0], "devices": 2000, "decades": 5, "points": 3, "seed": 0}
    kept = devices.retention(drift_exponent=0.0, **grid)["conductance"].median("device")
    assert kept.isel(time=-1) == pytest.approx(kept.isel(time=0), abs=0.5)
    lost = devices.retention(drift_exponent=0.05, **grid)["conductance"].median("device")
    # The law itself, with t0 = 20 s.
    assert lost.isel(time=-1) / kept.isel(time=-1) == pytest.approx((1 + 1e5 / 20) ** -0.05)


def test_the_scan_finds_what_is_broken():
    scan = devices.fault_scan(neurons=32, stuck_off=0.2, stuck_on=0.1, seed=0)
    confusion = scan["confusion"]
    assert int(confusion.sum()) == 2 * 32**2
    assert int(confusion.sel(true="stuck off").sum()) == pytest.approx(0.2 * 2048, rel=0.15)
    assert np.trace(confusion) == confusion.sum()
    # One read per pulse; per state, one more before the first pulse and one to decide.
    assert scan["reads"].values == pytest.approx(scan["writes"].values + 4)


@pytest.mark.parametrize(
    ("plus", "minus", "low", "high"),
    [
        ("working", "working", -1, 1),
        ("working", "stuck off", 0, 1),
        ("working", "stuck on", -1, 0),
        ("stuck off", "working", -1, 0),
        ("stuck on", "working", 0, 1),
        ("stuck off", "stuck off", 0, 0),
        ("stuck off", "stuck on", -1, -1),
        ("stuck on", "stuck off", 1, 1),
        ("stuck on", "stuck on", 0, 0),
    ],
)
def test_pair_limits_by_hand(plus, minus, low, high):
    limits = devices.pair_limits(seed=0)
    where = {"plus": plus, "minus": minus}
    found = [float(limits[bound].sel(where)) for bound in ("low", "high")]
    assert found == pytest.approx([low, high], abs=0.02)  # the read noise of 1 µS in 150


def test_programming_error_is_the_published_one():
    chips = [devices.programming_error(neurons=64, weights="even", seed=seed) for seed in range(4)]
    mean = np.mean([chip["mean"].values for chip in chips])
    deviation = np.mean([chip["deviation"].values for chip in chips])
    assert mean == pytest.approx(0.108, abs=2 * 3.894 / 64)  # two standard errors of one array
    assert deviation == pytest.approx(3.894, rel=0.03)
    assert all(int(chip["devices"].sum()) == 64**2 for chip in chips)
    assert all(chip["deviation_of_all"].values < chip["deviation"].values for chip in chips)
    assert chips[0]["pulses"][-1] > chips[0]["pulses"][0]


def test_targets_near_zero_are_left_alone_and_pull_the_mean_down():
    """A cell that is off passes the first check for a target within the tolerance of zero."""
    even, learned = (
        devices.programming_error(neurons=64, weights=kind, seed=0) for kind in ("even", "learned")
    )
    model = DeviceModel()
    # Targets lie evenly over the range: 5 of 150 µS, and each misses by 2.5 µS on average.
    share = model.tolerance / model.g_max
    assert float(even["untouched"]) == pytest.approx(share, rel=0.25)
    assert float(even["mean_of_untouched"]) == pytest.approx(-share * 2.5, rel=0.3)
    assert learned["untouched"] > 2 * even["untouched"]
    assert learned["mean_of_untouched"] < learned["mean"] < 0 < even["mean"]


def test_programming_refuses_unknown_weights():
    with pytest.raises(ValueError, match="weights='odd'"):
        devices.programming_error(neurons=4, weights="odd", seed=0)


def test_products_follow_ohm_and_kirchhoff():
    product = {name: v.values for name, v in devices.products(neurons=70, inputs=5, seed=0).items()}
    assert product["multiplied"] == pytest.approx(product["summed"])
    assert not np.allclose(product["measured"], product["multiplied"])
    error = (product["measured"] - product["wanted"]).std() / product["wanted"].std()
    assert 0 < error < 0.1


def test_the_same_seed_gives_the_same_result():
    first, second = (devices.products(neurons=8, inputs=2, seed=3)["measured"] for _ in range(2))
    assert (first.values == second.values).all()


def test_pulses_are_counted_for_every_device():
    pulses = devices.pulse_counts(devices=500)
    assert int(pulses["devices"].sum()) == 500
    assert pulses["pulses"].values.tolist() == list(range(pulses.sizes["pulses"]))
    assert pulses["devices"][0] < 50 and pulses.sizes["pulses"] <= DeviceModel().max_pulses + 1
