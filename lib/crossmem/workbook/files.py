"""Write and open datasets and figures, with their provenance."""

import contextlib
import io
import os
import platform
import subprocess
import tomllib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import PIL.Image
from threadpoolctl import threadpool_info

from crossmem.labels import describe
from crossmem.storage import save_dataset, to_json, write_atomically


def save(dataset, path, *, parameters=None, seed=None):
    """Write a dataset as netCDF, with provenance, over what was there or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Each variable carries ``units`` and ``long_name``, or `crossmem.labels` has them; else it
        is refused.
    path : path
    parameters : dict, optional
        What the dataset was computed from; kept as one JSON string.
    seed : int, optional
        The seed, where one seed stands for the whole dataset.
    """
    dataset = describe(dataset.copy())
    for name, variable in dataset.variables.items():
        for needed in ("units", "long_name"):
            if not variable.attrs.get(needed):
                raise ValueError(
                    f"variable {name!r} has no {needed}: add it with "
                    f"describe(dataset, {name}=(units, long_name))"
                )
    dataset.attrs.update(provenance(parameters, seed))
    save_dataset(dataset, path)


def provenance(parameters=None, seed=None):
    """Where a result comes from, as attributes that netCDF can hold.

    Besides versions and commit these are processor and BLAS kernel: both change the last bits of
    what was trained.
    """
    known = {"parameters": to_json(parameters or {})}
    if seed is not None:
        known["seed"] = int(seed)
    for package in ("crossmem", "numpy", "scipy", "xarray"):
        known[f"{package}_version"] = _version(package)
    return known | {
        "python_version": platform.python_version(),
        "git_commit": _git_commit(),
        "processor": processor(),
        "blas": _blas(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def processor():
    """Name of the processor: its model where Linux tells it, else what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def save_figure(figure, path, *, alt):
    """Write a figure as PNG with its description inside, over what was there or not at all.

    A file with the same pixels and the same description is left as it is, so that git sees no
    change where there is none.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    alt : str
        What the figure shows, in words, for those who cannot see it; never empty.
    """
    if not alt.strip():
        raise ValueError("alt is empty: describe in a sentence what the figure shows")
    path, content = Path(path), io.BytesIO()
    metadata = {"Title": path.stem, "Description": alt}
    figure.savefig(content, format="png", metadata=metadata)
    if not _same_picture(path, content):
        write_atomically(path, content.getvalue())


def project_root():
    """The workbook's folder: at or above the current one, or where this library lies.

    A folder is the workbook if it holds ``notebooks`` and ``params`` and its ``pyproject.toml``
    names crossmem.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if _is_workbook(folder):
                return folder
    raise FileNotFoundError(
        f"neither {Path.cwd()} nor a folder above it is the workbook (notebooks, params and the "
        "pyproject.toml of crossmem): change to its folder"
    )


def _is_workbook(folder):
    if not all((folder / name).is_dir() for name in ("notebooks", "params")):
        return False
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return project.get("project", {}).get("name") == "crossmem"


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit():
    """The commit of this checkout, with "+changes" if code, notebooks or parameters differ.

    "unknown" if the nearest repository is another one, as around an unpacked archive.
    """
    source = Path(__file__).resolve().parent
    top = next((folder for folder in source.parents if _is_workbook(folder)), None)
    if top is None or _git(source, "rev-parse", "--show-toplevel") not in (
        str(top),
        top.as_posix(),
    ):
        return "unknown"
    commit = _git(top, "rev-parse", "HEAD")
    changes = _git(top, "status", "--porcelain", "--", ":/lib", ":/notebooks", ":/params")
    if not commit or changes is None:
        return "unknown"
    return commit + ("+changes" if changes else "")


def _git(folder, *command):
    """What git says in a folder, whatever repository the environment names; None if it fails."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    options = {"capture_output": True, "text": True, "env": environment}
    try:
        answer = subprocess.run(["git", "-C", str(folder), *command], **options)
    except OSError:
        return None
    return None if answer.returncode else answer.stdout.strip()


def _blas():
    """BLAS library, version, kernel and threads, such as "openblas 0.3.29 Haswell, 2 threads"."""
    libraries = {
        f"{found['internal_api']} {found['version']} {found.get('architecture', '')}".strip()
        + f", {found['num_threads']} threads"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    }
    return "; ".join(sorted(libraries)) or "unknown"


def _same_picture(path, content):
    """Whether a file shows what a PNG in memory shows, under the same description."""
    try:
        with PIL.Image.open(path) as old, PIL.Image.open(content) as new:
            same_text = old.info.get("Description") == new.info.get("Description")
            return same_text and old.size == new.size and np.array_equal(old, new)
    except (OSError, SyntaxError):  # none there, or damaged: PIL raises either
        return False
