"""Regenerate the figures: run each notebook with the parameters of a scale.

python -m crossmem.reproduce --scale quick --only 02
"""

import argparse
import ast
import contextlib
import math
import os
import signal
import sys
from pathlib import Path

import nbformat

from crossmem.checks import nearest
from crossmem.storage import read_yaml
from crossmem.workbook.cluster import connect, local_cluster
from crossmem.workbook.files import project_root
from crossmem.workbook.kernels import Kernels, echoed_progress, render, run, say
from crossmem.workbook.ledger import join_ledgers, update_readme
from crossmem.workbook.points import check_writable
from crossmem.workbook.workers import count_workers

#: Parameters that the command sets; every notebook has them.
OPTIONS = ("scale", "output", "cache", "workers")
#: From this number on, a notebook reads what others made or measures speed: it runs alone.
ALONE = "07"


def main(arguments=None):
    """Run the command: 0; 1 if a notebook failed; 2 for a wrong request; 130 if interrupted."""
    options = _parser().parse_args(arguments)
    try:
        with _interruptible():
            return _main(options)
    except KeyboardInterrupt:
        say("interrupted: finished grid points are kept, the same command goes on from them")
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        say(f"error: {error}")
        return 2


def _main(options):
    paper = project_root() / "figures" / "paper"
    if options.claims:
        join_ledgers(paper)
        update_readme(paper.parents[1] / "README.md", paper)
        return 0
    if options.render:
        options.scale, options.output = "paper", paper
    jobs = plan(options)
    folder, first = options.output / "executed", jobs[0][1]
    for place in [paper] if options.render else [folder, first["cache"]]:
        check_writable(place)
    with contextlib.ExitStack() as stack:
        environment = _cluster(options.cluster, first["workers"], stack)
        if options.render:
            kernels = Kernels(environment | {"CROSSMEM_RENDER": "1"})
            passed = kernels.run_all(jobs, render, first["workers"])
        else:
            jobs = [(*job, folder) for job in jobs]
            passed = run_all(jobs, environment, side_by_side=options.scale == "quick")
    if (options.output / "ledger").is_dir():
        join_ledgers(options.output)
    _report(passed, options.output)
    return 0 if all(passed) else 1


