"""One cell against closed forms, cases solved by hand and the paper's programming error."""

import numpy as np
import pytest
from scipy.stats import linregress

from crossmem.chip.devices import DeviceModel

# Without randomness SET pulses add 8, 12, 16, ... µS and RESET pulses take 6.5, 9.75, 13, ... µS.
EXACT = DeviceModel(read_noise=0.0, relaxation=0.0, pulse_spread=0.0)


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


@pytest.mark.parametrize("start", ["off", "anywhere"])
def test_programming_error_has_the_published_statistics(rng, start):
    target = rng.uniform(0, 150, 100_000)
    start = 0.0 if start == "off" else rng.uniform(0, 150, target.size)
    device = DeviceModel()
    written = device.write_and_verify(target, start, rng)
    error = device.read(written.conductance, rng) - target
    assert error.mean() == pytest.approx(0.108, abs=0.1)
    assert error.std() == pytest.approx(3.894, abs=0.2)
    assert written.pulses.max() < device.max_pulses


@pytest.mark.parametrize(
    ("start", "target", "pulses", "end"),
    [
        (0.0, 4.0, 0, 0.0),  # within tolerance already
        (0.0, 20.0, 2, 20.0),  # 8, then 12 µS
        (20.0, 0.0, 2, 3.75),  # 6.5, then 9.75 µS
        (0.0, 150.0, 9, 153.5),  # up to the ceiling of 160 µS, then one RESET
    ],
)
def test_pulses_solved_by_hand(rng, start, target, pulses, end):
    written = EXACT.write_and_verify(target, start, rng)
    assert (written.pulses, written.conductance) == (pulses, pytest.approx(end))


@pytest.mark.parametrize(("pulses", "end"), [(1, 8.0), (2, 20.0), (3, 13.5), (4, 3.75), (5, 11.75)])
def test_pulses_start_afresh_when_the_polarity_turns_and_stop_at_the_maximum(rng, pulses, end):
    device = DeviceModel(
        read_noise=0.0, relaxation=0.0, pulse_spread=0.0, tolerance=1.0, max_pulses=pulses
    )
    written = device.write_and_verify(10.0, 0.0, rng)
    assert written.conductance == pytest.approx(end)
    assert written.pulses == pulses


def test_tolerance_is_respected_when_reads_are_exact_and_nothing_relaxes(rng):
    target = rng.uniform(0, 150, (40, 50))
    device = DeviceModel(read_noise=0.0, relaxation=0.0)
    written = device.write_and_verify(target, 0.0, rng)
    assert np.abs(written.conductance - target).max() <= 5.0
    assert written.conductance.shape == (40, 50)


def test_relaxation_moves_only_pulsed_cells_by_the_stated_spread(rng):
    device = DeviceModel(read_noise=0.0, pulse_spread=0.0, relaxation=2.0)
    # Both start within reach of 104 µS; the first needs no pulse, the second needs 8 + 12 µS.
    start = np.repeat([[104.0], [84.0]], 20_000, axis=1)
    untouched, pulsed = device.write_and_verify(104.0, start, rng).conductance
    assert (untouched == 104.0).all()
    assert pulsed.mean() == pytest.approx(104.0, abs=0.06)
    assert pulsed.std() == pytest.approx(2.0, rel=0.02)


def test_stuck_cells_never_move_and_use_up_their_pulses(rng):
    device = DeviceModel()
    start = np.array([0.0, 150.0, 75.0])
    written = device.write_and_verify(np.array([150.0, 0.0, 75.0]), start, rng, stuck=True)
    assert (written.conductance == start).all()
    assert written.pulses[:2].tolist() == [device.max_pulses] * 2
    assert written.pulses[2] == 0


def test_conductance_stays_in_the_physical_range(rng):
    device = DeviceModel(relaxation=30.0)
    conductance = device.write_and_verify(rng.choice([0.0, 150.0], 5000), 75.0, rng).conductance
    assert conductance.min() >= 0.0
    assert conductance.max() <= 160.0


def test_read_noise_has_its_spread_and_no_bias(rng):
    reads = DeviceModel(read_noise=1.5).read(np.full(40_000, 60.0), rng)
    assert reads.mean() == pytest.approx(60.0, abs=4 * 1.5 / 200)
    assert reads.std() == pytest.approx(1.5, rel=0.02)


