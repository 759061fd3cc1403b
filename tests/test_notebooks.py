"""Notebooks keep their contract and run at the quick scale; nbval compares their outputs."""

import json
import re
from pathlib import Path

import nbformat
import papermill
import pytest
import yaml

from crossmem import reproduce
from crossmem.ledger import read_claims
from crossmem.results import load

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


@each_notebook
def test_parameters_equal_the_quick_file_and_the_paper_file_has_the_same_names(path):
    (cell,) = (c for c in cells(path, "code") if "parameters" in c.metadata.get("tags", []))
    values = {}
    exec(cell.source, values)
    values = {name: value for name, value in values.items() if name != "__builtins__"}
    quick, paper = (
        yaml.safe_load((ROOT / "params" / scale / f"{path.stem}.yaml").read_text())
        for scale in ("quick", "paper")
    )
    assert quick == values
    assert paper.keys() == quick.keys()
    assert (quick["scale"], paper["scale"]) == ("quick", "paper")
    assert list(papermill.inspect_notebook(str(path))) == list(quick)


@each_notebook
def test_a_reader_finds_outputs_but_no_traces_of_the_machine(path):
    code = cells(path, "code")
    outputs = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = path.read_text()
    assert not re.search(r'"[^"]*/(home|work|tmp|root|Users)/', text)
    assert "sys.path" not in text and "%run" not in text and "execution" not in code[0].metadata


@each_notebook
def test_figures_are_described_in_words(path):
    source = "\n".join(cell.source for cell in cells(path, "code"))
    assert source.count("run.figure(") == len(re.findall(r"\balt=", source)) > 0


def test_every_notebook_runs_at_the_quick_scale(tmp_path):
    # The default cache: nbval, which runs the notebooks once more, finds the points there.
    assert reproduce.main(["--output", str(tmp_path / "figures")]) == 0
    written = {path.stem for path in (tmp_path / "figures").glob("*.nc")}
    for path in NOTEBOOKS:
        assert any(name.startswith(path.stem[:3]) for name in written), path.stem
    for name in written:
        dataset = load(tmp_path / "figures" / f"{name}.nc")
        assert all(variable.attrs["units"] for variable in dataset.variables.values())
        (file,) = (ROOT / "params" / "quick").glob(f"{name[:3]}*.yaml")
        asked = yaml.safe_load(file.read_text()).keys() - {"output", "cache", "workers"}
        assert asked <= json.loads(dataset.attrs["parameters"]).keys(), name
    claims = {claim.id for claim in read_claims(tmp_path / "figures" / "claims.csv")}
    assert claims == {claim.id for claim in read_claims(ROOT / "figures" / "paper" / "claims.csv")}
