"""The paper's side of claims and assumptions (``params/*.yaml``), and ours set beside it."""

import re
import string
from dataclasses import asdict, dataclass
from operator import eq, ge, gt, le, lt

import numpy as np

from crossmem.analysis.statistics import Exponent, mean_interval
from crossmem.checks import check_choice
from crossmem.storage import read_yaml
from crossmem.workbook.ledger import Assumption, Claim

RULES = ("mean", "exponent", "holds")
SIGNS = {"<": lt, "<=": le, "==": eq, ">=": ge, ">": gt}


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
            comparisons = self.holds.split(" and ")
            agrees = all(_agrees(comparison, known, self.id) for comparison in comparisons)
            return ("exceeded" if self.exceeded else "reproduced") if agrees else "not reproduced"
        unit = 1 if self.rule == "exponent" else abs(published)
        margin = self.tolerance * unit if self.margin is None else self.margin
        inside = None not in (low, high) and low <= published <= high
        if inside or abs(ours - published) <= margin:
            return "reproduced"
        return "exceeded" if self.more_is_better and ours > published else "not reproduced"


def read_published(path):
    """The paper's side of all claims, by id; each entry is whole, each id stands there once."""
    content, found = read_yaml(path), {}
    defaults = content.pop("rules")
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
    fewer than two seeds, there is no verdict. ``low`` and ``high`` among what is given replace it.
    """
    ours, low, high = _measured(values)
    low, high = given.get("low", low), given.get("high", high)
    texts = (entry.published, entry.what, entry.reason)
    published, what, reason = (fill(text, given, f"claim {entry.id!r}") for text in texts)
    if any(isinstance(number, float) and not np.isfinite(number) for number in (ours, low, high)):
        ours = "–" if ours != ours else ours
        verdict, reason, low, high = "undecided", "too few values for an interval", None, None
    else:
        known = {name: given[name] for name in given if name not in ("low", "high", "published")}
        verdict = entry.judge(ours, published, low, high, **known)
        reason = reason if verdict == "not reproduced" else ""
    published, ours, low, high = map(_rounded, (published, ours, low, high))
    row = [entry.id, entry.figure, what, published, ours, verdict, low, high, reason]
    return Claim(*row, entry.notebook, entry.dataset)


def read_assumptions(path, notebook, given):
    """The assumptions of a notebook, with what it gives in the place of names in braces."""
    entries = read_yaml(path).get(notebook, {})
    rows = []
    for name, parts in entries.items():
        value, *origin = (fill(part, given, f"assumption {name!r}") for part in parts)
        values = asdict(value) if name.endswith(".*") else {"": value}
        name = name.removesuffix("*")
        for field, number in values.items():
            rows.append(Assumption(name + field, _rounded(number), *origin, notebook=notebook))
    return rows


def fill(text, given, owner):
    """A text with what is given in the place of names in braces; a name alone gives its value."""
    if not isinstance(text, str):
        return text
    alone = re.fullmatch(r"\{([^{}:!]+)\}", text)
    try:
        if alone:
            return string.Formatter().get_field(alone[1], (), given)[0]
        return text.format(**given)
    except (LookupError, AttributeError) as error:
        raise ValueError(
            f"{owner} names {error} in {text!r}, which is not given: pass it"
        ) from None


def _measured(values):
    """Our number with the ends of its interval: None for a number or a text by itself."""
    if isinstance(values, Exponent):
        return values.value, values.low, values.high
    if np.ndim(values) == 0:
        return values, None, None
    if np.size(values) < 2:
        return (*np.asarray(values, dtype=float).tolist(), np.nan)[0], np.nan, np.nan
    return tuple(float(number) for number in mean_interval(np.asarray(values, dtype=float)))


def _agrees(comparison, known, id):
    """Whether a comparison such as "low > 0" is true; of ours if it begins with the sign."""
    try:
        left, sign, right = ["ours", *comparison.split()][-3:]
        left, right = (float(known.get(part, part)) for part in (left, right))
        return SIGNS[sign](left, right)
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"claim {id!r} holds if {comparison!r}, which compares no given numbers: pass them"
        ) from None


def _rounded(value):
    """A number with the six digits that the ledgers keep; a list in words; a text as it is."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return float(f"{float(value):.6g}")