def plan(options):
    """Choose the notebooks and check their parameters, before any of them runs.

    Returns pairs of a notebook's path and what differs from its own parameters.
    """
    root = project_root()
    options.output = (options.output or root / "figures" / options.scale).resolve()
    given = {
        "scale": options.scale,
        "output": str(options.output),
        "cache": str((options.cache or root / ".cache" / "crossmem").resolve()),
        "workers": count_workers(options.workers),
    }
    notebooks = {path.stem: path for path in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    folder, files = options.params, {}
    if options.scale == "paper":
        folder = folder or root / "params" / "paper"
    if folder:
        files = {path.stem: path for path in sorted(folder.resolve().glob("*.yaml"))}
        if not files:
            raise ValueError(f"{folder} holds no parameter files: give a folder of .yaml files")
    if unknown := [name for name in files if name not in notebooks]:
        close = nearest(unknown[0], notebooks)
        raise ValueError(f"{files[unknown[0]]} has no notebook: did you mean {close!r}?")
    return [
        (notebooks[name], read_parameters(notebooks[name], files.get(name)) | given)
        for name in _choose(notebooks, options.only)
    ]


def read_parameters(notebook, file=None):
    """Read what differs from a notebook's own parameters and check it against the notebook.

    A name must be in the notebook's cell tagged "parameters" and stand once in the YAML file, with
    a value of the type that stands in the cell.
    """
    known = _own_parameters(notebook)
    if missing := [name for name in OPTIONS if name not in known]:
        raise ValueError(
            f"the cell tagged 'parameters' of {notebook.name} lacks {missing[0]!r}: add it"
        )
    given = read_yaml(file) if file else {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"parameter {name!r} is unknown to {notebook.name} (asked by {file}): did you mean "
                f"{nearest(name, known)!r}?"
            )
        _check_type(name, value, known[name], file)
    return given


def run_all(jobs, environment, side_by_side):
    """Run notebooks; return whether each passed.

    Side by side, those before `ALONE` share the workers: that pays where starting kernels and
    drawing figures, which take one processor, are most of the work.
    """
    workers = jobs[0][1]["workers"]
    early = [job for job in jobs if job[0].stem < ALONE] if side_by_side else []
    together = min(workers, len(early))
    if together < 2:
        with echoed_progress() as target:
            return Kernels(environment | target).run_all(jobs, run, 1)
    share = {"workers": workers // together}
    # Without progress bars, which would overwrite each other. The later notebooks take longer:
    # they go first, lest one be left over alone.
    shared = [(path, values | share, folder) for path, values, folder in reversed(early)]
    passed = Kernels(environment).run_all(shared, run, together)
    late = jobs[len(early) :]
    return passed[::-1] + (run_all(late, environment, side_by_side=False) if late else [])


@contextlib.contextmanager
def _interruptible():
    """Let SIGTERM and SIGHUP (the terminal is gone) interrupt as Ctrl-C does, each once."""
    numbers = {getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")} - {None}
    before = {n: old for n in numbers if (old := signal.getsignal(n)) is not signal.SIG_IGN}

    def interrupt(*_):
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # what follows is short and shall end
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cluster(address, workers, stack):
    """What the kernels need in their environment to compute on a cluster; "local" starts one."""
    if not address:
        return {}
    if address == "local":
        address = stack.enter_context(local_cluster(workers)).scheduler_address
    else:
        stack.enter_context(connect(address, workers))
    return {"CROSSMEM_CLUSTER": address}


def _parser():
    parser = argparse.ArgumentParser(prog="python -m crossmem.reproduce", description=__doc__)
    parser.add_argument("--scale", choices=["quick", "paper"], default="quick")
    parser.add_argument("--only", nargs="+", metavar="NN", help="numbers of notebooks, such as 02")
    parser.add_argument("--params", type=Path, help="folder of .yaml files [params/paper, or none]")
    parser.add_argument("--output", type=Path, help="folder of the results [figures/SCALE]")
    parser.add_argument("--cache", type=Path, help="folder of grid points [.cache/crossmem]")
    parser.add_argument("--workers", type=int, help="processes [CROSSMEM_WORKERS, or all]")
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        default=os.environ.get("CROSSMEM_CLUSTER"),
        help="Dask scheduler that computes the points, or 'local' to start one [CROSSMEM_CLUSTER]",
    )
    parser.add_argument(
        "--render",
        action="store_true",
        help="only renew the notebooks' outputs from the datasets in figures/paper",
    )
    parser.add_argument(
        "--claims", action="store_true", help="only renew the tables of claims from figures/paper"
    )
    return parser


def _choose(names, only):
    """Return the names whose number was asked for, all of them by default."""
    numbers = {name.split("_")[0]: name for name in names}
    if unknown := set(only or ()) - numbers.keys():
        raise ValueError(
            f"there is no notebook {min(unknown)!r}: choose from {', '.join(sorted(numbers))}"
        )
    return [name for number, name in sorted(numbers.items()) if not only or number in only]


def _own_parameters(notebook):
    """Names and values in the cell tagged "parameters"."""
    cells = nbformat.read(notebook, as_version=4).cells
    source = "\n".join(c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    try:
        return {node.targets[0].id: ast.literal_eval(node.value) for node in assigned}
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"the cell tagged 'parameters' of {notebook.name} holds more than names and plain "
            f"values ({error}): move the rest to another cell"
        ) from error


def _check_type(name, value, expected, file):
    """Compare a value with the notebook's own."""
    for item in value if isinstance(value, list) else [value]:
        is_number = isinstance(item, int | float) and math.isfinite(item)
        if not is_number and not isinstance(item, str):
            raise ValueError(
                f"parameter {name!r} in {file} is {value!r}: give a finite number, a string, true "
                "or false, or a flat list of these"
            )
    if not _fits(value, expected):
        # The common case: YAML takes a number without a point, such as 1e-3, for a string.
        raise ValueError(
            f"parameter {name!r} in {file} is {value!r}, but must be of the same type as the "
            f"notebook's own {expected!r}: change it (a small number needs a point, as 1.0e-3)"
        )


def _fits(value, expected):
    """Tell whether a value may stand for another: same type, or an integer for a float."""
    if isinstance(expected, list) and isinstance(value, list):
        return not expected or all(any(_fits(v, e) for e in expected) for v in value)
    return type(value) is type(expected) or (type(value) is int and type(expected) is float)


def _report(passed, output):
    print(f"{sum(passed)} of {len(passed)} notebooks passed; results in {output}")
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        unit = 2**20 if sys.platform == "darwin" else 2**10
        print(f"the largest process took {peak / unit:.0f} MiB")
