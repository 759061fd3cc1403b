"""The command: runs notebooks with their parameters, refuses wrong ones, reports failures."""

import ast
import atexit
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from papermill import execute_notebook
from papermill.iorw import read_yaml_file

from crossmem.storage import load_dataset
from crossmem.workbook import kernels, reproduce, workers
from crossmem.workbook.kernels import Kernels, parameterized, run
from crossmem.workbook.reproduce import main

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PARAMETERS = """scale = "quick"
output = ""
cache = ""
workers = 0
sizes = [8, 16]
rate = 0.5
title = "capacity"
"""
BODY = """import sys
from pathlib import Path
import xarray as xr
from crossmem.storage import save_dataset
save_dataset(xr.Dataset({"size": sum(sizes) * rate}), Path(output, "sizes.nc"))
Path(output, "ledger").mkdir()
print("\\rprogress of 0\\rprogress of 01", file=sys.stderr)
print("a warning", file=sys.stderr)
"""
SWEEP = """import os, sys
sys.path.insert(0, os.getcwd())
import points_of_test
from crossmem.workbook.sweep import sweep
sweep(points_of_test.slow, over={"x": list(range(8))}, folder=output, workers=workers, cache=cache)
"""
POINTS = """import os, time
def slow(x, folder):
    open(os.path.join(folder, f"{os.getpid()}.pid"), "w").close()
    time.sleep(1)
    return {"y": x}
"""


def write_notebook(project, name, *bodies, parameters=PARAMETERS):
    cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]}, id="first")]
    cells += [new_code_cell(body, id=f"cell-{i}") for i, body in enumerate(bodies)]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), path := notebook(project, name))
    return path


def notebook(project, name):
    return project / "notebooks" / f"{name}.ipynb"


def set_parameters(project, text, name="01_good"):
    (project / "params" / "paper" / f"{name}.yaml").write_text(text)


