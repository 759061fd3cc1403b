"""The project's own files agree with each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = PROJECT["dependencies"] + sum(PROJECT["optional-dependencies"].values(), [])


def split(requirement):
    """Split "numpy>=2.1" into its name and its bound."""
    return re.fullmatch(r"([\w-]+)(.*)", requirement).groups()


def test_environment_and_pyproject_agree():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(split(line) for line in listed if isinstance(line, str))
    assert conda.pop("python") == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == dict(split(line) for line in DEPENDENCIES)


def test_lock_pins_every_dependency_exactly():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+]+", line) for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines}
    for name, bound in map(split, DEPENDENCIES):
        least = [int(part) for part in bound.removeprefix(">=").split(".")]
        assert [int(part) for part in pinned[name].split(".")] >= least, name


def test_the_example_of_the_readme_works(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(example, {})
    assert float(capsys.readouterr().out) > 0.99


def test_citation_has_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]


@pytest.mark.parametrize("path", ["Makefile", ".ci/run", "LICENSE", "pyproject.toml"])
def test_no_path_of_one_machine(path):
    assert not re.search(r"/(home|work|tmp|Users)/", (ROOT / path).read_text())


def test_the_library_is_loaded_when_its_first_name_is_asked_for():
    code = """
import sys, crossmem
assert not {"numpy", "sklearn", "xarray"} & set(sys.modules)
assert {"Crossbar", "AdaptiveMemory"} <= set(dir(crossmem)) and crossmem.Crossbar.fabricate
assert crossmem.patterns.load_patterns is crossmem.load_patterns
try:
    crossmem.Crosbar
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("module 'crossmem' has no attribute 'Crosbar'\n", "")
