"""Write and open results with their provenance; keep the ledgers of claims and assumptions."""

import csv
import io
import json
import platform
import re
import subprocess
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import scipy.stats
import xarray as xr
from IPython.display import Image, Markdown

from crossmem.randomness import generator
from crossmem.sweep import nearest, sweep, write_atomically

#: Units and long names of the coordinates that many experiments share.
COORDINATES = {
    "seed": ("1", "seed of the repetition"),
    "neurons": ("1", "number of neurons N"),
    "hidden": ("1", "number of hidden neurons"),
    "patterns": ("1", "number of stored patterns P"),
    "fault_rate": ("1", "fraction of faulty cells"),
    "flip_rate": ("1", "fraction of flipped bits in the cue"),
    "cue_noise": ("1", "corruption of the cue"),
    "iteration": ("1", "recall iteration"),
    "method": ("1", "learning method"),
    "source": ("1", "origin of the patterns"),
    "criterion": ("1", "success criterion"),
    "optimizer": ("1", "optimiser of the training"),
    "learning_rate": ("1", "learning rate"),
}
#: Dots per inch of a figure inside a notebook.
INLINE_DPI = 150
VERDICTS = ("reproduced", "not reproduced", "exceeded")
ORIGINS = ("paper", "authors' code", "assumed")
MARKERS = "<!-- claims:begin -->", "<!-- claims:end -->"


# --- datasets and figures ---------------------------------------------------------------------


def describe(dataset, **meanings):
    """Attach units and long names to the variables of a dataset.

    Parameters
    ----------
    dataset : xarray.Dataset
        Changed in place. Shared coordinates (`COORDINATES`) that bear no name yet get theirs.
    **meanings : tuple of (str, str)
        Units (``"1"`` for a pure number) and long name, by variable.

    Returns
    -------
    xarray.Dataset
        The same dataset.

    Raises
    ------
    ValueError
        If a name is not in the dataset.
    """
    for name, (units, long_name) in meanings.items():
        if name not in dataset.variables:
            raise ValueError(
                f"the dataset has no variable {name!r}: did you mean "
                f"{nearest(name, dataset.variables)!r}?"
            )
        dataset[name].attrs.update(units=units, long_name=long_name)
    for name in COORDINATES.keys() & dataset.variables.keys():
        units, long_name = COORDINATES[name]
        dataset[name].attrs = {"units": units, "long_name": long_name, **dataset[name].attrs}
    return dataset


def save(dataset, path, *, parameters=None, seed=None):
    """Write a dataset as netCDF, with provenance, over what was there or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Each variable carries ``units`` and ``long_name`` (see `describe`).
    path : path
        Where to write; the folder is made if needed.
    parameters : dict, optional
        What the dataset was computed from; kept as one JSON string.
    seed : int, optional
        The seed, where one seed stands for the whole dataset.

    Raises
    ------
    ValueError
        If a variable lacks units or a long name.
    OSError
        If the folder cannot be written; an older file stays as it was.
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
    compressed = {
        name: {"zlib": True, "complevel": 6, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.ndim and variable.dtype.kind in "biuf"
    }
    content = dataset.to_netcdf(engine="h5netcdf", encoding=compressed)
    write_atomically(path, bytes(content))


def load(path):
    """Open a dataset into memory.

    Raises
    ------
    FileNotFoundError
        If there is none; the message says how to make it.
    ValueError
        If the file is not a readable netCDF file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no dataset {path}: run the notebook that writes it")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise ValueError(
            f"{path} is not a readable netCDF file ({error}): delete it and run its notebook again"
        ) from error


