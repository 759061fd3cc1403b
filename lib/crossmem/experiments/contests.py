"""Two trainings of one network: by what factor one holds more patterns, and what each costs."""

from dataclasses import dataclass

import xarray as xr

from crossmem.analysis.capacity import CRITERIA
from crossmem.analysis.comparison import ratio
from crossmem.analysis.statistics import mean_interval
from crossmem.experiments.capacity import expected_capacity
from crossmem.experiments.setup import Setup, Training
from crossmem.experiments.speed import training_seconds


@dataclass(frozen=True)
class Multiplier:
    """By what factor one training holds more than another: mean capacities, and ratios by seed."""

    before: float
    after: float
    ratio: xr.DataArray

    @property
    def seeds(self):
        """Number of seeds that have a ratio."""
        return self.ratio.sizes["seed"]

    @property
    def interval(self):
        """Mean ratio with its 95 % interval, as `mean_interval`; None with fewer than two seeds."""
        return mean_interval(self.ratio) if self.seeds > 1 else None

    def __str__(self):
        """Both capacities, and their ratio if it has an interval."""
        held = f"{self.before:.0f} → {self.after:.0f}"
        if self.interval is None:
            return held
        return "{}, ×{:.2f} ({:.2f} to {:.2f})".format(held, *map(float, self.interval))


@dataclass(frozen=True)
class Contest:
    """A training, the setup's own, beside the one ``before`` it; ``held`` compares capacities."""

    setup: Setup
    before: Training
    held: dict  # of `Multiplier` by criterion

    @property
    def name(self):
        """The network and how it is trained after the change, in words."""
        setup, updates = self.setup, self.setup.period
        layers = "one layer" if setup.layers == 1 else "hidden layer" if setup.binary else ""
        parts = [
            "random patterns" if setup.source == "random" else "",
            "" if setup.binary else "grey patterns",
            f"{setup.width} hidden neurons" if setup.width else layers,
            f"N = {setup.neurons}",
            f"{100 * setup.masked_fraction:.0f} % masked" if setup.masked_fraction else "",
            {1: "noisy cues", 2: "two updates"}.get(updates, f"{updates} updates"),
        ]
        return ", ".join(part for part in parts if part)

    def interval(self, criterion):
        """Mean ratio with its interval, None where there is none; see `Multiplier.interval`."""
        return self.held[criterion].interval if criterion in self.held else None

    def shares(self, bits_per_pixel=1.0):
        """Mean capacities before and after, as shares of the `expected_capacity`."""
        most = expected_capacity(self.setup, bits_per_pixel)
        return self.held["mean"].before / most, self.held["mean"].after / most

    def seconds(self, recipe_steps):
        """Processor times, in s, each of a training of as many patterns as it holds in the mean.

        They are those of the training before with ``recipe_steps`` steps, with its own, and of that
        after.
        """
        mean = self.held["mean"]
        trained = (self.setup.at(training=self.before), mean.before), (self.setup, mean.after)
        counts = [setup.at(n_patterns=max(round(count), 1)) for setup, count in trained]
        before, after = (training_seconds(setup) for setup in counts)
        return [recipe_steps / self.before.steps * before, before, after]


def contest(after, before, setup, training, **place):
    """The `Contest` at one place of two sweeps.

    ``after`` are capacities of the setup with its own training, ``before`` those with another one
    that names its steps; both have the dimensions "criterion" and "seed". A criterion that one of
    them lacks is left out, and a seed that it was not searched on, which is NaN. The place are
    parameters of the setup; those that are dimensions of the capacities are selected there.
    """
    after, before = (
        values.sel({dim: value for dim, value in place.items() if dim in values.dims})
        for values in (after, before)
    )
    held = {}
    for criterion in CRITERIA:
        if criterion in after["criterion"] and criterion in before["criterion"]:
            pair = (values.sel(criterion=criterion, drop=True) for values in (after, before))
            new, old = xr.align(*(values.dropna("seed") for values in pair))
            held[criterion] = Multiplier(float(old.mean()), float(new.mean()), ratio(new, old))
    return Contest(setup.at(**place), training, held)
