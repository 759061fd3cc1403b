"""Regenerate the figures: run each notebook with the parameters of a scale.

python -m crossmem.reproduce --scale quick --only 02
"""

import argparse
import contextlib
import math
import os
import signal
from pathlib import Path

from crossmem.checks import check_count, nearest
from crossmem.storage import check_writable, read_yaml
from crossmem.workbook.claim_chart import save_claims
from crossmem.workbook.cluster import connect, local_cluster
from crossmem.workbook.files import OPTIONS, own_parameters, project_root
from crossmem.workbook.kernels import Kernels, render, run, say, verify
from crossmem.workbook.ledger import join_ledgers, update_readme
from crossmem.workbook.verdicts import read_published
from crossmem.workbook.workers import count_workers

#: From this number on, a notebook reads what others made or measures speed: it runs alone. So do
#: the appendices, whose numbers begin with a letter.
ALONE = "07"


def main(arguments=None):
    """Run the command: 0; 1 if a notebook failed; 2 for a wrong request; 130 if interrupted."""
    options = _parser().parse_args(arguments)
    for name in ("SIGTERM", "SIGHUP"):  # they interrupt as Ctrl-C does, unless under nohup
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        return _main(options)
    except KeyboardInterrupt:
        say("interrupted: finished grid points are kept, the same command goes on from them")
        return 130
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        say(f"error: {error}")
        return 2


def _main(options):
    paper = project_root() / "figures" / "paper"
    if options.claims:
        join_ledgers(paper)
        save_claims(paper, read_published(paper.parents[1] / "params" / "claims.yaml"))
        update_readme(paper.parents[1] / "README.md", paper)
        return 0
    if options.render:
        options.output = paper
    if options.verify is not None:
        check_count(options.verify, "--verify")
    if options.render or options.verify:
        options.scale = "paper"
    jobs = plan(options)
    folder, first = options.output / "executed", jobs[0][1]
    if options.verify:
        return _verify(jobs, options)
    for place in [paper] if options.render else [folder, first["cache"]]:
        check_writable(place)
    if options.render:
        kernels = Kernels({"CROSSMEM_RENDER": "1"})
        passed = kernels.run_all(jobs, render, first["workers"])
    else:
        with _cluster(options.cluster, first["workers"]) as environment:
            jobs = [(*job, folder) for job in jobs]
            passed = run_all(jobs, environment, side_by_side=options.scale == "quick")
    if (options.output / "ledger").is_dir():
        join_ledgers(options.output)
    print(f"{sum(passed)} of {len(passed)} notebooks passed; results in {options.output}")
    return 0 if all(passed) else 1


def _verify(jobs, options):
    """Compare a sample with the datasets, notebooks side by side; 0 if all agree, else 1."""
    kernels = Kernels({"CROSSMEM_SAMPLE": str(options.verify)})
    passed = kernels.run_all(jobs, verify, jobs[0][1]["workers"])
    print(f"{sum(passed)} of {len(passed)} notebooks agree with {options.output}")
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
    found = sorted((root / "notebooks").glob("[0-9A-Z][0-9]_*.ipynb"))  # appendices, A1, are last
    notebooks = {path.stem: path for path in found}
    files = {}
    if options.scale == "paper":
        files = {path.stem: path for path in sorted((root / "params" / "paper").glob("*.yaml"))}
    if unknown := [name for name in files if name not in notebooks]:
        close = nearest(unknown[0], notebooks)
        raise ValueError(f"{files[unknown[0]]} has no notebook: did you mean {close!r}?")
    numbers = [name[:2] for name in notebooks]
    if unknown := set(options.only or ()) - set(numbers):
        raise ValueError(f"there is no notebook {min(unknown)!r}: choose from {', '.join(numbers)}")
    return [
        (path, read_parameters(path, files.get(name)) | given)
        for name, path in notebooks.items()
        if not options.only or name[:2] in options.only
    ]


def read_parameters(notebook, file=None):
    """Read what differs from a notebook's own parameters and check it against the notebook.

    A name must be in the notebook's cell tagged "parameters" and stand once in the YAML file, with
    a value of the type that stands in the cell.
    """
    known = own_parameters(notebook)
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
        if not _fits(value, known[name]):
            # The common case: YAML takes a number without a point, such as 1e-3, for a string.
            raise ValueError(
                f"parameter {name!r} in {file} is {value!r}, but must be of the same type as the "
                f"notebook's own {known[name]!r}: give a finite number (a small one needs a "
                "point, as 1.0e-3), a string, true or false, or a flat list of these"
            )
    return given


def _fits(value, own):
    """Tell whether a value may stand for another: same type, or an integer for a float."""
    if isinstance(own, list) and isinstance(value, list):
        return not own or all(any(_fits(item, example) for example in own) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return type(value) is type(own) or (type(value) is int and type(own) is float)


def run_all(jobs, environment, side_by_side):
    """Run notebooks; return whether each passed.

    Side by side, those before `ALONE` share the workers: that pays where starting kernels and
    drawing figures, which take one processor, are most of the work.
    """
    workers = jobs[0][1]["workers"]
    early = [job for job in jobs if job[0].stem < ALONE] if side_by_side else []
    together = min(workers, len(early))
    if together < 2:
        return Kernels(environment | {"CROSSMEM_PROGRESS": "1"}).run_all(jobs, run, 1)
    share = {"workers": workers // together}
    # Without progress bars, which would overwrite each other. The later notebooks take longer:
    # they go first, lest one be left over alone.
    shared = [(path, values | share, folder) for path, values, folder in reversed(early)]
    passed = Kernels(environment).run_all(shared, run, together)
    late = jobs[len(early) :]
    return passed[::-1] + (run_all(late, environment, side_by_side=False) if late else [])


@contextlib.contextmanager
def _cluster(address, workers):
    """What the kernels need in their environment to compute on a cluster; "local" starts one."""
    if not address:
        yield {}
    elif address == "local":
        with local_cluster(workers) as cluster:
            yield {"CROSSMEM_CLUSTER": cluster.scheduler_address}
    else:
        connect(address).close()  # it answers
        yield {"CROSSMEM_CLUSTER": address}


def _parser():
    parser = argparse.ArgumentParser(prog="python -m crossmem.reproduce", description=__doc__)
    add = parser.add_argument
    add("--scale", choices=["quick", "paper"], default="quick")
    add("--only", nargs="+", metavar="NN", help="numbers of notebooks, such as 02 or A1")
    add("--output", type=Path, help="folder of the results [figures/SCALE]")
    add("--cache", type=Path, help="folder of finished grid points [.cache/crossmem]")
    add("--workers", type=int, help="worker processes [CROSSMEM_WORKERS, or all processors]")
    cluster = "Dask scheduler that computes the points, or 'local' to start one [CROSSMEM_CLUSTER]"
    add("--cluster", metavar="ADDRESS", default=os.environ.get("CROSSMEM_CLUSTER"), help=cluster)
    add("--render", action="store_true", help="only renew the notebooks' outputs, by figures/paper")
    sample = "only compute N points of each sweep, and compare with figures/paper [N: 1]"
    add("--verify", nargs="?", type=int, const=1, metavar="N", help=sample)
    add("--claims", action="store_true", help="only renew the tables and the chart of claims")
    return parser
