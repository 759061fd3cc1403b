"""Sweeps: right values at the right labels, resumable, the same whatever the workers."""

import functools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_info, threadpool_limits

from crossmem.workbook.sweep import sweep
from crossmem.workbook.workers import count_workers

GRID = {"neurons": [8, 16, 32], "seed": [0, 1]}


def evaluations(folder):
    return (folder / "evaluations").read_text().splitlines()


def run_noisy(points, folder, **options):
    return sweep(points.noisy, over=GRID, folder=str(folder), **options)


def run_script(text, points, **options):
    """Start a script that finds the experiments."""
    path = os.pathsep.join([str(Path(points.__file__).parent), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([sys.executable, *text], env=environment, text=True, **options)


# --- values and labels ------------------------------------------------------------------------


def test_values_stand_at_their_labels(points):
    found = sweep(points.product, over={"neurons": [8, 64], "rate": [0.0, 0.25, 0.5]}, workers=1)
    assert found["value"].dims == ("neurons", "rate")
    assert float(found["value"].sel(neurons=64, rate=0.25)) == 16.0
    np.testing.assert_array_equal(found["value"], np.outer([8, 64], [0, 0.25, 0.5]))
    assert found.attrs["wall_time_s"] > found.attrs["compute_time_s"] > 0


def test_a_name_goes_to_the_function_or_to_the_setup(points):
    setup = points.Condition(name="abc")
    over = {"seed": [0, 5], "neurons": np.array([2, 4]), "rate": [0.5, 1.0]}
    found = sweep(points.conditioned, setup, over=over, workers=1)
    by_hand = [[[n * rate + seed for rate in (0.5, 1.0)] for n in (2, 4)] for seed in (0, 5)]
    np.testing.assert_array_equal(found["value"], by_hand)
    assert (found["long"] == 3).all()


def test_dimensions_types_coordinates_and_attributes_of_the_function_survive(points):
    over = {"name": ["hebb", "storkey"], "neurons": [2, 3]}
    found = sweep(points.labelled, over=over, workers=1)
    assert found["level"].dims == found["yes"].dims == ("name", "neurons", "step")
    assert found["level"].sel(name="storkey", neurons=3, step=20) == 3
    kinds = [found[name].dtype.str[1:] for name in ("level", "yes", "whole", "text", "name")]
    assert kinds == ["i2", "b1", "i8", "U7", "U7"]
    assert found["text"].sel(neurons=2).values.tolist() == ["hebb", "storkey"]
    assert list(found.coords) == ["name", "neurons", "step"]
    assert found["step"].attrs == {"units": 1.5, "of": 3}


def test_result_is_the_same_for_any_workers_and_cache(points, tmp_path):
    plain = run_noisy(points, tmp_path, workers=1)
    for workers in (1, 2):
        cache = tmp_path / f"cache{workers}"
        for _ in ("computed", "read back"):
            found = run_noisy(points, tmp_path, workers=workers, cache=cache)
            xr.testing.assert_identical(found.drop_attrs(deep=False), plain.drop_attrs(deep=False))
    assert len(evaluations(tmp_path)) == 6 * 3  # reading back evaluates nothing


def test_the_last_points_start_first(points, tmp_path):
    run_noisy(points, tmp_path, workers=2, pause=0.2)
    order = [line.split()[0] for line in evaluations(tmp_path)]
    assert order[:2] == ["32", "32"] and order[-2:] == ["8", "8"]


@pytest.mark.parametrize("workers", [1, 2])
def test_points_have_one_thread_and_this_process_keeps_its_own(points, workers):
    with threadpool_limits(2):
        found = sweep(points.threaded, over={"seed": [0, 1]}, workers=workers)
        assert {pool["num_threads"] for pool in threadpool_info()} == {2}
    assert (found["threads"] == 1).all()


# --- resuming ---------------------------------------------------------------------------------


def test_a_larger_grid_computes_only_the_new_points(points, tmp_path):
    options = {"folder": str(tmp_path), "workers": 1, "cache": tmp_path / "cache"}
    sweep(points.noisy, over={"neurons": [8, 16], "seed": [0]}, **options)
    sweep(points.noisy, over={"neurons": [8, 16, 32]}, seed=0, **options)
    assert [line.split()[0] for line in evaluations(tmp_path)] == ["8", "16", "32"]


def test_a_killed_sweep_goes_on_and_its_workers_leave(points, tmp_path, wait_for, wait_until_gone):
    call = (
        "from crossmem.workbook.sweep import sweep; import grid_points as g; "
        "sweep(g.noisy, over={'neurons': [8, 16, 32], 'seed': [0, 1, 2, 3]}, workers=2, "
        f"folder={str(tmp_path)!r}, pause=0.8, cache={str(tmp_path / 'c')!r})"
    )
    victim = run_script(["-c", call], points)
    wait_for(lambda: len(list(tmp_path.glob("c/*/*.json.gz"))) >= 4)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    workers = {int(line.split()[2]) for line in evaluations(tmp_path)}
    wait_until_gone(workers)
    kept = len(list(tmp_path.glob("c/*/*.json.gz")))
    (tmp_path / "evaluations").unlink()

    over = {"neurons": [8, 16, 32], "seed": [0, 1, 2, 3]}
    options = {"over": over, "folder": str(tmp_path), "workers": 1}
    resumed = sweep(points.noisy, pause=0.8, cache=tmp_path / "c", **options)
    assert 4 <= kept < 12 and len(evaluations(tmp_path)) == 12 - kept
    xr.testing.assert_equal(resumed, sweep(points.noisy, **options))


def test_every_part_of_the_condition_is_part_of_the_key(points, tmp_path):
    setup, inner = points.Condition(), points.Inner
    options = {"over": {"seed": [0]}, "workers": 1, "cache": tmp_path}
    for count, (condition, own) in enumerate(
        [
            (setup, {}),
            (setup.at(neurons=9), {}),
            (setup.at(rate=0.25), {}),
            (setup, {"extra": 1}),
            (setup, {"extra": 1.0}),
            (setup, {"extra": inner()}),
            (setup, {"extra": [inner(0.1)]}),
        ],
        start=1,
    ):
        sweep(points.conditioned, condition, **options, **own)
        assert len(list(tmp_path.rglob("*.json.gz"))) == count
    sweep(points.conditioned, setup, over={"neurons": [9]}, workers=1, cache=tmp_path, seed=0)
    assert len(list(tmp_path.rglob("*.json.gz"))) == count  # the same point by another way


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "own", "error", "named"),
    [
        ({"neurons": [], "rate": [1]}, {}, ValueError, "over['neurons'] is []"),
        ({"neurons": 8, "rate": [1]}, {}, ValueError, "over['neurons'] is 8"),
        ({"neurons": [8, 8], "rate": [1]}, {}, ValueError, "[8, 8]"),
        ({"neurons": [[8]], "rate": [1]}, {}, ValueError, "[[8]]"),
        ({"neurons": [None], "rate": [1]}, {}, ValueError, "[None]"),
        ({"neurons": [{1}], "rate": [1]}, {}, ValueError, "[{1}]"),
        ({"neuron": [8], "rate": [1]}, {}, TypeError, "'neuron': did you mean 'neurons'"),
        ({"neurons": [8], "rate": [1]}, {"sed": 1}, TypeError, "'sed': did you mean 'seed'"),
        ({"neurons": [8]}, {}, TypeError, "neurons=8: missing a required argument: 'rate'"),
        ({"neurons": [8], "rate": [1]}, {"rate": 1}, ValueError, "['rate']"),
    ],
)
def test_bad_requests(points, over, own, error, named):
    with pytest.raises(error, match=re.escape(named)):
        sweep(points.product, over=over, workers=1, **own)


