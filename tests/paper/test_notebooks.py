"""Notebooks keep their contract; nbval runs them, and compares the cells that are marked for it."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9A-Z][0-9]_*.ipynb"))
OPTIONS = {"scale": "quick", "output": "", "cache": "", "workers": 0}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def parameters(path):
    """The values of the cell tagged "parameters"."""
    (cell,) = (cell for cell in cells(path, "code") if tagged(cell, "parameters"))
    return {
        node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body
    }


@each_notebook
def test_the_paper_file_holds_only_what_differs_from_the_notebook(path):
    own = parameters(path)
    assert OPTIONS.items() <= own.items()
    paper = yaml.safe_load((ROOT / "params" / "paper" / f"{path.stem}.yaml").read_text()) or {}
    assert paper.keys() <= own.keys() - OPTIONS.keys()
    assert not [name for name, value in paper.items() if value == own[name]]


@each_notebook
def test_a_reader_finds_outputs_but_no_traces_of_the_machine(path):
    code = cells(path, "code")
    outputs = [output for cell in code for output in cell.outputs]
    shown = "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    assert "../figures/paper/" in shown
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    text = path.read_text(encoding="utf-8")
    assert not re.search(r'"[^"]*/(home|work|tmp|root|Users)/', text)
    assert "sys.path" not in text and "%run" not in text and "execution" not in code[0].metadata
    assert path.stat().st_size < 500_000


@each_notebook
def test_every_figure_that_is_shown_is_committed(path):
    text = path.read_text(encoding="utf-8")
    shown = set(re.findall(r"\(\.\./figures/paper/([^)\s]+\.png)\)", text))
    drawn = sum(cell.source.count("run.figure(") for cell in cells(path, "code"))
    assert 0 < drawn <= len(shown)
    for name in shown:
        assert (ROOT / "figures" / "paper" / name).is_file(), name


@each_notebook
def test_cells_that_compute_are_apart_from_those_that_show(path):
    for cell in cells(path, "code"):
        computes = bool(re.search(r"(?m)^\S.*\brun\.(sweep|save)\(", cell.source))
        assert not computes or tagged(cell, "compute"), cell.source[:80]
        assert not (tagged(cell, "compute") and cell.outputs), cell.source[:80]


@each_notebook
def test_code_is_short_enough_to_read(path):
    code = [cell.source for cell in cells(path, "code")]
    lines = [line for source in code for line in source.splitlines()]
    assert len(lines) <= 400
    assert max(map(len, lines)) <= 120
    defined = [
        node
        for source in code
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    ]
    assert len(defined) <= 10
    assert all(node.end_lineno - node.lineno < 15 for node in defined)


@each_notebook
def test_all_text_of_claims_lives_in_one_file(path):
    known = yaml.safe_load((ROOT / "params" / "claims.yaml").read_text("utf-8"))
    entries = known.get(path.stem, {})
    source = "\n".join(cell.source for cell in cells(path, "code"))
    for id in re.findall(r'run\.claim\(\s*"([^"]+)"', source):
        assert id in entries, id
