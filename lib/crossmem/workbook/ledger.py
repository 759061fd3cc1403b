"""Keep the ledgers: each published number beside ours, and each assumption with its origin.

The paper's side stands in ``params/claims.yaml`` and ``params/assumptions.yaml``. Each notebook
writes one results file; joined, they make the tables of a folder.
"""

import csv
import io
import json
import operator
import re
import string
from collections import Counter
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path

import numpy as np
import yaml

from crossmem.analysis.statistics import Exponent, mean_interval
from crossmem.checks import check_choice, nearest
from crossmem.storage import to_json, write_atomically
from crossmem.workbook import tables

VERDICTS = ("reproduced", "not reproduced", "exceeded", "undecided")
ORIGINS = ("paper", "authors' code", "assumed")
RULES = ("mean", "exponent", "holds")
MARKERS = "<!-- claims:begin -->", "<!-- claims:end -->"
COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


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
        "reproduced", "not reproduced" or "exceeded"; "undecided" if ours has no interval.
    low, high : float, optional
        Interval of our number.
    reason : str
        Why, in a sentence; demanded of "not reproduced" and "undecided".
    notebook, dataset : str
        Where our number comes from.

    Raises
    ------
    ValueError
        If the verdict is unknown, a reason is missing, a number is NaN, or the interval is
        reversed.
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
        if self.verdict in ("not reproduced", "undecided") and not self.reason.strip():
            raise ValueError(f"claim {self.id!r} is {self.verdict}: give the reason")
        if any(number != number for number in (self.ours, self.low, self.high)):
            raise ValueError(
                f"claim {self.id!r} has a NaN, of which nothing can be said: leave it out"
            )
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


@dataclass(frozen=True)
class Published:
    """The paper's side of a claim; the fields are explained in ``params/claims.yaml``."""

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
            raise ValueError(
                f"claim {self.id!r}: give 'holds' with the rule 'holds', and only then"
            )

    def judge(self, ours, low, high, known):
        """Verdict on our number and its interval; `known` are the numbers that `holds` names."""
        if self.rule == "holds":
            known = {"ours": ours, "low": low, "high": high, "bar": self.bar, **known}
            agrees = _true(self.holds, known, self.id)
            return ("exceeded" if self.exceeded else "reproduced") if agrees else "not reproduced"
        published = known["published"]
        inside = None not in (low, high) and low <= published <= high
        margin = self.tolerance if self.rule == "exponent" else self.tolerance * abs(published)
        if inside or abs(ours - published) <= (margin if self.margin is None else self.margin):
            return "reproduced"
        return "exceeded" if self.more_is_better and ours > published else "not reproduced"


def read_published(path):
    """The paper's side of all claims, by id.

    Raises
    ------
    ValueError
        If an entry has an unknown field or lacks one, or an id stands there twice.
    """
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    defaults, found = content.pop("rules"), {}
    for notebook, entries in content.items():
        for id, entry in entries.items():
            if id in found:
                raise ValueError(f"{path} has the claim {id!r} twice: rename one")
            try:
                entry = defaults.get(entry["rule"], {}) | entry
                found[id] = Published(id, notebook, **entry)
            except (TypeError, KeyError) as error:
                raise ValueError(
                    f"{path}: claim {id!r} is not complete or not clear: {error}"
                ) from None
    return found


def compare(entry, values, given):
    """Set our side of a claim beside the paper's.

    Parameters
    ----------
    entry : Published
    values : array (seeds,), number, str or Exponent
        An array is taken as one value per seed: its mean and the 95 % interval of that count.
        With fewer than two seeds there is no interval, and so no verdict.
    given : dict
        What the texts name in braces and `holds` by name; ``low`` and ``high`` replace the
        interval.

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If a value is NaN, or a text names what is not given.
    """
    ours, low, high = _measured(values)
    low, high = given.get("low", low), given.get("high", high)
    owner = f"claim {entry.id!r}"
    published = fill(entry.published, given, owner)
    reason = fill(entry.reason, given, owner)
    if any(number != number for number in (ours, low, high)):
        verdict, reason = "undecided", "too few values for an interval"
        ours, low, high = "–" if ours != ours else ours, None, None
    else:
        verdict = entry.judge(ours, low, high, given | {"published": published})
        reason = reason if verdict == "not reproduced" else ""
    numbers = (_rounded(number) for number in (published, ours))
    bounds = (None if number is None else _rounded(number) for number in (low, high))
    what = fill(entry.what, given, owner)
    return Claim(
        entry.id,
        entry.figure,
        what,
        *numbers,
        verdict,
        *bounds,
        reason,
        entry.notebook,
        entry.dataset,
    )


