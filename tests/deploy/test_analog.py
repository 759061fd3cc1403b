"""Converters, read noise and lines in recall, against small cases by hand and identities."""

import numpy as np
import pytest

from crossmem.chip.circuit import effective_pairs
from crossmem.chip.converters import Peripherals, quantize
from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.deploy.analog import AnalogLayer, with_peripherals
from crossmem.deploy.ir_drop import compensate_ir_drop
from crossmem.deploy.programming import (
    program,
    swap_columns,
    with_bias_correction,
    with_programming_error,
)
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import Layer, Network

PAIRS = np.array([[[1.0, 0.0], [0.0, 0.5]], [[0.25, 1.0], [0.5, 0.0]]])


@pytest.fixture
def rng():
    return np.random.default_rng(6)


def layer_of(pairs, bias, gain, *, tile=64, **options):
    """An analog layer of pairs, in units of G_max."""
    written, none = 150 * pairs, np.zeros(pairs.shape, dtype=bool)
    crossbar = Crossbar(written, none, rng=None, device=DeviceModel(), tile=tile)
    held = {"pairs": pairs, "written": written, "written_sum": pairs.sum()}
    weights = (pairs[..., 0] - pairs[..., 1]).astype(np.float32)
    return AnalogLayer(weights, bias, gain, crossbar=crossbar, **held, **options)


def by_hand(gain=1.0, dac_bits=None, adc_bits=None, **options):
    """Two neurons with the weights [[1, -0.5], [-0.75, 0.5]]."""
    bias = np.array([0.0, 0.25], dtype=np.float32)
    return layer_of(PAIRS, bias, gain, peripherals=Peripherals(dac_bits, adc_bits), **options)


def chip(rng, neurons=20, *, hidden=(), tile=64, **rates):
    """A network of three random patterns on programmed crossbars."""
    patterns = rng.choice([-1.0, 1.0], (3, neurons))
    memory = AdaptiveMemory(hidden=hidden, optimizer="adam", steps=50)
    crossbars = [
        Crossbar.fabricate(*shape, rng=rng, tile=tile, **rates)
        for shape in memory.layer_shapes(neurons)
    ]
    memory.fit(patterns, limits=[c.characterize().weight_limits() for c in crossbars])
    return program(memory, crossbars, rng), crossbars, patterns


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
    np.testing.assert_array_equal(
        by_hand(dac_bits=1).field(np.array([[0.2, -0.7]])), by_hand().field(np.array([[1.0, -1.0]]))
    )


def test_tiles_are_converted_apart_and_added():
    # One row per tile. Over ±1 with levels ±1 and ±1/3, inputs (1, -1) give by tile G+: 1, -0 and
    # 0.25, -0.5; G-: 0, -0.5 and 1, -0. Zero is half-way and goes to the upper level, 1/3.
    tiled = by_hand(adc_bits=2, full_scale=1.0, tile=1)
    plus = np.array([1 + 1 / 3, 1 / 3 - 1 / 3])
    minus = np.array([1 / 3 - 1 / 3, 1 + 1 / 3])
    expected = plus - minus + [0.0, 0.25]
    np.testing.assert_allclose(tiled.field(np.array([[1.0, -1.0]])), [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "neurons", "tile"), [(1, 30, 8), (150, 70, 64), (257, 64, 64), (3, 1024, 400)]
)
def test_codes_are_those_of_conversion_in_double_precision(rng, inputs, neurons, tile):
    pairs, states = rng.random((neurons, neurons, 2)), rng.uniform(-1, 1, (inputs, neurons))
    scale = 2.0  # some currents are beyond it
    layer = layer_of(
        pairs, np.zeros(neurons), 1.0, peripherals=Peripherals(6, 8), full_scale=scale, tile=tile
    )
    codes = (states + 1) * 63 / 2  # within rounding, half a code may go either way
    edge = (np.abs(codes % 1 - 0.5) < 1e-5).any(axis=1, keepdims=True)
    driven, expected = quantize(states, 6, 1.0), 0.0
    for first in range(0, neurons, tile):
        rows = slice(first, first + tile)
        currents = np.einsum("nj,ijk->nik", driven[:, rows], pairs[:, rows])
        read = quantize(currents, 8, scale)
        expected = expected + read[..., 0] - read[..., 1]
        codes = (currents / scale + 1) * 255 / 2
        edge = edge | (np.abs(codes % 1 - 0.5) < 1e-4).any(axis=2)
    field = layer.field(states)
    assert edge.mean() < 0.01
    np.testing.assert_allclose(field[~edge], expected[~edge], atol=1e-4)


