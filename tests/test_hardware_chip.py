"""Recall on the whole chip and as it ages: what a grid point fixes, and small runs."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from crossmem.experiments import chip_memory
from crossmem.hardware import analog_recall, drifted_recall
from crossmem.randomness import generator

RECALL = {
    "dataset": "digits",
    "neurons": 64,
    "patterns": 6,
    "cues": 2,
    "iterations": 10,
    "optimizer": "rmsprop",
    "learning_rate": 1e-3,
    "steps": 600,
    "seed": 0,
}
BINARY = {**RECALL, "flip_rate": 0.05}
CONTINUOUS = {
    **RECALL,
    "layers": 2,
    "hidden": 32,
    "activation": "tanh",
    "noise": 0.3,
    "learning_rate": 5e-3,
    "steps": 1500,
}
IDEAL = [None, None, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def test_a_chip_memory_keeps_within_what_its_crossbars_reach():
    rng = generator(0, "test")
    stored = rng.choice([-1.0, 1.0], (4, 12))
    options = {"layers": 2, "hidden": 5, "activation": "sign", "seed": 0, "rng": rng}
    training = {"optimizer": "adam", "steps": 20, "learning_rate": None}
    memory, crossbars = chip_memory(
        stored, **options, stuck_off=0.2, stuck_on=0.1, training=training
    )
    assert [c.shape for c in crossbars] == [(5, 12), (12, 5)]
    for layer, crossbar in zip(memory.layers_, crossbars, strict=True):
        limits = crossbar.faults.weight_limits()
        assert (layer.weights >= limits.low - 1e-6).all()
        assert (layer.weights <= limits.high + 1e-6).all()


def test_chips_differ_in_their_peripherals_alone():
    bad = [1, 1, 30.0, 10.0, 1e6, 0.05, 0.02]
    chips = [IDEAL, bad, [*bad[:4], 0.0, 0.0, 0.0], IDEAL, bad]
    found = analog_recall(**BINARY, stuck_off=0.01, stuck_on=0.01, chips=chips)
    first, worse, fresh, again, as_bad = found["cosine"].values
    assert first == again > 0.95 and as_bad == worse != fresh < first
    # A chip's result does not depend on which others were asked for.
    alone = analog_recall(**BINARY, stuck_off=0.01, stuck_on=0.01, chips=[bad])
    assert alone["cosine"].values == [worse]
    assert (found["worst_cosine"].values <= found["cosine"].values).all()


def test_continuous_patterns_feel_the_lines_and_a_remedy_helps():
    chips = [[8, 8, 1.0, r, 0.0, 0.0, 0.0] for r in (0.0, 10.0)]
    found = {r: analog_recall(**CONTINUOUS, chips=chips, remedy=r) for r in ("none", "weights")}
    good, lost = found["none"]["cosine"].values
    assert good > 0.97 and lost < good - 0.02
    assert found["weights"]["cosine"].values[1] > lost + 0.5 * (good - lost)


def test_a_common_drift_is_nothing_to_signs_and_a_gain_undoes_it():
    times = [1.0, 1e4, 1e8]
    still = drifted_recall(**BINARY, times=times)
    drifting = drifted_recall(**BINARY, times=times, nu=0.1)
    # Rounding aside, sign neurons of a single layer see the same directions.
    np.testing.assert_allclose(drifting["cosine"], still["cosine"], atol=1e-3)
    still, drifting = (drifted_recall(**CONTINUOUS, times=times, nu=nu) for nu in (0.0, 0.1))
    lost = drifting["cosine"].sel(time=1e8) - still["cosine"].sel(time=1e8)
    assert lost < -0.1
    np.testing.assert_allclose(drifting["recalibrated"], still["recalibrated"], atol=1e-3)


def test_a_spread_of_the_drift_is_not_undone_by_a_gain():
    aged = drifted_recall(**CONTINUOUS, times=[1.0, 1e8], nu=0.1, nu_spread=0.05)
    assert aged["recalibrated"].sel(time=1e8) < aged["recalibrated"].sel(time=1.0) - 0.01


def test_drift_belongs_to_the_full_chip():
    """A day of it costs grey patterns more than the rest of a good chip, and more with faults."""
    chips = [[8, 8, 1.0, 1.0, age, 0.1, 0.045] for age in (0.0, 86400.0)]
    fresh, old = analog_recall(**CONTINUOUS, stuck_off=0.01, stuck_on=0.01, chips=chips)[
        "cosine"
    ].values
    assert fresh > 0.97 and old < fresh - 0.05
    whole = {"bits": 8, "read_noise": 1.0, "wire_resistance": 1.0, "times": [1.0, 86400.0]}
    aged = drifted_recall(**CONTINUOUS, **whole, nu=0.1, nu_spread=0.045)["cosine"].values
    assert aged[0] > 0.97 and aged[1] < aged[0] - 0.05


def test_an_ideal_chip_is_the_default_of_drift():
    times = {"times": [1.0, 1e6], "nu": 0.05}
    ideal = drifted_recall(**BINARY, **times)["cosine"]
    named = drifted_recall(**BINARY, **times, bits=None, read_noise=0.0, wire_resistance=0.0)
    np.testing.assert_array_equal(ideal, named["cosine"])
    assert not np.array_equal(ideal, drifted_recall(**BINARY, **times, read_noise=300.0)["cosine"])


@pytest.mark.parametrize("bits", [0, -1])
def test_no_bits_are_an_error_and_not_an_exact_converter(bits):
    message = f"dac_bits is {bits}, but must be at least 1; give a larger one."
    with pytest.raises(ValueError, match=message):
        analog_recall(**BINARY, chips=[[bits, 8, *IDEAL[2:]]])
    with pytest.raises(ValueError, match=message):
        drifted_recall(**BINARY, times=[1.0], bits=bits)


def test_errors():
    with pytest.raises(ValueError, match="nu is -0.1, but must be finite and >= 0"):
        drifted_recall(**BINARY, times=[1.0], nu=-0.1)
    with pytest.raises(ValueError, match="nu_spread is -0.1, but must be finite and >= 0"):
        analog_recall(**BINARY, chips=[[*IDEAL[:4], 10.0, 0.0, -0.1]])
    with pytest.raises(ValueError, match="wire_resistance is -1.0, but must be finite and >= 0"):
        drifted_recall(**BINARY, times=[1.0], wire_resistance=-1.0)
    with pytest.raises(ValueError, match="give one increasing row of non-negative times"):
        drifted_recall(**BINARY, times=[2.0, 1.0])
