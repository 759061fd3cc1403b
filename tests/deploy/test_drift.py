"""Ageing devices and their recalibration against the drift law and identities."""

import numpy as np
import pytest

from crossmem.chip.circuit import effective_pairs
from crossmem.chip.converters import Peripherals
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.phase_change import NU, NU_SPREAD, StateLaw, programming_error
from crossmem.deploy.analog import with_peripherals
from crossmem.deploy.drift import drift, drifted, recalibrated
from crossmem.deploy.programming import program
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import cosine
from crossmem.networks.rules import PseudoInverseMemory
from crossmem.patterns import flip_bits, load_patterns


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def chip(rng, peripherals, *, hidden=(), **rates):
    """A network of three random patterns behind peripherals, and its programmed crossbars."""
    patterns = rng.choice([-1.0, 1.0], (3, 20))
    memory = AdaptiveMemory(hidden=hidden, optimizer="adam", steps=50)
    crossbars = [Crossbar.fabricate(*s, rng=rng, **rates) for s in memory.layer_shapes(20)]
    memory.fit(patterns, limits=[c.characterize().weight_limits() for c in crossbars])
    on_chip = program(memory, crossbars, rng)
    return with_peripherals(on_chip, crossbars, peripherals, patterns, rng), crossbars, patterns


# Conductances


def test_a_law_of_the_state_that_is_constant_is_a_constant(rng):
    crossbar = Crossbar.fabricate(8, 8, rng=rng)
    crossbar.program(rng.uniform(-1, 1, (8, 8)))
    times, draws = [1.0, 1e6], [np.random.default_rng(0) for _ in range(2)]
    constant = drift(crossbar, times, draws[0], nu=0.06, nu_spread=0.02)
    law = {"nu": StateLaw(0, 0.06, 0, 1), "nu_spread": lambda state: 0.02}
    np.testing.assert_array_equal(drift(crossbar, times, draws[1], **law), constant)


def recall_after(times, seed, **law):
    """Cosine of 20 stored digits of 64 pixels before and after each time on phase-change cells."""
    rng = np.random.default_rng(seed)
    digits = load_patterns("digits", size=8, binary=True)
    patterns = digits[rng.choice(len(digits), 20, replace=False)]
    memory = PseudoInverseMemory().fit(patterns)
    device = DeviceModel(walk=0.0)
    (layer,) = memory.network_.layers
    pairs = np.stack((layer.weights, -layer.weights), axis=-1).clip(0) / np.abs(layer.weights).max()
    written = pairs + rng.standard_normal(pairs.shape) * programming_error(pairs, g_max=1.0)
    aged = device.retention(device.g_max * written.clip(0), times, rng, **law)
    cues = flip_bits(patterns, 0.05, rng)
    networks = [memory.network_.with_weights([a[..., 0] - a[..., 1]]) for a in aged]
    return [cosine(network.recall(cues), patterns).mean() for network in networks]


def test_memories_last_longer_as_strong_cells_drift_least():
    year, seeds = [0.0, 3.156e7], range(10)
    by_state = [recall_after(year, seed, nu=NU, nu_spread=NU_SPREAD) for seed in seeds]
    alike = [recall_after(year, seed, nu=0.06, nu_spread=0.02) for seed in seeds]
    (fresh, lasting), (_, lost) = np.mean(by_state, axis=0), np.mean(alike, axis=0)
    assert fresh - lasting < 0.5 * (fresh - lost) and fresh - lost > 0.02
    assert np.mean([state[1] > one[1] for state, one in zip(by_state, alike, strict=True)]) > 0.8


def test_drift_follows_its_law_and_leaves_stuck_devices(rng):
    _, (crossbar,), _ = chip(rng, Peripherals(), stuck_on=0.1)
    times, fresh, stuck = [1.0, 1e4], crossbar.conductance.copy(), crossbar.faults.stuck
    still = drift(crossbar, times, np.random.default_rng(0))
    moved = drift(crossbar, times, np.random.default_rng(0), nu=0.1)
    assert stuck.any() and (moved[:, stuck] == fresh[stuck]).all()
    factor = (1 + np.array(times) / 20)[:, None] ** -0.1
    np.testing.assert_allclose(moved[:, ~stuck], factor * still[:, ~stuck])
    # A spread of exponents makes devices differ, but none gains.
    spread = drift(crossbar, times, np.random.default_rng(0), nu=0.01, nu_spread=0.1)
    assert (spread <= still).all() and (spread == still)[:, ~stuck].any()
    np.testing.assert_array_equal(crossbar.conductance, fresh)  # time passes in the copy alone


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        ([1.0], {"nu": -0.1}, "nu is -0.1"),
        ([1.0], {"nu_spread": np.nan}, "nu_spread is nan"),
        ([1.0], {"nu": lambda state: state - 1}, "nu -1 is outside.*at least 0"),
        ([-1.0], {}, "-1"),
        ([10.0, 1.0], {}, "increas"),
        ([1.0], {"rng": 3}, "rng is 3"),
    ],
)
def test_drift_that_cannot_be(rng, times, options, message):
    crossbar = Crossbar.fabricate(2, 2, rng=rng)
    with pytest.raises((TypeError, ValueError), match=message):
        drift(crossbar, times, **{"rng": rng} | options)


