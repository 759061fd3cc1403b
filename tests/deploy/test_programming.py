"""Networks written onto crossbars, with errors, swapped columns and corrected biases."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from crossmem.chip.crossbar import Crossbar
from crossmem.chip.devices import DeviceModel
from crossmem.chip.faults import WeightLimits
from crossmem.deploy.programming import (
    best_signs,
    program,
    swap_columns,
    swap_limits,
    with_bias_correction,
    with_programming_error,
)
from crossmem.networks.adaptive import AdaptiveMemory
from crossmem.networks.network import Layer, Network
from crossmem.networks.optimal import MaxRecallMemory
from crossmem.networks.rules import HebbianMemory, PseudoInverseMemory, StorkeyMemory
from crossmem.patterns import flip_bits, one_of_each

# Fine pulses, a narrow tolerance and no noise: what is asked for is what is written.
IDEAL = DeviceModel(
    read_noise=0.0,
    relaxation=0.0,
    tolerance=0.05,
    overdrive=5e-4,
    overdrive_step=5e-4,
    max_pulses=1000,
)
STEP = 2 * 0.05 / 150  # how far a weight may miss: both devices by the tolerance


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


def uniform(weight, size=400):
    """A layer of equal weights."""
    weights = np.full((size, size), weight, dtype=np.float32)
    return Network([Layer(weights, np.ones(size, np.float32), 2.0)])


def held(network):
    """Copies of all that a network holds, to be compared later."""
    return [(layer.weights.copy(), layer.bias.copy(), layer.gain) for layer in network.layers]


def assert_held(network, before):
    for layer, (weights, bias, gain) in zip(network.layers, before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)
        np.testing.assert_array_equal(layer.bias, bias)
        assert layer.gain == gain


# Programming


@pytest.mark.parametrize(
    "memory",
    [
        HebbianMemory(),
        StorkeyMemory(),
        PseudoInverseMemory(),
        AdaptiveMemory(optimizer="adam", steps=200),
    ],
    ids=lambda memory: type(memory).__name__,
)
def test_an_ideal_crossbar_keeps_weights_and_recall(rng, memory):
    patterns = signs(rng, 3, 20)
    fitted = clone(memory).fit(patterns)
    on_chip = program(fitted, [Crossbar.fabricate(20, 20, rng=rng, device=IDEAL)], rng)
    (wanted,), (written,) = fitted.layers_, on_chip.layers
    np.testing.assert_allclose(written.weights, wanted.weights, atol=STEP)
    assert written.gain == wanted.gain
    # States whose fields exceed what the tolerance can move must be recalled alike.
    clear = np.abs(wanted.weights @ patterns.T).min(axis=0) > 20 * STEP
    assert clear.any()
    np.testing.assert_array_equal(
        on_chip.recall(patterns[clear], iterations=1), fitted.recall(patterns[clear], iterations=1)
    )


def test_the_weights_on_the_chip_are_those_of_its_conductances(rng):
    memory = AdaptiveMemory(hidden=(6,), unroll=2, steps=50).fit(signs(rng, 3, 16))
    chips = [
        Crossbar.fabricate(*shape, stuck_off=0.1, stuck_on=0.1, rng=rng)
        for shape in ((6, 16), (16, 6))
    ]
    before = held(memory.network_)
    on_chip = program(memory, chips, rng)
    for layer, own, chip in zip(on_chip.layers, memory.layers_, chips, strict=True):
        np.testing.assert_array_equal(layer.weights, chip.weights.astype(np.float32))
        assert layer.bias is own.bias and layer.gain == own.gain
    assert (on_chip.activation, on_chip.unroll) == ("sign", 2)
    assert_held(memory.network_, before)


def test_a_network_is_programmed_as_its_memory(rng):
    memory = HebbianMemory().fit(signs(rng, 3, 9))
    found = [
        program(source, [Crossbar.fabricate(9, 9, rng=np.random.default_rng(1))], rng).layers[0]
        for source, rng in (
            (memory, np.random.default_rng(2)),
            (memory.network_, np.random.default_rng(2)),
        )
    ]
    np.testing.assert_array_equal(found[0].weights, found[1].weights)


def test_a_stack_is_programmed_layer_by_layer(rng):
    memory = AdaptiveMemory(hidden=(6,), steps=50).fit(signs(rng, 3, 16))
    chips = [Crossbar.fabricate(*shape, rng=rng, device=IDEAL) for shape in ((6, 16), (16, 6))]
    for one, other in zip(program(memory, chips, rng).layers, memory.layers_, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, atol=STEP)


def test_ten_digits_survive_the_paper_s_devices(rng):
    """Fig. 6b: at the published programming error binary recall is nearly perfect."""
    digits = one_of_each("digits", rng=rng)
    memory = AdaptiveMemory(optimizer="adam").fit(digits)
    on_chip = program(memory, [Crossbar.fabricate(64, 64, rng=rng)], rng)
    assert (on_chip.layers[0].weights != memory.layers_[0].weights).any()
    assert on_chip.score(flip_bits(digits, 0.05, rng), digits) > 0.98


def test_a_programmed_network_can_be_kept(rng, tmp_path):
    patterns = signs(rng, 3, 12)
    chip = Crossbar.fabricate(12, 12, stuck_on=0.1, rng=rng)
    on_chip = program(PseudoInverseMemory().fit(patterns), [chip], rng)
    on_chip.save(tmp_path / "chip.nc")
    cues = flip_bits(patterns, 0.1, rng)
    np.testing.assert_array_equal(
        Network.load(tmp_path / "chip.nc").recall(cues), on_chip.recall(cues)
    )


def test_crossbars_must_match_the_layers(rng):
    memory = AdaptiveMemory(hidden=(8,), steps=2).fit(signs(rng, 2, 8))
    one, other, wide = (Crossbar.fabricate(8, n_in, rng=rng) for n_in in (8, 8, 9))
    for crossbars, message in (
        ([], r"0 crossbars for 2 layer\(s\)"),
        ([one], r"1 crossbars for 2 layer\(s\)"),
        ([one, None], "crossbar 1 is None"),
        ([one, wide], r"crossbar 1 has shape \(8, 9\), but its layer \(8, 8\)"),
        (one, "single Crossbar; pass a list"),
        (None, "single NoneType; pass a list"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            program(memory, crossbars, rng)
    assert not one.weights.any()  # nothing was written before the refusal
    with pytest.raises(NotFittedError):
        program(HebbianMemory(), [one], rng)
    with pytest.raises(TypeError, match="rng is 3"):
        program(memory, [one, other], 3)


# Errors of programming


def test_a_write_without_error_keeps_the_network(rng):
    layer = Layer(rng.uniform(-1, 1, (5, 5)).astype(np.float32), np.arange(5.0), 3.0)
    own = Network([layer], "tanh", 2)
    assert_held(with_programming_error(own, 0.0, rng), held(own))
    assert with_programming_error(own, 0.0, rng).unroll == 2


@pytest.mark.parametrize("weight", [0.5, 0.0, -0.5])
def test_errors_of_a_pair_have_the_moments_of_rectified_gaussians(weight):
    """A device far from 0 µS errs by N(0, s²); one at 0 keeps the positive half, of mean s/√(2π)
    and variance s²(1/2 - 1/(2π)).
    """
    spread, own = 9.0 / 150, uniform(weight)
    written = with_programming_error(own, 9.0, np.random.default_rng(1))
    errors = written.layers[0].weights - weight
    half = spread**2 * (0.5 - 0.5 / np.pi)
    mean = -np.sign(weight) * spread / np.sqrt(2 * np.pi)
    assert errors.mean() == pytest.approx(mean, abs=5 * spread / 400)
    assert errors.var() == pytest.approx(half + (spread**2 if weight else half), rel=0.03)
    assert (own.layers[0].weights == weight).all()  # the original is left alone


def test_no_device_is_written_below_zero():
    """With both devices at 0 µS at least, a pair of weight 0 errs to neither side in 1 of 4."""
    (layer,) = with_programming_error(uniform(0.0), 1e4, np.random.default_rng(2)).layers
    assert np.mean(layer.weights == 0) == pytest.approx(0.25, abs=0.01)


def test_layers_err_independently():
    stack = Network(2 * uniform(0.5, 20).layers)
    one, other = with_programming_error(stack, 5.0, np.random.default_rng(3)).layers
    assert abs(np.corrcoef(one.weights.ravel(), other.weights.ravel())[0, 1]) < 0.2


@pytest.mark.parametrize(
    ("error", "rng", "message"),
    [(-1, np.random.default_rng(0), "error is -1"), (1.0, None, "rng is None")],
)
def test_errors_that_cannot_be(error, rng, message):
    with pytest.raises((TypeError, ValueError), match=message):
        with_programming_error(uniform(0.5, 4), error, rng)


# Swapped columns


def test_a_row_is_swapped_if_its_stuck_weights_oppose_the_patterns():
    patterns = np.array([[1.0, 1.0, -1.0]])  # Hebb: 0-1 agree, 2 opposes both
    low = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, -1.0], [-1.0, -1.0, 0.0]])
    high = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])
    chosen = best_signs(WeightLimits(low, high), patterns)
    np.testing.assert_array_equal(chosen, [[-1.0], [1.0], [1.0]])
    swapped = swap_limits(WeightLimits(low, high), chosen)
    np.testing.assert_array_equal(swapped.low[0], [0.0, 0.0, -1.0])
    np.testing.assert_array_equal(swapped.high[0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(swapped.low[1:], low[1:])


def test_swapped_columns_store_what_the_chip_then_recalls(rng):
    """Weights within the swapped limits come back from a chip whose columns were never swapped."""
    patterns = signs(rng, 4, 30)
    crossbar = Crossbar.fabricate(30, 30, stuck_off=0.2, stuck_on=0.2, rng=rng)
    limits = crossbar.characterize().weight_limits()
    chosen = best_signs(limits, patterns)
    assert -20 < chosen.sum() < 20  # both kinds of rows
    memory = MaxRecallMemory().fit(patterns, limits=[swap_limits(limits, chosen)])
    chip = swap_columns(program(swap_columns(memory, chosen), [crossbar], rng), chosen)
    error = chip.layers[0].weights - memory.layers_[0].weights
    assert np.abs(error).max() < 0.15
    assert np.std(error) < 0.04


def test_two_swaps_are_none_and_leave_the_network_alone(rng):
    own, chosen = PseudoInverseMemory().fit(signs(rng, 3, 12)).network_, signs(rng, 12, 1)
    before = held(own)
    once = swap_columns(own, chosen)
    np.testing.assert_array_equal(once.layers[0].weights, chosen * own.layers[0].weights)
    assert_held(swap_columns(once, chosen), before)
    assert_held(own, before)


def test_an_error_of_programming_and_a_swap_come_in_any_order(rng):
    """A pair's two devices err alike, so that swapping them before or after is one."""
    own, chosen = uniform(0.5, 30), np.where(np.arange(30) % 2, 1.0, -1.0)[:, None]
    errs = lambda network: with_programming_error(network, 5.0, np.random.default_rng(4))  # noqa: E731
    one, other = swap_columns(errs(own), chosen), errs(swap_columns(own, chosen))
    kept = chosen[:, 0] > 0
    np.testing.assert_array_equal(one.layers[0].weights[kept], other.layers[0].weights[kept])
    for found in (one, other):
        off = chosen * found.layers[0].weights - 0.5
        assert off.std() == pytest.approx(5 / 150 * np.sqrt(1.5 - 0.5 / np.pi), rel=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones(8), r"signs of shape \(8,\) must have \(8, 1\)"),
        (np.ones((7, 1)), r"signs of shape \(7, 1\) must have \(8, 1\)"),
        (np.zeros((8, 1)), "signs hold values other than -1"),
    ],
)
def test_signs_that_cannot_be(rng, given, message):
    with pytest.raises(ValueError, match=message):
        swap_columns(HebbianMemory().fit(signs(rng, 2, 8)), given)