def provenance(parameters=None, seed=None):
    """Return where a result comes from, as attributes that netCDF can hold."""
    known = {"parameters": json.dumps(parameters or {}, sort_keys=True)}
    if seed is not None:
        known["seed"] = int(seed)
    for package in ("crossmem", "numpy", "scipy", "xarray"):
        known[f"{package}_version"] = _version(package)
    return known | {
        "python_version": platform.python_version(),
        "git_commit": _git_commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def save_figure(figure, path, *, alt):
    """Write a figure as PNG with its description inside, over what was there or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
    alt : str
        What the figure shows, in words, for those who cannot see it.

    Raises
    ------
    ValueError
        If the description is empty.
    OSError
        If the folder cannot be written; an older file stays as it was.
    """
    if not alt.strip():
        raise ValueError("alt is empty: describe in a sentence what the figure shows")
    path, content = Path(path), io.BytesIO()
    metadata = {"Title": path.stem, "Description": alt}
    figure.savefig(content, format="png", bbox_inches="tight", metadata=metadata)
    write_atomically(path, content.getvalue())


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: xr.DataArray
    low: xr.DataArray
    high: xr.DataArray


def mean_interval(values, dim="seed", *, resamples=2000):
    """Return the mean over a dimension with its 95 % bootstrap interval (percentiles).

    Parameters
    ----------
    values : xarray.DataArray
    dim : str
        The dimension of the repetitions, at least two of them.
    resamples : int
        Number of bootstrap samples; their random numbers are always the same.

    Returns
    -------
    Interval
        Three arrays without the dimension.

    Raises
    ------
    ValueError
        If the dimension is missing or holds a single value.
    """
    if values.sizes.get(dim, 0) < 2:
        raise ValueError(
            f"values have sizes {dict(values.sizes)}, but an interval needs at least 2 along "
            f"{dim!r}: run more of them"
        )
    bootstrap = scipy.stats.bootstrap(
        (values.astype(float).values,),
        np.mean,
        axis=values.get_axis_num(dim),
        n_resamples=resamples,
        batch=100,
        method="percentile",
        rng=generator(0, "mean_interval"),
    )
    mean = values.astype(float).mean(dim)
    low, high = bootstrap.confidence_interval
    return Interval(mean, mean.copy(data=low), mean.copy(data=high))


def project_root():
    """Return the folder that holds the notebooks: at or above this one, or the installed tree.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "notebooks").is_dir() and (folder / "params").is_dir():
                return folder
    raise FileNotFoundError(
        f"neither {Path.cwd()} nor a folder above it holds notebooks and params: change to the "
        "folder of the workbook"
    )


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit():
    """Return the commit of the source, with "+changes" if files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    if commit.returncode:
        return "unknown"
    return commit.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


# --- the ledgers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """One published number beside ours.

    Parameters
    ----------
    id : str
        Identifies the row, such as ``"3j-adaptive"``.
    figure : str
        Where the number was published, such as ``"Fig 3j"``.
    what : str
        The quantity.
    published, ours : str or float
    verdict : str
        "reproduced", "not reproduced" or "exceeded".
    low, high : float, optional
        Interval of our number.
    reason : str
        Why, in a sentence; demanded of "not reproduced".
    notebook, dataset : str
        Where our number comes from.

    Raises
    ------
    ValueError
        If the verdict is unknown, a reason is missing, or the interval is reversed.
    """

    id: str
    figure: str
    what: str
    published: str | float
    ours: str | float
    verdict: str
    low: float | None = None
    high: float | None = None
    reason: str = ""
    notebook: str = ""
    dataset: str = ""

    def __post_init__(self):
        _check_choice("verdict", self.verdict, VERDICTS)
        if self.verdict == "not reproduced" and not self.reason.strip():
            raise ValueError(f"claim {self.id!r} is not reproduced: give the reason")
        if None not in (self.low, self.high) and self.low > self.high:
            raise ValueError(
                f"claim {self.id!r} has the interval [{self.low}, {self.high}]: swap low and high"
            )


@dataclass(frozen=True)
class Assumption:
    """One parameter and where its value comes from: the paper, its authors' code, or us.

    Raises
    ------
    ValueError
        If the origin is unknown or an assumed value has no reason.
    """

    parameter: str
    value: str | float
    origin: str
    reason: str = ""
    notebook: str = ""

    def __post_init__(self):
        _check_choice("origin", self.origin, ORIGINS)
        if self.origin == "assumed" and not self.reason.strip():
            raise ValueError(f"{self.parameter!r} is assumed: give the reason")


def judge(ours, published, *, low=None, high=None, tolerance=0.1):
    """Verdict on a number of which more is better.

    Parameters
    ----------
    ours, published : float
    low, high : float, optional
        95 % interval of ours.
    tolerance : float
        Share of the published value by which ours may miss it and still count as the same; the
        paper states few intervals of its own.

    Returns
    -------
    str
        "reproduced" if the published value lies in our interval or within the tolerance of ours,
        else "exceeded" or "not reproduced".
    """
    inside = None not in (low, high) and low <= published <= high
    if inside or abs(ours - published) <= tolerance * abs(published):
        return "reproduced"
    return "exceeded" if ours > published else "not reproduced"


def compare(id, figure, what, published, values, *, dataset, reason, tolerance=0.1):
    """Set a published number beside the mean of ours over seeds.

    Parameters
    ----------
    id, figure, what, published, dataset
        As in `Claim`.
    values : array (seeds,)
        Our number, once per seed.
    reason : str
        Why it may not be reproduced; kept only with that verdict.
    tolerance : float
        As in `judge`.

    Returns
    -------
    Claim
    """
    mean, low, high = (float(v) for v in mean_interval(xr.DataArray(values, dims="seed")))
    verdict = judge(mean, published, low=low, high=high, tolerance=tolerance)
    return Claim(
        id,
        figure,
        what,
        published,
        mean,
        verdict,
        low,
        high,
        reason if verdict == "not reproduced" else "",
        dataset=dataset,
    )


def record_claims(claims, path):
    """Add claims to a ledger, in place of the rows with the same ids; sorted by figure."""
    rows = {claim.id: claim for claim in [*read_claims(path), *claims]}
    _write_ledger(sorted(rows.values(), key=_figure_order), Claim, path)


def record_assumptions(assumptions, path):
    """Add assumptions to a ledger, in place of the rows with the same parameter and notebook."""
    known = _read_ledger(Assumption, path)
    rows = {(item.notebook, item.parameter): item for item in [*known, *assumptions]}
    _write_ledger([rows[key] for key in sorted(rows)], Assumption, path)


def read_claims(path):
    """Return the claims of a ledger; numbers become floats. No ledger, no claims."""
    return _read_ledger(Claim, path)


def claims_table(path):
    """Return the ledger of claims as a Markdown table."""
    columns = ["Figure", "Quantity", "Published", "Ours [95 %]", "Verdict", "Notebook", "Dataset"]
    lines = [columns, ["---"] * len(columns), *(_claim_row(claim) for claim in read_claims(path))]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def update_readme(readme, claims):
    """Put the table of claims between the two markers of a README.

    Raises
    ------
    ValueError
        If the markers are not there, once each and in order.
    """
    readme = Path(readme)
    begin, end = MARKERS
    before, found_begin, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{readme} lacks the lines {begin} and {end}: add them around the table")
    text = f"{before}{begin}\n{claims_table(claims)}\n{end}{after}"
    write_atomically(readme, text.encode())


def _check_choice(what, value, choices):
    if value not in choices:
        raise ValueError(
            f"{what} is {value!r}, but must be one of {', '.join(choices)}: did you mean "
            f"{nearest(value, choices)!r}?"
        )


def _read_ledger(kind, path):
    path = Path(path)
    if not path.is_file():
        return []
    names = [column.name for column in fields(kind)]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise ValueError(
                f"{path} has the columns {reader.fieldnames}, but a ledger has {names}: restore it "
                "from git, or delete it and run the notebooks again"
            )
        return [kind(**{name: _value(name, text) for name, text in row.items()}) for row in reader]


def _write_ledger(rows, kind, path):
    content = io.StringIO()
    names = [column.name for column in fields(kind)]
    writer = csv.DictWriter(content, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in asdict(row).items()})
    write_atomically(path, content.getvalue().encode())


def _value(name, text):
    """Read a cell back: numbers of the value columns as floats, an absent bound as None."""
    if name not in ("published", "ours", "low", "high", "value"):
        return text
    try:
        return float(text)
    except ValueError:
        return text if name not in ("low", "high") else None


def _text(value):
    """Write a number short enough to read and long enough to compare."""
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.6g}"


def _claim_row(claim):
    bounds = [_text(bound) for bound in (claim.low, claim.high) if bound is not None]
    return [
        claim.figure,
        claim.what,
        _text(claim.published),
        _text(claim.ours) + (f" [{', '.join(bounds)}]" if bounds else ""),
        claim.verdict + (f": {claim.reason}" if claim.reason else ""),
        f"[{claim.notebook}](notebooks/{claim.notebook}.ipynb)" if claim.notebook else "",
        claim.dataset,
    ]


def _cell(text):
    return str(text).replace("|", r"\|").replace("\n", " ")


def _figure_order(claim):
    """Sort figures as the paper numbers them, 2 before 10, the supplement last."""
    number = re.search(r"\d+", claim.figure)
    main = claim.figure.lower().startswith("fig")
    rank = int(number.group()) if number else 0
    return not main, rank, claim.figure, claim.id


# --- what a notebook calls --------------------------------------------------------------------


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
        _check_choice("scale", self.scale, ("quick", "paper"))
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
        """Write a figure as ``<name>.png`` with its description."""
        save_figure(figure, self.output / f"{name}.png", alt=alt)

    def paper_figure(self, name):
        """Return the committed paper-scale figure ``<name>.png``, to be shown beside this run's.

        Returns
        -------
        IPython.display.Image or IPython.display.Markdown or None
            The image with its description as alt text, at the size of the inline figures; a note
            if there is none yet; nothing at the paper scale, whose figure was just drawn.
        """
        if self.scale == "paper":
            return None
        path = project_root() / "figures" / "paper" / f"{name}.png"
        if not path.is_file():
            return Markdown(f"*No paper-scale `{name}.png` yet: run `make figures SCALE=paper`.*")
        with PIL.Image.open(path) as image:
            alt = image.info.get("Description", name)
            inches = image.width / image.info["dpi"][0]
        return Image(data=path.read_bytes(), alt=alt, width=round(inches * INLINE_DPI))

    def claims(self, claims):
        """Enter claims into ``claims.csv``, each under this notebook's name."""
        record_claims([self._signed(claim) for claim in claims], self.output / "claims.csv")

    def assumptions(self, assumptions):
        """Enter assumptions into ``assumptions.csv``, each under this notebook's name."""
        signed = [self._signed(item) for item in assumptions]
        record_assumptions(signed, self.output / "assumptions.csv")

    def _signed(self, row):
        return type(row)(**{**asdict(row), "notebook": self.notebook})
