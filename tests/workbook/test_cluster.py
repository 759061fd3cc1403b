"""Sweeps on Dask: the same dataset as without, whatever happens to a worker."""

import gc
import importlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
import xarray as xr

from crossmem.workbook.sweep import sweep

pytest.importorskip("distributed", reason="Dask is optional")

GRID = {"neurons": [8, 16, 32], "seed": [0, 1, 2]}


def marks(folder):
    path = Path(folder) / "evaluations"
    return path.read_text().splitlines() if path.exists() else []


def kill_one(folder, wait_for):
    """Kill the worker that began the third point."""
    wait_for(lambda: len(marks(folder)) >= 3)
    os.kill(int(marks(folder)[2].split()[2]), signal.SIGKILL)


def test_a_killed_worker_changes_nothing(points, tmp_path, monkeypatch, cluster, wait_for):
    plain = sweep(points.noisy, over=GRID, folder=str(tmp_path), workers=1)
    monkeypatch.setenv("CROSSMEM_CLUSTER", cluster.scheduler_address)
    killed = tmp_path / "killed"
    killed.mkdir()
    killer = threading.Thread(target=kill_one, args=(killed, wait_for))
    killer.start()
    options = {"over": GRID, "folder": str(killed), "cache": tmp_path / "cache"}
    found = sweep(points.noisy, pause=0.3, workers=1, **options)
    killer.join()
    xr.testing.assert_equal(found, plain)
    pids = {line.split()[2] for line in marks(killed)}
    assert len(pids) >= 2 and str(os.getpid()) not in pids
    assert len(marks(killed)) > 9  # the point that was lost with its worker ran again
    assert len(list((tmp_path / "cache").rglob("*.json.gz"))) == 9


def test_a_client_is_an_executor_and_remembers_nothing(points, tmp_path, cluster):
    options = {"over": {"neurons": [8, 16]}, "seed": 0, "folder": str(tmp_path)}
    with cluster.get_client() as client:
        found = [sweep(points.noisy, executor=client, **options) for _ in range(2)]
    assert len(marks(tmp_path)) == 4
    for again in found:
        xr.testing.assert_equal(again, sweep(points.noisy, workers=1, **options))


def test_workers_find_a_module_beside_the_notebook(tmp_path, monkeypatch, cluster):
    (tmp_path / "beside.py").write_text("def f(x):\n    return {'y': 2 * x}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    beside = importlib.import_module("beside")
    with cluster.get_client() as client:
        assert sweep(beside.f, over={"x": [1, 2]}, executor=client)["y"].values.tolist() == [2, 4]


def test_a_failure_on_the_cluster_names_its_point_and_drops_the_others(points, tmp_path, cluster):
    options = {"folder": str(tmp_path), "pause": 0.2}
    with cluster.get_client() as client:
        with pytest.raises(RuntimeError, match="neurons=16: ZeroDivisionError: no cells") as kept:
            sweep(points.fails, over={"neurons": [*range(12), 16]}, executor=client, **options)
        time.sleep(0.8)
    assert kept and len(marks(tmp_path)) < 6  # even while a debugger keeps the traceback


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nowhere"])
def test_a_cluster_that_does_not_answer_is_named(points, monkeypatch, capfd, address):
    monkeypatch.setenv("CROSSMEM_CLUSTER", address)
    monkeypatch.setattr("crossmem.workbook.cluster.PATIENCE", 0.5)
    with pytest.raises(RuntimeError, match=f"no cluster answers at '{address}'"):
        sweep(points.product, over={"neurons": [1], "rate": [2]})
    gc.collect()  # of a client that was dropped
    assert capfd.readouterr().err == ""
