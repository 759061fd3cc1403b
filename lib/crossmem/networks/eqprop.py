"""Equilibrium propagation: resistive networks trained in place, by pulses on their memristors.

The method and the published settings are those of Döll, Müller and Ulmann 2025 (arXiv 2512.12428,
"the paper") and of its public code. Of chips this subject takes more than `WeightLimits`: the
memristors of `crossmem.chip.memristors` and their arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from crossmem.checks import check_choice, check_count, check_not_negative, check_positive
from crossmem.chip.memristors import DEVICES, Imperfections, MemristorArray, make_device
from crossmem.chip.pulse_size import pulse_size
from crossmem.networks.clamps import Clamps, Diodes
from crossmem.networks.resistive import ResistiveNetwork
from crossmem.randomness import generator

INPUT_VOLTAGE = 0.5  # V of a feature of 1; paper, section 3.1
TARGET = 0.5  # V, magnitude of the targets of y+ - y-; public code
EPSILON = 1e-8  # of Adam; public code
GRADIENTS = ("exact", "nudged", "centred")
OPTIMIZERS = ("adam", "published adam", "descent", "sign")

# Public code. Frequency in Hz of pulses whose amplitude is modulated (they last one period), and
# the pulse in V s for an Adam update of 1, by width and by amplitude: (iris, breast cancer).
FREQUENCIES = {
    "linear": 15.0,
    "ion-drift": 77.5e3,
    "joglekar": 55e3,
    "biolek": 200e3,
    "vteam": 5e9,
    "yakopcic": 300e3,
    "mms": 200.0,
}
PULSES = {
    ("linear", "pwm"): (3e-5 * 1, 3e-5 * 1),
    ("ion-drift", "pwm"): (3e-5 * 1.5e-5, 3e-5 * 1.5e-5),
    ("joglekar", "pwm"): (3e-5 * 4e-4, 3e-5 * 6e-4),
    ("biolek", "pwm"): (3e-5 * 3e-4, 3e-5 * 5e-4),
    ("vteam", "pwm"): (3e-5 * 2e-5, 3e-5 * 2.5e-5),
    ("yakopcic", "pwm"): (3e-5 * 4.5e-2, 3e-5 * 0.1),
    ("mms", "pwm"): (3e-5 * 1.5, 3e-5 * 2.2),
    ("vteam", "pam"): (3e-5 * 1.1e-5, 3e-5 * 1.5e-5),
    ("yakopcic", "pam"): (2e-5 * 0.117, 2e-5 * 0.16),
    ("mms", "pam"): (3e-5 * 160, 3e-5 * 157.5),
}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    The optimizer turns gradients into updates of about 1, and a pulse carries each. Updates of
    plain ``"descent"`` are relative to the root mean square of the first gradient.

    Raises
    ------
    ValueError
        If a name is unknown or a number out of range.
    """

    gradient: str = "exact"  # or estimated from phases: "nudged" once, or twice and "centred"
    nudge: float = 1e-6  # A/V, feedback current per error, the paper's β; section 3.1
    noise: float = 0.0  # V, standard deviation of reading a node in one phase
    layer_weights: bool = True  # gain² per amplifier behind a crossbar, which Eq. 14 lacks
    optimizer: str = "adam"  # or "published adam", "descent", "sign"
    decays: tuple = (0.9, 0.999)  # of Adam's two moments; the paper has 0.5 twice
    batch: int | None = 32  # samples per update; None takes all
    step: float = 0.03  # change that an update of 1 makes, as a share of the conductance range
    pulse: float | None = None  # V s that carry an update of 1; None finds what makes the step
    anneal: bool = True  # shorten the pulses linearly to nothing over the epochs, or keep them
    frequency: float | None = None  # Hz of pulses modulated in amplitude; None: as published
    exact: bool = True  # integrate each pulse, or take one Euler step as the public code does
    repaired: bool = True  # device models mended, or as published
    as_coded: bool = False  # first conductances, rounding and units of the public code's gradient
    imperfections: Imperfections | None = None  # of the devices

    def __post_init__(self):
        check_choice(self.gradient, "gradient", GRADIENTS)
        check_choice(self.optimizer, "optimizer", OPTIMIZERS)
        check_not_negative(self.noise, "noise", example=1e-3)
        for name, example in (("nudge", 1e-6), ("step", 0.01)):
            check_positive(getattr(self, name), name, example=example)
        for name, example in (("pulse", 1e-8), ("frequency", 1e5)):
            if getattr(self, name) is not None:
                check_positive(getattr(self, name), name, example=example)
        if self.batch is not None:
            check_count(self.batch, "batch")
        for decay in self.decays:
            if not 0 <= decay < 1:
                raise ValueError(f"a decay of Adam is {decay}, but must lie in [0, 1): try 0.9")

    @classmethod
    def published(cls, data, device, update="pwm"):
        """Settings of the public code for ``data`` "iris" or "cancer", scaled to [-1, 1].

        Full batches, one nudge, equation 14 as it stands, Adam with both decays 0.5 whose bias
        correction is written back into the moments, one Euler step per pulse.
        """
        check_choice(data, "recipe", ("iris", "cancer"))
        pulses = PULSES.get((device, update)) or PULSES[device, "pwm"]
        return cls(
            gradient="nudged",
            layer_weights=False,
            optimizer="published adam",
            decays=(0.5, 0.5),
            batch=None,
            pulse=pulses[data == "cancer"],
            anneal=False,
            exact=False,
            repaired=False,
            as_coded=True,
        )


