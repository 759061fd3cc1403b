"""Sweeps: right values at the right labels, resumable, the same whatever the workers."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem import experiments
from crossmem.randomness import generator
from crossmem.sweep import count_workers, nearest, sweep, write_atomically

sweep_module = sys.modules["crossmem.sweep"]

SMALL = {
    "dataset": "random",
    "fault_rate": 0.0,
    "method": "hebbian",
    "flip_rate": 0.0,
    "cues": 1,
    "iterations": 1,
    "seeds": [0],
}
POINTS = '''"""Experiments of the tests, in a module that workers can import."""
import os
import time

import numpy as np
import xarray as xr

from crossmem.randomness import generator


def product(neurons, rate, seed=0):
    return {"value": neurons * rate + seed}


def noisy(neurons, seed, folder, pause=0.0):
    """Leave a mark per evaluation, so that the tests can count them."""
    with open(os.path.join(folder, "evaluations"), "a") as marks:
        marks.write(f"{neurons} {seed}\\n")
    time.sleep(pause)
    rng = generator(seed, "noise", neurons)
    weights = rng.normal(size=(60, 60))
    trace = xr.DataArray((weights @ weights).sum(0)[:4], dims="iteration", attrs={"units": "1"})
    return {"mean": float(weights.mean()), "trace": trace}


def method(name, neurons):
    return xr.Dataset({"level": ("step", np.arange(3) * neurons)}, coords={"step": [10, 20, 30]})


def ragged(neurons):
    return {"trace": xr.DataArray(np.zeros(neurons), dims="iteration")}


def fails(neurons):
    if neurons == 16:
        raise ZeroDivisionError("no cells left")
    return {"value": neurons}
'''


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    (folder / "grid_points.py").write_text(POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        import grid_points

        yield grid_points


def evaluations(folder):
    return (folder / "evaluations").read_text().splitlines()


def run_noisy(points, folder, **options):
    grid = {"neurons": [8, 16, 32], "seed": [0, 1]}
    return sweep(points.noisy, grid, constants={"folder": str(folder)}, **options)


# --- randomness -------------------------------------------------------------------------------


def test_generator_is_the_same_in_another_process():
    code = (
        "from crossmem.randomness import generator; print(generator(7, 'cues', 64, 0.5).random())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(other.stdout) == generator(7, "cues", 64, 0.5).random()


def test_generator_streams_differ_by_every_coordinate():
    keys = [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, 1, "a"), (0, "a", 0.5), (0,)]
    assert len({generator(*key).random() for key in keys}) == len(keys)


def test_generator_does_not_tell_int_float_and_numpy_apart():
    draws = {generator(0, value).random() for value in (1, 1.0, np.int64(1), np.float32(1))}
    assert len(draws) == 1


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((-1,), ValueError, "seed is -1"),
        ((0.5,), TypeError, "seed is 0.5"),
        ((0, None), TypeError, "coordinate None"),
        ((0, [1]), TypeError, r"coordinate \[1\]"),
    ],
)
def test_generator_refuses(key, error, message):
    with pytest.raises(error, match=message):
        generator(*key)


# --- values and labels ------------------------------------------------------------------------


def test_values_stand_at_their_labels(points):
    found = sweep(points.product, {"neurons": [8, 64], "rate": [0.0, 0.25, 0.5]}, workers=1)
    assert found["value"].dims == ("neurons", "rate")
    assert float(found["value"].sel(neurons=64, rate=0.25)) == 16.0
    np.testing.assert_array_equal(found["value"], np.outer([8, 64], [0, 0.25, 0.5]))
    assert found.attrs["wall_time_s"] > 0


def test_inner_dimensions_coordinates_and_units_survive(points, tmp_path):
    found = sweep(points.method, {"name": ["hebb", "storkey"], "neurons": [2, 3]}, workers=1)
    assert found["level"].dims == ("name", "neurons", "step")
    assert found["level"].sel(name="storkey", neurons=3, step=20) == 3
    assert run_noisy(points, tmp_path, workers=1)["trace"].attrs["units"] == "1"


def test_result_is_the_same_for_any_workers_and_cache(points, tmp_path):
    plain = run_noisy(points, tmp_path, workers=1)
    for workers in (1, 2):
        cache = tmp_path / f"cache{workers}"
        for _ in ("computed", "read back"):
            found = run_noisy(points, tmp_path, workers=workers, cache=cache)
            xr.testing.assert_equal(found, plain)
    assert len(evaluations(tmp_path)) == 6 * 3  # reading back evaluates nothing


def test_result_of_a_dask_client(points, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with distributed.Client(dashboard_address=None, **options) as client:
        found = [run_noisy(points, tmp_path, executor=client) for _ in range(3)]
    for again in found:  # what a sweep leaves on the cluster is no obstacle to the next one
        xr.testing.assert_equal(again, run_noisy(points, tmp_path, workers=1))


# --- resuming ---------------------------------------------------------------------------------


def test_a_larger_grid_computes_only_the_new_points(points, tmp_path):
    options = {"constants": {"folder": str(tmp_path)}, "workers": 1, "cache": tmp_path / "cache"}
    sweep(points.noisy, {"neurons": [8, 16], "seed": [0]}, **options)
    sweep(points.noisy, {"neurons": [8, 16, 32], "seed": [0]}, **options)
    assert evaluations(tmp_path) == ["8 0", "16 0", "32 0"]


def test_a_killed_sweep_goes_on_where_it_was(points, tmp_path):
    call = (
        "from crossmem.sweep import sweep; import grid_points as g; "
        "sweep(g.noisy, {'neurons': [8, 16, 32], 'seed': [0, 1, 2, 3]}, workers=1, "
        f"constants={{'folder': {str(tmp_path)!r}, 'pause': 0.1}}, cache={str(tmp_path / 'c')!r})"
    )
    path = os.pathsep.join([str(Path(points.__file__).parent), *filter(None, sys.path)])
    victim = subprocess.Popen([sys.executable, "-c", call], env={**os.environ, "PYTHONPATH": path})
    while victim.poll() is None and len(list((tmp_path).glob("c/*/*.npz"))) < 4:
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    kept = len(list(tmp_path.glob("c/*/*.npz")))
    (tmp_path / "evaluations").unlink()

    grid = {"neurons": [8, 16, 32], "seed": [0, 1, 2, 3]}
    constants = {"folder": str(tmp_path), "pause": 0.1}
    resumed = sweep(points.noisy, grid, constants=constants, workers=1, cache=tmp_path / "c")
    assert 4 <= kept < 12
    assert len(evaluations(tmp_path)) == 12 - kept
    constants["pause"] = 0.0
    xr.testing.assert_equal(resumed, sweep(points.noisy, grid, constants=constants, workers=1))


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b.replace(b"trace", b"tracx")]
)
def test_a_damaged_entry_is_computed_again(points, tmp_path, damage):
    before = run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache")
    entry = next((tmp_path / "cache").rglob("*.npz"))
    entry.write_bytes(damage(entry.read_bytes()))
    with pytest.warns(UserWarning, match="is damaged"):
        after = run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache")
    xr.testing.assert_equal(after, before)
    assert len(evaluations(tmp_path)) == 7


def test_a_constant_and_the_library_source_are_part_of_the_key(points, tmp_path, monkeypatch):
    run = {"workers": 1, "cache": tmp_path}
    assert sweep(points.product, {"neurons": [1], "rate": [2]}, **run)["value"] == 2
    changed = sweep(
        points.product,
        {"neurons": [1], "rate": [2]},
        constants={"seed": 5},
        workers=1,
        cache=tmp_path,
    )
    assert changed["value"] == 7
    monkeypatch.setattr(sweep_module, "_fingerprint", lambda module: "another version")
    sweep(points.product, {"neurons": [1], "rate": [2]}, **run)
    assert len(list(tmp_path.rglob("*.npz"))) == 3


def test_a_library_edited_after_import_is_refused(tmp_path, monkeypatch):
    edited = {**sweep_module.SOURCES, "crossmem.dynamics": "edited = True\n"}
    monkeypatch.setattr(sweep_module, "SOURCES", edited)
    grid = {"neurons": [16], "patterns": [1]}
    with pytest.raises(RuntimeError, match="crossmem.dynamics has changed"):
        sweep(experiments.stored_quality, grid, constants=SMALL, workers=1, cache=tmp_path)


def test_only_what_the_experiment_imports_counts():
    below = sweep_module._dependencies("crossmem.experiments")
    assert {"crossmem.experiments", "crossmem.training", "crossmem.devices"} <= below
    assert not below & {"crossmem.sweep", "crossmem.results", "crossmem.reproduce"}
    assert sweep_module._dependencies("crossmem.randomness") == {"crossmem.randomness"}


def test_fingerprint_ignores_prose_but_not_code():
    syntax = sweep_module._syntax
    plain = syntax("def f(x):\n    return x + 1\n")
    assert syntax('"""Doc."""\n# why\n\ndef f(x):\n    """Add."""\n    return x + 1\n') == plain
    assert syntax("def f(x):\n    return x + 2\n") != plain


def test_the_store_never_reads_pickles():
    tree = ast.parse(Path(sweep_module.__file__).read_text())
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert not imported & {"pickle", "cloudpickle", "dill"}
    with pytest.raises(TypeError, match="'value' holds Python objects"):
        sweep_module._encode({"value": xr.Variable("n", np.array([{}, {}]))}, 0.0)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "constants", "error", "message"),
    [
        ({}, {}, ValueError, "grid is empty"),
        ({"neurons": [], "rate": [1]}, {}, ValueError, r"grid\['neurons'\] is \[\]"),
        ({"neurons": 8, "rate": [1]}, {}, ValueError, r"grid\['neurons'\] is 8"),
        ({"neurons": [8, 8], "rate": [1]}, {}, ValueError, "repeats a value"),
        ({"neurons": [[8]], "rate": [1]}, {}, TypeError, "single scalar"),
        ({"neurons": [object()], "rate": [1]}, {}, TypeError, "plain value"),
        ({"neuron": [8], "rate": [1]}, {}, TypeError, "'neuron': did you mean 'neurons'"),
        ({"neurons": [8], "rate": [1]}, {"sed": 1}, TypeError, "did you mean 'seed'"),
        ({"neurons": [8]}, {}, TypeError, "needs 'rate'"),
        ({"neurons": [8], "rate": [1]}, {"rate": 1}, ValueError, "both grid and constants"),
    ],
)
def test_bad_requests(points, grid, constants, error, message):
    with pytest.raises(error, match=message):
        sweep(points.product, grid, constants=constants, workers=1)


def test_a_local_function_needs_one_worker_and_no_cache(tmp_path):
    def local(neurons):
        return {"value": neurons}

    assert sweep(local, {"neurons": [3]}, workers=1)["value"] == 3
    for options in ({"workers": 2}, {"workers": 1, "cache": tmp_path}):
        with pytest.raises(TypeError, match="top level of a module"):
            sweep(local, {"neurons": [3]}, **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_names_its_grid_point(points, workers):
    with pytest.raises(RuntimeError, match="fails failed at neurons=16: ZeroDivisionError: no cel"):
        sweep(points.fails, {"neurons": [8, 16, 32]}, workers=workers)


def test_points_of_different_shapes_are_refused(points):
    with pytest.raises(ValueError, match="differ in names or shapes"):
        sweep(points.ragged, {"neurons": [2, 3]}, workers=1)


def test_workers_come_from_the_call_then_the_environment(monkeypatch):
    monkeypatch.setenv("CROSSMEM_WORKERS", "3")
    assert (count_workers(), count_workers(0), count_workers(2)) == (3, 3, 2)
    monkeypatch.setenv("CROSSMEM_WORKERS", "many")
    with pytest.raises(ValueError, match="workers is 'many'"):
        count_workers()
    with pytest.raises(ValueError, match="workers is -1"):
        count_workers(-1)


def test_nearest():
    assert nearest("fault_rat", ["neurons", "fault_rate"]) == "fault_rate"
    assert nearest("x", []) == ""


# --- files and progress -----------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "result.nc"
    write_atomically(path, b"old")

    def full(self, content):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="cannot write .*No space left.*unchanged"):
        write_atomically(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("result.nc", b"old")]


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "figures").write_text("a file, not a folder")
    with pytest.raises(OSError, match="cannot write .*figures/result.nc"):
        write_atomically(tmp_path / "figures" / "result.nc", b"new")


def test_progress_counts_cached_points_at_once(points, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("CROSSMEM_PROGRESS", str(log))
    run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache", label="capacity")
    assert re.search(r"capacity: 0/6 points.*capacity: 6/6 points", log.read_text(), re.DOTALL)
    log.unlink()
    run_noisy(points, tmp_path, workers=1, cache=tmp_path / "cache", label="capacity")
    assert "0/6" not in log.read_text() and "6/6 points" in log.read_text()


def test_no_progress_in_captured_output(points, monkeypatch, capsys):
    monkeypatch.delenv("CROSSMEM_PROGRESS", raising=False)
    sweep(points.product, {"neurons": [1], "rate": [2]}, workers=1)
    assert capsys.readouterr() == ("", "")


def test_an_edited_worker_is_refused():
    task = sweep_module._Task(types.SimpleNamespace, {}, "another version")
    with pytest.raises(RuntimeError, match="another version of crossmem"):
        task({"a": 1})
