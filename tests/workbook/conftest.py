"""Experiments of these tests, in a module that workers can import."""

import importlib
import sys
import time
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from crossmem.workbook import plotting
from crossmem.workbook.cluster import local_cluster

matplotlib.use("Agg")

SOURCE = '''"""Experiments of the tests."""
import os
import time
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from crossmem.randomness import generator


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5


@dataclass(frozen=True)
class Condition:
    neurons: int = 8
    name: str = "hebb"
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        if not 0 < self.neurons < 1000:
            raise ValueError(f"neurons is {self.neurons}, but must lie below 1000")

    def at(self, **changes):
        inner = {"rate": changes.pop("rate")} if "rate" in changes else {}
        return replace(self, inner=replace(self.inner, **inner), **changes)


def product(neurons, rate, seed=0):
    return {"value": neurons * rate + seed}


def multiple_of(factor):
    def local(neurons):
        return {"value": factor * neurons}

    return local


def conditioned(setup, seed=0, extra=None):
    return {"value": setup.neurons * setup.inner.rate + seed, "long": len(setup.name)}


def noisy(neurons, seed, folder, pause=0.0):
    """Leave a mark per evaluation, so that the tests can count them."""
    with open(os.path.join(folder, "evaluations"), "a") as marks:
        marks.write(f"{neurons} {seed} {os.getpid()}\\n")
    time.sleep(pause)
    rng = generator(seed, "noise", neurons)
    weights = rng.normal(size=(60, 60))
    trace = xr.DataArray((weights @ weights).sum(0)[:4], dims="iteration", attrs={"units": "1"})
    return {"mean": float(weights.mean()), "trace": trace}


def labelled(name, neurons):
    return xr.Dataset(
        {
            "level": ("step", np.arange(3, dtype="int16") * neurons),
            "text": name,
            "whole": neurons,
            "yes": ("step", np.array([True, False, True])),
        },
        coords={"step": ("step", [10, 20, 30], {"units": np.float32(1.5), "of": np.int64(3)})},
    )


def ragged(neurons):
    return {"trace": xr.DataArray(np.zeros(neurons), dims="iteration")}


def relabelled(neurons):
    return {"trace": xr.DataArray([1, 2], {"at": [0, neurons]}, "at")}


def pickled(neurons):
    return {"value": xr.Variable("n", np.array([{}, {}]))}


def fails(neurons, folder="", pause=0.0):
    if neurons == 16:
        raise ZeroDivisionError("no cells left")
    if folder:
        open(os.path.join(folder, "evaluations"), "a").write("\\n")
    time.sleep(pause)
    return {"value": neurons}


class Refusal(Exception):
    def __init__(self, cells, text):
        super().__init__(f"{cells} cells {text}")


def refuses(neurons):
    if neurons == 8:
        raise Refusal(neurons, "are missing")
    return {"value": neurons}


def twice(neurons):
    return {"value": xr.DataArray(np.zeros(2), dims="neurons")}


def threaded(seed):
    from threadpoolctl import threadpool_info

    return {"threads": max(pool["num_threads"] for pool in threadpool_info())}


def dies(neurons):
    os.kill(os.getpid(), 9)
'''


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    (folder / "grid_points.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("grid_points")
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def cluster(points):
    pytest.importorskip("distributed", reason="Dask is optional")
    with local_cluster(2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def wait_for():
    def wait(condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def wait_until_gone(wait_for):
    def is_running(pid):
        try:
            return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False

    return lambda pids: wait_for(lambda: not any(map(is_running, pids)))


@pytest.fixture
def axes():
    with matplotlib.rc_context():
        plotting.use_style()
        figure, ax = plotting.new_figure()
        yield ax
        plt.close(figure)