def train(network, arrays, inputs, targets, *, recipe, frequency=None, epochs=50, rng=None):
    """Train a resistive network in place.

    Parameters
    ----------
    network : ResistiveNetwork
        Everything but the conductances, which are read from the arrays.
    arrays : list of MemristorArray
        Its crossbars; their states change.
    inputs, targets : numpy.ndarray, shapes (n, F) and (n, K)
        In V.
    recipe : Recipe
        Its ``pulse`` may be None.
    frequency : float or None
        In Hz for pulses modulated in amplitude; None modulates their width.
    epochs : int
    rng : numpy.random.Generator
        Shuffles the samples, if an epoch has several batches, and draws the noise.

    Returns
    -------
    network : ResistiveNetwork
        With the final conductances.
    losses : numpy.ndarray, shape (epochs,)
        Mean over samples and outputs of half the squared error in V², before each update.
    """
    optimizer = _Optimizer(recipe.optimizer, recipe.decays)
    pulse = recipe.pulse or pulse_of_step(arrays, recipe, frequency)
    samples, losses = len(inputs), np.zeros(epochs)
    batch = min(recipe.batch or samples, samples)
    for epoch in range(epochs):
        width = 1 - epoch / epochs if recipe.anneal else 1.0
        order = np.arange(samples) if batch == samples else rng.permutation(samples)
        for chosen in np.split(order, np.arange(batch, samples, batch)):
            network = replace(network, conductances=_read(arrays, recipe))
            potentials = network.free(inputs[chosen])
            errors = network.outputs(potentials) - targets[chosen]
            losses[epoch] += (errors**2).sum() / (2 * targets.size)
            gradients = _gradients(network, potentials, errors, recipe, rng)
            updates = optimizer([gradient / len(chosen) for gradient in gradients])
            for array, update in zip(arrays, updates, strict=True):
                shorter = frequency and frequency / width  # keeps the amplitude
                array.write(-pulse * width * update, shorter, recipe.exact)
    return replace(network, conductances=_read(arrays, recipe)), losses


def _read(arrays, recipe):
    """Conductances of the arrays in S; the public code rounds resistances to 0.1 mΩ."""
    conductances = tuple(array.conductance for array in arrays)
    return tuple(1 / np.round(1 / g, 4) for g in conductances) if recipe.as_coded else conductances


def _gradients(network, potentials, errors, recipe, rng):
    """Sum over the samples of the gradient of each crossbar, as the recipe estimates it."""
    if recipe.gradient == "exact":
        gradients = network.gradient(potentials, errors)
    else:
        centred = recipe.gradient == "centred"
        gradients = network.estimate(
            potentials, errors, recipe.nudge, centred=centred, noise=recipe.noise, rng=rng
        )
    divisor = 1.0
    if recipe.as_coded:
        divisor = 1 / (2 * recipe.nudge)  # the code does not divide by β, which Adam's ε notices
    behind = np.arange(len(gradients))[::-1]  # amplifiers behind each crossbar
    divisors = divisor * (1.0 if recipe.layer_weights else network.gain**2) ** behind
    return [gradient / divisor for gradient, divisor in zip(gradients, divisors, strict=True)]


