"""Costs of simulated recalls: by hand from their counts, and as saved with the paper's figures."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.chip.costs import Chip, layer_shapes, load_costs, recall_cost, typical
from crossmem.chip.plans import (
    PLANS,
    STOPS,
    costs_by_size,
    costs_by_width,
    over_synchronous,
    plan_cost,
)
from crossmem.storage import load_dataset

TABLE = Path(__file__).resolve().parents[2] / "params" / "costs.yaml"


@pytest.fixture
def constants():
    return typical(load_costs(TABLE))


@pytest.fixture
def counted():
    """Two seeds; iterations, sweeps and, for random draws, as many draws as neurons."""
    orders = ["synchronous", "asynchronous", "random draws"]
    dims = ("seed", "scheme")
    return xr.Dataset(
        {
            "updates": (dims, [[2.0, 2.0, 5.5], [3.0, 2.5, 6.0]]),
            "moving": (dims, [[1.0, 1.0, 1.5], [2.0, 1.5, 2.0]]),
            "changes": (dims, [[6.0, 5.0, 5.0], [9.0, 7.0, 8.0]]),
        },
        {"scheme": orders, "seed": [0, 1]},
    ).assign_coords(masked_fraction=0.0)


@pytest.mark.parametrize(
    ("plan", "stop", "scheme", "updates", "changed"),
    [
        ("synchronous", "known to rest", "synchronous", 3, 0),
        ("synchronous", "last change", "synchronous", 2, 0),
        ("sweeps", "known to rest", "asynchronous", 2.5 * 16, 0),
        ("sweeps, lines held", "last change", "line-holding", 1.5 * 16, 7),
        ("random draws", "known to rest", "asynchronous", 6 * 16, 0),
        ("random draws, lines held", "known to rest", "line-holding", 6 * 16, 8),
    ],
)
def test_a_plan_takes_its_own_counts(counted, constants, plan, stop, scheme, updates, changed):
    shapes = layer_shapes(16)
    found = plan_cost(counted, plan, shapes, constants, stop=stop)
    expected = recall_cost(shapes, scheme, updates, constants, changed=changed)
    assert expected.equals(found.sel(seed=1, drop=True))
    assert "masked_fraction" not in found.coords


def test_networks_plans_and_stops_become_dimensions(counted, constants):
    networks = xr.concat([counted, counted + 1], xr.Variable("width", [0, 4]))
    table = costs_by_width(networks, 16, constants)
    assert table["energy"].dims == ("width", "plan", "stop", "seed", "component")
    for width, plan, stop in product((0, 4), PLANS, STOPS):
        network = networks.sel(width=width, drop=True)
        one = plan_cost(network, plan, layer_shapes(16, width), constants, stop=stop)
        assert one.equals(table.sel(width=width, plan=plan, stop=stop, drop=True))
    assert all({"units", "long_name"} <= table[name].attrs.keys() for name in ("plan", "stop"))
    assert costs_by_width(networks, 16, constants, stops=["last change"]).sizes["stop"] == 1


def test_unknown_plans_and_stops(counted, constants):
    with pytest.raises(ValueError, match="plan='sweep' .*'sweeps'"):
        plan_cost(counted, "sweep", layer_shapes(16), constants)
    with pytest.raises(ValueError, match="stop='rest'"):
        plan_cost(counted, "sweeps", layer_shapes(16), constants, stop="rest")


def test_the_committed_costs_follow_from_the_committed_counts(constants):
    paper = Path(__file__).resolve().parents[2] / "figures" / "paper"
    schemes, costs = (load_dataset(paper / f"05_{name}.nc") for name in ("schemes", "costs"))
    neurons = json.loads(costs.attrs["parameters"])["neurons"]
    counted = schemes.sel(masked_fraction=0.0, n_patterns=costs["n_patterns"])
    found = costs_by_width(counted, neurons, constants)
    for name in ("count", "energy", "latency"):
        np.testing.assert_array_equal(found[name], costs[name])


@pytest.fixture
def networks(counted):
    """A single layer and a stack that rests in twice the updates, with means over the seeds."""
    means = counted.mean("seed")
    return xr.concat([means, 2 * means], xr.Variable("width", [0, 4]))


def test_ratios_to_synchronous_recall(networks, constants):
    costs = costs_by_width(networks, 16, constants)
    ratios = over_synchronous(costs, width=0)
    at = {"plan": "sweeps", "stop": "known to rest"}
    slow = costs.sel(at, drop=True).sel(width=0)
    fast = costs.sel(stop="known to rest", plan="synchronous", width=4)
    found = ratios.sel(at, drop=True).sel(width=4)
    assert found["energy"] == pytest.approx(slow["energy"].sum() / fast["energy"].sum())
    assert found["latency"] == pytest.approx(slow["latency"] / fast["latency"])
    assert found["saved"] == pytest.approx(100 * (1 - fast["latency"] / slow["latency"]))
    own = ratios["energy"].sel(plan="synchronous", width=0)
    assert (own == 1).all()


def test_costs_at_every_size(counted, constants):
    sizes = xr.concat([counted, counted + 1], xr.Variable("neurons", [16, 64]))
    sizes = xr.concat([sizes, sizes], xr.Variable("layers", [1, 2]))
    strip = Chip(idle_strips_driven=False)
    wirings = {"sweeps": ("sweeps", None), "one strip": ("sweeps", strip)}
    table = costs_by_size(sizes, [16, 256], constants, wirings)
    assert table["energy"].dims == ("layers", "plan", "neurons", "seed", "component")
    assert table["plan"].values.tolist() == list(wirings)
    # Beyond the largest network, its updates, and changes in proportion to the neurons.
    held = costs_by_size(sizes, [16, 256], constants, {"held": ("sweeps, lines held", None)})
    larger = counted.assign(updates=counted["updates"] + 1, changes=4 * (counted["changes"] + 1))
    one = plan_cost(larger, "sweeps", layer_shapes(256, 128), constants, chip=strip)
    assert one.equals(table.sel(layers=2, plan="one strip", neurons=256, drop=True))
    one = plan_cost(larger, "sweeps, lines held", layer_shapes(256), constants)
    assert one.equals(held.sel(layers=1, plan="held", neurons=256, drop=True))
    with pytest.raises(ValueError, match="neurons=32 is unknown"):
        costs_by_size(sizes, [32], constants, wirings)
