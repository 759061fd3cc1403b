"""Resistive networks against Kirchhoff's laws, ngspice, finite differences and hand calculation."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

import crossmem.networks.resistive as resistive
from crossmem.networks.clamps import Clamps, Diodes
from crossmem.networks.resistive import ResistiveNetwork
from crossmem.networks.spice import ngspice

FEATURES, OUTPUTS, SAMPLES = 3, 2, 4

# Diodes with kT / q at 27 °C in V from the constants of nature that ngspice 39 has.
NGSPICE = Diodes(thermal=300.15 * 1.38064852e-23 / 1.6021766208e-19)
CASES = {
    "one hidden layer": dict(hidden=(5,), nonlinearity=Clamps(0.04)),
    "two hidden layers": dict(hidden=(5, 4), nonlinearity=Clamps(0.02)),
    "three hidden layers": dict(hidden=(4, 5, 3), nonlinearity=Clamps(0.01), gain=3.0),
    "no hidden layer": dict(hidden=(), nonlinearity=Clamps(0.1)),
    "diodes": dict(hidden=(5,), nonlinearity=NGSPICE),
    "two layers of diodes": dict(hidden=(5, 4), nonlinearity=NGSPICE),
    "lines": dict(hidden=(5,), nonlinearity=Clamps(0.04), line_resistance=5.0),
    "two layers with lines": dict(hidden=(4, 3), nonlinearity=Clamps(0.05), line_resistance=5.0),
}
# Last output of each sample in V by ngspice 39, which stands in where ngspice is absent.
STORED = {
    "one hidden layer": [
        -0.18218513534744163,
        -0.16565071282456448,
        -0.14514550262911563,
        -0.1704941680847102,
    ],
    "two hidden layers": [
        0.11750799809986645,
        0.11758075998676219,
        0.11757106075391592,
        0.11753031902281527,
    ],
    "three hidden layers": [
        -0.11678748794017357,
        -0.11679400310269435,
        -0.11838872820216176,
        -0.11673200465628308,
    ],
    "no hidden layer": [
        0.05210492243413903,
        0.029993644423281226,
        0.007882366412423505,
        0.10357595207863522,
    ],
    "diodes": [-0.3792982160986642, -0.1750769071299167, 0.01012537197274263, -0.5985810360993439],
    "two layers of diodes": [
        -0.2624353869198738,
        -0.28212385835159876,
        -0.3634419242879554,
        -0.9178102217672595,
    ],
    "lines": [-0.1886630545528282, -0.173375567634277, -0.15202705775876982, -0.17392968768459413],
    "two layers with lines": [
        -0.05427893930249785,
        -0.05801086870654602,
        -0.08382759207171131,
        -0.05428734562264445,
    ],
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)


def spread(low, high, count, phase):
    """Numbers between low and high that look random and are the same everywhere."""
    return low + (high - low) * np.modf(phase + np.arange(count) * (5**0.5 - 1) / 2)[0]


def build(case):
    """The network of a case, its inputs in V and its targets in V."""
    options = dict(CASES[case])
    widths = [*options.pop("hidden"), 2 * OUTPUTS]
    rows = [2 * FEATURES, *widths[:-1]]
    conductances = tuple(
        spread(1e-5, 8e-4, (r + 2) * c, 0.1 + k).reshape(r + 2, c)
        for k, (r, c) in enumerate(zip(rows, widths, strict=True))
    )
    largest = 5.0 if isinstance(options["nonlinearity"], Diodes) else 0.5
    inputs = spread(-largest, largest, SAMPLES * FEATURES, 0.3).reshape(SAMPLES, FEATURES)
    targets = spread(-0.5, 0.5, SAMPLES * OUTPUTS, 0.7).reshape(SAMPLES, OUTPUTS)
    return ResistiveNetwork(conductances, **options), inputs, targets


@EVERY_CASE
def test_the_equilibrium_is_that_of_ngspice(case):
    network, inputs, _ = build(case)
    found = np.hstack(network.voltages(network.free(inputs)))
    if not shutil.which("ngspice"):
        reference, found = np.array(STORED[case]), found[:, -1]
    else:
        reference = ngspice(network, [(features, np.zeros(2 * OUTPUTS)) for features in inputs])
        np.testing.assert_allclose(reference[:, -1], STORED[case], rtol=0, atol=1e-12)
    tolerance = 1e-7 if isinstance(network.nonlinearity, Diodes) else 1e-12
    np.testing.assert_allclose(found, reference, rtol=0, atol=tolerance)


# Kirchhoff's laws and energy


def test_one_layer_is_a_mean_weighted_by_conductances():
    conductance = np.array([[1, 2], [3, 1], [2, 2], [4, 5]]) * 1e-4
    network = ResistiveNetwork((conductance,))
    sources = np.array([0.4, -0.4, 1.0, -1.0])
    means = sources @ conductance / conductance.sum(axis=0)
    np.testing.assert_allclose(
        network.outputs(network.free(np.array([[0.4]]))), [[means[0] - means[1]]]
    )


def test_four_nodes_by_hand():
    """One hidden node of equal devices: h and the outputs solve two linear equations."""
    g = 1e-3
    network = ResistiveNetwork((np.full((4, 1), g), np.full((3, 2), g)), Clamps(0.3), gain=2.0)
    h, outputs = network.voltages(network.free(np.array([[0.4]])))
    assert h[0, 0] == pytest.approx(0) and outputs[0] == pytest.approx(0)
    lifted = np.full((4, 1), g)
    lifted[2] = 3 * g  # to the positive bias line
    network = replace(network, conductances=(lifted, np.full((3, 2), g)))
    h, outputs = (v[0] for v in network.voltages(network.free(np.array([[0.4]]))))
    # y = 2 h / 3, and 2 g = (6 g + 2 g) h - 2 g y / 2 without clamps: h = 6 / 22
    np.testing.assert_allclose(h, 6 / 22)
    np.testing.assert_allclose(outputs, 2 / 3 * h[0])
    clamped = replace(network, nonlinearity=Clamps(0.1, 1.0))
    h = clamped.voltages(clamped.free(np.array([[0.4]])))[0]
    np.testing.assert_allclose(h, (2 * g + 0.1) / (22 / 3 * g + 1))


@EVERY_CASE
def test_the_equilibrium_has_least_energy(case):
    network, inputs, targets = build(case)
    rng = np.random.default_rng(1)
    potentials = network.free(inputs)
    currents = 1e-5 * rng.normal(size=(SAMPLES, 2 * OUTPUTS))
    for equilibrium, injected in (
        (potentials, None),
        (potentials + network.nudged(potentials, currents), currents),
    ):
        least = network.energy(equilibrium, injected)
        for _ in range(5):
            change = np.zeros_like(potentials)
            nodes = network._gains.size
            change[:, -nodes:] = (
                1e-5 * rng.normal(size=(SAMPLES, nodes)) * np.abs(equilibrium).max()
            )
            ahead = network.energy(equilibrium + change, injected)
            behind = network.energy(equilibrium - change, injected)
            assert (ahead > least).all() and (behind > least).all()


@EVERY_CASE
def test_a_nudge_moves_outputs_towards_the_current(case):
    network, inputs, targets = build(case)
    potentials = network.free(inputs)
    errors = network.outputs(potentials) - targets
    moved = network.outputs(
        potentials + network.nudged(potentials, resistive._pairs(-1e-5 * errors))
    )
    assert (((moved - targets) ** 2).sum(axis=1) < (errors**2).sum(axis=1)).all()


def test_thin_lines_approach_ideal_ones():
    network, inputs, _ = build("two layers with lines")
    ideal = replace(network, line_resistance=0.0)
    reference = ideal.outputs(ideal.free(inputs))
    shifts = []
    for resistance in (1e-2, 1e-3):
        wired = replace(network, line_resistance=resistance)
        shifts.append(np.abs(wired.outputs(wired.free(inputs)) - reference).max())
    assert shifts[0] / shifts[1] == pytest.approx(10, rel=1e-2)


def test_ports_of_a_crossbar_with_lines_are_reciprocal_and_without_ground():
    network, _, _ = build("lines")
    matrix = network._crossbars[0].admittance(len(network.conductances[0]))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12 * np.abs(matrix).max())
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-12 * np.abs(matrix).max())


def test_samples_are_independent_and_all_may_conduct_differently():
    network, inputs, _ = build("two hidden layers")
    together = network.free(inputs)
    assert 0 < network.conducting(together).mean() < 1
    apart = np.vstack([network.free(inputs[k : k + 1]) for k in range(SAMPLES)])
    np.testing.assert_allclose(together, apart, atol=1e-15)


# Gradients


@EVERY_CASE
def test_the_gradient_is_that_of_finite_differences(case):
    network, inputs, targets = build(case)

    def loss(conductances):
        changed = replace(network, conductances=conductances)
        return ((changed.outputs(changed.free(inputs)) - targets) ** 2).sum() / 2

    potentials = network.free(inputs)
    gradients = network.gradient(potentials, network.outputs(potentials) - targets)
    for k, conductance in enumerate(network.conductances):
        places = range(k, conductance.size, max(1, conductance.size // 8))
        numeric = []
        for place in places:
            step = np.zeros_like(conductance)
            step.flat[place] = 1e-4 * conductance.flat[place]
            ahead, behind = (
                network.conductances[:k] + (changed,) + network.conductances[k + 1 :]
                for changed in (conductance + step, conductance - step)
            )
            numeric.append((loss(ahead) - loss(behind)) / (2 * step.flat[place]))
        tolerance = 1e-6 * np.abs(gradients[k]).max()
        np.testing.assert_allclose(gradients[k].flat[places], numeric, rtol=0, atol=tolerance)


@EVERY_CASE
def test_finite_nudges_estimate_the_gradient(case):
    """One nudge errs in proportion to it, two in its square, and weak ones lose no digits."""
    network, inputs, targets = build(case)
    potentials = network.free(inputs)
    errors = network.outputs(potentials) - targets
    exact = np.concatenate([g.ravel() for g in network.gradient(potentials, errors)])

    def miss(nudge, centred=False):
        estimate = network.estimate(potentials, errors, nudge, centred=centred)
        return np.abs(np.concatenate([g.ravel() for g in estimate]) - exact).max()

    largest = np.abs(exact).max()
    assert miss(1e-6) / miss(1e-8) == pytest.approx(100, rel=0.05)
    assert miss(1e-10) < 1e-7 * largest
    assert miss(1e-6, centred=True) < max(1e-3 * miss(1e-6), 1e-9 * largest)


def test_noise_is_drawn_per_node_and_phase():
    network, inputs, targets = build("one hidden layer")
    potentials = network.free(inputs)
    errors = network.outputs(potentials) - targets
    clean = network.estimate(potentials, errors, 1e-4, centred=True)
    noisy = [
        network.estimate(
            potentials, errors, 1e-4, centred=True, noise=1e-4, rng=np.random.default_rng(seed)
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(noisy[0][0], noisy[1][0])
    assert (noisy[0][0] != noisy[2][0]).all()
    np.testing.assert_allclose(noisy[0][1], clean[1], atol=0.5 * np.abs(clean[1]).max())


# Clamps and diodes


@pytest.mark.parametrize("clamps", [Clamps(0.2, 3.0), Diodes(), Diodes(bias=0.3)])
def test_a_response_is_the_derivative_of_the_content(clamps):
    voltage = np.array([-1.2, -0.4, -0.1, 0.0, 0.05, 0.3, 0.9])

    def current(voltage):
        return float(clamps.response(np.zeros(1), np.array([voltage]))[0][0])

    slopes = clamps.response(np.zeros(7), voltage)[1]
    for v, slope, content in zip(voltage, slopes, clamps.content(voltage), strict=True):
        area = quad(current, 0, v, points=[np.sign(v) * 0.2], epsabs=1e-14)[0]
        assert content == pytest.approx(area, abs=1e-9)
        measured = (current(v + 1e-6) - current(v - 1e-6)) / 2e-6
        assert slope == pytest.approx(measured, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("clamps", [Clamps(0.2, 3.0), Diodes()])
@pytest.mark.parametrize("shift", [1e-12, 1e-6, 0.3, -1e-9, -0.7])
def test_a_change_of_current_keeps_its_digits(clamps, shift):
    voltage = np.linspace(-1, 1, 41) + 0.013
    change, slope = clamps.response(voltage, np.full(41, shift))
    between = [clamps.response(np.zeros(41), v)[0] for v in (voltage, voltage + shift)]
    np.testing.assert_allclose(change, between[1] - between[0], atol=1e-14)
    if abs(shift) <= 1e-9:
        np.testing.assert_allclose(change, slope * shift, rtol=1e-6, atol=1e-30)


def test_a_diode_follows_the_exponential_law():
    """With its series resistance taken off, the current is I_s (exp(v / (n V_T)) - 1)."""
    diode = Diodes()
    voltage = np.array([0.3, 0.6, 0.9])
    current = diode.response(np.zeros(3), voltage)[0] - diode.saturation  # of one of the two
    junction = voltage - diode.series * current
    expected = diode.saturation * np.expm1(junction / (diode.emission * diode.thermal))
    np.testing.assert_allclose(current, expected, rtol=1e-6, atol=1e-10)


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(conductances=()), "do not make a network"),
        (
            dict(conductances=(np.ones((8, 5)), np.ones((6, 4)))),
            r"\(8, 5\), \(6, 4\).* do not make",
        ),
        (dict(conductances=(np.ones((8, 5)), np.ones((7, 3)))), "do not make a network"),
        (dict(conductances=(np.zeros((8, 4)),)), "conductance 0 S is not a finite number above 0"),
        (dict(conductances=(np.full((8, 4), np.nan),)), "conductance nan S"),
        (dict(gain=0.0), "gain is 0.0, but must be above 0"),
        (dict(line_resistance=-1.0), "line_resistance is -1.0"),
        (dict(bias=0.0), "bias is 0.0"),
    ],
)
def test_bad_networks_are_refused_in_one_sentence(change, message):
    network, _, _ = build("one hidden layer")
    with pytest.raises(ValueError, match=message) as error:
        replace(network, **change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Clamps(0.0), "threshold is 0.0, but must be above 0"),
        (lambda: Clamps(0.3, 0.0), "resistance is 0.0, but must be above 0"),
        (lambda: Diodes(series=0.0), "series is 0.0, but must be above 0"),
    ],
)
def test_bad_clamps_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_nudge_of_zero_is_refused():
    network, inputs, targets = build("one hidden layer")
    with pytest.raises(ValueError, match="nudge is 0.0, but must be above 0"):
        network.estimate(network.free(inputs), targets, 0.0)


def test_a_sample_that_does_not_settle_is_named(monkeypatch):
    network, inputs, _ = build("one hidden layer")
    monkeypatch.setattr(resistive, "NEWTON_STEPS", 1)
    message = r"sample 1 does not settle: after 1 Newton steps .* by [\d.e-]+ A; lower the input"
    calm = np.vstack([np.zeros(FEATURES), inputs[1:]])
    assert not network.conducting(network.free(calm[:1])).any()
    with pytest.raises(RuntimeError, match=message):
        network.free(calm)
