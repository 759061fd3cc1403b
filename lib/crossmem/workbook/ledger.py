"""The ledgers: each published number beside ours, and each assumption with its origin.

The paper's side stands in ``params/*.yaml``. Each notebook writes one results file; joined, they
make the tables of a folder.
"""

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from numbers import Real
from pathlib import Path
from string import Formatter

import numpy as np
import pandas as pd

from crossmem.analysis.statistics import Exponent, mean_interval
from crossmem.checks import check_choice
from crossmem.storage import read_yaml, to_json, write_atomically
from crossmem.workbook import claim_tables, verdicts

ORIGINS = ("paper", "authors' code", "assumed")
ENDS = ("low", "high")  # of an interval
TOO_FEW = "too few values for an interval"


@dataclass(frozen=True)
class Claim:
    """One published number beside ours, with its 95 % interval; refused if it is not clear.

    Beyond the paper nothing is published: ours is what was gained then, and ``before`` and
    ``after`` are the two numbers compared. ``rule`` says in words what decides.
    """

    id: str
    figure: str
    what: str
    published: str | float | None = None
    ours: str | float | None = None
    verdict: str = ""
    low: float | None = None
    high: float | None = None
    before: float | None = None
    after: float | None = None
    rule: str = ""
    reason: str = ""
    notebook: str = ""
    dataset: str = ""
    image: str = ""

    def __post_init__(self):
        check_choice(verdicts.kind(self.verdict), "verdict", verdicts.VERDICTS)
        if self.verdict in verdicts.UNCLEAR and not self.reason.strip():
            raise ValueError(f"claim {self.id!r} {self.verdict}: give the reason")


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


def compare(entry, values, given, choices=None):
    """Set our side of a claim beside the paper's; as `crossmem.workbook.run.Run.claim`.

    Of an array count the mean over the seeds and its 95 % interval; where there is none, with
    fewer than two seeds, or where a number is NaN, the claim is inconclusive. ``low`` and ``high``
    among what is given replace the interval.
    """
    if choices and not entry.depends:
        raise ValueError(
            f"claim {entry.id!r} has choices: say by 'depends' in its entry what they are"
        )
    if entry.depends and not choices and not {*ENDS} <= given.keys():
        raise ValueError(
            f"claim {entry.id!r} depends on {entry.depends}: give choices, or low and high"
        )
    given = {name: _scalar(value) for name, value in given.items()}
    texts = {name: getattr(entry, name) for name in ("published", "what", "reason", "sizes")}
    texts |= {"before": given.pop("before", entry.before)}
    filled = {name: fill(text, given, f"claim {entry.id!r}") for name, text in texts.items()}
    entry, after = replace(entry, **filled), None
    if entry.before is not None:
        values, after = _gained(values, entry.before, entry.gain), _measured(values)[0]
        entry = replace(entry, before=float(np.mean(entry.before)))
    measured = _measured(values)
    interval = tuple(given.pop(name, end) for name, end in zip(ENDS, measured[1:], strict=True))
    ours, found = measured[0], {name: _measured(one) for name, one in (choices or {}).items()}
    if missing := _missing(entry, (ours, *interval, *sum(found.values(), ())), given):
        verdict, note = "inconclusive", missing
        ours, interval = "–" if ours != ours else ours, (None, None)
    elif choices:
        verdict, note = verdicts.judge_choices(entry, found, **given)
    else:
        verdict, note = verdicts.judge(entry, ours, *interval, **given)
    numbers = map(_rounded, (entry.published, ours, *interval, entry.before, after))
    published, ours, *rest = numbers
    row = [entry.id, entry.figure, entry.what, published, ours, verdict, *rest]
    places = (entry.notebook, entry.dataset, entry.image)
    return Claim(*row, entry.in_words(**given), note, *places)


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
    write_atomically(folder / "README.md", claim_tables.page(claims, folder).encode())


def update_readme(readme, folder):
    """Put the sentences on the claims of a folder, and the counts, between the README's markers."""
    readme, folder = Path(readme), Path(folder).resolve()
    published = verdicts.read_published(readme.parent / "params" / "claims.yaml")
    link = folder.relative_to(readme.resolve().parent).as_posix()
    said = claim_tables.sentences(read_claims(folder), published, link, folder)
    text = claim_tables.between_markers(readme.read_text(encoding="utf-8"), said, readme)
    write_atomically(readme, text.encode())


def _measured(values):
    """Our number with the ends of its interval: None for a number or a text by itself."""
    if isinstance(values, Exponent):
        return values.value, values.low, values.high
    if np.ndim(values) == 0:
        return _scalar(values), None, None
    if np.size(values) < 2:
        return (*np.asarray(values, dtype=float).tolist(), np.nan)[0], np.nan, np.nan
    return tuple(map(float, mean_interval(np.asarray(values, dtype=float))))


def _gained(values, before, gain):
    """What values are over, or more than, those before: a number each, or seed by seed."""
    parts = [values.value, values.low, values.high] if isinstance(values, Exponent) else values
    after, before = (np.asarray(one, dtype=float) for one in (parts, before))
    gained = after / before if gain == "ratio" else after - before
    return Exponent(*gained.tolist()) if isinstance(values, Exponent) else gained


def _missing(entry, numbers, given):
    """Why nothing can be decided, if a number is missing; else nothing."""
    if not all(np.isfinite(number) for number in numbers if isinstance(number, Real)):
        return TOO_FEW
    compared = [given[name] for name in re.findall(verdicts.WORD, entry.holds) if name in given]
    if any(np.isnan(number) for number in (entry.published, *compared) if isinstance(number, Real)):
        return "a number that it is compared with is missing"
    return ""


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
