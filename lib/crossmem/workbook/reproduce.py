"""Regenerate the figures: run each notebook with the parameters of a scale.

python -m crossmem.reproduce --scale quick --only 02
"""

import argparse
import ast
import contextlib
import fcntl
import os
import resource
import sys
import time
from pathlib import Path

import joblib
import papermill
import yaml

from crossmem.checks import nearest
from crossmem.storage import write_atomically
from crossmem.workbook.files import project_root
from crossmem.workbook.ledger import update_readme
from crossmem.workbook.sweep import count_workers

#: Parameters that the command sets; every notebook has them.
OPTIONS = ("scale", "output", "cache", "workers")


#: From this number on, a notebook reads what others made or measures speed: it runs alone.
ALONE = "07"


def main(arguments=None):
    """Run the command; return 0, 1 if a notebook failed, or 2 if the request was wrong."""
    options = _parser().parse_args(arguments)
    try:
        if options.readme:
            root = project_root()
            update_readme(root / "README.md", root / "figures" / "paper" / "claims.csv")
            return 0
        jobs = plan(options)
        _check_writable(options.output / "executed")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    passed = run_all(jobs, options.output / "executed", side_by_side=options.scale == "quick")
    _report(passed, options.output)
    return 0 if all(passed) else 1


def plan(options):
    """Choose the notebooks and check their parameters, before any of them runs.

    Returns
    -------
    list of (pathlib.Path, dict)
        Each notebook with the parameters of its file and those of the command.

    Raises
    ------
    ValueError
        If a notebook or a parameter is unknown, or a value is of the wrong type.
    """
    root = project_root()
    options.output = (options.output or root / "figures" / options.scale).resolve()
    given = {
        "scale": options.scale,
        "output": str(options.output),
        "cache": str((options.cache or root / ".cache" / "crossmem").resolve()),
        "workers": count_workers(options.workers),
    }
    folder = (options.params or root / "params" / options.scale).resolve()
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    notebooks = {path.stem: path for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    if not files:
        raise ValueError(
            f"{folder} holds no parameter files: give --params a folder of .yaml files"
        )
    for name, path in files.items():
        if name not in notebooks:
            raise ValueError(f"{path} has no notebook: did you mean {nearest(name, notebooks)!r}?")
    return [
        (notebooks[name], read_parameters(notebooks[name], files[name]) | given)
        for name in _choose(files, options.only)
    ]


def read_parameters(notebook, file):
    """Read a notebook's parameters from a YAML file and check them against the notebook.

    Raises
    ------
    ValueError
        If a name is not in the notebook's cell tagged "parameters", or a value is not of the
        type that stands there.
    """
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{file} holds {given!r}: write one 'name: value' per line")
    known = papermill.inspect_notebook(str(notebook))
    for name in [*OPTIONS, *given]:
        if name not in known:
            where = notebook.name if name in OPTIONS else f"{notebook.name} (asked by {file})"
            raise ValueError(
                f"parameter {name!r} is unknown to {where}: did you mean {nearest(name, known)!r}?"
            )
    for name, value in given.items():
        _check_type(name, value, known[name]["default"], file)
    return given


def run_all(jobs, folder, side_by_side):
    """Run notebooks; return whether each passed.

    Side by side, those before `ALONE` share the workers: that pays where starting kernels and
    drawing figures, which take one processor, are most of the work.
    """
    workers = jobs[0][1]["workers"]
    early = [job for job in jobs if job[0].stem < ALONE] if side_by_side else []
    together = min(workers, len(early))
    if together < 2:
        with _progress_shown():
            return [run(*job, folder) for job in jobs]
    share = {"workers": workers // together}
    # Threads do, since the work is in the kernels. Without progress bars, which would overwrite
    # each other. The later notebooks take longer: they go first, lest one be left over alone.
    passed = joblib.Parallel(n_jobs=together, prefer="threads")(
        joblib.delayed(run)(notebook, parameters | share, folder)
        for notebook, parameters in reversed(early)
    )
    late = jobs[len(early) :]
    return passed[::-1] + (run_all(late, folder, side_by_side=False) if late else [])


def run(notebook, parameters, folder):
    """Run one notebook in its own kernel; return whether it passed.

    The executed copy goes to `folder`; while it runs, and when it fails, it bears another name,
    so that a copy under the notebook's own name is always a complete one.
    """
    unfinished = folder / f"{notebook.stem}.unfinished.ipynb"
    start = time.perf_counter()
    _say(f"{notebook.stem} ...")
    try:
        papermill.execute_notebook(
            str(notebook),
            str(unfinished),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            # Whatever goes wrong in a cell is raised here. An error that a kernel logs on its own
            # is the interrupt that stops it, caught late.
            extra_arguments=["--log-level=CRITICAL"],
        )
    except (papermill.PapermillExecutionError, RuntimeError) as error:  # or the kernel died
        reason = f"{getattr(error, 'ename', 'kernel')}: {getattr(error, 'evalue', error)}"
        _say(f"{notebook.stem} FAILED: {reason}\n  the copy up to the failure: {unfinished}")
        return False
    os.replace(unfinished, folder / notebook.name)
    _say(f"{notebook.stem} done in {time.perf_counter() - start:.0f} s")
    return True


def _say(line):
    """Tell how far the work is; as one piece, because notebooks side by side have their say too."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _parser():
    parser = argparse.ArgumentParser(prog="python -m crossmem.reproduce", description=__doc__)
    parser.add_argument("--scale", choices=["quick", "paper"], default="quick")
    parser.add_argument("--only", nargs="+", metavar="NN", help="numbers of notebooks, such as 02")
    parser.add_argument("--params", type=Path, help="folder of .yaml files [params/SCALE]")
    parser.add_argument("--output", type=Path, help="folder of the results [figures/SCALE]")
    parser.add_argument("--cache", type=Path, help="folder of grid points [.cache/crossmem]")
    parser.add_argument("--workers", type=int, help="processes [CROSSMEM_WORKERS, or all]")
    parser.add_argument(
        "--readme", action="store_true", help="only renew the table of claims in README.md"
    )
    return parser


def _choose(names, only):
    """Return the names whose number was asked for, all of them by default."""
    numbers = {name.split("_")[0]: name for name in names}
    for number in only or ():
        if number not in numbers:
            raise ValueError(
                f"there is no notebook {number!r}: choose from {', '.join(sorted(numbers))}"
            )
    return [name for number, name in sorted(numbers.items()) if not only or number in only]


def _check_type(name, value, default, file):
    """Compare a value with the notebook's own, given as source text."""
    if not all(type(item) in (bool, int, float, str) for item in _items(value)):
        raise ValueError(
            f"parameter {name!r} in {file} is {value!r}: give a number, a string, true or false, "
            "or a flat list of these"
        )
    try:
        expected = ast.literal_eval(default)
    except (ValueError, SyntaxError):
        return
    if not _fits(value, expected):
        # The common case: YAML takes a number without a point, such as 1e-3, for a string.
        raise ValueError(
            f"parameter {name!r} in {file} is {value!r}, but must be of the same type as the "
            f"notebook's own {expected!r}: change it (a small number needs a point, as 1.0e-3)"
        )


def _items(value):
    return value if isinstance(value, list) else [value]


def _fits(value, expected):
    """Tell whether a value may stand for another: same type, or an integer for a float."""
    if isinstance(expected, list) and isinstance(value, list):
        return not expected or all(any(_fits(v, e) for e in expected) for v in value)
    return type(value) is type(expected) or (type(value) is int and type(expected) is float)


@contextlib.contextmanager
def _progress_shown():
    """Let the kernels' sweeps show their progress where this command writes its own lines.

    That is the terminal by its name, else (on Linux) the file or pipe behind this process's
    stderr, in append mode, so that two writers do not overwrite each other.
    """
    target = f"/proc/{os.getpid()}/fd/2"
    with contextlib.suppress(OSError, AttributeError):
        target = os.ttyname(2)
    if "CROSSMEM_PROGRESS" in os.environ or not os.access(target, os.W_OK):
        yield
        return
    fcntl.fcntl(2, fcntl.F_SETFL, fcntl.fcntl(2, fcntl.F_GETFL) | os.O_APPEND)
    os.environ["CROSSMEM_PROGRESS"] = target
    try:
        yield
    finally:
        del os.environ["CROSSMEM_PROGRESS"]


def _check_writable(folder):
    """Learn now, rather than after half an hour, that nothing can be written there."""
    probe = folder / "probe.tmp"
    write_atomically(probe, b"")
    probe.unlink()


def _report(passed, output):
    print(f"{sum(passed)} of {len(passed)} notebooks passed; results in {output}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(f"the largest process took {peak / unit:.0f} MiB")
