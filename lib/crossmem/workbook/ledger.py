"""The ledgers: each published number beside ours, and each assumption with its origin.

The paper's side stands in ``params/*.yaml``. Each notebook writes one results file; joined, they
make the tables of a folder.
"""

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd

from crossmem.analysis.statistics import Exponent, mean_interval
from crossmem.checks import check_choice
from crossmem.storage import read_yaml, to_json, write_atomically
from crossmem.workbook import tables

RULES = ("mean", "exponent", "holds")
VERDICTS = ("reproduced", "not reproduced", "exceeded", "undecided")
WORD = r"[a-z_]\w*"  # a name in a condition
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


@dataclass(frozen=True)
class Published:
    """The paper's side of a claim; ``params/claims.yaml`` explains the fields."""

    id: str
    notebook: str
    figure: str
    what: str
    published: str | float
    rule: str
    dataset: str
    reason: str = ""
    holds: str = ""
    tolerance: float = 0.0
    margin: float | None = None
    bar: float | None = None
    more_is_better: bool = False
    exceeded: bool = False
    headline: bool = False

    def __post_init__(self):
        check_choice(self.rule, f"rule of claim {self.id!r}", RULES)
        if (self.rule == "holds") != bool(self.holds):
            raise ValueError(f"claim {self.id!r}: the rule 'holds', and no other, needs 'holds'")

    def judge(self, ours, published, low=None, high=None, **known):
        """Verdict on our number and its interval; `holds` may name other known numbers."""
        if self.rule == "holds":
            known |= {"ours": ours, "low": low, "high": high, "bar": self.bar}
            agreed = "exceeded" if self.exceeded else "reproduced"
            return agreed if self._agrees(known) else "not reproduced"
        unit = 1 if self.rule == "exponent" else abs(published)
        margin = self.tolerance * unit if self.margin is None else self.margin
        inside = None not in (low, high) and low <= published <= high
        if inside or abs(ours - published) <= margin:
            return "reproduced"
        return "exceeded" if self.more_is_better and ours > published else "not reproduced"

    def _agrees(self, known):
        """Whether comparisons such as "low > 0" are true; of ours if they begin with the sign."""
        condition = f"ours {self.holds}" if self.holds[0] in "<=>" else self.holds
        try:
            names = [name for name in re.findall(WORD, condition) if name in known]
            numbers = {name: float(known[name]) for name in names}
            return bool(pd.eval(condition, engine="python", local_dict=numbers, global_dict={}))
        except (ValueError, TypeError, SyntaxError, NameError) as error:
            raise ValueError(
                f"claim {self.id!r} holds if {condition!r}, which compares no given numbers "
                f"({error}): pass them"
            ) from None


def read_published(path):
    """The paper's side of all claims, by id; each entry is whole, each id stands there once."""
    content, found = read_yaml(path), {}
    defaults = content.pop("rules", {})
    for notebook, entries in content.items():
        for id, entry in entries.items():
            if id in found:
                raise ValueError(f"{path} has the claim {id!r} twice: rename one")
            try:
                found[id] = Published(id, notebook, **defaults.get(entry["rule"], {}) | entry)
            except (TypeError, KeyError) as error:
                raise ValueError(f"{path}: mend the claim {id!r}: {error}") from None
    return found


def compare(entry, values, given):
    """Set our side of a claim beside the paper's; as `crossmem.workbook.run.Run.claim`.

    Of an array count the mean over the seeds and its 95 % interval; where there is none, with
    fewer than two seeds, or where a number is NaN, there is no verdict. ``low`` and ``high`` among
    what is given replace it.
    """
    ours, low, high = _measured(values)
    given = {name: _scalar(value) for name, value in given.items()}
    low, high = given.get("low", low), given.get("high", high)
    texts = (entry.published, entry.what, entry.reason)
    published, what, reason = (fill(text, given, f"claim {entry.id!r}") for text in texts)
    known = {name: given[name] for name in given if name not in ("low", "high", "published")}
    compared = [known[name] for name in re.findall(WORD, entry.holds) if name in known]
    if not all(np.isfinite(n) for n in (ours, low, high) if isinstance(n, Real)):
        ours = "–" if ours != ours else ours
        verdict, reason, low, high = "undecided", "too few values for an interval", None, None
    elif any(np.isnan(n) for n in (published, *compared) if isinstance(n, Real)):
        verdict, reason = "undecided", "a number that it is compared with is missing"
    else:
        verdict = entry.judge(ours, published, low, high, **known)
        reason = reason if verdict == "not reproduced" else ""
    published, ours, low, high = map(_rounded, (published, ours, low, high))
    row = [entry.id, entry.figure, what, published, ours, verdict, low, high, reason]
    return Claim(*row, entry.notebook, entry.dataset)


