"""Keep the ledgers: each published number beside ours, and each assumption with its origin."""

import contextlib
import csv
import fcntl
import io
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import xarray as xr

from crossmem.analysis.statistics import mean_interval
from crossmem.checks import check_choice
from crossmem.storage import write_atomically

VERDICTS = ("reproduced", "not reproduced", "exceeded")


ORIGINS = ("paper", "authors' code", "assumed")


MARKERS = "<!-- claims:begin -->", "<!-- claims:end -->"


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
        check_choice(self.verdict, "verdict", VERDICTS)
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
        check_choice(self.origin, "origin", ORIGINS)
        if self.origin == "assumed" and not self.reason.strip():
            raise ValueError(f"{self.parameter!r} is assumed: give the reason")


def judge(ours, published, *, low=None, high=None, tolerance=0.1, more_is_better=False):
    """Verdict on a number.

    Parameters
    ----------
    ours, published : float
    low, high : float, optional
        95 % interval of ours.
    tolerance : float
        Share of the published value by which ours may miss it and still count as the same; the
        paper states few intervals of its own.
    more_is_better : bool
        Whether more than the published value is a success. It is not for a rival's capacity.

    Returns
    -------
    str
        "reproduced" if the published value lies in our interval or within the tolerance of ours,
        else "exceeded" if ours is more and better, else "not reproduced".
    """
    inside = None not in (low, high) and low <= published <= high
    if inside or abs(ours - published) <= tolerance * abs(published):
        return "reproduced"
    return "exceeded" if more_is_better and ours > published else "not reproduced"


def compare(id, figure, what, published, values, dataset, reason, **criterion):
    """Set a published number beside the mean of ours over seeds.

    Parameters
    ----------
    id, figure, what, published, dataset
        As in `Claim`.
    values : array (seeds,)
        Our number, once per seed.
    reason : str
        Why it may not be reproduced; kept only with that verdict.
    **criterion
        ``tolerance`` and ``more_is_better`` of `judge`.

    Returns
    -------
    Claim
    """
    mean, low, high = (float(v) for v in mean_interval(xr.DataArray(values, dims="seed")))
    verdict = judge(mean, published, low=low, high=high, **criterion)
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


def compare_exponent(id, figure, what, published, fit, dataset, reason, tolerance=0.15):
    """Set a published scaling exponent beside ours.

    Parameters
    ----------
    id, figure, what, published, dataset
        As in `Claim`.
    fit : capacity.Exponent
    reason : str
        Why it may not be reproduced; kept only with that verdict.
    tolerance : float
        Difference up to which ours counts as the same, as it does if the published value lies in
        our interval. Another slope is another law, so a steeper one does not exceed it.

    Returns
    -------
    Claim
    """
    near = abs(fit.value - published) <= tolerance or fit.low <= published <= fit.high
    verdict, why = ("reproduced", "") if near else ("not reproduced", reason)
    return Claim(
        id, figure, what, published, fit.value, verdict, fit.low, fit.high, why, dataset=dataset
    )


def stated(id, figure, what, published, ours, holds, dataset, reason, low=None, high=None):
    """Set what the paper says in words beside what we counted: it holds or not.

    Parameters
    ----------
    id, figure, what, published, low, high, dataset
        As in `Claim`.
    ours : float
    holds : bool
    reason : str
        Why it may not hold; kept only if so.

    Returns
    -------
    Claim
    """
    verdict, why = ("reproduced", "") if holds else ("not reproduced", reason)
    return Claim(id, figure, what, published, float(ours), verdict, low, high, why, dataset=dataset)


def record_claims(claims, path):
    """Add claims to a ledger, in place of the rows with the same ids; sorted by figure."""
    with _locked(path):
        rows = {claim.id: claim for claim in [*read_claims(path), *claims]}
        _write_ledger(sorted(rows.values(), key=_figure_order), Claim, path)


def record_assumptions(assumptions, path):
    """Add assumptions to a ledger, in place of the rows with the same parameter and notebook."""
    with _locked(path):
        known = _read_ledger(Assumption, path)
        rows = {(item.notebook, item.parameter): item for item in [*known, *assumptions]}
        _write_ledger([rows[key] for key in sorted(rows)], Assumption, path)


def read_claims(path):
    """Return the claims of a ledger; numbers become floats. No ledger, no claims."""
    return _read_ledger(Claim, path)


def claims_table(claims):
    """Return claims as a Markdown table."""
    columns = ["Figure", "Quantity", "Published", "Ours [95 %]", "Verdict", "Notebook", "Dataset"]
    lines = [columns, ["---"] * len(columns), *(_claim_row(claim) for claim in claims)]
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
    text = f"{before}{begin}\n{claims_table(read_claims(claims))}\n{end}{after}"
    write_atomically(readme, text.encode())


@contextlib.contextmanager
def _locked(path):
    """Let notebooks that run side by side add to the ledgers of one folder in turn."""
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
    bounds = [_short(bound) for bound in (claim.low, claim.high) if bound is not None]
    return [
        claim.figure,
        claim.what,
        _short(claim.published),
        _short(claim.ours) + (f" [{', '.join(bounds)}]" if bounds else ""),
        claim.verdict + (f": {claim.reason}" if claim.reason else ""),
        f"[{claim.notebook}](notebooks/{claim.notebook}.ipynb)" if claim.notebook else "",
        claim.dataset,
    ]


def _short(value):
    """Three significant digits of a number: enough to compare at a glance."""
    return value if isinstance(value, str) else f"{value:.3g}"


def _cell(text):
    return str(text).replace("|", r"\|").replace("\n", " ")


def _figure_order(claim):
    """Sort figures as the paper numbers them, 2 before 10, the supplement last."""
    number = re.search(r"\d+", claim.figure)
    main = claim.figure.lower().startswith("fig")
    rank = int(number.group()) if number else 0
    return not main, rank, claim.figure, claim.id