def test_sixteen_levels_keep_their_median_for_a_day(rng):
    device = DeviceModel()
    levels = np.repeat(np.arange(0.0, 151.0, 10.0)[:, None], 256, axis=1)
    programmed = device.write_and_verify(levels, 0.0, rng).conductance
    kept = device.retention(programmed, np.logspace(0, 5, 20), rng)
    assert kept.shape == (20, 16, 256)
    drift = np.median(kept, axis=2) - np.median(programmed, axis=1)
    assert np.abs(drift).max() < 1.5
    assert abs(linregress(np.arange(20), drift.mean(axis=1)).slope * 20) < 0.3
    low, high = np.percentile(kept[-1], [25, 75], axis=1)
    assert (high[:-1] < low[1:]).all()  # neighbouring levels stay apart


def test_retention_walk_spreads_with_the_logarithm_of_time(rng):
    times = np.array([0.0, 9.0, 1e5])
    kept = DeviceModel(walk=1.2).retention(np.full(40_000, 100.0), times, rng)
    assert (kept[0] == 100.0).all()
    assert kept[1].std() == pytest.approx(1.2, rel=0.02)  # one decade
    assert kept[2].std() == pytest.approx(1.2 * np.sqrt(5), rel=0.02)


def test_drift_follows_the_phase_change_power_law():
    times = np.array([0.0, 20.0, 1e5])
    device = DeviceModel(walk=0.0)
    kept = device.retention(80.0, times, np.random.default_rng(0), nu=0.05)
    np.testing.assert_allclose(kept, [80.0, 80.0 * 2**-0.05, 80.0 * 5001**-0.05])


def test_read_curves_are_lines_whose_slope_is_the_conductance(rng):
    voltages = np.linspace(-0.2, 0.2, 401)
    conductance = np.arange(10.0, 151.0, 20.0)
    currents = DeviceModel().iv_linear(conductance, voltages, rng)
    for g, current in zip(conductance, currents, strict=True):
        fit = linregress(voltages, current)
        assert fit.slope == pytest.approx(g, abs=5 * fit.stderr)
        assert fit.intercept == pytest.approx(0.0, abs=5 * fit.intercept_stderr)
    noise = currents - np.multiply.outer(conductance, voltages)
    assert noise.std() == pytest.approx(1.0 * 0.2, rel=0.05)  # µS times read voltage


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"read_noise": -1.0}, "read_noise is -1.0"),
        ({"g_max": 0.0}, "g_max is 0.0"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        ({"set_gain": 0.0}, "set_gain is 0.0"),
        ({"g_max": 4.0}, "stuck_threshold is 5.*g_max, which is 2"),
        ({"g_max": 10.0, "stuck_threshold": 1.0}, "tolerance is 5.*g_max, which is 5"),
    ],
)
def test_bad_device_constants(constants, message):
    with pytest.raises(ValueError, match=message):
        DeviceModel(**constants)


def test_bad_device_input(rng):
    device = DeviceModel()
    with pytest.raises(ValueError, match="target conductance 151 µS"):
        device.write_and_verify([0.0, 151.0], 0.0, rng)
    with pytest.raises(ValueError, match="target conductance nan"):
        device.write_and_verify(np.nan, 0.0, rng)
    with pytest.raises(ValueError, match="start conductance -1 µS"):
        device.write_and_verify(10.0, -1.0, rng)
    with pytest.raises(ValueError, match=r"times are \[10.*1"):
        device.retention(10.0, [10.0, 1.0], rng)
    with pytest.raises(ValueError, match="nu is -0.1"):
        device.retention(10.0, [1.0], rng, nu=-0.1)
    for draw in (device.read, lambda g, rng: device.write_and_verify(g, 0.0, rng)):
        with pytest.raises(TypeError, match="rng is 3"):
            draw(10.0, 3)


def test_pulses_are_whole():
    with pytest.raises(TypeError, match="max_pulses is 2.5"):
        DeviceModel(max_pulses=2.5)


def test_levels_are_evenly_spaced():
    device = DeviceModel(levels=4)
    np.testing.assert_array_equal(device.nearest_level([0, 24, 26, 99, 149]), [0, 0, 50, 100, 150])
    assert DeviceModel().nearest_level(24.3) == 24.3


def test_one_level_is_none():
    with pytest.raises(ValueError, match="levels is 1, but a device needs 2 or more"):
        DeviceModel(levels=1)
