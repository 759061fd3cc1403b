"""Two trainings of one network: by what factor one holds more patterns, and what each costs."""

from dataclasses import dataclass

from crossmem.analysis.comparison import multipliers
from crossmem.experiments.capacity import expected_capacity
from crossmem.experiments.setup import Setup, Training
from crossmem.experiments.speed import training_seconds


@dataclass(frozen=True)
class Contest:
    """A training, the setup's own, beside the one ``before`` it; ``held`` compares capacities."""

    setup: Setup
    before: Training
    held: dict  # of `Multiplier` by criterion

    @property
    def name(self):
        """The network and how it is trained after the change, in words."""
        setup, updates = self.setup, self.setup.training.unroll
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
    that names its steps; both have the dimensions "criterion" and "seed". The place are parameters
    of the setup; those that are dimensions of the capacities are selected there.
    """
    there = [
        values.sel({dim: value for dim, value in place.items() if dim in values.dims})
        for values in (after, before)
    ]
    return Contest(setup.at(**place), training, multipliers(*there))