def test_read_noise_adds_up_in_squares_over_devices_and_tiles(rng):
    pairs = rng.random((2, 10, 2))
    noisy = Peripherals(read_noise=0.02 * 150)
    layer = layer_of(pairs, np.zeros(2), 3.0, peripherals=noisy, tile=4, rng=rng)
    states = np.tile(rng.uniform(-1, 1, 10), (20_000, 1))
    field = layer.field(states)
    spread = 3 * 0.02 * np.sqrt(2) * np.linalg.norm(states[0])  # two devices per weight
    np.testing.assert_allclose(field.std(axis=0), spread, rtol=0.03)
    expected = 3 * states[0] @ layer.weights.T
    np.testing.assert_allclose(field.mean(axis=0), expected, atol=4 * spread / np.sqrt(20_000))
    assert abs(np.corrcoef(field.T)[0, 1]) < 0.03


# A network


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_ideal_peripherals_leave_the_programmed_network(rng, hidden):
    on_chip, crossbars, patterns = chip(rng, hidden=hidden, tile=8, stuck_on=0.05)
    ideal = with_peripherals(on_chip, crossbars, Peripherals(), patterns, rng)
    for plain, layer in zip(on_chip.layers, ideal.layers, strict=True):
        states = rng.uniform(-1, 1, (5, layer.weights.shape[1])).astype(np.float32)
        np.testing.assert_array_equal(layer.weights, plain.weights)
        assert layer.field(states).dtype == np.float32
        np.testing.assert_allclose(layer.field(states), plain.field(states), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ideal.recall(patterns), on_chip.recall(patterns))


def test_the_range_is_the_largest_column_current_of_the_stored_patterns(rng):
    on_chip, crossbars, patterns = chip(rng, tile=8)
    peripherals = Peripherals(adc_bits=8, wire_resistance=5.0)
    (layer,) = with_peripherals(on_chip, crossbars, peripherals, patterns, rng).layers
    seen = effective_pairs(crossbars[0].conductance, wire_resistance=5.0, tile=8)
    largest = max(
        np.abs(patterns[:, rows] @ seen[:, rows, k].T).max()
        for rows in (slice(0, 8), slice(8, 16), slice(16, 20))
        for k in (0, 1)
    )
    assert layer.full_scale == pytest.approx(largest / 150)


def test_a_chip_without_current_recalls_nothing_and_does_not_fail(rng):
    crossbar = Crossbar.fabricate(4, 4, stuck_off=1.0, rng=rng)
    zero = Network([Layer(np.zeros((4, 4), np.float32), np.zeros(4, np.float32))])
    on_chip = program(zero, [crossbar], rng)
    dead = with_peripherals(on_chip, [crossbar], Peripherals(8, 8), np.ones((1, 4)), rng)
    cues = rng.choice([-1.0, 1.0], (3, 4))
    np.testing.assert_array_equal(dead.recall(cues), cues)  # no field: each neuron keeps its state


def test_more_line_resistance_lowers_the_fields(rng):
    on_chip, crossbars, patterns = chip(rng)
    sizes = []
    for resistance in (0.0, 1.0, 10.0, 100.0):
        peripherals = Peripherals(wire_resistance=resistance)
        (layer,) = with_peripherals(on_chip, crossbars, peripherals, patterns, rng).layers
        sizes.append(np.abs(layer.field(patterns)).mean())
    assert (np.diff(sizes) < 0).all() and sizes[-1] < 0.9 * sizes[0]


def test_good_peripherals_keep_the_memory_and_bad_ones_lose_it(rng):
    on_chip, crossbars, patterns = chip(rng)
    scores = [
        with_peripherals(on_chip, crossbars, peripherals, patterns, rng).score(patterns, patterns)
        for peripherals in (Peripherals(8, 8, 1.0, 1.0), Peripherals(read_noise=300.0))
    ]
    assert scores[0] == 1 and scores[1] < 0.9


# Together with other steps


