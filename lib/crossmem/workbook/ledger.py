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

from crossmem.checks import check_choice
from crossmem.storage import read_yaml, to_json, write_atomically
from crossmem.workbook import tables

VERDICTS = ("reproduced", "not reproduced", "exceeded", "undecided")
ORIGINS = ("paper", "authors' code", "assumed")
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
    rows = {
        "claims": [_told(row) for row in sorted(claims, key=_figure_order)],
        "assumptions": [_told(row) for row in sorted(assumptions, key=lambda row: row.parameter)],
    }
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
    _write_csv(claims, Claim, folder / "claims.csv")
    assumed = sorted(assumed, key=lambda row: (row.notebook, row.parameter))
    _write_csv(assumed, Assumption, folder / "assumptions.csv")
    text = f"{HEADER}\n{_counted(claims)}\n\n{claims_table(claims, '../../notebooks/', folder)}\n"
    write_atomically(folder / "README.md", text.encode())


def update_readme(readme, folder):
    """Put the headline claims of a folder, and the counts, between the two markers of a README."""
    readme, claims = Path(readme), read_claims(folder)
    published = read_yaml(readme.parent / "params" / "claims.yaml")
    sides = [side for own in published.values() for side in own.items()]
    headlines = {id for id, entry in sides if entry.get("headline")}
    before, begin, rest = readme.read_text(encoding="utf-8").partition("<!-- claims:begin -->")
    _, end, after = rest.partition("<!-- claims:end -->")
    if not end:
        raise ValueError(f"{readme} lacks <!-- claims:begin --> and <!-- claims:end -->: add them")
    link = Path(folder).resolve().relative_to(readme.resolve().parent).as_posix()
    table = claims_table([claim for claim in claims if claim.id in headlines])
    table += f"\n\n[The full table]({link}/README.md) has {_counted(claims)}"
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())


def claims_table(claims, notebooks="notebooks/", folder=None):
    """Claims as a Markdown table.

    `notebooks` is where the notebooks lie as seen from the table, or "" for a table without that
    column. Datasets and figures that lie in the `folder` of the table are linked.
    """

    def linked(text, name):
        return f"[{text}]({name})" if folder and (folder / name).is_file() else text

    columns = ["Figure", "Quantity", "Published", "Ours [95 %]", "Verdict", "Dataset", "Notebook"]
    rows = []
    for claim in claims:
        number = claim.notebook.partition("_")[0]
        panel = re.sub(r"\W", "", claim.figure.partition(",")[0]).lower()
        ours, interval = claim.ours, (claim.low, claim.high)
        ours = ours if None in interval else tables.interval(ours, *interval)
        verdict = claim.verdict + (f": {claim.reason}" if claim.reason else "")
        row = [linked(claim.figure, f"{number}_{panel}.png"), claim.what, claim.published, ours]
        row += [verdict, linked(claim.dataset, f"{claim.dataset}.nc")]
        rows.append([*row, f"[{number}]({notebooks}{claim.notebook}.ipynb)"])
    shown = len(columns) if notebooks else -1
    return tables.markdown([row[:shown] for row in rows], columns[:shown])


def _counted(claims):
    """The number of claims by verdict, in words."""
    counts = Counter(claim.verdict for claim in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(claims)} rows: {', '.join(parts)}."


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


def _figure_order(claim):
    """Sort figures as the paper numbers them, 2 before 10, the supplement last.

    Figures of another paper, which begin with its two initials ("EP Fig 9"), follow.
    """
    another, figure = re.fullmatch(r"([A-Z]{2} )?(.*)", claim.figure).groups()
    number, main = re.search(r"\d+", figure), figure.lower().startswith("fig")
    return another or "", not main, int(number.group()) if number else 0, figure, claim.id
