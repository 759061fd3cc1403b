"""Verdicts: how a published claim and what we found are compared.

The paper's side of a claim stands in ``params/claims.yaml``, which explains the rules.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crossmem.checks import check_choice
from crossmem.storage import read_yaml
from crossmem.workbook.tables import text

#: The verdict of each rule that is met, or None where the rule gives another one.
RULES = {
    "mean": "agrees",
    "exponent": "agrees",
    "holds": "agrees",
    "direction": "same direction",
    "calibrated": "calibrated",
    "untestable": "not testable",
    "beyond": "beyond",
}
DEPENDS = "depends on"  # and what it depends on follows
VERDICTS = ("agrees", "same direction", DEPENDS, "disagrees", "inconclusive", "not testable")
VERDICTS += ("calibrated", "beyond", "no gain")
UNCLEAR = ("disagrees", "inconclusive", "not testable", "no gain")  # these need a reason
CONDITIONAL = ("holds", "direction", "calibrated", "beyond")  # rules with a condition
WORD = r"[a-z_]\w*"  # a name in a condition
FEWEST_SIZES = 3  # of the fit of an exponent
POINTS = 101  # of an interval, where a condition is tried


@dataclass(frozen=True)
class Published:
    """The paper's side of a claim; ``params/claims.yaml`` explains the fields."""

    id: str
    notebook: str
    figure: str
    what: str
    rule: str
    dataset: str
    published: str | float | None = None
    reason: str = ""
    holds: str = ""
    tolerance: float = 0.0
    margin: float | None = None
    bar: float | None = None
    more_is_better: bool = False
    sizes: str | int | None = None
    depends: str = ""
    before: str | float | None = None
    gain: str = "ratio"
    image: str = ""
    sentence: str = ""
    label: str = ""
    whole: float | None = None

    def __post_init__(self):
        claim = f"claim {self.id!r}"
        check_choice(self.rule, f"rule of {claim}", RULES)
        check_choice(self.gain, f"gain of {claim}", ("ratio", "difference"))
        if (self.rule in CONDITIONAL) != bool(self.holds):
            rules = ", ".join(CONDITIONAL)
            raise ValueError(f"{claim}: the rules {rules}, and no others, need 'holds'")
        if (self.rule == "beyond") != (self.published is None):
            raise ValueError(f"{claim}: each rule but 'beyond' needs 'published'")
        if self.rule == "untestable" and not self.reason:
            raise ValueError(f"{claim} is not testable: give the reason")

    @property
    def condition(self):
        """What is true if the claim holds, such as "ours >= 0.95"."""
        return f"ours {self.holds}" if self.holds[0] in "<=>" else self.holds

    def in_words(self, **known):
        """The rule as a reader of the tables sees it, such as "≥ 0.95" or "within 10 %".

        A known number that ours is compared with stands in the place of its name.
        """
        if self.rule == "untestable":
            return "none"
        if self.rule in CONDITIONAL:
            words = re.sub(r"\bours ", "", self.condition)
            known = {"bar": self.bar} | (known if self.holds[0] in "<=>" else {})
            words = re.sub(WORD, lambda name: text(known.get(name[0], name[0])), words)
            for code, sign in ((">=", "≥"), ("<=", "≤"), ("==", "=")):
                words = words.replace(code, sign)
        else:
            words = f"within {100 * self.tolerance:g} %"
            if self.margin is not None:
                words = f"within {self.margin:g}"
            words += ", or more" if self.more_is_better else ""
        return words


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


def kind(verdict):
    """The verdict of `VERDICTS` that one is: "depends on the constants" is "depends on"."""
    return DEPENDS if verdict.startswith(f"{DEPENDS} ") else verdict


def judge(entry, ours, low=None, high=None, **known):
    """Judge our number and its interval by the rule of a claim.

    Parameters
    ----------
    entry : Published
        With numbers in the place of names in braces.
    ours : number or str
    low, high : number or None
        The ends of the interval of ours.
    **known
        Numbers that the condition of the claim names.

    Returns
    -------
    verdict, note : str
        The note says what a reader should know beside the verdict, or is empty.
    """
    if entry.rule == "untestable":
        return "not testable", entry.reason
    if entry.rule in CONDITIONAL:
        return _by_condition(entry, ours, low, high, known)
    return _by_distance(entry, ours, low, high)


