"""What a notebook calls: one run of it, with its parameters, folders, datasets and ledger rows."""

import json
import os
import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import PIL.Image
import xarray as xr
from IPython.display import Image, Markdown, display

from crossmem.checks import check_choice
from crossmem.labels import describe
from crossmem.storage import load_dataset, to_json
from crossmem.workbook import claim_tables, files, ledger, tables, verdicts
from crossmem.workbook.plotting import INLINE_DPI, NEUTRAL
from crossmem.workbook.sampling import compare, filled, sample_size, sampled, some_of
from crossmem.workbook.sweep import sweep

QUICK_REASON = "the quick scale shows that it runs, not what holds"
TIMES = ("compute_time_s", "wall_time_s")  # attributes of what a sweep returns
FAILED = ("disagrees", "inconclusive", "no gain")


class Run:
    """One run of a notebook: where its results go, and what they are computed from.

    Parameters
    ----------
    notebook : str
        Name of the notebook without its ending, such as ``"02_fault_tolerance"``.
    values : dict
        The notebook's ``globals()``. Read from it are the parameters, which are the names assigned
        in the notebook's cell tagged "parameters", among them the options:

        scale : "quick" or "paper"; names the default output folder, ``figures/<scale>``.
        output, cache : folders for results and for finished points; empty for those of the project.
        workers : worker processes; 0 for the default.

    The attribute ``root`` is the workbook's folder, ``parameters`` are those that say what to
    compute; they are written into each dataset.
    """

    def __init__(self, notebook, values):
        self.root = root = files.project_root()
        self.notebook = notebook
        self.scale = check_choice(values.get("scale", "quick"), "scale", ("quick", "paper"))
        self.output = Path(values.get("output") or root / "figures" / self.scale).resolve()
        self.cache = Path(values.get("cache") or root / ".cache" / "crossmem").resolve()
        self.workers = values.get("workers", 0)
        own = files.own_parameters(root / "notebooks" / f"{notebook}.ipynb")
        self.parameters = {n: values[n] for n in own if n in values and n not in files.OPTIONS}
        self._claims, self._assumptions = {}, []
        self._spent, self._saved = {}, True

    def sweep(self, function, setup=None, *, over, label=None, **own):
        """Run `crossmem.workbook.sweep.sweep` with the workers and the cache of this run."""
        _refuse_rendering("run.sweep")
        if size := sample_size():
            return sampled(function, setup, over=over, size=size, workers=1, **own)
        options = {"workers": self.workers, "cache": self.cache, "label": label}
        found = sweep(function, setup, over=over, **options, **own)
        before = {} if self._saved else self._spent
        self._spent = {name: found.attrs[name] + before.get(name, 0.0) for name in TIMES}
        self._saved = False
        return found

    def sweep_each(self, dim, function, setups, *, over, **own):
        """A sweep for each setup of a dictionary, side by side along a new dimension of names."""
        cases = {(name,): setup for name, setup in setups.items()}
        return self.sweep_cases((dim,), function, cases, over=over, **own)

    def sweep_cases(self, dims, function, cases, *, over, **own):
        """A sweep for each case of a dictionary, side by side along new dimensions.

        Parameters
        ----------
        dims : tuple of str
        function, over, **own
            As in `sweep`.
        cases : dict of tuple to setup or (setup, dict)
            By the labels along ``dims``, of which all combinations are there: the setup of a case,
            and parameters of the function that are its own.
        """
        found, spent = [], dict.fromkeys(TIMES, 0.0)
        labels = map(dict.fromkeys, zip(*cases, strict=True))  # in the order given
        order = {dim: list(names) for dim, names in zip(dims, labels, strict=True)}
        for labels, case in some_of(cases, sample_size()).items():
            setup, case = case if isinstance(case, tuple) else (case, {})
            name = ", ".join(map(str, labels))
            one = self.sweep(function, setup, over=over, label=name, **own, **case)
            found.append(one.expand_dims({d: [n] for d, n in zip(dims, labels, strict=True)}))
            spent = {name: seconds + one.attrs[name] for name, seconds in spent.items()}
        if sample_size():
            found = filled(found, order)
        else:
            found = xr.combine_by_coords(found, combine_attrs="drop_conflicts").sel(order)
        return describe(found.assign_attrs(spent), **{dim: ("1", dim) for dim in dims})

    def save(self, dataset, name, **meanings):
        """Write a dataset as ``<name>.nc``; `meanings` go to `crossmem.labels.describe`.

        The times of one that comes from sweeps are those of all sweeps since the save before.
        """
        _refuse_rendering("run.save")
        if sample_size():
            found = {"name": name, **compare(dataset, self.open(name))}
            display({"application/json": found}, raw=True)
            return
        parameters = {"notebook": self.notebook, "scale": self.scale, **self.parameters}
        if TIMES[0] in dataset.attrs:  # of datasets that were joined, those of the first
            dataset, self._saved = dataset.assign_attrs(self._spent), True
        files.save(describe(dataset, **meanings), self.output / f"{name}.nc", parameters)

    def open(self, name):
        """Open the dataset ``<name>.nc`` of this run."""
        return load_dataset(self.output / f"{name}.nc", renew="run its notebook")

    def has(self, name, *same):
        """Whether there is a dataset ``<name>.nc`` of this run's values of the parameters ``same``.

        For datasets that not every machine can make. One of other values is left out, and a
        sentence says so.
        """
        if not (self.output / f"{name}.nc").is_file():
            return False
        made = json.loads(self.open(name).attrs["parameters"])
        own = json.loads(to_json(self.parameters))
        if other := [key for key in same if made.get(key) != own[key]]:
            self.say(
                f"*{name}.nc was made with other values of {', '.join(other)}: it is left out.*"
            )
        return not other

    def figure(self, figure, name, *, alt, caption=""):
        """Stamp a figure with the scale, write it as ``<name>.png``, close it, and show it.

        What is written into the project's ``figures/paper`` is shown as a link, so that the
        notebook stays small. At the quick scale that figure is shown below the quick one. `alt`
        says in words what it shows; a line break in it counts as a space. The `caption`, Markdown,
        stands below it: what is drawn, what the bands are, and how many seeds.
        """
        path, paper = self.output / f"{name}.png", self.root / "figures" / "paper" / f"{name}.png"
        alt = " ".join(alt.split())
        if own := figure.get_supxlabel():
            raise ValueError(f"the stamp takes the place of supxlabel {own!r}: label the axes")
        stamp = {"x": 0.995, "ha": "right", "fontsize": 5.5, "color": NEUTRAL}
        figure.supxlabel(f"{self.scale} scale", **stamp)  # layout makes room
        if sample_size():  # nothing is to be written
            plt.close(figure)
            return
        files.save_figure(figure, path, alt=alt)
        plt.close(figure)  # or Jupyter would draw it once more
        if path != paper:
            width = round(figure.get_figwidth() * INLINE_DPI)
            display(Image(data=path.read_bytes(), alt=alt, width=width))
            if self.scale == "quick" and paper.is_file():
                self.say("*The same at the paper scale, which the text describes:*")
                self._link(paper)
        else:
            self._link(paper)
        if caption:
            self.say(f"*Figure.* {caption}")

    def _link(self, path):
        """Show a figure of the project by its address, with the words that it was saved with."""
        with PIL.Image.open(path) as image:
            alt = re.sub(r"([][])", r"\\\1", image.info.get("Description", path.stem))
        self.say(f"![{alt}](../figures/paper/{path.name})")  # works from the notebooks' folder

    def table(self, rows, *, columns, formats=None):
        """Show a Markdown table; see `crossmem.workbook.tables.markdown`."""
        self.say(tables.markdown(rows, columns, formats))

    def say(self, text):
        """Show a sentence of Markdown."""
        display(Markdown(text))

    def published(self, id):
        """The paper's side of a claim, a `Published`; its number is ``.published``."""
        return self._published[check_choice(id, f"claim of {self.notebook}", self._published)]

    def claim(self, id, values, *, choices=None, **given):
        """Set our side of a claim beside the paper's.

        Parameters
        ----------
        id : str
            The claim in ``params/claims.yaml``.
        values : array (seeds,), number, str or Exponent
            What we found. Beyond the paper it is what was gained, or the number after, where
            ``before`` is given, here or in the entry.
        choices : dict of str to array (seeds,), number or Exponent, optional
            What we found by each of several choices of ours, ``values`` among them. Where their
            verdicts differ, the claim "depends on" what the entry says.
        **given
            What the entry names, beside the parameters of the notebook. ``low`` and ``high``
            replace the 95 % interval of the mean over seeds; ``before`` that of the entry.

        Returns
        -------
        str
            The verdict.
        """
        claim = ledger.compare(self.published(id), values, self.parameters | given, choices)
        # Networks of the quick scale are too small to blame anything else.
        if self.scale == "quick" and claim.verdict in FAILED and claim.reason != ledger.TOO_FEW:
            claim = replace(claim, reason=QUICK_REASON)
        self._claims[id] = claim
        return claim.verdict

    def ledger(self):
        """Show the claims of this run, and write its results file."""
        self._write()
        self.say(claim_tables.both_tables(self._claims.values(), notebooks=""))

    def assumptions(self, **given):
        """Enter the notebook's rows of ``params/assumptions.yaml`` into its results file.

        `given` is what they name in braces, beside the parameters of the notebook.
        """
        path, given = self.root / "params" / "assumptions.yaml", self.parameters | given
        self._assumptions = ledger.read_assumptions(path, self.notebook, given)
        self._write()

    @cached_property
    def _published(self):
        found = verdicts.read_published(self.root / "params" / "claims.yaml")
        return {id: entry for id, entry in found.items() if entry.notebook == self.notebook}

    def _write(self):
        if sample_size():
            return
        path = self.output / "ledger" / f"{self.notebook}.json"
        ledger.write_rows(self._claims.values(), self._assumptions, path)


def _refuse_rendering(call):
    if os.environ.get("CROSSMEM_RENDER") == "1":
        raise RuntimeError(
            f"{call} computes, but this notebook is only rendered from its datasets: tag this cell "
            "compute"
        )