def test_signs_belong_to_a_square_layer_of_the_patterns(rng):
    limits = WeightLimits(-np.ones((8, 8)), np.ones((8, 8)))
    with pytest.raises(ValueError, match=r"limits of shape \(8, 8\) must have \(9, 9\)"):
        best_signs(limits, signs(rng, 2, 9))


# Corrected biases


def masked_chip(rng):
    """A network trained without its faulty pairs, on a chip that it was programmed on blindly."""
    patterns = signs(rng, 6, 24)
    patterns[:, :12] = 1.0  # a mean pattern far from zero
    crossbar = Crossbar.fabricate(24, 24, stuck_on=0.2, rng=rng)
    faults = crossbar.characterize()
    memory = AdaptiveMemory(optimizer="adam").fit(patterns, limits=[faults.masked()])
    crossbar.faults = None  # program as if nothing were known
    return program(memory, [crossbar], rng), faults, patterns


def test_bias_correction_cancels_the_mean_field_of_the_offsets(rng):
    chip, faults, patterns = masked_chip(rng)
    (layer,), before = chip.layers, held(chip)
    kept = np.where(faults.stuck.any(axis=-1), 0.0, layer.weights)
    mean = patterns.mean(axis=0, keepdims=True)
    wanted = layer.gain * mean @ kept.T
    offset = np.abs(layer.field(mean) - wanted).max()
    (corrected,) = with_bias_correction(chip, faults, patterns).layers
    assert np.abs(corrected.field(mean) - wanted).max() < 0.1 * offset
    assert_held(chip, before)


def test_corrections_that_cannot_be(rng):
    chip, faults, patterns = masked_chip(rng)
    other = Crossbar.fabricate(23, 24, rng=rng).characterize()
    with pytest.raises(ValueError, match=r"shape \(23, 24\) for .*\[\(24, 24\)\]"):
        with_bias_correction(chip, other, patterns)
    with pytest.raises(ValueError, match="23 elements.* 24 neurons"):
        with_bias_correction(chip, faults, patterns[:, :23])
    with pytest.raises(ValueError, match="other than -1"):
        with_bias_correction(chip, faults, (patterns > 0).astype(float))
    stack = AdaptiveMemory(hidden=(24,), steps=2).fit(patterns)
    with pytest.raises(ValueError, match=r"\[\(24, 24\), \(24, 24\)\].* single layer"):
        with_bias_correction(stack, faults, patterns)
