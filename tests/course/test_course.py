"""The course's exercises can be solved, and its self-checks tell a right answer from none."""

import ast
import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
COURSE = ROOT / "course"
SOURCES = sorted((COURSE / "source").glob("[0-9]_*.ipynb"))
each_session = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("course_build", COURSE / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path):
    return nbformat.read(path, as_version=4)


def tagged(cell, tag):
    return tag in cell.metadata.get("tags", [])


def shape(notebook):
    """What a reader types and reads: kinds, tags and sources of the cells."""
    return [(cell.cell_type, cell.metadata.get("tags", []), cell.source) for cell in notebook.cells]


@each_session
def test_both_versions_are_made_from_the_source(path, build):
    student, instructor = (
        read(COURSE / "student" / path.name),
        read(COURSE / "instructor" / path.name),
    )
    remedy = "run make course"
    assert shape(student) == shape(build.student_version(read(path))), remedy
    assert shape(instructor) == shape(build.instructor_version(read(path))), remedy
    assert not [cell for cell in student.cells if cell.get("outputs")]
    assert "YOUR CODE" in str(student) and "YOUR CODE" not in str(instructor.cells[2:])


@each_session
def test_the_solutions_pass_every_check(path, build):
    solved = build.executed(build.instructor_version(read(path)))
    for cell in solved.cells:
        if tagged(cell, "check"):
            assert "is right" in "".join(out.get("text", "") for out in cell.outputs), cell.id


@each_session
def test_every_check_says_what_is_wrong_with_an_untouched_exercise(path, build):
    """A cell without an answer fails by an assertion, not by an accident, and says why."""
    untouched = build.student_version(read(path))
    untouched.cells = [cell for cell in untouched.cells if not tagged(cell, "figure")]
    done = build.executed(untouched, allow_errors=True)
    checks = [cell for cell in done.cells if tagged(cell, "check")]
    assert len(checks) >= 4
    for cell in checks:
        (error,) = (out for out in cell.outputs if out.output_type == "error")
        assert error.ename == "AssertionError", (cell.id, error.ename, error.evalue)
        assert len(error.evalue.split()) >= 6, cell.id


@each_session
def test_an_exercise_has_a_solution_three_hints_and_a_check(path):
    cells = read(path).cells
    stubs = [k for k, cell in enumerate(cells) if tagged(cell, "stub")]
    numbers = [
        int(number)
        for cell in cells
        if cell.cell_type == "markdown"
        for number in re.findall(r"\*\*Exercise (\d+)\.", cell.source)
    ]
    assert numbers == list(range(1, len(stubs) + 1))
    for k in stubs:
        assert tagged(cells[k + 1], "solution") and tagged(cells[k + 3], "check")
        assert re.findall(r"<summary>Hint (\d):", cells[k + 2].source) == ["1", "2", "3"]
        for node in ast.walk(ast.parse(cells[k + 3].source)):
            assert not isinstance(node, ast.Assert) or node.msg is not None, cells[k + 3].id
    assert any(tagged(c, "solution") and "Model answer" in c.source for c in cells)


@each_session
def test_a_session_takes_ninety_minutes_and_little_code(path):
    cells = read(path).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    minutes = [int(number) for number in re.findall(r"(?m)^## .*\((\d+) min\)$", text)]
    assert sum(minutes) == 90 and len(minutes) <= 12
    assert "After this session you can" in text
    written = [
        cell.source for cell in cells if cell.cell_type == "code" and not tagged(cell, "stub")
    ]
    lines = [line for source in written for line in source.splitlines() if line.strip()]
    assert len(lines) <= 250
    assert text.count("**Predict.**") >= 2


@each_session
def test_every_expected_figure_is_there_with_words_for_it(path):
    source = read(path)
    shown = re.findall(r"!\[([^]]*)\]\(\.\./figures/([^)]+)\)", str(shape(source)))
    assert len(shown) == sum(tagged(cell, "figure") for cell in source.cells)
    for alt, name in shown:
        assert (COURSE / "figures" / name).stat().st_size < 100_000
        assert len(alt.split()) >= 15, name


@each_session
def test_nothing_but_public_names_and_nothing_from_the_network(path):
    code = "\n".join(c.source for c in read(path).cells if c.cell_type == "code")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            assert getattr(node, "module", None) in (None, "pathlib")
            assert not [name for name in names if name.startswith("crossmem.")]
    assert "mnist" not in code.lower()


@pytest.mark.parametrize("page", ["README.md", "guide.md", "project.md", "source", "student"])
def test_links_lead_somewhere(page):
    pages = sorted((COURSE / page).glob("*.ipynb")) or [COURSE / page]
    for path in pages:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if not link.startswith("http") and "A5_cascade" not in link:
                assert (path.parent / link).exists(), f"{path.name}: {link}"
