"""Converters, read noise and line resistance against small cases by hand, and identities."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from crossmem import AdaptiveMemory, Crossbar, program
from crossmem.analog import (
    AnalogLayer,
    Peripherals,
    counter_losses,
    crossing,
    drift,
    drifted,
    quantize,
    with_peripherals,
    with_reset_gain,
)
from crossmem.circuit import effective_pairs

HAND = {"pairs": np.array([[[1.0, 0.0], [0.0, 0.5]], [[0.25, 1.0], [0.5, 0.0]]]), "rng": None}


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def by_hand(gain=1.0, **peripherals):
    """Two neurons with the weights [[1, -0.5], [-0.75, 0.5]]."""
    weights = (HAND["pairs"][..., 0] - HAND["pairs"][..., 1]).astype(np.float32)
    bias = np.array([0.0, 0.25], dtype=np.float32)
    return AnalogLayer(weights, bias, gain, **{**HAND, **peripherals})


def chip(rng, neurons=20, *, hidden=(), tile=64, **rates):
    """A memory of three random patterns on programmed crossbars."""
    patterns = rng.choice([-1.0, 1.0], (3, neurons))
    memory = AdaptiveMemory(hidden=hidden, optimizer="adam", steps=50)
    crossbars = [
        Crossbar.fabricate(*shape, rng=rng, tile=tile, **rates)
        for shape in memory.layer_shapes(neurons)
    ]
    memory.fit(patterns, limits=[c.characterize().weight_limits() for c in crossbars])
    return program(memory, crossbars, rng), crossbars, patterns, memory


# Converters


@pytest.mark.parametrize("bits", [1, 2, 3, 8])
def test_a_converter_has_2_to_the_bits_even_levels_from_end_to_end(bits):
    levels = np.unique(quantize(np.linspace(-4, 4, 20_001), bits, 3.0))
    np.testing.assert_allclose(levels, np.linspace(-3, 3, 2**bits), atol=1e-12)


@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_rounding_is_to_the_nearest_level_and_settled_at_once(rng, bits):
    values = rng.uniform(-3, 3, 1000)
    rounded = quantize(values, bits, 3.0)
    assert np.abs(rounded - values).max() <= 3 / (2**bits - 1) * (1 + 1e-9)  # half a step
    np.testing.assert_array_equal(quantize(rounded, bits, 3.0), rounded)
    assert (np.diff(rounded[np.argsort(values)]) >= 0).all()


def test_converters_by_hand():
    # The levels of two bits are -3, -1, 1 and 3.
    values = [-9, -2.5, -1.9, -0.1, 0.1, 1.9, 2.5, 9]
    np.testing.assert_array_equal(quantize(values, 2, 3.0), [-3, -3, -1, -1, 1, 1, 3, 3])
    np.testing.assert_array_equal(quantize([-1, 1], 8, 1.0), [-1, 1])  # binary inputs are exact
    np.testing.assert_array_equal(quantize(values, None, 3.0), values)


# A layer


def test_columns_are_converted_before_their_difference():
    # Inputs (1, -1): the columns G+ carry 1 and -0.25, the columns G- -0.5 and 1.
    exact = by_hand(2.0).field(np.array([[1.0, -1.0]]))
    np.testing.assert_array_equal(exact, [[2 * 1.5, 2 * -1.25 + 0.25]])
    # Levels of two bits over ±1 are ±1 and ±1/3: 1 - (-1/3), and -1/3 - 1.
    coarse = by_hand(2.0, adc_bits=2, full_scale=1.0).field(np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(coarse, [[2 * 4 / 3, -2 * 4 / 3 + 0.25]], rtol=1e-6)
    # Over ±0.5 the larger currents are clipped to 0.5: 0.5 - (-0.5), and -1/6 - 0.5.
    clipped = by_hand(adc_bits=2, full_scale=0.5).field(np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(clipped, [[1.0, -2 / 3 + 0.25]], rtol=1e-6)


def test_inputs_are_converted():
    # One bit turns inputs into their sign; 0.2 and -0.7 act as 1 and -1.
    layer = by_hand(dac_bits=1)
    np.testing.assert_array_equal(
        layer.field(np.array([[0.2, -0.7]])), by_hand().field(np.array([[1.0, -1.0]]))
    )


def test_tiles_are_converted_apart_and_added():
    # One row per tile. Over ±1 with levels ±1 and ±1/3, inputs (1, -1) give by tile G+: 1, -0 and
    # 0.25, -0.5; G-: 0, -0.5 and 1, -0. Zero is half-way and goes to the even code, 1/3.
    tiled = by_hand(adc_bits=2, full_scale=1.0, tile=1)
    plus = np.array([1 + 1 / 3, 1 / 3 - 1 / 3])
    minus = np.array([1 / 3 - 1 / 3, 1 + 1 / 3])
    expected = plus - minus + [0.0, 0.25]
    np.testing.assert_allclose(tiled.field(np.array([[1.0, -1.0]])), [expected], rtol=1e-6)


def test_read_noise_adds_up_in_squares_over_devices_and_tiles(rng):
    pairs = rng.random((2, 10, 2))
    quiet = {"weights": (pairs[..., 0] - pairs[..., 1]).astype(np.float32), "bias": np.zeros(2)}
    layer = AnalogLayer(**quiet, gain=3.0, pairs=pairs, noise=0.02, tile=4, rng=rng)
    states = np.tile(rng.uniform(-1, 1, 10), (20_000, 1))
    field = layer.field(states)
    spread = 3 * 0.02 * np.sqrt(2) * np.linalg.norm(states[0])  # two devices per weight
    np.testing.assert_allclose(field.std(axis=0), spread, rtol=0.03)
    expected = 3 * states[0] @ quiet["weights"].T
    np.testing.assert_allclose(field.mean(axis=0), expected, atol=4 * spread / np.sqrt(20_000))
    assert abs(np.corrcoef(field.T)[0, 1]) < 0.03


# A memory


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_ideal_peripherals_leave_the_programmed_memory(rng, hidden):
    on_chip, crossbars, patterns, _ = chip(rng, hidden=hidden, tile=8, stuck_on=0.05)
    ideal = with_peripherals(on_chip, crossbars, Peripherals(), patterns, rng)
    for plain, layer in zip(on_chip.layers_, ideal.layers_, strict=True):
        states = rng.uniform(-1, 1, (5, layer.weights.shape[1])).astype(np.float32)
        np.testing.assert_array_equal(layer.weights, plain.weights)
        assert layer.field(states).dtype == np.float32
        np.testing.assert_allclose(layer.field(states), plain.field(states), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ideal.recall(patterns), on_chip.recall(patterns))


def test_asynchronous_recall_does_not_bypass_the_peripherals(rng):
    on_chip, crossbars, patterns, _ = chip(rng)
    coarse = with_peripherals(on_chip, crossbars, Peripherals(adc_bits=2), patterns, rng)
    on_chip.recall(patterns, update="asynchronous")
    with pytest.raises(ValueError, match="recall with update='synchronous'"):
        coarse.recall(patterns, update="asynchronous")


def test_the_range_is_the_largest_column_current_of_the_stored_patterns(rng):
    on_chip, crossbars, patterns, _ = chip(rng, tile=8)
    peripherals = Peripherals(adc_bits=8, wire_resistance=5.0)
    (layer,) = with_peripherals(on_chip, crossbars, peripherals, patterns, rng).layers_
    seen = effective_pairs(crossbars[0].conductance, wire_resistance=5.0, tile=8)
    largest = max(
        np.abs(patterns[:, rows] @ seen[:, rows, k].T).max()
        for rows in (slice(0, 8), slice(8, 16), slice(16, 20))
        for k in (0, 1)
    )
    assert layer.full_scale == pytest.approx(largest / 150)


def test_a_chip_without_current_recalls_nothing_and_does_not_fail(rng):
    crossbar = Crossbar.fabricate(4, 4, stuck_off=1.0, rng=rng)
    memory = AdaptiveMemory(steps=2).fit(rng.choice([-1.0, 1.0], (2, 4)))
    memory.layers_[0].weights[:] = 0
    on_chip = program(memory, [crossbar], rng)
    dead = with_peripherals(on_chip, [crossbar], Peripherals(8, 8), np.ones((1, 4)), rng)
    cues = rng.choice([-1.0, 1.0], (3, 4))
    np.testing.assert_array_equal(dead.recall(cues), cues)  # no field: each neuron keeps its state


def test_more_line_resistance_lowers_the_fields(rng):
    on_chip, crossbars, patterns, _ = chip(rng)
    sizes = []
    for resistance in (0.0, 1.0, 10.0, 100.0):
        peripherals = Peripherals(wire_resistance=resistance)
        (layer,) = with_peripherals(on_chip, crossbars, peripherals, patterns, rng).layers_
        sizes.append(np.abs(layer.field(patterns)).mean())
    assert (np.diff(sizes) < 0).all() and sizes[-1] < 0.9 * sizes[0]


def test_good_peripherals_keep_the_memory_and_bad_ones_lose_it(rng):
    on_chip, crossbars, patterns, _ = chip(rng)
    scores = [
        with_peripherals(on_chip, crossbars, peripherals, patterns, rng).score(patterns, patterns)
        for peripherals in (Peripherals(8, 8, 1.0, 1.0), Peripherals(read_noise=300.0))
    ]
    assert scores[0] == 1 and scores[1] < 0.9


# Drift


def test_drift_follows_its_law_and_leaves_stuck_devices(rng):
    _, (crossbar,), _, _ = chip(rng, stuck_on=0.1)
    times, fresh, stuck = [1.0, 1e4], crossbar.conductance, crossbar.faults.stuck
    still = drift(crossbar, times, np.random.default_rng(0))
    moved = drift(crossbar, times, np.random.default_rng(0), nu=0.1)
    assert stuck.any() and (moved[:, stuck] == fresh[stuck]).all()
    factor = (1 + np.array(times) / 20)[:, None] ** -0.1
    np.testing.assert_allclose(moved[:, ~stuck], factor * still[:, ~stuck])
    # A spread of exponents makes devices differ, but none gains.
    spread = drift(crossbar, times, np.random.default_rng(0), nu=0.01, nu_spread=0.1)
    assert (spread <= still).all() and (spread == still)[:, ~stuck].any()


def test_drifted_converters_keep_their_ranges_and_a_reset_gain_undoes_a_common_loss(rng):
    on_chip, crossbars, patterns, _ = chip(rng)
    fresh = with_peripherals(on_chip, crossbars, Peripherals(8, 8, 0.0, 2.0), patterns, rng)
    halved = [0.5 * crossbar.conductance for crossbar in crossbars]
    old = drifted(fresh, crossbars, halved, 2.0)
    assert old.layers_[0].full_scale == fresh.layers_[0].full_scale
    assert old.layers_[0].dac_bits == old.layers_[0].adc_bits == 8
    seen = effective_pairs(halved[0], wire_resistance=2.0) / 150
    np.testing.assert_allclose(old.layers_[0].pairs, seen)
    # Without lines, and within a step of the converters, the field is what it was.
    fresh = with_peripherals(on_chip, crossbars, Peripherals(None, 12), patterns, rng)
    reset = with_reset_gain(drifted(fresh, crossbars, halved), fresh)
    before, after = (memory.layers_[0].field(patterns) for memory in (fresh, reset))
    np.testing.assert_allclose(after, before, atol=0.01 * np.abs(before).max())


def test_when_a_curve_crosses_a_bar():
    times = [1.0, 10.0, 100.0]
    assert crossing(times, [1.0, 0.8, 0.6], 0.7) == pytest.approx(10**1.5)
    assert crossing(times, [1.0, 0.8, 0.9], 0.8) == np.inf
    assert crossing(times, [0.5, 0.8, 0.9], 0.7) == 1.0
    for bad in ([0.0, 10.0, 100.0], [1.0, 1.0, 100.0], [1.0, 10.0]):
        with pytest.raises(ValueError, match="give one increasing positive time for each quality"):
            crossing(bad, [1.0, 0.8, 0.6], 0.7)


# Remedies


def test_a_gain_makes_up_for_a_common_loss(rng):
    _, crossbars, _, memory = chip(rng)
    ratio = counter_losses(memory, crossbars, 20.0, "gain").layers_[0].gain / memory.layers_[0].gain
    wanted = crossbars[0].targets(memory.layers_[0].weights.astype(float))
    seen = effective_pairs(wanted, wire_resistance=20.0)
    left, right = ((p[..., 0] - p[..., 1]).ravel() for p in (wanted, seen))
    assert (
        ratio == pytest.approx(np.linalg.lstsq(right[:, None], left)[0][0], rel=1e-6) and ratio > 1
    )


@pytest.mark.parametrize(("resistance", "left"), [(5.0, 0.1), (20.0, 0.25)])
def test_divided_weights_take_most_of_the_loss_away(rng, resistance, left):
    _, crossbars, _, memory = chip(rng)
    errors = []
    for remedy in ("none", "weights"):
        (layer,) = counter_losses(memory, crossbars, resistance, remedy).layers_
        assert np.abs(layer.weights).max() <= 1
        seen = effective_pairs(
            crossbars[0].targets(layer.weights.astype(float)), wire_resistance=resistance
        )
        effective = layer.gain * (seen[..., 0] - seen[..., 1]) / 150
        errors.append(np.abs(effective - memory.layers_[0].gain * memory.layers_[0].weights).max())
    assert errors[1] < left * errors[0]


@pytest.mark.parametrize("remedy", ["none", "gain", "weights"])
def test_ideal_lines_need_no_remedy(rng, remedy):
    _, crossbars, _, memory = chip(rng, stuck_on=0.05)
    (layer,) = counter_losses(memory, crossbars, 0.0, remedy).layers_
    np.testing.assert_allclose(layer.weights, memory.layers_[0].weights, rtol=1e-6)
    assert layer.gain == pytest.approx(memory.layers_[0].gain, rel=1e-6)


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dac_bits": 0}, "dac_bits is 0, but must be at least 1; give a larger one."),
        ({"adc_bits": -1}, "adc_bits is -1, but must be at least 1; give a larger one."),
        ({"read_noise": -1.0}, "read_noise is -1.0, but must be finite and >= 0; try 1.0."),
        ({"wire_resistance": -1.0}, "wire_resistance is -1.0, but must be finite and >= 0"),
        ({"wire_resistance": np.nan}, "wire_resistance is nan"),
    ],
)
def test_peripherals_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        Peripherals(**arguments)


def test_layers_that_cannot_be(rng):
    with pytest.raises(ValueError, match="tile is 0, but must be at least 1; give a larger one."):
        by_hand(tile=0)
    with pytest.raises(TypeError, match="rng is None, but it must be a numpy Generator"):
        by_hand(noise=0.1)
    with pytest.raises(ValueError, match="bits is 0, but must be at least 1"):
        quantize([1.0], 0, 1.0)
    with pytest.raises(ValueError, match="full_scale is 0, but must be above 0"):
        quantize([1.0], 8, 0)
    on_chip, crossbars, patterns, memory = chip(rng)
    with pytest.raises(TypeError, match="rng is 3"):
        with_peripherals(on_chip, crossbars, Peripherals(), patterns, 3)
    with pytest.raises(ValueError, match="remedy='weight' is unknown: .* did you mean 'weights'"):
        counter_losses(memory, crossbars, 1.0, "weight")