def test_peripherals_leave_network_and_crossbars_as_they_were(rng):
    on_chip, crossbars, patterns = chip(rng, hidden=(7,))
    weights = [layer.weights.copy() for layer in on_chip.layers]
    conductances = [crossbar.conductance.copy() for crossbar in crossbars]
    behind = with_peripherals(on_chip, crossbars, Peripherals(2, 2, 1.0, 1.0), patterns, rng)
    behind.recall(patterns)
    for layer, crossbar, before, then in zip(
        on_chip.layers, crossbars, weights, conductances, strict=True
    ):
        assert type(layer) is Layer
        np.testing.assert_array_equal(layer.weights, before)
        np.testing.assert_array_equal(crossbar.conductance, then)


def test_biases_are_corrected_before_or_behind_peripherals(rng):
    on_chip, crossbars, patterns = chip(rng, stuck_on=0.1)
    behind = lambda network: with_peripherals(  # noqa: E731
        network, crossbars, Peripherals(6, 6), patterns, rng
    )
    correct = lambda network: with_bias_correction(  # noqa: E731
        network, crossbars[0].faults, patterns
    )
    one, other = behind(correct(on_chip)), correct(behind(on_chip))
    assert (one.layers[0].bias != 0).any()
    np.testing.assert_array_equal(one.layers[0].field(patterns), other.layers[0].field(patterns))


def test_what_would_lose_the_peripherals_is_refused(rng, tmp_path):
    on_chip, crossbars, patterns = chip(rng)
    behind = with_peripherals(on_chip, crossbars, Peripherals(6, 2), patterns, rng)
    for change in (
        lambda: behind.save(tmp_path / "chip.nc"),
        lambda: behind.with_weights([np.zeros((20, 20))]),
        lambda: with_programming_error(behind, 1.0, rng),
        lambda: swap_columns(behind, np.ones((20, 1))),
        lambda: program(behind, crossbars, rng),
        lambda: compensate_ir_drop(behind, crossbars, 1.0, "weights"),
        lambda: with_peripherals(behind, crossbars, Peripherals(), patterns, rng),
    ):
        with pytest.raises(TypeError, match="layer 0 is of the kind AnalogLayer"):
            change()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="update='asynchronous'.*update='synchronous'"):
        behind.recall(patterns, update="asynchronous")
    behind.recall(patterns)


@pytest.mark.parametrize("spoil", ["scan", "write", "edit"])
def test_a_crossbar_changed_since_is_refused(rng, spoil):
    """Recall would be that of other weights, and the score near zero."""
    on_chip, crossbars, patterns = chip(rng, hidden=(7,))
    if spoil == "scan":
        crossbars[1].characterize()
    elif spoil == "write":
        crossbars[1].program(np.zeros((20, 7)))
    else:
        crossbars[1].conductance[0, 0, 0] += 1.0
    with pytest.raises(ValueError, match="crossbar 1 does not hold the weights of layer 1"):
        with_peripherals(on_chip, crossbars, Peripherals(), patterns, rng)


def test_a_crossbar_never_programmed_is_refused(rng):
    on_chip, (own,), patterns = chip(rng)
    memory = AdaptiveMemory(steps=5).fit(patterns)
    for network, crossbar in (
        (on_chip, Crossbar.fabricate(20, 20, rng=rng)),
        (memory, Crossbar.fabricate(20, 20, rng=rng)),
        (memory, own),
    ):
        with pytest.raises(ValueError, match="crossbar 0 does not hold the weights of layer 0"):
            with_peripherals(network, [crossbar], Peripherals(), patterns, rng)


def test_peripherals_must_belong_to_their_network(rng):
    on_chip, crossbars, patterns = chip(rng)
    (own,), wide = crossbars, Crossbar.fabricate(20, 21, rng=rng)
    for given, shown, message in (
        (own, patterns, "single Crossbar; pass a list"),
        ([], patterns, r"0 crossbars for 1 layer\(s\)"),
        ([own, own], patterns, r"2 crossbars for 1 layer\(s\)"),
        ([wide], patterns, r"crossbar 0 has shape \(20, 21\)"),
        ([own], np.empty((0, 20)), r"shape \(0, 20\)"),
        ([own], [], r"shape \(0,\)"),
        ([own], patterns[0], r"shape \(20,\)"),
        ([own], patterns[:, :19], "19 elements.* 20 neurons"),
        ([own], (patterns > 0).astype(float), "other than -1"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            with_peripherals(on_chip, given, Peripherals(), shown, rng)
    with pytest.raises(TypeError, match="rng is 3"):
        with_peripherals(on_chip, crossbars, Peripherals(), patterns, 3)
    with pytest.raises(TypeError, match="peripherals is None"):
        with_peripherals(on_chip, crossbars, None, patterns, rng)
