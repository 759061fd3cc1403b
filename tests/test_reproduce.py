"""The command: runs notebooks with their parameters, refuses wrong ones, reports failures."""

import os
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from crossmem.ledger import Claim, record_claims
from crossmem.reproduce import main
from crossmem.results import load

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PARAMETERS = """scale = "quick"
output = ""
cache = ""
workers = 0
sizes = [8, 16]
rate = 0.5
title = "capacity"
"""
BODY = """import os
import xarray as xr
from crossmem.workbook import Run
run = Run("01_good", scale=scale, output=output, cache=cache, workers=workers)
run.save(xr.Dataset({"size": sum(sizes) * rate}), "sizes", size=("1", "sum of sizes"))
if os.environ.get("CROSSMEM_PROGRESS"):
    open(os.environ["CROSSMEM_PROGRESS"], "a").write("progress of 01\\n")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a workbook of two notebooks: one that passes, one that fails."""
    for folder in ("notebooks", "params/quick", "figures/paper"):
        (tmp_path / folder).mkdir(parents=True)
    for name, body in (("01_good", BODY), ("02_bad", "x = 1\nraise ArithmeticError('no cells')")):
        tagged = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[tagged, new_code_cell(body)], metadata=KERNEL)
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
        (tmp_path / "params" / "quick" / f"{name}.yaml").write_text("rate: 0.25\n")
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def set_parameters(project, text, name="01_good"):
    (project / "params" / "quick" / f"{name}.yaml").write_text(text)


def test_notebooks_run_and_a_failure_is_told(project, capfd):
    assert main(["--workers", "1"]) == 1
    output, errors = capfd.readouterr()
    executed = project / "figures" / "quick" / "executed"
    assert load(project / "figures" / "quick" / "sizes.nc")["size"] == 6
    assert sorted(os.listdir(executed)) == ["01_good.ipynb", "02_bad.unfinished.ipynb"]
    copy = nbformat.read(executed / "01_good.ipynb", as_version=4)
    assert f'cache = "{project}/.cache/crossmem"' in copy.cells[1].source
    assert "workers = 1" in copy.cells[1].source
    assert re.search("01_good done in .* s", errors)
    assert "02_bad FAILED: ArithmeticError: no cells" in errors
    assert f"failure: {executed / '02_bad.unfinished.ipynb'}" in errors
    assert "progress of 01" in errors
    assert "1 of 2 notebooks passed" in output


def test_quick_notebooks_share_the_workers_and_the_late_one_runs_alone(project, capfd):
    """The late notebook opens the dataset of an early one, so it must not start before."""
    late = nbformat.read(project / "notebooks" / "01_good.ipynb", as_version=4)
    late.cells[1].source = "from crossmem.results import load\nload(f'{output}/sizes.nc')"
    nbformat.write(late, project / "notebooks" / "07_late.ipynb")
    set_parameters(project, "rate: 0.25", name="07_late")
    assert main(["--workers", "4"]) == 1
    assert "2 of 3 notebooks passed" in capfd.readouterr().out
    for name, workers in (("01_good", 2), ("07_late", 4)):
        copy = project / "figures" / "quick" / "executed" / f"{name}.ipynb"
        assert f"workers = {workers}" in nbformat.read(copy, as_version=4).cells[1].source


def test_only_one_with_own_folders(project, capfd):
    (project / "own").mkdir()
    (project / "own" / "01_good.yaml").write_text("rate: 1\nsizes: [1, 2]\n")
    folders = ["--params", "../own", "--output", "../out", "--cache", "../cache"]
    assert main(["--only", "01", *folders]) == 0
    assert load(project / "out" / "sizes.nc")["size"] == 3
    assert not (project / "figures" / "quick").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat: 0.5", "parameter 'rat' is unknown to 01_good.ipynb .*did you mean 'rate'"),
        ("rate: 1e-3", "'rate' .* is '1e-3', but must be of the same type .* 0.5"),
        ("rate: true", "'rate' .* is True"),
        ("sizes: 8", "'sizes' .* is 8"),
        ("sizes: [8, 1.5]", r"'sizes' .* is \[8, 1.5\]"),
        ("sizes: [[8]]", "flat list"),
        ("title: {a: 1}", "flat list"),
        ("just text", "one 'name: value' per line"),
        ("rate: [", "not valid YAML"),
    ],
)
def test_wrong_parameters_stop_before_anything_runs(project, capfd, text, message):
    set_parameters(project, text)
    assert main([]) == 2
    assert re.search(message, capfd.readouterr().err)
    assert not (project / "figures" / "quick").exists()


def test_a_notebook_without_the_common_parameters_is_refused(project, capfd):
    path = project / "notebooks" / "01_good.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "rate = 0.5"
    nbformat.write(notebook, path)
    assert main(["--only", "01"]) == 2
    assert "'scale' is unknown to 01_good.ipynb" in capfd.readouterr().err


def test_unknown_notebooks_are_named(project, capfd):
    assert main(["--only", "07"]) == 2
    assert "no notebook '07': choose from 01, 02" in capfd.readouterr().err
    set_parameters(project, "rate: 0.5", name="01_god")
    assert main([]) == 2
    assert "has no notebook: did you mean '01_good'" in capfd.readouterr().err
    assert main(["--params", "nowhere"]) == 2
    assert "holds no parameter files" in capfd.readouterr().err


def test_bad_workers_are_refused(project, capfd):
    assert main(["--workers", "-2"]) == 2
    assert "workers is -2" in capfd.readouterr().err


def test_an_unwritable_output_is_told_at_once(project, capfd):
    (project / "taken").write_text("a file")
    assert main(["--output", str(project / "taken")]) == 2
    assert re.search("cannot write .*choose another folder", capfd.readouterr().err)


def test_readme_is_renewed(project):
    record_claims(
        [Claim("3j", "Fig 3j", "capacity", 115, 117, "reproduced")],
        project / "figures" / "paper" / "claims.csv",
    )
    (project / "README.md").write_text("<!-- claims:begin --><!-- claims:end -->")
    assert main(["--readme"]) == 0
    assert "| Fig 3j | capacity | 115 | 117 |" in (project / "README.md").read_text()
