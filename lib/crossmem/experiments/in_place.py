"""Resistive networks that learn in place, on data they have not seen: one condition, one training.

Beyond Döll, Müller and Ulmann 2025 (arXiv 2512.12428, "the paper"), whose section 6 leaves test
accuracy, resistive lines, spread of the devices, depth and larger data sets open.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np
import xarray as xr
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.model_selection import StratifiedShuffleSplit

from crossmem.checks import check_choice, check_count, check_rate, nearest
from crossmem.chip.memristors import Imperfections
from crossmem.images import grey_images
from crossmem.labels import quantity
from crossmem.networks.eqprop import INPUT_VOLTAGE, TARGET, Recipe, ResistiveNetworkClassifier
from crossmem.randomness import generator

TASKS = {"iris": load_iris, "cancer": load_breast_cancer, "digits": load_digits, "mnist": None}


@dataclass(frozen=True)
class InPlace:
    """One condition of training a resistive network in place.

    A value out of range is refused by the network, its devices or its recipe.
    """

    data: str = "digits"  #: a key of `TASKS`; mnist are its 10,000 test images
    hidden: int = 32  #: nodes of each hidden layer
    depth: int = 1  #: hidden layers
    device: str = "linear"  #: model of the memristors
    ratio: float = 1000.0  #: r_off / r_on
    r_on: float = 100.0  #: lowest resistance in Ω
    clamp: float = 0.1  #: threshold of the clamps in V
    gain: float = 16.0  #: of the amplifiers
    bias: float = 1.0  #: voltage of the bias lines in V
    line_resistance: float = 0.0  #: of a segment, in Ω
    epochs: int = 40  #: passes through the data
    batch: int = 32  #: samples of an update
    exact: bool = True  #: integrate each pulse, or take one Euler step
    step: float = 0.03  #: change by an update of 1, as a share of the range
    optimizer: str = "adam"  #: or "sign"
    speed_spread: float = 0.0  #: log-normal width of the effect of a pulse
    resistance_spread: float = 0.0  #: log-normal width of the resistances
    stuck_off: float = 0.0  #: share of devices that stay at r_off
    stuck_on: float = 0.0  #: share of devices that stay at r_on
    test_share: float = 0.25  #: share of the samples that are held out
    validation: bool = False  #: hold out a share of the training samples, to choose settings by

    def __post_init__(self):
        check_choice(self.data, "data", tuple(TASKS))
        check_count(self.depth, "depth")
        check_rate(self.test_share, "test_share")

    def at(self, **changes):
        """The condition with other values; an unknown name is a TypeError with the nearest one."""
        own = [entry.name for entry in fields(self)]
        for name in changes.keys() - set(own):
            raise TypeError(
                f"a condition has no parameter {name!r}: did you mean {nearest(name, own)!r}?"
            )
        return replace(self, **changes)

    def network(self, seed):
        """An untrained classifier."""
        spread = Imperfections(
            self.speed_spread, self.resistance_spread, self.stuck_off, self.stuck_on
        )
        recipe = Recipe(
            optimizer=self.optimizer,
            batch=self.batch,
            step=self.step,
            exact=self.exact,
            imperfections=spread,
        )
        return ResistiveNetworkClassifier(
            hidden=(self.hidden,) * self.depth,
            device=self.device,
            r_on=self.r_on,
            r_off=self.ratio * self.r_on,
            clamp=self.clamp,
            gain=self.gain,
            bias=self.bias,
            epochs=self.epochs,
            line_resistance=self.line_resistance,
            seed=seed,
            recipe=recipe,
        )

    def split(self, seed):
        """Features and labels to train on, then those held out: another split for each seed.

        Shares of the classes are kept. Features lie within [-1, 1]: grey levels by their range,
        others by their range among the training samples.
        """
        features, labels = samples(self.data)
        seen, held = _halves(labels, self.test_share, generator(seed, "split", self.data))
        if self.validation:
            rng = generator(seed, "validation", self.data)
            kept, tried = _halves(labels[seen], self.test_share, rng)
            seen, held = seen[kept], seen[tried]
        low, high = features[seen].min(axis=0), features[seen].max(axis=0)
        if self.data in ("digits", "mnist"):
            low, high = features.min(), features.max()
        scaled = np.clip(2 * (features - low) / (high - low) - 1, -1, 1)
        return scaled[seen], labels[seen], scaled[held], labels[held]


@cache
def samples(data):
    """Features (n, F) and labels (n,) of a task."""
    if data == "mnist":
        images, labels, _ = grey_images("mnist")
        return images.reshape(len(images), -1).astype(float), labels
    return TASKS[data](return_X_y=True)


def trained(setup, *, seed):
    """Accuracy and loss on the training samples and on those held out."""
    network, split = fitted(setup, seed)
    classifier = network.network_
    conducting = classifier.conducting(classifier.free(INPUT_VOLTAGE * split[2])).mean()
    devices = sum(conductance.size for conductance in classifier.conductances)
    return scores(network, split) | {
        "conducting": quantity(conducting, "1", "share of conducting clamps"),
        "devices": quantity(devices, "1", "memristors"),
    }


def transferred(setup, *, seed, lines):
    """Scores of a network that was trained on ideal lines, wired with ``lines`` Ω per segment."""
    network, split = fitted(setup.at(line_resistance=0.0), seed)
    ideal, found = network.network_, []
    for line in lines:
        network.network_ = replace(ideal, line_resistance=line)
        found.append(xr.Dataset(scores(network, split)))
    return xr.concat(found, quantity(lines, "Ω", "line resistance", "line_resistance"))


def fitted(setup, seed):
    """A trained classifier and its split."""
    split = setup.split(seed)
    return setup.network(seed).fit(*split[:2]), split


def scores(network, split):
    """Accuracy, and loss as in `train`, on the training samples and on those held out."""
    found = {}
    for part, features, labels in (("train", *split[:2]), ("test", *split[2:])):
        outputs = network.outputs(features)
        targets = TARGET * np.where(labels[:, None] == network.classes_, 1, -1)
        right = network.classes_[outputs.argmax(axis=1)] == labels
        found[f"{part}_accuracy"] = quantity(right.mean(), "1", f"accuracy, {part} samples")
        loss = ((outputs - targets) ** 2).mean() / 2
        found[f"{part}_loss"] = quantity(loss, "V²", f"loss, {part} samples")
    return found


def _halves(labels, share, rng):
    """Places of the samples kept and held out, with the same shares of the classes."""
    split = StratifiedShuffleSplit(1, test_size=share, random_state=int(rng.integers(2**31)))
    return next(split.split(labels, labels))