# The network then


def test_unchanged_conductances_are_the_same_network(rng):
    fresh, crossbars, patterns = chip(rng, Peripherals(6, 6, 0.0, 2.0), hidden=(7,))
    same = drifted(fresh, [crossbar.conductance for crossbar in crossbars])
    again = recalibrated(same)
    cues = rng.choice([-1.0, 1.0], (9, 20))
    for network in (same, again):
        np.testing.assert_array_equal(network.recall(cues), fresh.recall(cues))


def test_converters_keep_their_ranges_and_the_lines_theirs(rng):
    fresh, crossbars, _ = chip(rng, Peripherals(8, 8, 0.0, 2.0))
    halved, before = [0.5 * crossbars[0].conductance], fresh.layers[0].pairs.copy()
    old = drifted(fresh, halved)
    assert old.layers[0].full_scale == fresh.layers[0].full_scale
    assert old.layers[0].peripherals == fresh.layers[0].peripherals
    seen = effective_pairs(halved[0], wire_resistance=2.0) / 150
    np.testing.assert_allclose(old.layers[0].pairs, seen)
    np.testing.assert_array_equal(fresh.layers[0].pairs, before)  # the original is left alone


def test_recalibration_undoes_a_common_loss(rng):
    """Without lines, and within a step of the converters, the field is what it was."""
    fresh, crossbars, patterns = chip(rng, Peripherals(None, 12))
    halved = drifted(fresh, [0.5 * crossbar.conductance for crossbar in crossbars])
    reset = recalibrated(halved)
    assert reset.layers[0].gain == pytest.approx(2 * fresh.layers[0].gain)
    before, after = (network.layers[0].field(patterns) for network in (fresh, reset))
    np.testing.assert_allclose(after, before, atol=0.01 * np.abs(before).max())
    assert halved.layers[0].gain == fresh.layers[0].gain  # the original is left alone


def test_a_network_drifts_again_from_where_it_was_written(rng):
    """Conductances are those of the whole time, so that the order of looks does not matter."""
    fresh, crossbars, _ = chip(rng, Peripherals(6, 6))
    early, late = drift(crossbars[0], [10.0, 1e5], rng, nu=0.05)
    direct = drifted(fresh, [late])
    twice = drifted(drifted(fresh, [early]), [late])
    np.testing.assert_array_equal(direct.layers[0].pairs, twice.layers[0].pairs)


# What does not belong together


def test_conductances_must_belong_to_the_crossbars(rng):
    fresh, crossbars, _ = chip(rng, Peripherals(), hidden=(7,))
    now = [crossbar.conductance for crossbar in crossbars]
    for changed, message in (
        (now[:1], r"1 arrays of conductances for 2 layer\(s\)"),
        (now[::-1], r"conductances 0 have shape \(20, 7, 2\)"),
        ([now[0], now[1][..., 0]], r"conductances 1 have shape \(20, 7\)"),
        ([now[0], -now[1]], "conductance -"),
    ):
        with pytest.raises(ValueError, match=message):
            drifted(fresh, changed)


@pytest.mark.parametrize("spoil", ["scan", "write", "edit"])
def test_a_crossbar_changed_since_is_refused(rng, spoil):
    fresh, crossbars, _ = chip(rng, Peripherals(), hidden=(7,))
    now = [crossbar.conductance.copy() for crossbar in crossbars]
    if spoil == "scan":
        crossbars[1].characterize()
    elif spoil == "write":
        crossbars[1].program(np.zeros((20, 7)))
    else:
        crossbars[1].conductance[0, 0] += 1.0
    with pytest.raises(ValueError, match="crossbar 1 has been written or scanned"):
        drifted(fresh, now)


def test_only_a_network_behind_peripherals_ages(rng):
    _, crossbars, patterns = chip(rng, Peripherals())
    memory = AdaptiveMemory(steps=5).fit(patterns)
    plain = program(memory, crossbars, rng)
    for network in (memory, plain):
        with pytest.raises(ValueError, match="behind no peripherals"):
            drifted(network, [crossbars[0].conductance])
        with pytest.raises(ValueError, match="behind no peripherals"):
            recalibrated(network)
