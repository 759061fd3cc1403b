"""What a notebook calls: one run of it, with its parameters, folders, datasets and ledger rows."""

import ast
import json
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import PIL.Image
import xarray as xr
from IPython.display import Image, Markdown, display

from crossmem.checks import check_choice, nearest
from crossmem.labels import describe
from crossmem.storage import load_dataset
from crossmem.workbook import claims, ledger, tables
from crossmem.workbook.files import project_root, save, save_figure
from crossmem.workbook.plotting import INLINE_DPI, stamp
from crossmem.workbook.sweep import sweep

QUICK_REASON = "the quick scale shows that it runs, not what holds"

#: Parameters that say how and where to run, and not what to compute.
OPTIONS = ("scale", "output", "cache", "workers")


class Run:
    """One run of a notebook: where its results go, and what they are computed from.

    Parameters
    ----------
    notebook : str
        Name of the notebook without its ending, such as ``"02_fault_tolerance"``.
    values : dict
        The notebook's ``globals()``. Read from it are the parameters, which are the names assigned
        in the notebook's cell tagged "parameters" (any plain value where there is no such file),
        among them the options:

        scale : "quick" or "paper"; names the default output folder, ``figures/<scale>``.
        output, cache : folders for results and for finished points; empty for those of the project.
        workers : worker processes; 0 for the default.

    Attributes
    ----------
    root : pathlib.Path
        The workbook's folder.
    parameters : dict
        The scientific parameters of the notebook, written into each dataset.
    """

    def __init__(self, notebook, values):
        self.root = root = project_root()
        self.notebook = notebook
        self.scale = check_choice(values.get("scale", "quick"), "scale", ("quick", "paper"))
        self.output = Path(values.get("output") or root / "figures" / self.scale).resolve()
        self.cache = Path(values.get("cache") or root / ".cache" / "crossmem").resolve()
        self.workers = values.get("workers", 0)
        names = _parameter_names(root / "notebooks" / f"{notebook}.ipynb") or _plain_names(values)
        self.parameters = {n: values[n] for n in names if n in values and n not in OPTIONS}
        self._claims, self._assumptions = {}, []

    def sweep(self, function, setup=None, *, over, label=None, **own):
        """Run `crossmem.workbook.sweep.sweep` with the workers and the cache of this run."""
        _refuse_rendering("run.sweep")
        options = {"workers": self.workers, "cache": self.cache, "label": label}
        return sweep(function, setup, over=over, **options, **own)

    def sweep_each(self, dim, function, setups, *, over, **own):
        """A sweep for each setup of a dictionary, side by side along a new dimension of names."""
        found = [
            self.sweep(function, setup, over=over, label=f"{dim}: {name}", **own)
            for name, setup in setups.items()
        ]
        names = xr.Variable(dim, list(setups), {"units": "1", "long_name": dim})
        return xr.concat(found, names)

    def save(self, dataset, name, **meanings):
        """Write a dataset as ``<name>.nc``; `meanings` go to `crossmem.labels.describe`."""
        _refuse_rendering("run.save")
        parameters = {"notebook": self.notebook, "scale": self.scale, **self.parameters}
        seed = self.parameters.get("seed")
        path = self.output / f"{name}.nc"
        save(describe(dataset, **meanings), path, parameters=parameters, seed=seed)

    def open(self, name):
        """Open the dataset ``<name>.nc`` of this run."""
        return load_dataset(self.output / f"{name}.nc")

    def figure(self, figure, name, *, alt):
        """Stamp a figure with the scale, write it as ``<name>.png``, close it, and show it.

        What is written into the project's ``figures/paper`` is shown as a link, so that the
        notebook stays small. At the quick scale that figure is shown below the quick one. `alt`
        says in words what it shows; a line break in it counts as a space.
        """
        path, paper = self.output / f"{name}.png", project_root() / "figures" / "paper"
        stamp(figure, self.scale)
        save_figure(figure, path, alt=" ".join(alt.split()))
        plt.close(figure)  # or Jupyter would draw it once more
        if self.output == paper:
            display(_link(path))
            return
        display(_image(path))
        if self.scale == "quick" and (paper / path.name).is_file():
            display(Markdown("*The same at the paper scale, which the text describes:*"))
            display(_link(paper / path.name))

    def table(self, rows, *, columns, formats=None):
        """Show a Markdown table; see `crossmem.workbook.tables.markdown`."""
        display(Markdown(tables.markdown(rows, columns, formats)))

    def say(self, text):
        """Show a sentence of Markdown."""
        display(Markdown(text))

    def published(self, id):
        """The paper's side of a claim, a `Published`; its number is ``.published``."""
        if id not in self._published:
            raise ValueError(
                f"params/claims.yaml has no claim {id!r} of {self.notebook}: did you mean "
                f"{nearest(id, self._published)!r}?"
            )
        return self._published[id]

    def claim(self, id, values, **given):
        """Set our side of a claim beside the paper's.

        Parameters
        ----------
        id : str
            The claim in ``params/claims.yaml``.
        values : array (seeds,), number, str or Exponent
            What we found.
        **given
            What the entry names, beside the parameters of the notebook.

        Returns
        -------
        str
            The verdict.
        """
        claim = claims.compare(self.published(id), values, self.parameters | given)
        # Networks of the quick scale are too small to blame anything else.
        if self.scale == "quick" and claim.verdict == "not reproduced":
            claim = replace(claim, reason=QUICK_REASON)
        self._claims[id] = claim
        return claim.verdict

    def ledger(self):
        """Show the claims of this run, and write its results file."""
        self._write()
        display(Markdown(ledger.claims_table(self._claims.values(), notebooks="")))

    def assumptions(self, **given):
        """Enter the notebook's rows of ``params/assumptions.yaml`` into its results file.

        `given` is what they name in braces, beside the parameters of the notebook.
        """
        path = project_root() / "params" / "assumptions.yaml"
        given = self.parameters | given
        self._assumptions = claims.read_assumptions(path, self.notebook, given)
        self._write()

    @cached_property
    def _published(self):
        found = claims.read_published(project_root() / "params" / "claims.yaml")
        return {id: entry for id, entry in found.items() if entry.notebook == self.notebook}

    def _write(self):
        path = self.output / "ledger" / f"{self.notebook}.json"
        ledger.write_rows(self._claims.values(), self._assumptions, path)


