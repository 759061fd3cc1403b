"""Small classification tasks on resistive networks, trained as published and with other pulses.

"The paper" is Döll, Müller and Ulmann 2025 (arXiv 2512.12428), whose public code decides what it
leaves open.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris

from crossmem.checks import check_choice, check_count, check_not_negative, check_positive
from crossmem.chip.memristors import make_device
from crossmem.labels import labelled, quantity
from crossmem.networks.eqprop import (
    FREQUENCIES,
    INPUT_VOLTAGE,
    TARGET,
    Recipe,
    ResistiveNetworkClassifier,
)

#: Hidden nodes by task and size (paper, section 3.1), and samples that the public code trains on.
HIDDEN = {
    "iris": {"large": 10, "middle": 5, "small": 2},
    "cancer": {"large": 16, "middle": 10, "small": 5},
}
CODED = {"iris": 105, "cancer": 398}
LOADERS = {"iris": load_iris, "cancer": load_breast_cancer}
LEAST = {  # what `least_loss` returns: units and long names
    "first": ("V²", "loss before training"),
    "least": ("V²", "least loss"),
    "conducting": ("1", "share of clamps that conduct"),
    "at_bound": ("1", "share of devices at an end of the range"),
}
BOUND = 1e-9  # share of the range of the state within which a device is at an end of it


@dataclass(frozen=True)
class Trial:
    """One task, one network and how it is trained.

    A value out of range is a TypeError or ValueError.
    """

    data: str = "iris"  #: or "cancer"
    samples: str = "coded"  #: the first ones, which the public code trains on, or "all"
    size: str = "large"  #: of the hidden layer, or "middle", "small"
    device: str = "linear"  #: a key of `crossmem.chip.memristors.DEVICES`
    r_off: float = 1e5  #: highest resistance in Ω; the lowest is 100 Ω
    update: str = "pwm"  #: pulses modulated in width, or in amplitude ("pam")
    step: float = 0.0  #: change by a pulse as a share of the conductance range; 0: as published
    frequency_share: float = (
        1.0  #: frequency of pulses modulated in amplitude over the published one
    )
    epochs: int = 50

    def __post_init__(self):
        check_choice(self.data, "data", tuple(LOADERS))
        check_choice(self.samples, "samples", ("coded", "all"))
        check_choice(self.size, "size", tuple(HIDDEN[self.data]))
        check_choice(self.update, "update", ("pwm", "pam"))
        make_device(self.device, r_off=self.r_off)
        check_not_negative(self.step, "step", example=0.01)
        check_positive(self.frequency_share, "frequency_share", example=1.0)
        check_count(self.epochs, "epochs")

    def at(self, **changes):
        """The trial with other values."""
        return replace(self, **changes)

    def everything(self):
        """All features (n, F), scaled to [-1, 1], and labels (n,)."""
        return _scaled(self.data)

    def training(self):
        """Features and labels to train on."""
        features, labels = self.everything()
        count = CODED[self.data] if self.samples == "coded" else len(labels)
        return features[:count], labels[:count]

    def classifier(self, seed):
        """An unfitted network; seed 0 starts from the conductances of the public code."""
        recipe = Recipe.published(self.data, self.device, self.update)
        if self.step:
            recipe = replace(recipe, pulse=None, step=self.step)
        if self.frequency_share != 1:
            frequency = self.frequency_share * FREQUENCIES[self.device]
            recipe = replace(recipe, frequency=frequency)
        return ResistiveNetworkClassifier(
            (HIDDEN[self.data][self.size],),
            self.device,
            r_off=self.r_off,
            update=self.update,
            epochs=self.epochs,
            seed=seed,
            recipe=recipe,
        )


@cache
def _scaled(data):
    """Features and labels of a task, read once."""
    features, labels = LOADERS[data](return_X_y=True)
    low, high = features.min(axis=0), features.max(axis=0)
    scale = 2 / (high - low)  # in this order: voltages on the edge of 10 mV round as published
    features = features * scale + (-1 - low * scale)
    features.flags.writeable = False
    return features, labels


def trained(trial, *, seed):
    """Train one network and look at it: what `least_loss` returns, the curve, and all samples.

    Losses are means over samples and outputs of half the squared error. The curve has those before
    each update; ``accuracy`` and ``loss_on_all`` are those of the network after the last one.
    """
    features, labels = trial.everything()
    network = trial.classifier(seed).fit(*trial.training())
    losses, outputs = network.loss_curve_, network.outputs(features)
    right, missing = outputs.argmax(axis=1) == labels, outputs - _targets(labels)
    epochs = (np.arange(1, losses.size + 1), "1", "epoch")
    return _summary(trial, network) | {
        "loss": labelled(losses, "V²", "loss", epoch=epochs),
        "accuracy": quantity(right.mean(), "1", "accuracy on all samples"),
        "loss_on_all": quantity((missing**2).mean() / 2, "V²", "loss on all samples"),
    }


def least_loss(trial, *, seed):
    """Loss before training and least loss (paper, Figs. 10 and 11), and what the network became.

    The shares are those after the last update: of the clamps that conduct, over samples and hidden
    nodes, and of the devices at an end of their range. All are NaN where no pulse of up to 10 V
    makes the step, as of VTEAM in a fifth of a nanosecond.
    """
    try:
        network = trial.classifier(seed).fit(*trial.training())
    except ValueError:
        if not trial.step:
            raise
        return {name: quantity(np.nan, *meaning) for name, meaning in LEAST.items()}
    return _summary(trial, network)


def least_squares(trial):
    """What linear least squares of the targets on the voltages and a constant leaves: the floor.

    No network whose clamps never conduct can do better, whatever its conductances.
    """
    features, labels = trial.training()
    voltages = np.round(INPUT_VOLTAGE * features, 2)
    inputs = np.hstack([voltages, np.ones((len(voltages), 1))])
    targets = _targets(labels)
    outputs = inputs @ np.linalg.lstsq(inputs, targets)[0]
    correct = (outputs.argmax(axis=1) == labels).mean()
    return {
        "floor": quantity(((outputs - targets) ** 2).mean() / 2, "V²", "loss of least squares"),
        "correct": quantity(correct, "1", "accuracy of least squares"),
    }


def _targets(labels):
    """Targets (n, classes) in V."""
    return TARGET * (2 * np.eye(labels.max() + 1)[labels] - 1)


def _summary(trial, network):
    """The results of `LEAST`."""
    circuit, losses = network.network_, network.loss_curve_
    settled = circuit.free(np.round(INPUT_VOLTAGE * trial.training()[0], 2))
    found = losses[0], losses.min(), circuit.conducting(settled).mean(), _at_bound(network.arrays_)
    return {
        name: quantity(float(value), *meaning)
        for (name, meaning), value in zip(LEAST.items(), found, strict=True)
    }


def _at_bound(arrays):
    """Share of the devices of all arrays that are at an end of the range of their state."""
    low, high = arrays[0].device.bounds
    states = np.concatenate([array.state.ravel() for array in arrays])
    near = BOUND * (high - low)
    return float(((states <= low + near) | (states >= high - near)).mean())