def judge_choices(entry, choices, **known):
    """Judge a claim for each of several choices that are ours.

    `choices` holds, by their names, our number with its interval, (ours, low, high). Returns the
    verdict and a note as `judge` does; where they differ, the claim "depends on" the choice.
    """
    alone = replace(entry, depends="")
    found = {name: judge(alone, *one, **known)[0] for name, one in choices.items()}
    met = [name for name, verdict in found.items() if verdict == RULES[entry.rule]]
    shown = ", ".join(f"{name}: {text(one[0])}" for name, one in choices.items())
    if len(met) == len(found):
        return RULES[entry.rule], ""
    if met:
        return f"{DEPENDS} {entry.depends}", f"agrees with {' and '.join(met)} ({shown})"
    numbers = [one[0] for one in choices.values()]
    if entry.rule not in CONDITIONAL and min(numbers) < entry.published < max(numbers):
        return "inconclusive", f"the choices lie on both sides of it ({shown})"
    if set(found.values()) == {"disagrees"}:
        return "disagrees", f"{entry.reason} ({shown})"
    return "inconclusive", f"no choice decides ({shown})"


def _by_condition(entry, ours, low, high, known):
    met, unmet = RULES[entry.rule], "no gain" if entry.rule == "beyond" else "disagrees"
    true = _holds(entry, ours, low, high, known)
    if true.all():
        return met, ""
    if true.any() and entry.depends:
        meets, other = ("meets", "misses") if true[-1] else ("misses", "meets")  # the last is ours
        return f"{DEPENDS} {entry.depends}", f"ours {meets} the bar, an end of the range {other} it"
    if true.any() and entry.rule != "beyond":
        return "inconclusive", f"the interval lies across the bar ({entry.in_words()})"
    return unmet, entry.reason


def _by_distance(entry, ours, low, high):
    published, sizes = entry.published, entry.sizes
    far = ours - published
    margin = entry.tolerance * abs(published) if entry.margin is None else entry.margin
    if entry.depends and None not in (low, high):
        return _by_range(entry, far, (low - published, high - published), margin)
    inside = None not in (low, high) and low <= published <= high
    off = f"{text(abs(far))} {'above' if far > 0 else 'below'} the published value"
    if sizes is not None and sizes < FEWEST_SIZES:
        return "inconclusive", f"a fit of {sizes:.0f} sizes; {off}"
    if inside and abs(far) > margin:
        return "inconclusive", f"{off}, in an interval that is too wide to tell"
    if abs(far) <= margin:
        outside = not inside and None not in (low, high)
        return "agrees", f"{off}, which the interval excludes" if outside else ""
    if entry.more_is_better and far > 0:
        return "agrees", "more than published"
    return "disagrees", entry.reason


def _by_range(entry, far, ends, margin):
    """Judge a range of ours, by how far ours and its ends are from the published value."""
    if max(map(abs, ends)) <= margin:
        return "agrees", ""
    if ends[0] > margin or ends[1] < -margin:
        return "disagrees", entry.reason
    meets, other = ("meets", "misses") if abs(far) <= margin else ("misses", "meets")
    words = entry.in_words().replace("within", "a margin of", 1)
    return f"{DEPENDS} {entry.depends}", f"ours {meets} {words}, a part of the range {other} it"


def _holds(entry, ours, low, high, known):
    """Whether the condition of a claim is true, at places between the ends of the interval."""
    known = known | {"low": low, "high": high, "bar": entry.bar}
    known = {name: value for name, value in known.items() if value is not None}
    if not isinstance(ours, str):
        span = [] if None in (low, high) else np.linspace(low, high, POINTS)
        known["ours"] = np.append(span, ours)
    try:
        names = set(re.findall(WORD, entry.condition)) & known.keys()
        numbers = {name: np.asarray(known[name], dtype=float) for name in names}
        found = pd.eval(entry.condition, engine="python", local_dict=numbers, global_dict={})
        return np.asarray(found, dtype=bool)
    except (ValueError, TypeError, SyntaxError, NameError) as error:
        raise ValueError(
            f"claim {entry.id!r} holds if {entry.condition!r}, which compares no given numbers "
            f"({error}): pass them"
        ) from None
