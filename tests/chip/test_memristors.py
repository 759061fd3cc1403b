"""Memristor models against closed forms, SciPy's integrator, hand calculations and the paper."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from crossmem.chip.memristors import (
    DEVICES,
    Biolek,
    Imperfections,
    IonDrift,
    Joglekar,
    LinearDevice,
    MeanMetastableSwitch,
    MemristorArray,
    Vteam,
    Yakopcic,
    make_device,
)
from crossmem.chip.pulses import Memristor

ALL = [make_device(name, repaired=repaired) for name in DEVICES for repaired in (False, True)]
EVERY_MODEL = pytest.mark.parametrize(
    "device", ALL, ids=lambda d: f"{type(d).__name__}{d.repaired}"
)
FLUX_CONTROLLED = [LinearDevice(), IonDrift(), Joglekar(), Biolek()]
SPEED = 1e9  # 1/(A s), μ R_on / D² of the drift models: 1e-9 · 100 / (1e-8)²


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


def inside(device, rng, size=50):
    """States away from the bounds."""
    low, high = device.bounds
    return rng.uniform(low + 0.05 * (high - low), high - 0.05 * (high - low), size)


# State and conductance


@EVERY_MODEL
def test_state_and_conductance_are_inverse_and_end_at_the_resistances(device, rng):
    conductance = rng.uniform(1 / device.r_off, 1 / device.r_on, 20)
    np.testing.assert_allclose(device.conductance(device.state(conductance)), conductance)
    ends = np.sort(1 / device.conductance(np.array(device.bounds)))
    np.testing.assert_allclose(ends, [100, 1e5], rtol=2e-3)  # the repaired Joglekar stays inside


def test_conductances_by_hand():
    assert IonDrift(r_off=1900.0).conductance(0.5) == pytest.approx(1e-3)
    assert Vteam(r_off=1e4).conductance(0.5) == pytest.approx(1e-3)
    assert Yakopcic().conductance(0.1) == pytest.approx(1e-3)
    assert MeanMetastableSwitch(r_off=1e4).conductance(0.5) == pytest.approx(5.05e-3)


def test_the_sinh_of_yakopcic_is_barely_noticeable():
    """Claim of section 3.3 with b = 0.05: 0.042 % at 1 V against the slope at 0 V."""
    device = Yakopcic()
    ratio = device.current(0.5, 1.0) / (device.current(0.5, 1e-6) * 1e6)
    assert ratio - 1 == pytest.approx(0.05**2 / 6, rel=1e-3)


# State equations by hand


def test_rates_of_the_drift_models_by_hand():
    x, current = 0.3, 1.0 / (100 * 0.3 + 1e5 * 0.7)
    assert IonDrift().rate(x, 1.0) == pytest.approx(SPEED * current)
    assert Joglekar().rate(x, 1.0) == pytest.approx(SPEED * current * (1 - 0.4**2))
    assert Joglekar(order=2).rate(x, 1.0) == pytest.approx(SPEED * current * (1 - 0.4**4))
    assert Biolek().rate(x, 1.0) == pytest.approx(SPEED * current * (1 - 0.3**2))
    assert Biolek().rate(x, -1.0) == pytest.approx(-SPEED * current * (1 - 0.7**2))


def test_vteam_at_one_volt_by_hand():
    """As published the windows are constants, and SET is 100 times as fast as RESET."""
    device, w_off = Vteam(), 3e-9
    up, down = device.rate(np.array([0.0, 0.5, 1.0]), 1.0), device.rate(0.5, -1.0)
    np.testing.assert_allclose(up * w_off, 5e-4 * 0.9987, rtol=1e-4)
    assert down * w_off == pytest.approx(-10 * 0.00502, rel=1e-3)
    assert -down / up[0] == pytest.approx(100, abs=1)
    assert (device.rate(0.5, np.array([-0.5, 0.0, 0.5])) == 0).all()
    mended = Vteam(repaired=True).rate(np.array([0.5, 1.0]), 1.0) * w_off / 5e-4
    np.testing.assert_allclose(mended, np.exp(-np.exp([-2.5, 5 / 3])))


def test_window_of_equation_16_jumps_as_published_and_not_when_mended():
    published, mended = Yakopcic(), Yakopcic(repaired=True)
    below, above = published.window_n(np.array([0.7, 0.7 + 1e-9]))
    assert below / above == pytest.approx((0.7 - 1e-3) / (0.3 - 1e-3))
    assert mended.window_n(0.7) == pytest.approx(1.0)
    assert published.window_n(1e-3) == mended.window_n(1e-3) == 0
    assert Yakopcic(r_off=250.0).window_n(0.6) < 0  # below r_off / r_on = 3.3


def test_reciprocal_threshold_of_the_metastable_switch():
    on, off = MeanMetastableSwitch().probabilities(1 / 0.9)
    assert on == pytest.approx(0.5) and off == pytest.approx(0, abs=1e-30)
    assert MeanMetastableSwitch(repaired=True).probabilities(0.9)[0] == pytest.approx(0.5)


# Pulses


def test_exact_ion_drift_solves_the_quadratic(rng):
    device, x, flux = IonDrift(), rng.random(200), rng.normal(0, 2e-5, 200)
    moved = device.pulse(x, np.sign(flux), np.abs(flux))

    def charge(x):
        return 1e5 * x - (1e5 - 100) * x**2 / 2

    expected = np.clip(charge(x) + SPEED * flux, charge(0.0), charge(1.0))
    np.testing.assert_allclose(charge(moved), expected, rtol=1e-9, atol=1e-6)


def test_exact_joglekar_and_biolek_follow_their_logarithms(rng):
    x, flux = rng.uniform(0.1, 0.8, 200), rng.uniform(0, 3e-6, 200)
    moved = Joglekar().pulse(x, 1.0, flux)
    law = [(1e5 * np.log(s) - 100 * np.log1p(-s)) / 4 for s in (x, moved)]
    np.testing.assert_allclose(law[1] - law[0], SPEED * flux, rtol=0, atol=1)
    moved = Biolek().pulse(x, 1.0, flux)
    law = [-50 * np.log1p(-s) + (1e5 - 50) * np.log1p(s) for s in (x, moved)]
    np.testing.assert_allclose(law[1] - law[0], SPEED * flux, rtol=0, atol=1)


def test_exact_switches_relax_exponentially(rng):
    device, x = MeanMetastableSwitch(repaired=True), rng.random(50)
    on, off = device.probabilities(1.0)
    for duration in (1e-6, 1e-4, 1e-2):
        relaxed = on / (on + off) + (x - on / (on + off)) * np.exp(-(on + off) * duration / 1e-4)
        np.testing.assert_allclose(device.pulse(x, 1.0, duration), relaxed, atol=1e-12)
        general = Memristor._integrate(device, x, np.ones(50), np.full(50, duration))
        np.testing.assert_allclose(general, relaxed, atol=1e-6)


@EVERY_MODEL
@pytest.mark.parametrize("sign", [1, -1])
def test_exact_pulses_agree_with_scipy(device, sign, rng):
    low, high = device.bounds
    start = inside(device, rng, 3)
    voltage = 1.2 * sign
    duration = 0.3 * (high - low) / np.abs(device.rate(start, voltage)).max()

    def rate(_, state):
        return device.rate(np.clip(state, low, high), voltage)

    solution = solve_ivp(rate, (0, duration), start, rtol=1e-10, atol=1e-12, method="LSODA")
    expected = np.clip(solution.y[:, -1], low, high)
    np.testing.assert_allclose(
        device.pulse(start, voltage, duration), expected, atol=1e-6 * (high - low)
    )


@EVERY_MODEL
def test_a_euler_pulse_is_one_step_within_the_bounds(device, rng):
    state, (low, high) = inside(device, rng), device.bounds
    duration = 0.04 * (high - low) / np.abs(device.rate(state, 1.0)).max()
    moved = device.pulse(state, 1.0, duration, exact=False)
    np.testing.assert_allclose(moved, state + device.rate(state, 1.0) * duration)
    assert (device.pulse(state, 1.5, 1e3, exact=False) == high).mean() > 0.9


@EVERY_MODEL
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("frequency", [None, 1e4])
def test_a_positive_update_raises_the_conductance(device, exact, frequency, rng):
    state = inside(device, rng)
    slowest = np.abs(device.rate(state, np.array([[1.0], [-1.0]]))).min()
    update = 1e-3 * (device.bounds[1] - device.bounds[0]) / slowest
    if frequency:
        update = 1.2 / frequency  # beyond every threshold
    before = device.conductance(state)
    after = device.conductance(device.write(state, update, frequency, exact))
    assert (after > before).all()
    assert (device.conductance(device.write(state, -update, frequency, exact)) < before).all()
    resting = device.write(state, np.zeros(50), frequency, exact)
    np.testing.assert_allclose(resting, state, rtol=0, atol=1e-14)


@pytest.mark.parametrize("device", FLUX_CONTROLLED, ids=lambda d: type(d).__name__)
def test_width_and_amplitude_are_the_same_where_only_the_flux_matters(device, rng):
    state, update = inside(device, rng), rng.normal(0, 1e-6, 50)
    for exact in (True, False):
        width = device.write(state, update, None, exact)
        np.testing.assert_allclose(device.write(state, update, 3e4, exact), width, rtol=1e-9)


def test_clipping_locks_joglekar_and_the_mended_one_comes_back():
    published, mended = (Joglekar(repaired=repaired) for repaired in (False, True))
    assert published.pulse(published.pulse(0.9, 1.0, 1.0, False), -1.0, 1.0, False) == 1.0
    assert mended.pulse(mended.pulse(0.9, 1.0, 1.0), -1.0, 1e-3) < 0.1
    array = MemristorArray(mended, np.array([1e-2]))
    array.write(np.array([-1e-3]))
    assert array.conductance < 2e-5


# Hysteresis


@EVERY_MODEL
def test_the_loop_is_pinched_and_shrinks_with_frequency(device):
    low, high = device.bounds
    full = device.switching_frequency(rising=device.polarity > 0)
    start = low + 0.01 * (high - low)
    voltage, current, state = device.sweep(np.array([1, 20]) * full, steps=2000, state=start)
    assert voltage.shape == (2001,) and current.shape == state.shape == (2001, 2)
    assert np.abs(current[[0, 1000, 2000]]).max() < 1e-12
    slow, fast = np.ptp(state, axis=0)
    assert fast < 0.5 * slow


def test_ion_drift_switches_in_half_a_sine_at_the_frequency_of_its_flux():
    """φ = D² (R_on + R_off) / 2 / (μ R_on) = 1 / (π f) for an amplitude of 1 V."""
    device = IonDrift(r_off=16e3)
    expected = SPEED / (np.pi * (100 + 16e3) / 2)
    assert device.switching_frequency(share=1e-9) == pytest.approx(expected, rel=3e-3)
    assert expected == pytest.approx(39.5e3, rel=2e-3)
    assert device.switching_frequency(share=0.1) > expected


def test_switching_frequency_is_where_the_sweep_ends():
    for device in (Vteam(), Yakopcic(), MeanMetastableSwitch()):
        rising = device.switching_frequency()
        low, high = device.bounds
        start, end = (0.99, 0.01) if device.polarity < 0 else (0.01, 0.99)
        start, end = low + start * (high - low), low + end * (high - low)
        amplitude = 1.0
        phase = (np.arange(1000) + 0.5) / 2000
        state = start
        for voltage in device.polarity * amplitude * np.sin(2 * np.pi * phase):
            state = np.clip(state + device.rate(state, voltage) / rising / 2000, low, high)
        assert state == pytest.approx(end, abs=0.01 * (high - low))


def test_a_wave_too_weak_never_switches():
    assert np.isnan(Yakopcic().switching_frequency(amplitude=0.4))


def test_vteam_turns_off_on_the_positive_half_wave():
    device = Vteam()
    voltage, _, state = device.sweep(20e3, steps=4000, state=0.0)
    resistance = 1 / device.conductance(state)
    assert resistance[0] == pytest.approx(100) and resistance[2000] > 9e4
    assert resistance[-1] < 101 and voltage[1000] == pytest.approx(1)


# Arrays


def test_a_perfect_array_is_its_model(rng):
    conductance = rng.uniform(1e-5, 1e-2, (4, 3))
    array, update = MemristorArray(Biolek(), conductance), rng.normal(0, 1e-6, (4, 3))
    np.testing.assert_allclose(array.conductance, conductance)
    array.write(update)
    device = Biolek()
    moved = device.write(device.state(conductance), update)
    np.testing.assert_allclose(array.conductance, device.conductance(moved))


def test_imperfect_devices_are_stuck_slow_and_off_by_a_factor(rng):
    imperfections = Imperfections(0.5, 0.2, stuck_off=0.2, stuck_on=0.1)
    arrays = [
        MemristorArray(
            LinearDevice(), np.full((100, 100), 1e-3), imperfections, np.random.default_rng(1)
        )
        for _ in range(2)
    ]
    before = arrays[0].conductance
    np.testing.assert_array_equal(before, arrays[1].conductance)  # the same draw
    free = (before != 1e-5) & (before != 1e-2)
    assert (before == 1e-5).mean() == pytest.approx(0.2, abs=0.02)
    assert (before == 1e-2).mean() == pytest.approx(0.1, abs=0.02)
    assert np.log(before[free] / 1e-3).std() == pytest.approx(0.2, abs=0.01)
    arrays[0].write(np.full((100, 100), 1e-4))
    change = arrays[0].conductance - before
    assert (change[~free] == 0).all()
    assert np.log(change[free] / before[free]).std() == pytest.approx(0.5, abs=0.02)


# Bad input


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: IonDrift(r_on=100.0, r_off=50.0), r"r_off / r_on is 0\.5, .* above 1"),
        (lambda: IonDrift(r_on=100.0, r_off=100.0), "r_off / r_on is 1, .* above 1"),
        (lambda: IonDrift(r_on=0.0), "r_on is 0.0, but must be above 0"),
        (lambda: Vteam(v_off=0.0), "v_off is 0.0, but must be above 0"),
        (lambda: Vteam(v_on=0.0), "v_on is .*0.0, but must be above 0"),
        (lambda: Yakopcic(v_n=0.0), "v_n is 0.0, but must be above 0"),
        (lambda: MeanMetastableSwitch(v_on=0.0), "v_on is 0.0, but must be above 0"),
        (lambda: make_device("bioleck"), "'bioleck' is unknown: .* did you mean 'biolek'"),
        (lambda: IonDrift().pulse(0.5, 1.0, -1e-6), "pulse of -1e-06 s is negative"),
        (lambda: IonDrift().pulse(0.5, 1.0, np.nan), "pulse of nan s is negative or not finite"),
        (lambda: IonDrift().write(np.ones(1), np.ones(1), 0.0), "frequency is 0.0"),
        (lambda: IonDrift().sweep(0.0), "frequency is 0.0, but must be above 0"),
        (lambda: Imperfections(stuck_off=0.7, stuck_on=0.7), r"stuck_off \+ stuck_on is 1.4"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(build, message):
    with pytest.raises(ValueError, match=message) as error:
        build()
    assert "\n" not in str(error.value)