def pulse_of_step(arrays, recipe, frequency=None):
    """Pulse in V s that changes the devices by the step, in the root mean square of both signs."""
    states = np.quantile(np.concatenate([a.state.ravel() for a in arrays]), np.arange(0.05, 1, 0.1))
    return pulse_size(arrays[0].device, states, recipe.step, frequency, exact=recipe.exact)


class _Optimizer:
    """Updates of about 1 from the gradients of all crossbars."""

    def __init__(self, kind, decays):
        self.kind, self.decays = kind, decays
        self.steps, self.scale, self.moments = 0, None, None

    def __call__(self, gradients):
        self.steps += 1
        if self.kind == "sign":
            return [np.sign(gradient) for gradient in gradients]
        if self.kind == "descent":
            if self.scale is None:
                self.scale = np.sqrt(np.mean(np.concatenate([g.ravel() for g in gradients]) ** 2))
            return [gradient / self.scale for gradient in gradients]
        return self._adam(gradients)

    def _adam(self, gradients):
        """Kingma and Ba 2017; the public code keeps the corrected moments for the next step."""
        if self.moments is None:
            self.moments = [[np.zeros_like(g), np.zeros_like(g)] for g in gradients]
        updates = []
        for moments, gradient in zip(self.moments, gradients, strict=True):
            corrected = [None, None]
            for k, decay in enumerate(self.decays):
                moments[k] = decay * moments[k] + (1 - decay) * gradient ** (k + 1)
                corrected[k] = moments[k] / (1 - decay**self.steps)
                if self.kind == "published adam":
                    moments[k] = corrected[k]
            updates.append(corrected[0] / (np.sqrt(corrected[1]) + EPSILON))
        return updates


class ResistiveNetworkClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that is an analogue circuit, trained by pulses on its own memristors.

    Each class has a pair of output lines, and the prediction is the pair with the largest
    difference. Features should lie within [-1, 1]; each is applied as 0.5 V times its value.

    Parameters
    ----------
    hidden : tuple of int
        Nodes of each hidden layer.
    device : str
        One of `crossmem.chip.memristors.DEVICES`.
    r_on, r_off : float
        Lowest and highest resistance of the devices in Ω.
    update : "pwm" or "pam"
        Whether the width or the amplitude of a pulse carries the update.
    clamp : float, Clamps or Diodes
        Threshold in V of the ideal clamps at the hidden nodes, or the clamps.
    gain : float
        Of the amplifiers behind the hidden nodes.
    epochs : int
        Passes through the data.
    line_resistance : float
        Resistance in Ω of a segment of the word and bit lines.
    seed : int
        Draws first conductances, batches, noise and imperfections.
    recipe : Recipe, "iris", "cancer" or None
        How to train; a name takes the published settings for these data and this device.
    bias : float
        Voltage in V of the bias lines, one at +bias and one at -bias.

    Attributes
    ----------
    network_ : ResistiveNetwork
        The trained circuit; one with other lines may take its place.
    arrays_ : list of MemristorArray
    classes_ : numpy.ndarray
    loss_curve_ : numpy.ndarray, shape (epochs,)
        Mean over samples and outputs of half the squared error in V², before each update.
    n_features_in_ : int

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import minmax_scale
    >>> features, species = load_iris(return_X_y=True)
    >>> features = minmax_scale(features, (-1, 1))
    >>> network = ResistiveNetworkClassifier(clamp=0.1).fit(features, species)
    >>> bool(network.score(features, species) > 0.95)
    True
    """

    def __init__(
        self,
        hidden=(10,),
        device="linear",
        r_on=100.0,
        r_off=1e5,
        update="pwm",
        clamp=0.3,
        gain=4.0,
        epochs=50,
        line_resistance=0.0,
        seed=0,
        recipe=None,
        bias=1.0,
    ):
        self.hidden = hidden
        self.device = device
        self.r_on = r_on
        self.r_off = r_off
        self.update = update
        self.clamp = clamp
        self.gain = gain
        self.epochs = epochs
        self.line_resistance = line_resistance
        self.seed = seed
        self.recipe = recipe
        self.bias = bias

    def fit(self, X, y):
        """Train on features (n, F) and labels (n,).

        Raises
        ------
        ValueError
            For features, labels or parameters that it cannot take; the message says why.
        RuntimeError
            If the circuit does not settle.
        """
        recipe, device = self._settings()
        X, y = validate_data(self, X, y, dtype=float, ensure_all_finite=False)
        _check_finite(X)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.classes_.size < 2:
            raise ValueError(
                f"all labels are {self.classes_[0]!r}, one class: give samples of at least two"
            )
        self._rounded = recipe.as_coded
        conductances = self._first_conductances(recipe)
        rng = generator(self.seed, "resistive network, imperfections")
        self.arrays_ = [MemristorArray(device, g, recipe.imperfections, rng) for g in conductances]
        clamps = self.clamp if isinstance(self.clamp, Clamps | Diodes) else Clamps(self.clamp)
        self.network_, self.loss_curve_ = train(
            ResistiveNetwork(conductances, clamps, self.gain, self.line_resistance, self.bias),
            self.arrays_,
            self._voltages(X),
            TARGET * (2 * np.eye(self.classes_.size)[codes] - 1),
            recipe=recipe,
            frequency=self._frequency(recipe),
            epochs=check_count(self.epochs, "epochs"),
            rng=generator(self.seed, "resistive network, batches"),
        )
        return self

    def outputs(self, X):
        """Differences y+ - y- in V of the output lines of each class, shape (n, classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, ensure_all_finite=False, reset=False)
        _check_finite(X)
        return self.network_.outputs(self.network_.free(self._voltages(X)))

    def predict(self, X):
        """The class whose lines differ most, shape (n,)."""
        outputs = self.outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities (n, classes) if errors of the outputs are normal with the training's width.

        All targets have the same length, so that their likelihoods are a softmax of the outputs.
        """
        outputs = self.outputs(X)
        odds = 2 * TARGET * outputs / max(2 * self.loss_curve_[-1], 1e-3)  # V² over V²
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def _settings(self):
        """The recipe and the device model, from checked parameters."""
        check_choice(self.device, "device", tuple(DEVICES))
        check_choice(self.update, "update", ("pwm", "pam"))
        recipe = Recipe() if self.recipe is None else self.recipe
        if not isinstance(recipe, Recipe):
            recipe = Recipe.published(recipe, self.device, self.update)
        if not isinstance(self.hidden, tuple | list):
            raise TypeError(
                f"hidden is {self.hidden!r}, but must be a tuple: give for example (10,)"
            )
        for width in self.hidden:
            check_count(width, "hidden")
        device = make_device(
            self.device, r_on=self.r_on, r_off=self.r_off, repaired=recipe.repaired
        )
        return recipe, device

    def _frequency(self, recipe):
        """Frequency in Hz of pulses modulated in amplitude, None for those modulated in width."""
        return None if self.update == "pwm" else recipe.frequency or FREQUENCIES[self.device]

    def _first_conductances(self, recipe):
        """Uniform over the lowest 8 % of the range, in S; the public code's are 0.79 mS wide."""
        lowest, widths = 1 / self.r_off, [*self.hidden, 2 * self.classes_.size]
        shapes = [
            (rows + 2, columns)
            for rows, columns in zip([2 * self.n_features_in_, *widths[:-1]], widths, strict=True)
        ]
        if recipe.as_coded:
            rng = np.random.RandomState(111 + self.seed)
            return [rng.uniform(1e-5, 8e-4, shape) + (lowest - 1e-5) for shape in shapes]
        rng = generator(self.seed, "resistive network, conductances")
        highest = lowest + 0.08 * (1 / self.r_on - lowest)
        return [rng.uniform(lowest, highest, shape) for shape in shapes]

    def _voltages(self, X):
        """Voltages of the features; the public code rounds to 10 mV."""
        voltages = INPUT_VOLTAGE * X
        return np.round(voltages, 2) if self._rounded else voltages


def _check_finite(X):
    """Raise if a feature is NaN or infinite, naming the first."""
    wrong = np.argwhere(~np.isfinite(X))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"feature {column} of sample {row} is {X[row, column]}, NaN or inf: "
            "fill the gaps or leave the sample out, a voltage must be finite"
        )