def read_assumptions(path, notebook, given):
    """The assumptions of a notebook, with what it gives in the place of names in braces."""
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8")).get(notebook, {})
    rows = []
    for parameter, (value, *origin) in entries.items():
        value, *origin = (
            fill(part, given, f"assumption {parameter!r}") for part in (value, *origin)
        )
        single = {parameter: value}
        if parameter.endswith(".*"):
            single = {parameter[:-1] + name: part for name, part in asdict(value).items()}
        rows += [Assumption(name, _rounded(part), *origin) for name, part in single.items()]
    return rows


def fill(text, given, owner):
    """A text with what is given in the place of names in braces; a name alone gives its value.

    Raises
    ------
    ValueError
        If a name is not given.
    """
    if not isinstance(text, str):
        return text
    try:
        alone = re.fullmatch(r"\{([^{}:!]+)\}", text)
        if alone:
            return string.Formatter().get_field(alone[1], (), given)[0]
        return text.format(**given)
    except (LookupError, AttributeError) as error:
        raise ValueError(
            f"{owner} names what is not given ({error}) in {text!r}: pass it"
        ) from None


def write_rows(claims, assumptions, path):
    """Write the results file of one notebook."""
    rows = {"claims": sorted(claims, key=_figure_order)}
    rows["assumptions"] = sorted(assumptions, key=lambda item: item.parameter)
    rows = {kind: [_kept(row) for row in found] for kind, found in rows.items()}
    content = to_json(rows, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, content.encode())


def read_claims(folder):
    """The claims in all results files of a folder, in the order of the paper's figures."""
    rows = [Claim(**row) for content in _contents(folder) for row in content["claims"]]
    return sorted(rows, key=_figure_order)


def join_ledgers(folder):
    """Join the results files of the notebooks into ``claims.csv``, ``assumptions.csv``, README.md.

    A notebook that was not run keeps the rows of its file.
    """
    folder, claims = Path(folder), read_claims(folder)
    assumed = [Assumption(**row) for content in _contents(folder) for row in content["assumptions"]]
    assumed.sort(key=lambda item: (item.notebook, item.parameter))
    _write_csv(claims, Claim, folder / "claims.csv")
    _write_csv(assumed, Assumption, folder / "assumptions.csv")
    text = (
        "# Which published number holds\n\n"
        "Made from the results files in [ledger](ledger) by `python -m crossmem.reproduce`; the "
        "same as [claims.csv](claims.csv). Where a value was chosen, the choice and its reason "
        f"stand in [assumptions.csv](assumptions.csv).\n\n{counted(claims)}\n\n"
        f"{claims_table(claims, '../../notebooks/', folder)}\n"
    )
    write_atomically(folder / "README.md", text.encode())


def update_readme(readme, folder):
    """Put the headline claims of a folder and the counts between the two markers of a README.

    Raises
    ------
    ValueError
        If the markers are not there, once each and in order.
    """
    readme, claims = Path(readme), read_claims(folder)
    published = read_published(readme.parent / "params" / "claims.yaml")
    chosen = [claim for claim in claims if published[claim.id].headline]
    begin, end = MARKERS
    before, found_begin, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{readme} lacks the lines {begin} and {end}: add them around the table")
    link = Path(folder).resolve().relative_to(readme.resolve().parent).as_posix()
    table = f"{claims_table(chosen)}\n\n{counted(claims)} [All of them]({link}/README.md)."
    write_atomically(readme, f"{before}{begin}\n{table}\n{end}{after}".encode())


def counted(claims):
    """The number of claims by verdict, in a sentence."""
    counts = Counter(claim.verdict for claim in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(claims)} rows: {', '.join(parts)}."


