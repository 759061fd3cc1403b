"""Results say where they come from; none is rewritten in vain; the workbook is the right one."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from crossmem.labels import describe
from crossmem.storage import load_dataset
from crossmem.workbook.files import project_root, provenance, save, save_figure

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dataset():
    dataset = xr.Dataset({"capacity": ("neurons", [4.0, 9.0])}, {"neurons": [64, 144]})
    return describe(dataset, capacity=("1", "stored patterns"))


def workbook(folder, name="crossmem"):
    """A folder that looks like the workbook, of a project of some name."""
    for part in ("notebooks", "params"):
        (folder / part).mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return folder


def git(folder, *command):
    options = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *options, *command], check=True, capture_output=True)


def test_a_dataset_holds_its_provenance(dataset, tmp_path):
    dataset.attrs["wall_time_s"] = np.float32(1.5)
    parameters = {"sizes": np.array([64, 144]), "clean": True, "seed": np.int64(3)}
    save(dataset, tmp_path / "a.nc", parameters)
    found = load_dataset(tmp_path / "a.nc").attrs
    told = {"sizes": [64, 144], "clean": True, "seed": 3}
    assert json.loads(found["parameters"]) == told
    assert (found["seed"], found["wall_time_s"]) == (3, 1.5)
    assert found["numpy_version"] == np.__version__
    assert {"git_commit", "created", "crossmem_version", "python_version"} <= found.keys()
    assert found["processor"] and "threads" in found["blas"]


@pytest.mark.parametrize("missing", ["units", "long_name"])
def test_a_variable_without_meaning_is_refused(dataset, tmp_path, missing):
    del dataset["capacity"].attrs[missing]
    with pytest.raises(ValueError, match=f"'capacity' has no {missing}"):
        save(dataset, tmp_path / "a.nc", {})
    assert not list(tmp_path.iterdir())


def test_the_commit_is_that_of_the_librarys_own_repository(tmp_path, monkeypatch):
    outer, inside = tmp_path / "outer", workbook(tmp_path / "outer" / "archive")
    library = inside / "lib" / "crossmem" / "workbook" / "files.py"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setattr("crossmem.workbook.files.__file__", str(library))

    def told():
        return provenance({})["git_commit"]

    git(tmp_path, "init", "-q", "outer")
    git(outer, "commit", "-q", "--allow-empty", "-m", "another project")
    assert told() == "unknown"  # as in an archive unpacked there
    git(inside, "init", "-q")
    assert told() == "unknown"  # no commit yet
    git(inside, "add", "lib")
    git(inside, "commit", "-q", "-m", "this project")
    own = told()
    assert len(own) == 40
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    assert told() == own
    (inside / "params" / "new.yaml").touch()
    assert told() == f"{own}+changes"


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance({})["git_commit"] == "unknown"


def test_a_figure_carries_its_description(tmp_path):
    figure = Figure(figsize=(1, 1))
    save_figure(figure, tmp_path / "fig3j.png", alt="Capacity falls with the fault ratio.")
    with Image.open(tmp_path / "fig3j.png") as image:
        assert image.text["Title"] == "fig3j"
        assert image.text["Description"] == "Capacity falls with the fault ratio."
    with pytest.raises(ValueError, match="alt is empty"):
        save_figure(figure, tmp_path / "fig3j.png", alt=" ")


def test_a_figure_is_written_again_only_if_something_changed(tmp_path):
    path, figure = tmp_path / "a.png", Figure(figsize=(1, 1))
    save_figure(figure, path, alt="Nothing.")
    with Image.open(path) as image:  # as another version of matplotlib would have written it
        image.save(path, pnginfo=None)
    bare = path.read_bytes()
    save_figure(figure, path, alt="Nothing.")
    described = path.read_bytes()
    assert described != bare
    with Image.open(path) as image:
        image.save(path, pnginfo=_text(Description="Nothing.", Software="other"))
    other = path.read_bytes()
    save_figure(figure, path, alt="Nothing.")
    assert path.read_bytes() == other
    figure.text(0.5, 0.5, "x")
    save_figure(figure, path, alt="Nothing.")
    assert path.read_bytes() not in (other, described)
    path.write_bytes(described[:50])
    save_figure(figure, path, alt="A letter.")
    with Image.open(path) as image:
        assert image.text["Description"] == "A letter."


def _text(**entries):
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    for name, value in entries.items():
        told.add_text(name, value)
    return told


def test_the_workbook_is_found_from_a_folder_below(tmp_path, monkeypatch):
    workbook(tmp_path)
    monkeypatch.chdir(tmp_path / "notebooks")
    assert project_root() == tmp_path


@pytest.mark.parametrize("name", ["another", None])
def test_a_folder_of_another_project_is_not_the_workbook(name, tmp_path, monkeypatch):
    workbook(tmp_path, name)
    if name is None:
        (tmp_path / "pyproject.toml").write_text("no toml")
    monkeypatch.chdir(tmp_path)
    assert project_root() == ROOT
