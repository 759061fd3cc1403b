"""Write datasets and figures with their provenance, and find the workbook."""

import ast
import contextlib
import io
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import PIL.Image
from threadpoolctl import threadpool_info

from crossmem.labels import describe
from crossmem.storage import save_dataset, to_json, write_atomically

#: Parameters of every notebook that say how and where to run, and not what to compute.
OPTIONS = ("scale", "output", "cache", "workers")


def save(dataset, path, parameters):
    """Write a dataset as netCDF with its provenance, over what was there or not at all.

    Each variable must carry ``units`` and ``long_name``, or `crossmem.labels` have them.
    """
    dataset = describe(dataset.copy())
    for name, variable in dataset.variables.items():
        for needed in ("units", "long_name"):
            if not variable.attrs.get(needed):
                raise ValueError(
                    f"variable {name!r} has no {needed}: add it with "
                    f"describe(dataset, {name}=(units, long_name))"
                )
    dataset.attrs.update(provenance(parameters))
    save_dataset(dataset, path)


def provenance(parameters):
    """Where a result comes from, as attributes that netCDF can hold; parameters as one JSON text.

    Processor and BLAS kernel are among them: both change the last bits of what was trained.
    """
    known = {"parameters": to_json(parameters)}
    if "seed" in parameters:
        known["seed"] = int(parameters["seed"])
    for package in ("crossmem", "numpy", "scipy", "xarray"):
        with contextlib.suppress(PackageNotFoundError):
            known[f"{package}_version"] = version(package)
    blas = {
        f"{found['internal_api']} {found['version']} {found.get('architecture', '')}, "
        f"{found['num_threads']} threads"  # such as "openblas 0.3.29 Haswell, 2 threads"
        for found in threadpool_info()
        if found["user_api"] == "blas"
    }
    return known | {
        "python_version": platform.python_version(),
        "git_commit": _git_commit(),
        "processor": processor(),
        "blas": "; ".join(sorted(blas)) or "unknown",
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

    A file with the same pixels and description stays, so that git sees no change where none is.
    """
    if not alt.strip():
        raise ValueError("alt is empty: describe in a sentence what the figure shows")
    content = io.BytesIO()
    metadata = {"Title": path.stem, "Description": alt}
    figure.savefig(content, format="png", metadata=metadata)
    damaged = contextlib.suppress(OSError, SyntaxError)  # or absent: PIL raises either
    with damaged, PIL.Image.open(path) as old, PIL.Image.open(content) as new:
        if old.info.get("Description") == alt and np.array_equal(old, new):
            return
    write_atomically(path, content.getvalue())


def project_root():
    """The workbook's folder: at or above the current one, or where this library lies.

    A folder is the workbook if it holds ``notebooks`` and ``params`` and its ``pyproject.toml``
    names crossmem.
    """
    for folder in (Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents):
        if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
            with contextlib.suppress(OSError):
                text = (folder / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
                if 'name = "crossmem"' in text:
                    return folder
    raise FileNotFoundError(
        f"neither {Path.cwd()} nor a folder above it is the workbook (notebooks, params and the "
        "pyproject.toml of crossmem): change to its folder"
    )


def own_parameters(notebook):
    """Names and values in the cell of a notebook, by its path, that is tagged "parameters"."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    body = ast.parse("\n".join("".join(cell["source"]) for cell in tagged)).body
    try:
        assigned = [node for node in body if isinstance(node, ast.Assign)]
        return {node.targets[0].id: ast.literal_eval(node.value) for node in assigned}
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"the cell tagged 'parameters' of {notebook.name} holds more than names and plain "
            f"values ({error}): move the rest to another cell"
        ) from error


def _git_commit():
    """The commit of this checkout, with "+changes" if code, notebooks or parameters differ.

    "unknown" if the nearest repository is another one, as around an unpacked archive.
    """
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    options = {"capture_output": True, "text": True, "check": True, "env": environment}
    parts = [":/lib", ":/notebooks", ":/params"]
    try:
        found = subprocess.run([*git, "rev-parse", "--show-prefix", "HEAD"], **options)
        changes = subprocess.run([*git, "status", "--porcelain", "--", *parts], **options)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    folder, commit = found.stdout.splitlines()
    if folder != "lib/crossmem/workbook/":
        return "unknown"
    return commit + ("+changes" if changes.stdout else "")
