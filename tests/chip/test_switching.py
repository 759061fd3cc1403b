"""The hysteresis of one cell against its circuit: pinched, passive, limited by the transistor."""

import numpy as np
import pytest

from crossmem.chip.switching import SwitchingModel


@pytest.fixture(scope="module")
def sweep():
    return SwitchingModel().iv_hysteresis(100, np.random.default_rng(7))


def test_hysteresis_is_pinched_and_passive(sweep):
    voltage, current = sweep
    assert current.shape == (100, voltage.size)
    crossings = np.abs(voltage) < 1e-9
    assert crossings.sum() == 3  # start, middle and end of the sweep
    assert np.abs(current[:, crossings]).max() < 1e-6
    assert (current * voltage >= 0).all()


def test_hysteresis_sets_at_positive_and_resets_at_negative_voltage(sweep):
    voltage, current = sweep
    half, rising = voltage.size // 2, np.gradient(voltage) > 0

    def at(v, up):
        return int(np.argmin(np.abs(voltage - v) + 10 * (rising != up)))

    before_set, after_set = current[:, at(0.3, True)], current[:, at(0.3, False)]
    before_reset, after_reset = current[:, at(-0.3, False)], current[:, at(-0.3, True)]
    assert (after_set > 10 * before_set).all()
    assert (before_reset < 10 * after_reset).all()  # both negative
    jump = voltage[np.argmax(np.abs(current[:, :half]) > 20.0, axis=1)]
    assert ((jump > 0.6) & (jump < 0.9)).all()
    assert current.max() == pytest.approx(1000 * 0.46**2 / 2)  # the transistor saturates
    # Cycles differ, but by a few percent only.
    assert 0.001 < after_set.std() / after_set.mean() < 0.1


def test_cell_is_frozen_after_set_at_the_level_the_gate_allows():
    model = SwitchingModel(threshold_spread=0.0, g_off_spread=0.0, peak_set=2.0)
    voltage, current = model.iv_hysteresis(3, np.random.default_rng(0))
    assert (current == current[0]).all()
    saturation = model.transistor * model.gate_set**2 / 2
    assert current[0, voltage > 1.8] == pytest.approx(saturation)
    falling = (voltage > 0.05) & (np.gradient(voltage) < 0) & (current[0] < 0.99 * saturation)
    voltage, current = voltage[falling], current[0, falling]
    # Undo the transistor's square law: the rest is an ohmic cell of one conductance.
    drain = model.gate_set - np.sqrt(model.gate_set**2 - 2 * current / model.transistor)
    conductance = current / (voltage - drain)
    np.testing.assert_allclose(conductance, conductance[0], rtol=1e-6)
    assert conductance[0] == pytest.approx(saturation / model.v_set, rel=0.05)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"v_set": 0.0}, "v_set is 0"),
        ({"peak_set": 0.7}, "v_set is 0.7.*peak_set"),
        ({"v_reset": 2.0}, "v_reset is 2.*peak_reset, which is 1.4"),
        ({"g_off": 300.0}, "g_off is 300.*g_full"),
    ],
)
def test_bad_constants(constants, message):
    with pytest.raises(ValueError, match=message):
        SwitchingModel(**constants)


def test_bad_sweeps():
    with pytest.raises(ValueError, match="cycles is 0"):
        SwitchingModel().iv_hysteresis(0, np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng is 0"):
        SwitchingModel().iv_hysteresis(1, 0)
