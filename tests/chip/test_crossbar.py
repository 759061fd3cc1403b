"""Crossbars against products and fault statistics done by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel

QUIET = DeviceModel(read_noise=0.0, relaxation=0.0)


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


def chip(stuck_off, stuck_on, device=None, seed=0):
    """A crossbar whose faults are the given boolean arrays (n_out, n_in, 2)."""
    stuck_off, stuck_on = np.asarray(stuck_off), np.asarray(stuck_on)
    rng = np.random.default_rng(seed)
    conductance = np.where(stuck_on, 150.0, 0.0)
    device = device or DeviceModel()
    return Crossbar(conductance, stuck_off | stuck_on, rng=rng, device=device, tile=64)


def random_faults(shape, rng):
    draw = rng.random((*shape, 2))
    return draw < 0.2, draw > 0.8


# Fabrication


def test_faults_appear_at_their_rates_per_device(rng):
    crossbar = Crossbar.fabricate(90, 80, stuck_off=0.3, stuck_on=0.1, rng=rng)
    faults = crossbar.characterize()
    assert binomtest(int(faults.stuck_off.sum()), crossbar.devices, 0.3).pvalue > 1e-3
    assert binomtest(int(faults.stuck_on.sum()), crossbar.devices, 0.1).pvalue > 1e-3
    # Independent devices: a pair is untouched with probability 0.6 squared.
    untouched = int((~faults.stuck.any(axis=-1)).sum())
    assert binomtest(untouched, 90 * 80, 0.36).pvalue > 1e-3


def test_size_in_weights_and_devices(rng):
    crossbar = Crossbar.fabricate(33, 64, rng=rng)
    assert crossbar.shape == (33, 64)
    assert crossbar.devices == 2 * 33 * 64


def test_one_seed_makes_one_chip_and_one_history():
    def history():
        crossbar = Crossbar.fabricate(9, 8, stuck_on=0.2, rng=np.random.default_rng(3))
        crossbar.characterize()
        crossbar.program(np.full((9, 8), 0.3))
        return crossbar.read_conductance()

    np.testing.assert_array_equal(history(), history())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_out": 0}, "n_out is 0"),
        ({"n_in": -3}, "n_in is -3"),
        ({"tile": 63}, "tile is 63"),
        ({"stuck_off": 1.2}, "stuck_off is 1.2"),
        ({"stuck_on": -0.1}, "stuck_on is -0.1"),
        ({"stuck_off": 0.6, "stuck_on": 0.5}, "stuck_off 0.6 and stuck_on 0.5 .*more than 1"),
    ],
)
def test_bad_fabrication(rng, arguments, message):
    with pytest.raises(ValueError, match=message):
        Crossbar.fabricate(**{"n_out": 4, "n_in": 4, "rng": rng, **arguments})


def test_fabrication_wants_a_generator():
    with pytest.raises(TypeError, match="rng is 7"):
        Crossbar.fabricate(4, 4, rng=7)


# Characterisation


@pytest.mark.parametrize("device", [QUIET, DeviceModel()], ids=["exact reads", "noisy reads"])
def test_characterisation_finds_exactly_the_faults(rng, device):
    stuck_off, stuck_on = random_faults((40, 30), rng)
    faults = chip(stuck_off, stuck_on, device).characterize()
    np.testing.assert_array_equal(faults.stuck_off, stuck_off)
    np.testing.assert_array_equal(faults.stuck_on, stuck_on)
    assert np.isnan(faults.stuck_conductance[~faults.stuck]).all()
    np.testing.assert_allclose(faults.stuck_conductance[stuck_on], 150.0, atol=4)
    np.testing.assert_allclose(faults.stuck_conductance[stuck_off], 0.0, atol=4)


def test_very_noisy_reads_miss_the_share_of_faults_that_gauss_predicts():
    dead = np.ones((100, 100, 2), dtype=bool)
    device = DeviceModel(read_noise=4.0, max_pulses=1)
    found = chip(dead, ~dead, device).characterize().stuck_off
    assert binomtest(int((~found).sum()), found.size, norm.sf(5.0 / 4.0)).pvalue > 1e-3


def test_characterisation_counts_its_reads_and_writes():
    # By hand: SET 8, 20, ..., 140, 160 and RESET to 153.5 µS is 9 pulses; back to 0 takes 9 RESETs.
    device = DeviceModel(read_noise=0.0, relaxation=0.0, pulse_spread=0.0)
    healthy = np.zeros((1, 1, 2), dtype=bool)
    faults = chip(healthy, healthy, device).characterize()
    assert faults.writes == 2 * (9 + 9)
    assert faults.reads == 2 * (10 + 10) + 2 * 2


# Programming


def test_weights_arrive_within_the_tolerance_of_both_devices(rng):
    crossbar = Crossbar.fabricate(30, 70, rng=rng, device=QUIET)
    weights = rng.uniform(-1, 1, (30, 70))
    report = crossbar.program(weights)
    assert np.abs(crossbar.weights - weights).max() <= 10 / 150
    np.testing.assert_allclose((report.target[..., 0] - report.target[..., 1]) / 150, weights)
    assert (report.target.min(axis=-1) == 0).all()


def test_devices_of_a_programmed_layer_have_the_published_error(rng):
    crossbar = Crossbar.fabricate(200, 200, rng=rng)
    report = crossbar.program(rng.uniform(-1, 1, (200, 200)))
    error = (crossbar.read_conductance() - report.target)[report.target > 0]
    assert error.mean() == pytest.approx(0.108, abs=0.1)
    assert error.std() == pytest.approx(3.894, abs=0.2)


def test_stuck_devices_never_move(rng):
    stuck_off, stuck_on = random_faults((20, 20), rng)
    crossbar = chip(stuck_off, stuck_on)
    crossbar.program(np.full((20, 20), 0.5))
    crossbar.characterize()
    crossbar.program(np.full((20, 20), -0.5))
    assert (crossbar.conductance[stuck_off] == 0).all()
    assert (crossbar.conductance[stuck_on] == 150).all()


def test_known_faults_are_compensated_by_the_partner(rng):
    stuck_off, stuck_on = random_faults((40, 40), rng)
    blind, informed = (chip(stuck_off, stuck_on, QUIET) for _ in range(2))
    limits = informed.characterize().weight_limits()
    weights = limits.clip(rng.uniform(-1, 1, (40, 40)))
    for crossbar in (informed, blind):
        crossbar.program(weights)
    assert np.abs(informed.weights - weights).max() <= 10 / 150
    assert np.abs(blind.weights - weights).max() > 0.5


def test_a_given_generator_draws_all_of_the_programming():
    chips = [Crossbar.fabricate(6, 6, rng=np.random.default_rng(seed)) for seed in (1, 2, 1)]
    for crossbar in chips[:2]:
        crossbar.program(np.full((6, 6), 0.4), np.random.default_rng(5))
    np.testing.assert_array_equal(chips[0].weights, chips[1].weights)
    # The noise of the crossbar itself goes on as if nothing had been programmed.
    used, fresh = (crossbar.read_conductance() - crossbar.conductance for crossbar in chips[::2])
    np.testing.assert_allclose(used, fresh, atol=1e-12)


def test_bad_weights(rng):
    crossbar = Crossbar.fabricate(2, 3, rng=rng)
    with pytest.raises(ValueError, match=r"weights of shape \(3, 2\)"):
        crossbar.program(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="weight -1.2 G_max is outside"):
        crossbar.program([[0, 0, 0], [0, -1.2, 0]])
    with pytest.raises(ValueError, match="weight nan"):
        crossbar.program([[0, 0, 0], [0, np.nan, 0]])


def test_one_level_for_all_devices_or_one_for_each(rng):
    stuck_off, stuck_on = random_faults((5, 4), rng)
    crossbar = chip(stuck_off, stuck_on, QUIET)
    np.testing.assert_array_equal(crossbar.stuck, stuck_off | stuck_on)
    with pytest.raises(ValueError, match="read-only"):
        crossbar.stuck[:] = False
    working = ~crossbar.stuck
    written = crossbar.write_level(60.0)
    assert np.abs(crossbar.conductance[working] - 60).max() <= 5
    assert (written.conductance == crossbar.conductance).all()
    assert (written.pulses[crossbar.stuck] == QUIET.max_pulses).all()
    each = rng.uniform(0, 150, (5, 4, 2))
    crossbar.write_level(each, np.random.default_rng(0))
    assert np.abs(crossbar.conductance - each)[working].max() <= 5
    with pytest.raises(ValueError, match="target conductance 151"):
        crossbar.write_level(151.0)


# Products


@pytest.mark.parametrize("tile", [2, 64])
@pytest.mark.parametrize(("n_out", "n_in"), [(1, 1), (5, 64), (70, 130)])
def test_product_is_conductance_times_voltage(rng, n_out, n_in, tile):
    crossbar = Crossbar.fabricate(n_out, n_in, stuck_on=0.2, rng=rng, tile=tile)
    crossbar.program(rng.uniform(-1, 1, (n_out, n_in)))
    voltage = rng.uniform(-0.2, 0.2, (7, n_in))
    plus, minus = (voltage @ crossbar.conductance[..., k].T for k in (0, 1))  # µA
    np.testing.assert_allclose(crossbar.multiply(voltage) * 150, plus - minus, atol=1e-10)


def test_read_noise_of_a_product_adds_up_over_its_devices(rng):
    crossbar = Crossbar.fabricate(300, 50, rng=rng, device=DeviceModel(read_noise=1.5))
    x = np.repeat(rng.uniform(-1, 1, (1, 50)), 100, axis=0)
    noise = crossbar.multiply(x, noisy=True) - crossbar.multiply(x)
    reads = np.stack([x[0] @ crossbar.read_conductance() @ (1, -1) for _ in range(100)]) / 150
    expected = np.sqrt(2 * (x[0] ** 2).sum()) * 1.5 / 150
    assert noise.std() == pytest.approx(expected, rel=0.03)
    assert reads.std() == pytest.approx(expected, rel=0.03)
    assert abs(noise.mean()) < 5 * expected / np.sqrt(noise.size)


def test_bad_inputs_of_a_product(rng):
    crossbar = Crossbar.fabricate(2, 3, rng=rng)
    for x in (np.zeros(3), np.zeros((4, 2))):
        with pytest.raises(ValueError, match=r"x of shape .* \(n, 3\)"):
            crossbar.multiply(x)


def test_a_size_is_an_integer(rng):
    with pytest.raises(TypeError, match="n_in is 2.5"):
        Crossbar.fabricate(4, 2.5, rng=rng)


def test_devices_that_are_left_out_of_a_write_stay(rng):
    crossbar = Crossbar.fabricate(12, 9, rng=rng)
    crossbar.write_level(70.0)
    before, where = crossbar.conductance, rng.random((12, 9, 2)) < 0.3
    written = crossbar.write_level(120.0, rng, where)
    np.testing.assert_array_equal(crossbar.conductance[~where], before[~where])
    np.testing.assert_array_equal(written.target, np.where(where, 120.0, before))
    assert not written.pulses[~where].any() and written.pulses[where].all()
    np.testing.assert_allclose(crossbar.conductance[where], 120.0, atol=20)
    assert before[where].max() < 90 and written.conductance is crossbar.conductance


def test_weights_are_written_to_the_levels_of_the_devices(rng):
    """Four levels from 0 to 150 µS; a stuck device keeps its own conductance as its target."""
    crossbar = Crossbar.fabricate(40, 40, stuck_on=0.1, rng=rng, device=DeviceModel(levels=4))
    known = crossbar.characterize()
    weights = rng.uniform(-1, 1, (40, 40))
    targets = crossbar.targets(weights)
    assert set(targets[~known.stuck]) == {0.0, 50.0, 100.0, 150.0}
    np.testing.assert_array_equal(targets[known.stuck], known.stuck_conductance[known.stuck])
    untouched = ~known.stuck.any(axis=-1)
    missed = (targets[..., 0] - targets[..., 1]) / 150 - weights
    assert np.abs(missed[untouched]).max() <= 1 / 6 + 1e-9


def test_a_chip_without_faults_reaches_every_weight(rng):
    limits = Crossbar.fabricate(30, 20, rng=rng).characterize().weight_limits()
    assert (limits.low == -1).all() and (limits.high == 1).all()
