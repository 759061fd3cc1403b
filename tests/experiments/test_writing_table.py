"""Writing at once counts the first stages alone; stages add their trainings."""

from pathlib import Path

import pytest
import xarray as xr

from crossmem.chip.costs import load_costs, typical
from crossmem.experiments import Setup
from crossmem.experiments.writing_table import writing_table

COSTS = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"


def test_stages_cost_what_they_count(assert_labelled):
    counts = {"pulses": [10.0, 10.0, 4.0], "reads": [30.0, 30.0, 12.0], "steps": [0.0, 50.0, 50.0]}
    counts = xr.Dataset({name: ("stage", values) for name, values in counts.items()})
    setup = Setup(flip_rate=0.05, n_patterns=20).at(cue_noise=0.05, steps=200)
    found = writing_table(counts, setup, typical(load_costs(COSTS)), stages=2)
    assert_labelled(found)
    once, stages = found.sel(way="at once"), found.sel(way="in stages")
    assert (once["pulses"], stages["pulses"]) == (20, 24)
    assert (once["reads"], stages["reads"]) == (60, 72)
    assert (once["steps"], stages["steps"]) == (200, 300)
    assert float(stages["training"] / once["training"]) == pytest.approx(1.5)
    assert float(stages["energy"] / once["energy"]) == pytest.approx(1.2)
    assert float(stages["seconds"] / once["seconds"]) == pytest.approx(1.2)
