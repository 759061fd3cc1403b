"""Files that are whole or absent, JSON of NumPy values, datasets that come back as they were."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from crossmem.storage import load_dataset, read_yaml, save_dataset, to_json, write_atomically


def full(self, content):
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_no_part_of_a_new_one(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=str(tmp_path / "a")):
        write_atomically(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_numpy_values_become_json():
    values = {"b": np.array([0.08, 0.0]), "a": np.int64(3), "c": [np.float32(0.5), np.bool_(True)]}
    assert to_json(values) == '{"a": 3, "b": [0.08, 0.0], "c": [0.5, true]}'
    with pytest.raises(TypeError, match="function"):
        to_json({"f": to_json})


def test_a_dataset_comes_back_as_it_was(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    dataset = xr.Dataset(
        {"a": (("x", "rule"), values), "works": ("x", [True, False, True])},
        {"x": [64, 144, 256], "rule": ["hebbian", "adaptive"]},
    )
    save_dataset(dataset, tmp_path / "deep" / "a.nc")
    found = load_dataset(tmp_path / "deep" / "a.nc")
    xr.testing.assert_identical(found, dataset)
    assert found["a"].dtype == "float32"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(1.5), 1.5),
        (np.int64(3), 3),
        ("µS", "µS"),
        ([1, 2], [1, 2]),
        (np.array([1.0, 2.0]), [1, 2]),
        (True, "true"),
        (None, "null"),
        ([1, "a"], '[1, "a"]'),
        ({"noise": np.array([0.1, 0.2])}, '{"noise": [0.1, 0.2]}'),
    ],
)
def test_any_attribute_is_kept_or_told_in_json(value, kept, tmp_path):
    dataset = xr.Dataset({"a": ("x", [1.0], {"of": value})}, attrs={"of": value})
    save_dataset(dataset, tmp_path / "a.nc")
    found = load_dataset(tmp_path / "a.nc")
    for attributes in (found.attrs, found["a"].attrs):
        np.testing.assert_array_equal(attributes["of"], kept)
    assert dataset.attrs["of"] is value  # the caller's is as it was


def test_absent_unreadable_and_damaged_are_told_apart(tmp_path):
    path = tmp_path / "a.nc"
    with pytest.raises(FileNotFoundError, match="a.nc"):
        load_dataset(path)
    save_dataset(xr.Dataset({"a": ("x", [1.0])}), path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="a.nc.*delete it"):
        load_dataset(path)
    path.unlink()
    path.mkdir()  # cannot be read, whoever asks
    with pytest.raises(OSError, match="a.nc") as caught:
        load_dataset(path)
    assert "delete" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs permissions that count")
def test_a_file_without_permission_is_not_called_damaged(tmp_path):
    save_dataset(xr.Dataset({"a": ("x", [1.0])}), tmp_path / "a.nc")
    (tmp_path / "a.nc").chmod(0)
    with pytest.raises(PermissionError, match="permissions"):
        load_dataset(tmp_path / "a.nc")


def test_a_name_that_stands_twice_in_yaml_is_refused(tmp_path):
    path = tmp_path / "table.yaml"
    path.write_text("adc:\n  low: 1\n  high: 2\n  low: 3\n")
    with pytest.raises(ValueError, match=r"(?s)table\.yaml.*'low'"):
        read_yaml(path)
    path.write_text("")
    assert read_yaml(path) == {}
