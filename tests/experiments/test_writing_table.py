"""Writing at once is write-and-verify alone; stages add what they count, and their trainings."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.chip.costs import load_costs, typical
from crossmem.chip.crossbar import Crossbar
from crossmem.deploy.staged import StagePlan
from crossmem.experiments import Setup
from crossmem.experiments.staged import Writing, chip_for, staged_quality, written
from crossmem.experiments.writing_table import counts_at_once, writing_table

COSTS = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"
SETUP = Setup(neurons=25, flip_rate=0.05, n_patterns=10).at(cue_noise=0.05, steps=200)


def test_both_ways_cost_what_they_count(assert_labelled):
    stages = {"pulses": [10.0, 10.0, 4.0], "reads": [30.0, 30.0, 12.0], "steps": [0.0, 50.0, 50.0]}
    stages = xr.Dataset({name: ("stage", values) for name, values in stages.items()})
    once = xr.Dataset({"pulses": 12.0, "reads": 36.0})
    found = writing_table(once, stages, SETUP, typical(load_costs(COSTS)))
    assert_labelled(found)
    once, stages = found.sel(way="at once"), found.sel(way="in stages")
    assert (once["pulses"], stages["pulses"]) == (12, 24)
    assert (once["reads"], stages["reads"]) == (36, 72)
    assert (once["steps"], stages["steps"]) == (200, 300)
    assert float(stages["training"] / once["training"]) == pytest.approx(1.5)
    for cost in ("seconds", "energy"):
        assert float(stages[cost] / once[cost]) == pytest.approx(2)


@pytest.mark.parametrize("layers", [1, 2])
def test_writing_at_once_is_counted_pulse_by_pulse(layers, monkeypatch):
    """The pulses are those of the network that recalls, and each device has one read more."""
    setup, seen, program = SETUP.at(layers=layers), [], Crossbar.program

    def watched(self, weights, rng=None):
        seen.append((self, program(self, weights, rng)))
        return seen[-1][1]

    monkeypatch.setattr(Crossbar, "program", watched)
    found = counts_at_once(setup, writing=Writing(), seed=1)
    counted, devices = seen.copy(), sum(one.devices for one, _ in seen)
    crossbars, limits = chip_for(setup, Writing(), 1)
    memory = setup.memory(1).fit(setup.stored(1), limits=limits)
    network, _ = written(memory, setup.stored(1), crossbars, Writing(), "at once", 1)
    assert len(counted) == len(network.layers) == layers
    for (own, _), layer in zip(counted, network.layers, strict=True):
        np.testing.assert_array_equal(own.weights.astype(np.float32), layer.weights)
    pulses = sum(result.pulses.sum() for _, result in counted)
    assert (found["pulses"], found["reads"]) == (pulses, pulses + devices)


def test_a_single_stage_reads_as_often_and_then_reads_back():
    """Stages of one share are write-and-verify too: the pulses agree, the reads are more."""
    writing = Writing(plan=StagePlan(shares=(1.0,), rounds=(), reads=4))
    once = counts_at_once(SETUP, writing=writing, seed=0)
    stage = staged_quality(SETUP, writing=writing, seed=0)
    devices = 2 * 25 * 25
    assert float(stage["pulses"].sum()) == pytest.approx(float(once["pulses"]), rel=0.1)
    assert float((stage["reads"] - stage["pulses"]).sum()) == 5 * devices
    assert float(once["reads"] - once["pulses"]) == devices