@pytest.mark.parametrize(
    ("over", "own", "error", "named"),
    [
        ({"neurones": [8]}, {}, TypeError, "neurones=8: "),
        ({"setup": [8]}, {}, TypeError, "'setup'"),
        ({"seed": [8]}, {"neurons": 9}, TypeError, "setup.at(neurons=...)"),
        ({"neurons": [8, 1000], "seed": [3]}, {}, ValueError, "neurons=1000, seed=3: neurons is"),
    ],
)
def test_a_setup_is_checked_before_any_point_runs(points, over, own, error, named):
    with pytest.raises(error, match=re.escape(named)):
        sweep(points.conditioned, points.Condition(), over=over, workers=1, **own)


@pytest.mark.parametrize("setup", [{"neurons": [8]}, 8, "digits"])
def test_what_is_no_setup_is_refused(points, setup):
    with pytest.raises(TypeError, match="setup is .*frozen dataclass"):
        sweep(points.conditioned, setup, over={"seed": [0]}, workers=1)


def test_a_local_function_needs_no_cache(points, tmp_path):
    local = points.multiple_of(2)
    for workers in (1, 2):
        found = sweep(local, over={"neurons": [3, 4]}, workers=workers)
        assert found["value"].values.tolist() == [6, 8]
    with pytest.raises(TypeError, match="local is not at the top level"):
        sweep(local, over={"neurons": [3]}, workers=1, cache=tmp_path)


