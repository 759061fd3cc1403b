"""What a notebook calls: one run of it, with its parameters, folders, datasets and ledger rows."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import matplotlib.pyplot as plt
import PIL.Image
from IPython.display import Image, Markdown, display

from crossmem.checks import check_choice
from crossmem.labels import describe
from crossmem.workbook.files import load, project_root, save, save_figure
from crossmem.workbook.ledger import claims_table, record_assumptions, record_claims
from crossmem.workbook.plotting import INLINE_DPI
from crossmem.workbook.sweep import sweep

QUICK_REASON = "the quick scale shows that it runs, not what holds"


@dataclass
class Run:
    """One run of a notebook: where its results go, and what they were computed from.

    Parameters
    ----------
    notebook : str
        Name of the notebook without its ending, such as ``"02_fault_tolerance"``.
    scale : str
        "quick" or "paper"; names the default output folder, ``figures/<scale>``.
    output, cache : path
        Folders for results and for finished grid points; empty for the defaults in the project.
    workers : int
        Worker processes; 0 for the default (see `crossmem.sweep.count_workers`).
    parameters : dict
        The scientific parameters of the notebook, written into each dataset.
    """

    notebook: str
    scale: str = "quick"
    output: str | Path = ""
    cache: str | Path = ""
    workers: int = 0
    parameters: dict = field(default_factory=dict)

    def __post_init__(self):
        check_choice(self.scale, "scale", ("quick", "paper"))
        self.output = Path(self.output or project_root() / "figures" / self.scale).resolve()
        self.cache = Path(self.cache or project_root() / ".cache" / "crossmem").resolve()

    def sweep(self, function, grid, constants=None, label=None):
        """Run `crossmem.sweep.sweep` with the workers and the cache of this run."""
        options = {"workers": self.workers, "cache": self.cache, "label": label}
        return sweep(function, grid, constants=constants, **options)

    def save(self, dataset, name, **meanings):
        """Write a dataset as ``<name>.nc``; `meanings` go to `describe`."""
        parameters = {"notebook": self.notebook, "scale": self.scale, **self.parameters}
        seed = self.parameters.get("seed")
        path = self.output / f"{name}.nc"
        save(describe(dataset, **meanings), path, parameters=parameters, seed=seed)

    def open(self, name):
        """Open the dataset ``<name>.nc`` of this run."""
        return load(self.output / f"{name}.nc")

    def figure(self, figure, name, *, alt):
        """Write a figure as ``<name>.png`` with its description, close it, and show the file.

        At the quick scale the committed figure of the paper scale is shown below it.

        Parameters
        ----------
        figure : matplotlib.figure.Figure
        name, alt : str
            As in `crossmem.results.save_figure`.
        """
        path = self.output / f"{name}.png"
        save_figure(figure, path, alt=alt)
        plt.close(figure)  # or Jupyter would draw it once more
        display(_image(path))
        if self.scale == "quick":
            display(Markdown("*The same at the paper scale, which the text describes:*"))
            display(self.paper_figure(name))

    def paper_figure(self, name):
        """Return the committed paper-scale figure ``<name>.png``, or a note if there is none yet.

        Returns
        -------
        IPython.display.Image or IPython.display.Markdown
        """
        path = project_root() / "figures" / "paper" / f"{name}.png"
        if not path.is_file():
            return Markdown(f"*No paper-scale `{name}.png` yet: run `make figures SCALE=paper`.*")
        return _image(path)

    def claims(self, claims):
        """Enter claims into ``claims.csv``, each under this notebook's name, and show them.

        At the quick scale the reason of a claim that is not reproduced is the scale itself.

        Returns
        -------
        IPython.display.Markdown
            The rows as a table.
        """
        signed = [self._signed(claim) for claim in claims]
        if self.scale == "quick":
            signed = [replace(claim, reason=claim.reason and QUICK_REASON) for claim in signed]
        record_claims(signed, self.output / "claims.csv")
        return Markdown(claims_table([replace(claim, notebook="") for claim in signed]))

    def assumptions(self, assumptions):
        """Enter assumptions into ``assumptions.csv``, each under this notebook's name."""
        signed = [self._signed(item) for item in assumptions]
        record_assumptions(signed, self.output / "assumptions.csv")

    def _signed(self, row):
        return type(row)(**{**asdict(row), "notebook": self.notebook})


def _image(path):
    """A written figure at the size of the inline figures, its description as alt text."""
    with PIL.Image.open(path) as image:
        alt = image.info.get("Description", path.stem)
        inches = image.width / image.info["dpi"][0]
    return Image(data=path.read_bytes(), alt=alt, width=round(inches * INLINE_DPI))