def _parameter_names(notebook):
    """The names assigned in a notebook's cell tagged "parameters"; none if there is no notebook."""
    if not notebook.is_file():
        return []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            body = ast.parse("".join(cell["source"])).body
            assigned = [target for node in body for target in getattr(node, "targets", [])]
            return [target.id for target in assigned if isinstance(target, ast.Name)]
    return []


def _plain_names(values):
    plain = str, int, float, list
    return [n for n, v in values.items() if isinstance(v, plain) and n[0] != "_" and n != "In"]


def _refuse_rendering(call):
    if os.environ.get("CROSSMEM_RENDER") == "1":
        raise RuntimeError(
            f"{call} computes, but this notebook is only rendered from its datasets: tag this cell "
            "compute"
        )


def _link(path):
    """A figure of the paper scale as a link that works from the folder of the notebooks."""
    alt = _described(path).replace("[", r"\[").replace("]", r"\]")
    return Markdown(f"![{alt}](../figures/paper/{path.name})")


def _described(path):
    with PIL.Image.open(path) as image:
        return image.info.get("Description", path.stem)


def _image(path):
    """A written figure at the size of the inline figures, its description as alt text."""
    with PIL.Image.open(path) as image:
        inches = image.width / image.info["dpi"][0]
    return Image(data=path.read_bytes(), alt=_described(path), width=round(inches * INLINE_DPI))
