"""Units and long names of results: every variable of a dataset carries both."""

import xarray as xr

from crossmem.checks import nearest

#: Units and long names of the coordinates that many experiments share.
COORDINATES = {
    "seed": ("1", "seed of the repetition"),
    "neurons": ("1", "number of neurons N"),
    "width": ("1", "neurons of each hidden layer"),
    "layers": ("1", "layers of weights"),
    "n_patterns": ("1", "number of stored patterns P"),
    "masked_fraction": ("1", "fraction of masked weights"),
    "stuck_fraction": ("1", "fraction of stuck devices"),
    "flip_rate": ("1", "fraction of flipped bits in the cue"),
    "noise": ("1", "standard deviation of the noise on the cue"),
    "cue_noise": ("1", "corruption of the training cues"),
    "programming_error": ("µS", "standard deviation of the programming error"),
    "iteration": ("1", "recall iteration"),
    "rule": ("1", "learning rule"),
    "source": ("1", "origin of the patterns"),
    "outcome": ("1", "where the recall ends"),
    "plan": ("1", "order of the updates, and the lines"),
    "stop": ("1", "when recall ends"),
    "level": ("1", "corruption of the cue"),
    "criterion": ("1", "success criterion"),
    "optimizer": ("1", "optimiser of the training"),
    "learning_rate": ("1", "learning rate"),
    "time": ("s", "time since programming"),
    "wire_resistance": ("Ω", "line resistance per segment"),
    "nu": ("1", "mean drift exponent"),
    "nu_spread": ("1", "spread of the drift exponent over the devices"),
    "vectors": ("1", "read vectors per level"),
    "rows": ("1", "rows and columns of the array"),
    "tile_rows": ("1", "rows of a tile"),
    "unroll": ("1", "updates in one training pass"),
    "update": ("1", "order of updates"),
    "on_share": ("1", "share of the stuck devices that are stuck on"),
    "way": ("1", "way to use the chip"),
    "variant": ("1", "variant of the training"),
    "first_noise": ("1", "corruption of the training cues at the first step"),
    "recall": ("1", "when recall is read"),
    "device": ("1", "memristor model"),
    "r_off": ("Ω", "highest resistance"),
    "data": ("1", "classification task"),
    "samples": ("1", "samples that are trained on"),
    "size": ("1", "size of the hidden layer"),
    "step": ("1", "step of a pulse, as a share of the conductance range; 0 as published"),
    "frequency_share": ("1", "frequency of the pulses, as a share of the published one"),
    "nudge": ("A/V", "feedback current per error"),
    "epoch": ("1", "epoch"),
}


def describe(dataset, **meanings):
    """Attach units and long names to the variables of a dataset, in place, and return it.

    ``meanings`` gives (units, long name) by variable, units ``"1"`` for a pure number; a name that
    the dataset lacks is a ValueError. Coordinates of `COORDINATES` without a name get theirs.
    """
    for name, (units, long_name) in meanings.items():
        if name not in dataset.variables:
            raise ValueError(
                f"the dataset has no variable {name!r}: did you mean "
                f"{nearest(name, dataset.variables)!r}?"
            )
        dataset[name].attrs.update(units=units, long_name=long_name)
    for name in COORDINATES.keys() & dataset.variables.keys():
        units, long_name = COORDINATES[name]
        dataset[name].attrs = {"units": units, "long_name": long_name, **dataset[name].attrs}
    return dataset


def quantity(value, units, long_name, dims=()):
    """A labelled result; every variable of a dataset carries its units and its full name."""
    return xr.Variable(dims, value, {"units": units, "long_name": long_name})


def labelled(value, units, long_name, **coords):
    """A labelled result along coordinates, by dimension, in order.

    Each is a list of values, or a tuple of the values, their units and their long name.
    """
    axes = {
        name: quantity(*axis, name) if isinstance(axis, tuple) else axis
        for name, axis in coords.items()
    }
    return xr.DataArray(quantity(value, units, long_name, list(axes)), axes)
