"""Stand-ins that note what an experiment gives to its memory."""

from dataclasses import fields

import numpy as np
import pytest

from crossmem.experiments import Setup
from crossmem.networks.base import AssociativeMemory
from crossmem.networks.network import Layer, Network


class Echo(Network):
    """Returns every cue and notes it."""

    def __init__(self, neurons, cues):
        super().__init__([Layer(np.eye(neurons), np.zeros(neurons))])
        self.cues = cues

    def recall(self, cues, **options):
        self.cues.append(cues)
        return cues

    def with_layers(self, layers):
        return self


class Recorder(AssociativeMemory):
    """Stands in for a memory and notes patterns, limits and cues in a log."""

    def __init__(self, log=None):
        self.log = log

    def fit(self, patterns, y=None, *, limits=None):
        cues = []
        self.log.append({"patterns": patterns, "low": limits[0].low, "cues": cues})
        self.network_ = Echo(patterns.shape[1], cues)
        return self


@pytest.fixture
def recorded():
    """Runs an experiment with stand-ins for memories; returns what each of them was given."""

    def run(experiment, setup, **own):
        log = []

        class Recorded(Setup):
            def memory(self, seed):
                return Recorder(log)

        values = {entry.name: getattr(setup, entry.name) for entry in fields(setup)}
        experiment(Recorded(**values), **own)
        return log

    return run


@pytest.fixture
def assert_labelled():
    """Checks that every result carries units and a long name."""

    def check(results):
        for name, variable in results.items():
            assert set(variable.attrs) == {"units", "long_name"}, name
            assert all(variable.attrs.values()), name

    return check