def lines(capfd):
    return capfd.readouterr().err.splitlines()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a workbook of two notebooks: one that passes, one that fails."""
    for folder in ("notebooks", "params/paper", "figures/paper"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "crossmem"\n')
    write_notebook(tmp_path, "01_good", BODY)
    write_notebook(tmp_path, "02_bad", "x = 1\nraise ArithmeticError('no\\ncells')")
    set_parameters(tmp_path, "rate: 0.25\n")
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


@pytest.fixture
def no_kernel(monkeypatch):
    """Take every notebook as executed, and keep what it would have been."""
    asked = []
    monkeypatch.setattr(Kernels, "execute", lambda self, nb, folder: asked.append((self, nb)))
    return asked


def given(nb):
    """Parameters in the injected cell."""
    (cell,) = (c for c in nb.cells if "injected-parameters" in c.metadata.get("tags", []))
    return {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(cell.source).body}


# --- running ----------------------------------------------------------------------------------


def test_notebooks_run_and_a_failure_is_told(project, capfd):
    assert main(["--workers", "1"]) == 1
    output, errors = capfd.readouterr()
    folder = project / "figures" / "quick"
    assert load_dataset(folder / "sizes.nc")["size"] == 12
    assert sorted(os.listdir(folder / "executed")) == ["01_good.ipynb", "02_bad.ipynb"]
    copied = nbformat.read(folder / "executed" / "01_good.ipynb", as_version=4)
    assert given(copied) == {
        "scale": "quick",
        "output": str(folder),
        "cache": str(project / ".cache" / "crossmem"),
        "workers": 1,
    }
    assert re.search("01_good done in .* s", errors)
    failure = "02_bad FAILED: ArithmeticError: no cells in cell cell-0: x = 1\n"
    assert failure in errors and str(folder / "executed" / "02_bad.ipynb") in errors
    assert "\nprogress of 01\n" in errors
    (told,) = copied.cells[-1].outputs
    assert told.text == "a warning\n"
    assert "1 of 2 notebooks passed" in output
    assert (folder / "claims.csv").exists()  # the ledgers are joined


def test_the_paper_scale_takes_what_differs_from_the_notebooks_own_values(project, no_kernel):
    set_parameters(project, "rate: 1\nsizes: [1, 2]\n")
    assert main(["--scale", "paper", "--output", "../out", "--cache", "../cache"]) == 0
    good, bad = (given(nb) for _, nb in no_kernel)
    assert good.keys() - bad.keys() == {"rate", "sizes"}
    assert (good["scale"], good["rate"], good["sizes"]) == ("paper", 1, [1, 2])
    assert good["output"] == str(project / "out") and good["cache"] == str(project / "cache")
    assert not (project / "figures" / "quick").exists()


def test_papermill_alone_runs_a_notebook_alike(project):
    path = write_notebook(project, "01_good", "scale, sizes, rate, title")
    set_parameters(project, "rate: 0.25\nsizes: [1, 2]\n")
    assert main(["--scale", "paper", "--only", "01", "--output", "../out"]) == 0
    parameters = {"scale": "paper"} | read_yaml_file(str(project / "params/paper/01_good.yaml"))
    alone = execute_notebook(path, project / "alone.ipynb", parameters, progress_bar=False)
    ours = nbformat.read(project / "out" / "executed" / "01_good.ipynb", as_version=4)
    assert ours.cells[-1].outputs == alone.cells[-1].outputs
    assert "[1, 2], 0.25, 'capacity'" in ours.cells[-1].outputs[0].data["text/plain"]


def test_quick_notebooks_share_the_workers_and_the_late_one_runs_alone(project, no_kernel, capfd):
    for late in ("07_late", "A1_appendix"):
        write_notebook(project, late, "x = 1")
    assert main(["--workers", "4", "--only", "A1", "01", "02", "07"]) == 0
    assert sorted(given(nb)["workers"] for _, nb in no_kernel[:2]) == [2, 2]
    assert [given(nb)["workers"] for _, nb in no_kernel[2:]] == [4, 4]
    assert lines(capfd)[-2] == "A1_appendix ..."


def test_the_points_of_a_notebook_are_computed_on_a_cluster(project, capfd):
    pytest.importorskip("distributed", reason="Dask is optional")
    (project / "notebooks" / "points_of_test.py").write_text(POINTS.replace("sleep(1)", "sleep(0)"))
    write_notebook(project, "01_good", SWEEP, "print(os.getpid())")
    assert main(["--only", "01", "--cluster", "local", "--workers", "1"]) == 0, capfd.readouterr()
    pids = {path.stem for path in (project / "figures" / "quick").glob("*.pid")}
    copied = nbformat.read(project / "figures/quick/executed/01_good.ipynb", as_version=4)
    assert len(pids) == 1 and copied.cells[-1].outputs[0].text.strip() not in pids


# --- what is refused before anything runs -----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat: 0.5", "parameter 'rat' is unknown to 01_good.ipynb .*did you mean 'rate'"),
        ("rate: 1e-3", "'rate' .* is '1e-3', but must be of the same type .* 0.5"),
        ("rate: .inf", "'rate' .* is inf"),
        ("rate: true", "'rate' .* is True"),
        ("rate: 0.5\ntitle: a\nrate: 0.6", "'rate' stands there twice"),
        ("sizes: 8", "'sizes' .* is 8"),
        ("sizes: [8, 1.5]", r"'sizes' .* is \[8, 1.5\]"),
        ("sizes: [[8]]", "flat list"),
        ("title: {a: 1}", "flat list"),
        ("just text", "one 'name: value' per line"),
        ("rate: [", "not valid YAML"),
    ],
)
def test_wrong_parameters_stop_before_anything_runs(project, no_kernel, capfd, text, message):
    set_parameters(project, text)
    assert main(["--scale", "paper"]) == 2
    assert re.search(message, capfd.readouterr().err)
    assert not no_kernel and not (project / "figures" / "paper" / "executed").exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("rate = 0.5", "01_good.ipynb lacks 'scale'"),
        ("a = f()", "more than names and plain values"),
    ],
)
def test_a_cell_of_parameters_that_will_not_do(project, capfd, cell, message):
    write_notebook(project, "01_good", BODY, parameters=cell)
    assert main(["--only", "01"]) == 2
    assert message in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "09"], "no notebook '09': choose from 01, 02"),
        (["--workers", "-2"], "workers is -2"),
        (["--output", "../pyproject.toml"], "cannot write .*pyproject.toml"),
        (["--cache", "../pyproject.toml"], "cannot write .*pyproject.toml"),
        (["--cluster", "tcp://127.0.0.1:1"], "'tcp://127.0.0.1:1'"),
    ],
)
def test_wrong_requests_are_one_line(project, no_kernel, capfd, monkeypatch, arguments, message):
    monkeypatch.setattr("crossmem.workbook.cluster.PATIENCE", 0.1)
    assert main(arguments) == 2
    (line,) = lines(capfd)
    assert re.search(message, line) and not no_kernel


def test_a_file_without_its_notebook_is_refused(project, capfd):
    set_parameters(project, "rate: 0.5", name="01_god")
    assert main(["--scale", "paper"]) == 2
    assert "01_god.yaml has no notebook: did you mean '01_good'" in capfd.readouterr().err


# --- what goes wrong outside a cell -----------------------------------------------------------


def test_a_full_disk_is_one_line_and_the_others_run(project, no_kernel, capfd, monkeypatch):
    write = Path.write_bytes

    def fill(path, content):
        if "01_good" in path.name:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    assert main(["--workers", "1"]) == 1
    (line,) = (line for line in lines(capfd) if "01_good FAILED" in line)
    assert "No space left on device" in line
    assert os.listdir(project / "figures/quick/executed") == ["02_bad.ipynb"]


def test_a_kernel_without_its_interpreter_is_one_line(project, capfd, monkeypatch):
    spec = project / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        '{"argv": ["/nowhere/python3", "-f", "{connection_file}"], "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter"))
    assert main(["--workers", "1"]) == 1
    failed = [line for line in lines(capfd) if "FAILED" in line]
    assert len(failed) == 2 and all("/nowhere/python3" in line for line in failed)


def test_a_kernel_that_dies_as_it_starts_leaves_nothing_for_the_end(project, capfd, monkeypatch):
    spec = project / "jupyter" / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-c", "raise SystemExit(3)", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter"))
    waiting = []
    monkeypatch.setattr(atexit, "register", waiting.append)
    monkeypatch.setattr(atexit, "unregister", waiting.remove)
    assert main(["--only", "01"]) == 1
    (line,) = (line for line in lines(capfd) if "FAILED" in line)
    assert "Kernel died" in line
    assert waiting == []  # nbclient's clean-up would fail, with a traceback


def test_a_notebook_that_begins_as_the_kernels_end_does_not_run(project):
    ending = Kernels()
    ending.stop()
    with pytest.raises(RuntimeError, match="interrupted"):
        ending.execute(nbformat.read(notebook(project, "01_good"), 4), project)


def test_two_commands_that_end_together_lose_no_copy(project, monkeypatch):
    barrier, found = threading.Barrier(2), []
    monkeypatch.setattr(Kernels, "execute", lambda *_: barrier.wait(10))
    job = (notebook(project, "01_good"), {"rate": 1.0}, project / "out")
    threads = [
        threading.Thread(target=lambda: found.extend(Kernels().run_all([job], run, 1)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True, True] and os.listdir(project / "out") == ["01_good.ipynb"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_interrupt_in_one_line(project, no_kernel, capfd, monkeypatch, name):
    if not hasattr(signal, name):
        pytest.skip(f"no {name} here")
    number = getattr(signal, name)
    monkeypatch.setattr(reproduce, "run_all", lambda *_, **__: signal.raise_signal(number))
    default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
    before = signal.signal(number, default)  # it may be ignored where the tests run
    assert main([]) == 130
    (line,) = lines(capfd)
    assert "interrupted" in line
    signal.signal(number, before)


@pytest.mark.parametrize(("name", "count"), [("SIGTERM", 2), ("SIGKILL", 1)])
def test_no_process_is_left(project, name, count, wait_for, wait_until_gone):
    """One worker is the kernel itself; two are processes of their own below it."""
    (project / "notebooks" / "points_of_test.py").write_text(POINTS)
    write_notebook(project, "01_good", SWEEP)
    command = [sys.executable, "-m", "crossmem.reproduce", "--only", "01", "--workers", str(count)]
    victim = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: len(workers_of(project)) == count)
    processes = workers_of(project) | {parent_of(pid) for pid in workers_of(project)}
    victim.send_signal(getattr(signal, name))
    errors = victim.communicate(timeout=60)[1].splitlines()
    if name == "SIGTERM":
        assert victim.returncode == 130
        assert errors[0] == "01_good ..." and errors[-1].startswith("interrupted")
        assert all("points" in line for line in errors[1:-1]), errors  # progress
    wait_until_gone(processes)
    assert not list(project.rglob("executed/*"))


def workers_of(project):
    return {int(path.stem) for path in (project / "figures" / "quick").glob("*.pid")}


def parent_of(pid):
    return int(re.search(r"PPid:\s*(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def test_nothing_of_one_platform_is_imported():
    for module in (reproduce, kernels, workers):
        tree = ast.parse(inspect.getsource(module))
        imported = {a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
        assert not imported & {"fcntl", "resource", "termios", "pwd"}


# --- rendering and claims ---------------------------------------------------------------------


def test_rendering_renews_the_outputs_and_nothing_else(project, capfd):
    path = write_notebook(
        project, "01_good", "raise SystemExit", "print(os)", "scale, rate", "title"
    )
    before = nbformat.read(path, as_version=4)
    before.cells[1].metadata["tags"] = ["compute"]
    before.cells[1].outputs = [nbformat.v4.new_output("stream", text="stale")]
    before.cells[
        2
    ].source = "import os\nprint(os.environ['CROSSMEM_RENDER'], os.path.basename(output))"
    before.cells.insert(1, new_markdown_cell("*text*", id="prose"))
    nbformat.write(before, path)
    assert main(["--render", "--only", "01"]) == 0
    assert re.fullmatch("01_good done in .* s", lines(capfd)[1])
    after = nbformat.read(path, as_version=4)
    assert [cell.source for cell in after.cells] == [cell.source for cell in before.cells]
    assert [cell.id for cell in after.cells] == [cell.id for cell in before.cells]
    assert after.metadata == before.metadata
    code = [cell for cell in after.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, None, 2, 3, 4]
    assert [len(cell.outputs) for cell in code] == [0, 0, 1, 1, 1]
    assert code[2].outputs[0].text == "1 paper\n"
    assert code[3].outputs[0].data["text/plain"] == "('paper', 0.25)"
    assert code[3].outputs[0].execution_count == 3
    once = path.read_bytes()
    assert main(["--render", "--only", "01"]) == 0
    assert path.read_bytes() == once


def test_a_failing_cell_leaves_the_notebook_as_it_was(project, capfd):
    before = notebook(project, "02_bad").read_bytes()
    assert main(["--render", "--only", "02"]) == 1
    (found,) = (line for line in lines(capfd) if "FAILED" in line)
    assert found == "02_bad FAILED: ArithmeticError: no cells in cell cell-0: x = 1"
    assert notebook(project, "02_bad").read_bytes() == before


SQUARES = """from crossmem.labels import describe
from crossmem.workbook.run import Run
import points_of_test
run = Run("01_good", globals())
found = run.sweep(points_of_test.square, over={"x": sizes})
run.save(describe(found, x=("1", "x"), y=("1", "y")), "squares")
"""


def test_a_sample_of_each_dataset_is_compared_with_it(project, capfd, monkeypatch):
    """Cells that measure this machine are left out, and nothing is written."""
    points = project / "notebooks" / "points_of_test.py"
    points.write_text("def square(x):\n    return {'y': x**2}\n")
    path = write_notebook(project, "01_good", SQUARES, "raise SystemExit")
    asked = nbformat.read(path, as_version=4)
    asked.cells[2].metadata["tags"] = ["measures"]
    nbformat.write(asked, path)
    whole = nbformat.read(path, as_version=4)
    whole.cells.pop()
    nbformat.write(whole, path)
    assert main(["--scale", "paper", "--only", "01", "--workers", "1"]) == 0
    nbformat.write(asked, path)
    capfd.readouterr()
    before = sorted(project.rglob("*.*"))
    assert main(["--verify", "--only", "01", "--workers", "1"]) == 0
    output, errors = capfd.readouterr()
    assert "  squares: 1 values, all as they were\n" in errors
    assert "1 of 1 notebooks agree with" in output
    points.write_text("def square(x):\n    return {'y': x**3}\n")
    assert main(["--verify", "2", "--only", "01", "--workers", "1"]) == 1
    errors = lines(capfd)
    assert re.fullmatch(r"  squares: 2 values, 2 differ, y is \d+ and was \d+", errors[1])
    assert errors[2] == "01_good FAILED: 1 of 1 datasets came out otherwise: squares"
    assert sorted(p for p in project.rglob("*.*") if p.suffix != ".pyc") == before
    assert main(["--verify", "0"]) == 2
    assert "--verify is 0" in lines(capfd)[-1]


def test_claims_are_renewed(project):
    (project / "params" / "claims.yaml").write_text("01_good: {}\n")
    (project / "README.md").write_text("a <!-- claims:begin --><!-- claims:end --> z")
    assert main(["--claims"]) == 0
    paper = project / "figures" / "paper"
    assert {"claims.csv", "README.md"} <= set(os.listdir(paper))
    assert "figures/paper/README.md" in (project / "README.md").read_text()


def test_injected_parameters_stand_behind_the_notebooks_own(project):
    nb = parameterized(notebook(project, "01_good"), {"title": "a\n'b\""})
    values = {}
    exec("\n".join(cell.source for cell in nb.cells[:2]), values)
    assert (values["title"], values["rate"]) == ("a\n'b\"", 0.5)