def test_an_experiment_in_the_users_own_script(points, tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "from crossmem.workbook.sweep import sweep\n"
        "def helper(x):\n    return 10 * x\n"
        "def f(x, seed=0):\n    return {'y': helper(x) + seed}\n"
        "if __name__ == '__main__':\n"
        "    print(sweep(f, over={'x': [1, 2], 'seed': [0, 1]}, workers=2)['y'].values.tolist())\n"
        "    print(sweep(f, over={'x': [1, 2]}, workers=2, cache='cache')['y'].values.tolist())\n"
    )
    run = run_script([script], points, stdout=subprocess.PIPE, cwd=tmp_path)
    assert run.communicate(timeout=60)[0].splitlines() == ["[[10, 11], [20, 21]]", "[10, 20]"]
    assert len(list(tmp_path.glob("cache/*/*.json.gz"))) == 2


def test_an_experiment_of_a_console_is_refused_with_a_cache(tmp_path, monkeypatch):
    def typed(x):
        return {"y": x}

    typed.__module__ = "__main__"
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    with pytest.raises(TypeError, match="typed is not at the top level"):
        sweep(typed, over={"x": [1]}, workers=1, cache=tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_names_its_grid_point(points, workers):
    with pytest.raises(RuntimeError, match="fails failed at neurons=16: ZeroDivisionError: no cel"):
        sweep(points.fails, over={"neurons": [8, 16, 32]}, workers=workers)


def test_a_worker_that_dies_blames_no_point(points):
    with pytest.raises(RuntimeError, match="a worker process .* ended before its work"):
        sweep(points.dies, over={"neurons": [8, 16]}, workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_that_no_pickle_brings_back_is_told_in_words(points, workers):
    with pytest.raises(RuntimeError, match="at neurons=8: .*Refusal: 8 cells are missing"):
        sweep(points.refuses, over={"neurons": [8, 8.5]}, workers=workers)


@pytest.mark.parametrize("wrong", [functools.partial(max, 8), dict])
def test_what_is_no_function_is_refused(wrong):
    with pytest.raises(TypeError, match=f"{re.escape(repr(wrong))} is no function"):
        sweep(wrong, over={"neurons": [8]}, workers=1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("twice", r"\['neurons'\] is in over and also a variable or dimension"),
        ("ragged", "neurons=3 differ in names, shapes or coordinates from those at neurons=2"),
        ("relabelled", "neurons=3 differ in names, shapes or coordinates from those at neurons=2"),
        ("pickled", "'value' holds Python objects"),
    ],
)
def test_points_that_do_not_fit_together_are_refused(points, name, message):
    with pytest.raises((ValueError, RuntimeError), match=message):
        sweep(getattr(points, name), over={"neurons": [2, 3]}, workers=1)


def test_workers_come_from_the_call_then_the_environment(monkeypatch):
    monkeypatch.setenv("CROSSMEM_WORKERS", "3")
    assert (count_workers(), count_workers(0), count_workers(np.int64(2))) == (3, 3, 2)
    for wrong in (-1, 1.5, True):
        with pytest.raises(ValueError, match=f"workers is {wrong!r}"):
            count_workers(wrong)
    monkeypatch.setenv("CROSSMEM_WORKERS", "many")
    with pytest.raises(ValueError, match="workers is 'many'"):
        count_workers()


# --- progress ---------------------------------------------------------------------------------


def test_progress_counts_kept_points_at_once(points, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CROSSMEM_PROGRESS", "1")
    run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache", label="capacity")
    shown = capsys.readouterr().err
    assert re.search(r"capacity: 0/6 points.*capacity: 6/6 points, .* left", shown, re.DOTALL)
    run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache", label="capacity")
    shown = capsys.readouterr().err
    assert "0/6" not in shown and "6/6 points" in shown


def test_without_a_terminal_no_progress_is_shown(points, capsys):
    sweep(points.product, over={"neurons": [1], "rate": [2]}, workers=1)
    assert capsys.readouterr() == ("", "")
