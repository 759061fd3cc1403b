"""The course's exercises can be solved, and its self-checks tell a right answer from none."""

import ast
import contextlib
import importlib.util
import io
import re
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest
import yaml

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


def play(cells, monkeypatch):
    """Run code cells as a student would, on past errors: what each printed, or its error."""
    monkeypatch.chdir(COURSE / "source")
    monkeypatch.setenv("MPLBACKEND", "agg")
    names, results = {}, {}
    for cell in cells:
        if cell.cell_type == "code":
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of figures that no window shows
                    exec(compile(cell.source, cell.id, "exec"), names)
                results[cell.id] = printed.getvalue()
            except Exception as error:  # noqa: BLE001  it is what the test looks at
                results[cell.id] = error
    plt.close("all")
    return results


@each_session
def test_the_solutions_pass_every_check(path, build, monkeypatch):
    cells = build.instructor_version(read(path)).cells
    results = play(cells, monkeypatch)
    assert not [(id, result) for id, result in results.items() if isinstance(result, Exception)]
    for cell in cells:
        assert not tagged(cell, "check") or "is right" in results[cell.id], cell.id


@each_session
def test_every_check_says_what_is_wrong_with_an_untouched_exercise(path, build, monkeypatch):
    """A cell without an answer fails by an assertion, not by an accident, and says why."""
    cells = build.student_version(read(path)).cells
    results = play(cells, monkeypatch)
    checks = [results[cell.id] for cell in cells if tagged(cell, "check")]
    assert len(checks) >= 4
    for error in checks:
        assert isinstance(error, AssertionError), error
        assert len(str(error).split()) >= 6, error


MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", MISTAKES, ids=lambda c: f"{c['session']}.{c['exercise']}")
def test_a_check_names_a_common_mistake(case, build, monkeypatch):
    (path,) = (COURSE / "source").glob(f"{case['session']}_*.ipynb")
    cells = build.instructor_version(read(path)).cells
    checks = [k for k, cell in enumerate(cells) if tagged(cell, "check")]
    last = checks[case["exercise"] - 1]
    answers = [k for k in range(last) if tagged(cells[k], "solution")]
    cells[answers[-1]].source = case["answer"]
    keep = case["session"] == 3  # its first figure scans the chip
    needed = [cell for cell in cells[: last + 1] if keep or not tagged(cell, "figure")]
    error = play(needed, monkeypatch)[cells[last].id]
    assert isinstance(error, AssertionError) and re.search(case["says"], str(error)), error


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


def test_slides_have_figures_with_words_and_no_hints(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "SLIDES", tmp_path)
    build.write_slides(COURSE / "instructor" / SOURCES[0].name, build.OFFLINE)
    page = (tmp_path / f"{SOURCES[0].stem}.html").read_text(encoding="utf-8")
    assert page.count("<section") > 15
    assert "node_modules/reveal.js" in page and "Hint 1" not in page
    shown = re.findall(r"<img[^>]+>", page)
    worded = [image for image in shown if re.search(r'alt="[^"]{40,}"', image)]
    assert len(worded) >= 4 and all("data:image/png" in image for image in worded)
