"""Recall on the whole chip and as it ages: what a grid point fixes, and small runs."""

import numpy as np
import pytest

from crossmem.experiments import Setup, analog_recall, drifted_recall

pytestmark = pytest.mark.usefixtures("one_thread")

BINARY = Setup(n_patterns=6, flip_rate=0.05, cues=2)
BINARY = BINARY.at(optimizer="rmsprop", learning_rate=1e-3, steps=600)
GREY = Setup(n_patterns=6, layers=2, width=32, activation="tanh", noise=0.3, cues=2)
GREY = GREY.at(optimizer="rmsprop", learning_rate=5e-3, steps=1500)
IDEAL = [None, None, 0.0, 0.0, 0.0, 0.0, 0.0]


def on_chips(setup, chips, remedy="none"):
    return analog_recall(setup, chips=chips, remedy=remedy, seed=0)


def aged(setup, times=(1.0, 1e4, 1e8), **drift):
    return drifted_recall(setup, times=list(times), seed=0, **drift)


def test_chips_differ_in_their_peripherals_alone(assert_labelled):
    bad = [1, 1, 30.0, 10.0, 1e6, 0.05, 0.02]
    faulty = BINARY.at(stuck_off=0.01, stuck_on=0.01)
    found = on_chips(faulty, [IDEAL, bad, [*bad[:4], 0.0, 0.0, 0.0], IDEAL, bad])
    assert_labelled(found)
    first, worse, fresh, again, as_bad = found["cosine"].values
    assert first == again > 0.95 and as_bad == worse != fresh < first
    # A chip's result does not depend on which others were asked for.
    assert on_chips(faulty, [bad])["cosine"].values == [worse]
    assert (found["worst_cosine"].values <= found["cosine"].values).all()


def test_continuous_patterns_feel_the_lines_and_a_remedy_helps():
    chips = [[8, 8, 1.0, r, 0.0, 0.0, 0.0] for r in (0.0, 10.0)]
    good, lost = on_chips(GREY, chips)["cosine"].values
    assert good > 0.97 and lost < good - 0.02
    assert on_chips(GREY, chips, "weights")["cosine"].values[1] > lost + 0.5 * (good - lost)


def test_a_common_drift_is_nothing_to_signs_and_a_gain_undoes_it(assert_labelled):
    still, drifting = aged(BINARY), aged(BINARY, nu=0.1)
    assert_labelled(still)
    # Rounding aside, sign neurons of a single layer see the same directions.
    np.testing.assert_allclose(drifting["cosine"], still["cosine"], atol=1e-3)
    still, drifting = aged(GREY), aged(GREY, nu=0.1)
    assert drifting["cosine"].sel(time=1e8) - still["cosine"].sel(time=1e8) < -0.1
    np.testing.assert_allclose(drifting["recalibrated"], still["recalibrated"], atol=1e-3)


def test_a_spread_of_the_drift_is_not_undone_by_a_gain():
    found = aged(GREY, times=[1.0, 1e8], nu=0.1, nu_spread=0.05)["recalibrated"]
    assert found.sel(time=1e8) < found.sel(time=1.0) - 0.01


def test_drift_belongs_to_the_full_chip():
    """A day of it costs grey patterns more than the rest of a good chip, and more with faults."""
    day = {"nu": 0.1, "nu_spread": 0.045}
    chips = [[8, 8, 1.0, 1.0, age, *day.values()] for age in (0.0, 86400.0)]
    fresh, old = on_chips(GREY.at(stuck_off=0.01, stuck_on=0.01), chips)["cosine"].values
    assert fresh > 0.97 and old < fresh - 0.05
    whole = {"bits": 8, "read_noise": 1.0, "wire_resistance": 1.0}
    fresh, old = aged(GREY, times=[1.0, 86400.0], **whole, **day)["cosine"].values
    assert fresh > 0.97 and old < fresh - 0.05


def test_an_ideal_chip_is_the_default_of_drift():
    times = {"times": [1.0, 1e6], "nu": 0.05}
    ideal = aged(BINARY, **times)["cosine"]
    named = aged(BINARY, **times, bits=None, read_noise=0.0, wire_resistance=0.0)
    np.testing.assert_array_equal(ideal, named["cosine"])
    assert not np.array_equal(ideal, aged(BINARY, **times, read_noise=300.0)["cosine"])


# What a chip cannot be

QUICK = BINARY.at(n_patterns=1, steps=1)


@pytest.mark.parametrize("bits", [0, -1])
def test_no_bits_are_an_error_and_not_an_exact_converter(bits):
    with pytest.raises(ValueError, match=f"dac_bits is {bits}.*at least 1"):
        on_chips(QUICK, [[bits, 8, *IDEAL[2:]]])
    with pytest.raises(ValueError, match=f"dac_bits is {bits}.*at least 1"):
        aged(QUICK, bits=bits)


def test_bad_drift_and_lines_are_named():
    with pytest.raises(ValueError, match="nu is -0.1.*at least 0"):
        aged(QUICK, nu=-0.1)
    with pytest.raises(ValueError, match="nu_spread is -0.1.*at least 0"):
        on_chips(QUICK, [[*IDEAL[:4], 10.0, 0.0, -0.1]])
    with pytest.raises(ValueError, match="wire_resistance is -1.0.*at least 0"):
        aged(QUICK, wire_resistance=-1.0)
    with pytest.raises(ValueError, match=r"\[2. 1.\]|\[2.0, 1.0\]"):
        aged(QUICK, times=[2.0, 1.0])
    with pytest.raises(ValueError, match="expected 7, got 6"):
        on_chips(QUICK, [IDEAL[:6]])
    with pytest.raises(ValueError, match="remedy='gains'.*'gain'"):
        on_chips(QUICK, [IDEAL], "gains")
