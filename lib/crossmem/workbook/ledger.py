"""Keep the ledgers: each published number beside ours, and each assumption with its origin.

Each notebook writes one results file; joined, they make the tables of a folder.
"""

import csv
import io
import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path

import yaml

from crossmem.checks import check_choice
from crossmem.storage import to_json, write_atomically
from crossmem.workbook import tables

VERDICTS = ("reproduced", "not reproduced", "exceeded", "undecided")
ORIGINS = ("paper", "authors' code", "assumed")
MARKERS = "<!-- claims:begin -->", "<!-- claims:end -->"
HEADER = """\
# Which published number holds

Made by `python -m crossmem.reproduce` from the [results files of the notebooks](ledger); also as
[claims.csv](claims.csv). The rules stand in [params/claims.yaml](../../params/claims.yaml), what
was assumed and why in [assumptions.csv](assumptions.csv).
"""


@dataclass(frozen=True)
class Claim:
    """One published number beside ours, with its 95 % interval; refused if it is not clear."""

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
        if self.verdict in ("not reproduced", "undecided") and not self.reason.strip():
            raise ValueError(f"claim {self.id!r} is {self.verdict}: give the reason")
        if any(number != number for number in (self.published, self.ours, self.low, self.high)):
            raise ValueError(f"claim {self.id!r} has a NaN, on which there is no verdict: mend it")
        if None not in (self.low, self.high) and self.low > self.high:
            raise ValueError(
                f"claim {self.id!r} has the interval [{self.low}, {self.high}]: swap low and high"
            )


@dataclass(frozen=True)
class Assumption:
    """One parameter and where its value comes from: the paper, its authors' code, or us."""

    parameter: str
    value: str | float
    origin: str
    reason: str = ""
    notebook: str = ""

    def __post_init__(self):
        check_choice(self.origin, "origin", ORIGINS)
        if self.origin == "assumed" and not self.reason.strip():
            raise ValueError(f"{self.parameter!r} is assumed: give the reason")


def write_rows(claims, assumptions, path):
    """Write the results file of one notebook."""
    rows = {"claims": sorted(claims, key=_figure_order)}
    rows["assumptions"] = sorted(assumptions, key=lambda item: item.parameter)
    rows = {kind: [_told(row) for row in found] for kind, found in rows.items()}
    write_atomically(path, (to_json(rows, indent=1, ensure_ascii=False) + "\n").encode())


def read_claims(folder):
    """The claims in all results files of a folder, in the order of the paper's figures."""
    return sorted(_read("claims", Claim, folder), key=_figure_order)


def join_ledgers(folder):
    """Join the results files of the notebooks into ``claims.csv``, ``assumptions.csv``, README.md.

    A notebook that was not run keeps the rows of its file.
    """
    folder, claims = Path(folder), read_claims(folder)
    assumed = _read("assumptions", Assumption, folder)
    assumed = sorted(assumed, key=lambda item: (item.notebook, item.parameter))
    _write_csv(claims, Claim, folder / "claims.csv")
    _write_csv(assumed, Assumption, folder / "assumptions.csv")
    text = f"{HEADER}\n{counted(claims)}\n\n{claims_table(claims, '../../notebooks/', folder)}\n"
    write_atomically(folder / "README.md", text.encode())


def update_readme(readme, folder):
    """Put the headline claims of a folder, and the counts, between the two markers of a README."""
    readme, claims = Path(readme), read_claims(folder)
    published = yaml.safe_load((readme.parent / "params" / "claims.yaml").read_text("utf-8"))
    headlines = {
        id for own in published.values() for id, entry in own.items() if entry.get("headline")
    }
    begin, end = MARKERS
    before, found_begin, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{readme} lacks the lines {begin} and {end}: add them around the table")
    link = Path(folder).resolve().relative_to(readme.resolve().parent).as_posix()
    table = claims_table([claim for claim in claims if claim.id in headlines])
    table += f"\n\n[The full table]({link}/README.md) has {counted(claims)}"
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())


def counted(claims):
    """The number of claims by verdict, in words."""
    counts = Counter(claim.verdict for claim in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(claims)} rows: {', '.join(parts)}."


def claims_table(claims, notebooks="notebooks/", folder=None):
    """Claims as a Markdown table.

    Parameters
    ----------
    claims : iterable of Claim
    notebooks : str
        Where the notebooks lie as seen from the table, or "" for a table without that column.
    folder : path, optional
        The folder of the table: datasets and figures that lie in it are linked.
    """
    columns = ["Figure", "Quantity", "Published", "Ours [95 %]", "Verdict", "Dataset"]
    rows = []
    for claim in claims:
        number = claim.notebook.partition("_")[0]
        panel = re.sub(r"\W", "", claim.figure.partition(",")[0]).lower()
        figure = _linked(claim.figure, folder, f"{number}_{panel}.png")
        ours = claim.ours
        if None not in (claim.low, claim.high):
            ours = tables.interval(ours, claim.low, claim.high)
        verdict = claim.verdict + (f": {claim.reason}" if claim.reason else "")
        dataset = _linked(claim.dataset, folder, f"{claim.dataset}.nc")
        row = [figure, claim.what, claim.published, ours, verdict, dataset]
        rows.append(row + [f"[{number}]({notebooks}{claim.notebook}.ipynb)"] * bool(notebooks))
    return tables.markdown(rows, columns + ["Notebook"] * bool(notebooks))


def _read(kind, row, folder):
    """The rows of one kind in all results files of a folder."""
    for path in sorted((Path(folder) / "ledger").glob("*.json")):
        try:
            yield from [row(**found) for found in json.loads(path.read_bytes())[kind]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is not a results file ({error}): restore it from git, or run its notebook "
                "again"
            ) from error


def _told(row):
    """A row without what it leaves open."""
    return {name: value for name, value in asdict(row).items() if value not in (None, "")}


def _write_csv(rows, kind, path):
    content = io.StringIO()
    writer = csv.DictWriter(content, [column.name for column in fields(kind)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = _told(row).items()
        writer.writerow({n: f"{v:.6g}" if isinstance(v, Real) else v for n, v in cells})
    write_atomically(path, content.getvalue().encode())


def _linked(text, folder, name):
    return f"[{text}]({name})" if folder and (folder / name).is_file() else text


def _figure_order(claim):
    """Sort figures as the paper numbers them, 2 before 10, the supplement last."""
    number = re.search(r"\d+", claim.figure)
    main = claim.figure.lower().startswith("fig")
    return not main, int(number.group()) if number else 0, claim.figure, claim.id