def claims_table(claims, notebooks="notebooks/", folder=None):
    """Claims as a Markdown table.

    Parameters
    ----------
    claims : list of Claim
    notebooks : str
        Where the notebooks lie as seen from the table, or "" for a table without that column.
    folder : path, optional
        The folder of the table: datasets and figures that lie in it are linked.
    """
    columns = ["Figure", "Quantity", "Published", "Ours [95 %]", "Verdict"]
    columns += ["Notebook"] * bool(notebooks) + ["Dataset"]
    rows = []
    for claim in claims:
        bounds = [tables.text(bound) for bound in (claim.low, claim.high) if bound is not None]
        ours = tables.text(claim.ours) + (f" [{', '.join(bounds)}]" if bounds else "")
        verdict = claim.verdict + (f": {claim.reason}" if claim.reason else "")
        number = claim.notebook.partition("_")[0]
        drawn = re.sub(r"\W", "", claim.figure.partition(",")[0]).lower()
        row = [_linked(claim.figure, folder, f"{number}_{drawn}.png"), claim.what, claim.published]
        row += [
            ours,
            verdict,
            *([f"[{number}]({notebooks}{claim.notebook}.ipynb)"] * bool(notebooks)),
        ]
        rows.append([*row, _linked(claim.dataset, folder, f"{claim.dataset}.nc")])
    return tables.markdown(rows, columns)


def _measured(values):
    """Our number with the ends of its interval: None for a number or text by itself."""
    if isinstance(values, Exponent):
        return values.value, values.low, values.high
    if isinstance(values, str):
        return values, None, None
    values = np.asarray(values, dtype=float)
    if values.ndim == 0:
        return float(values), None, None
    if values.size < 2:
        return (float(values[0]) if values.size else np.nan), np.nan, np.nan
    return tuple(float(number) for number in mean_interval(values))


def _true(condition, known, id):
    """Whether all comparisons of "ours <= 5 and low > 0" are true of the known numbers."""
    for comparison in condition.split(" and "):
        match = re.fullmatch(r"(\w+ )?(<=|>=|==|<|>) (\S+)", comparison)
        if not match:
            raise ValueError(
                f"claim {id!r} holds if {comparison!r}: write it as 'low > 0' or '<= 5'"
            )
        left, compared, right = (match[1] or "ours").strip(), match[2], match[3]
        numbers = [_number(part, known, id) for part in (left, right)]
        if not COMPARISONS[compared](*numbers):
            return False
    return True


def _number(part, known, id):
    if re.fullmatch(r"-?[\d.]+", part):
        return float(part)
    if known.get(part) is None:
        raise ValueError(
            f"claim {id!r} holds by {part!r}, which is not given: pass it, or did you mean "
            f"{nearest(part, known)!r}?"
        )
    return float(known[part])


def _rounded(value):
    """A number with the six digits that the ledgers keep; a list in words; a text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return float(f"{float(value):.6g}")


def _kept(row):
    return {name: value for name, value in asdict(row).items() if value not in (None, "")}


def _contents(folder):
    """The results files of a folder, read."""
    for path in sorted((Path(folder) / "ledger").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            yield {kind: content[kind] for kind in ("claims", "assumptions")}
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path} is not a results file ({error}): restore it from git, or run its notebook "
                "again"
            ) from error


def _write_csv(rows, kind, path):
    content = io.StringIO()
    writer = csv.DictWriter(content, [column.name for column in fields(kind)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in asdict(row).items()})
    write_atomically(path, content.getvalue().encode())


def _text(value):
    """A cell of a CSV file: a number in six digits."""
    return f"{value:.6g}" if isinstance(value, Real) else value or ""


def _linked(text, folder, name):
    return f"[{text}]({name})" if folder and (folder / name).is_file() else text


def _figure_order(claim):
    """Sort figures as the paper numbers them, 2 before 10, the supplement last."""
    number = re.search(r"\d+", claim.figure)
    main = claim.figure.lower().startswith("fig")
    rank = int(number.group()) if number else 0
    return not main, rank, claim.figure, claim.id