def read_assumptions(path, notebook, given):
    """The assumptions of a notebook, with what it gives in the place of names in braces."""
    rows = []
    for name, parts in read_yaml(path).get(notebook, {}).items():
        value, *origin = (fill(part, given, f"assumption {name!r}") for part in parts)
        values = asdict(value) if name.endswith(".*") else {"": value}
        for field, number in values.items():
            name = name.removesuffix("*")
            rows.append(Assumption(name + field, _rounded(number), *origin, notebook=notebook))
    return rows


def fill(text, given, owner):
    """A text with what is given in the place of names in braces; a name alone gives its value."""
    if not isinstance(text, str):
        return text
    alone = re.fullmatch(r"\{([^{}:!]+)\}", text)
    try:
        return Formatter().get_field(alone[1], (), given)[0] if alone else text.format(**given)
    except (LookupError, AttributeError) as error:
        raise ValueError(
            f"{owner} names {error} in {text!r}, which is not given: pass it"
        ) from None


def write_rows(claims, assumptions, path):
    """Write the results file of one notebook."""
    assumptions = sorted(assumptions, key=lambda row: row.parameter)
    rows = {"claims": _told(_by_figure(claims)), "assumptions": _told(assumptions)}
    write_atomically(path, (to_json(rows, indent=1, ensure_ascii=False) + "\n").encode())


def read_claims(folder):
    """The claims in all results files of a folder, in the order of the paper's figures."""
    return _by_figure(_read("claims", Claim, folder))


def join_ledgers(folder):
    """Join the results files of the notebooks into ``claims.csv``, ``assumptions.csv``, README.md.

    A notebook that was not run keeps the rows of its file.
    """
    folder, claims = Path(folder), read_claims(folder)
    assumed = _read("assumptions", Assumption, folder)
    assumed = sorted(assumed, key=lambda row: (row.notebook, row.parameter))
    for name, kind, rows in (("claims", Claim, claims), ("assumptions", Assumption, assumed)):
        table = pd.DataFrame(_told(rows), columns=[field.name for field in fields(kind)])
        table = table.map(lambda v: f"{v:.6g}" if isinstance(v, Real) and v == v else v)
        text = table.to_csv(index=False, lineterminator="\n")
        write_atomically(folder / f"{name}.csv", text.encode())
    text = f"{HEADER}\n{_counted(claims)}\n\n{claims_table(claims, '../../notebooks/', folder)}\n"
    write_atomically(folder / "README.md", text.encode())


def update_readme(readme, folder):
    """Put the headline claims of a folder, and the counts, between the two markers of a README."""
    readme, claims = Path(readme), read_claims(folder)
    published = read_published(readme.parent / "params" / "claims.yaml").values()
    headlines = {entry.id for entry in published if entry.headline}
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


def _measured(values):
    """Our number with the ends of its interval: None for a number or a text by itself."""
    if isinstance(values, Exponent):
        return values.value, values.low, values.high
    if np.ndim(values) == 0:
        return _scalar(values), None, None
    if np.size(values) < 2:
        return (*np.asarray(values, dtype=float).tolist(), np.nan)[0], np.nan, np.nan
    return tuple(map(float, mean_interval(np.asarray(values, dtype=float))))


def _scalar(value):
    """A NumPy number, or an array of a single one without dimensions, as Python's; else itself."""
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value


def _rounded(value):
    """A number with the six digits that the ledgers keep; a list in words; a text as it is."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return float(f"{float(value):.6g}")


def _counted(claims):
    counts = Counter(claim.verdict for claim in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(claims)} rows: {', '.join(parts)}."


def _read(kind, row, folder):
    for path in sorted((Path(folder) / "ledger").glob("*.json")):
        try:
            yield from [row(**found) for found in json.loads(path.read_bytes())[kind]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is not a results file ({error}): restore it from git, or run its notebook "
                "again"
            ) from error


def _told(rows):
    return [{n: v for n, v in asdict(row).items() if v not in (None, "")} for row in rows]


def _by_figure(claims):
    """Sort claims as the paper numbers its figures, 2 before 10, the supplement last.

    Figures of another paper, which begin with its two initials ("EP Fig 9"), follow.
    """

    def order(claim):
        another, figure = re.fullmatch(r"([A-Z]{2} )?(.*)", claim.figure).groups()
        number, main = re.search(r"\d+", figure), figure.lower().startswith("fig")
        return another or "", not main, int(number.group()) if number else 0, figure, claim.id

    return sorted(claims, key=order)
