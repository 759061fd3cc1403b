"""Finished points: whole or absent, never a pickle, damage told from a file that cannot be read."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.workbook import points as points_module
from crossmem.workbook.points import decode, encode
from crossmem.workbook.sweep import sweep


def run(points, folder, **options):
    options = {"over": {"neurons": [8, 16], "seed": [0, 1]}, "workers": 1} | options
    return sweep(points.noisy, folder=str(folder), cache=folder / "cache", **options)


def files(folder):
    return sorted((folder / "cache").rglob("*.json.gz"))


def evaluations(folder):
    return len((folder / "evaluations").read_text().splitlines())


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:99] + bytes([b[99] ^ 16]) + b[100:]],
)
def test_a_damaged_point_is_computed_again(points, tmp_path, damage):
    before = run(points, tmp_path)
    file = files(tmp_path)[0]
    file.write_bytes(damage(file.read_bytes()))
    with pytest.warns(UserWarning, match=f"{file.name} is damaged"):
        after = run(points, tmp_path)
    xr.testing.assert_equal(after, before)
    assert evaluations(tmp_path) == 5


@pytest.mark.parametrize(
    ("held", "named"),
    [
        (1j, "'value' holds complex128"),
        (b"text", "'value' holds bytes"),
        (np.datetime64("2026-01-01", "ns"), "'value' holds datetime64"),
        (None, "'value' holds Python objects"),
        (xr.Variable((), 1.0, {"origin": {1}}), "attribute is {1}"),
        (xr.Variable((), 1.0, {"origin": np.complex64(1j)}), "attribute is .*1j"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(held, named):
    with pytest.raises(TypeError, match=named):
        encode({"value": held}, 1.0)


def test_a_changed_byte_is_never_read_as_a_value():
    content = encode({"value": xr.Variable("n", np.arange(5.0), {"units": "1"})}, 1.0)
    whole = decode(content)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        try:
            found = decode(bytes(changed))
        except Exception:
            continue
        assert found["value"].identical(whole["value"]), place


def test_a_point_that_cannot_be_read_is_not_called_damaged(points, tmp_path):
    run(points, tmp_path)
    file = files(tmp_path)[0]
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match=file.name):
        run(points, tmp_path)
    assert evaluations(tmp_path) == 4


def test_a_full_disk_keeps_what_was_finished(points, tmp_path, monkeypatch):
    write, written = Path.write_bytes, []

    def fill(path, content):
        if len(written) == 3:
            path.touch()
            raise OSError(28, "No space left on device")
        written.append(path.name)
        return write(path, content)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left on device"):
        patch.setattr(Path, "write_bytes", fill)
        run(points, tmp_path)
    assert len(files(tmp_path)) == 2  # the first write tried the folder
    assert not list(tmp_path.rglob("*.tmp"))
    run(points, tmp_path)
    assert evaluations(tmp_path) == 5


def test_a_cache_that_cannot_be_written_is_told_before_the_work(points, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(OSError, match="cannot write .*cache"):
        run(points, tmp_path)
    assert not (tmp_path / "evaluations").exists()


def test_finished_points_need_no_writable_cache(points, tmp_path, monkeypatch):
    before = run(points, tmp_path)
    monkeypatch.setattr(Path, "write_bytes", lambda *_: pytest.fail("nothing is to be written"))
    xr.testing.assert_equal(run(points, tmp_path), before)


def test_no_pickle_is_read():
    tree = ast.parse(inspect.getsource(points_module))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imported == {"gzip", "json", "warnings", "numpy", "xarray"}
    called = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    assert not {name for name in called if name.endswith("load")}
