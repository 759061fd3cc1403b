"""Claims as Markdown: the tables of a folder and of a notebook, and the sentences of the README."""

import re
from collections import Counter
from dataclasses import asdict

from crossmem.workbook import tables
from crossmem.workbook.verdicts import VERDICTS, kind

BEGIN, END = "<!-- claims:begin -->", "<!-- claims:end -->"
PUBLISHED = ("Figure", "Quantity", "Published", "Ours [95 %]", "Verdict", "Rule")
BEYOND = ("Figure", "Quantity", "Before", "After", "Gain [95 %]", "Verdict", "Rule")
PLACES = ("Dataset", "Notebook")
HEADER = """\
# Which published number holds

Made by `python -m crossmem.reproduce` from the [results files of the notebooks](ledger); also as
[claims.csv](claims.csv). [params/claims.yaml](../../params/claims.yaml) explains the rules. What
was assumed, and why, stands in [assumptions.csv](assumptions.csv).

*Agrees*: ours lies within the margin of its row around the published value, or above it where more
is better; or our whole interval meets the bar of its row. *Same direction*: only a sign or an order
was claimed, and ours has it. *Depends on*: the verdict changes with a choice that the paper leaves
open. *Disagrees* and *not testable* come with the reason. *Inconclusive*: the interval lies across
the bar, or reaches the published value only by its width. *Calibrated*: our model was fitted to
this number, or it is true by construction.
"""
SECOND = "Numbers and statements of another paper, whose figures begin with its initials."
EXTENSIONS = (
    "Nothing is published here. *Before* is the published method, or the published value; *after* "
    "is ours. The gain is their ratio or difference. *Beyond*: the whole interval of the gain "
    "meets the rule; else *no gain*."
)


def page(claims, folder):
    """All claims, the three tables of a folder: of the paper, of another paper, beyond them."""
    parts = [HEADER]
    for title, text, rows in (
        ("The paper", "", [c for c in _compared(claims) if not _another(c)]),
        ("The second paper", SECOND, [c for c in _compared(claims) if _another(c)]),
        ("Beyond the papers", EXTENSIONS, [c for c in claims if c.published is None]),
    ):
        if rows:
            shown = claims_table(rows, "../../notebooks/", folder)
            parts += [f"## {title}", text, counted(rows), shown]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def both_tables(claims, notebooks="notebooks/"):
    """The table of claims that were published, and below it that of what goes beyond them."""
    claims = list(claims)
    beyond = [claim for claim in claims if claim.published is None]
    rows = [claims_table(part, notebooks) for part in (_compared(claims), beyond) if part]
    return "\n\n".join(rows)


def claims_table(claims, notebooks="notebooks/", folder=None):
    """Claims as a Markdown table; all of them were published, or none.

    `notebooks` is where the notebooks lie as seen from the table, or "" for a table without that
    column. Datasets and figures that lie in the `folder` of the table are linked.
    """
    beyond = claims[0].published is None
    columns = [*(BEYOND if beyond else PUBLISHED), *PLACES]
    rows = []
    for claim in claims:
        ours, interval = claim.ours, (claim.low, claim.high)
        ours = ours if None in interval else tables.interval(ours, *interval)
        compared = [claim.before, claim.after] if beyond else [claim.published]
        verdict = claim.verdict + (f": {claim.reason}" if claim.reason else "")
        image, data = folder and figure_of(claim, folder), f"{claim.dataset}.nc"
        data = data if folder and (folder / data).is_file() else ""
        row = [_linked(claim.figure, image), claim.what, *compared, ours, verdict, claim.rule]
        row.append(_linked(claim.dataset, data))
        rows.append([*row, _chapter(claim, notebooks)])
    shown = len(columns) if notebooks else -1
    return tables.markdown([row[:shown] for row in rows], columns[:shown])


def sentences(claims, published, link, folder):
    """What the README says: a sentence for each claim that has one, and the counts.

    `published` is the paper's side by id, `link` the `folder` of the claims as the README sees it.
    A sentence names its claim's own fields, and those of others as ``{of[3j-pinv].ours:.0f}``.
    """
    by_id, lines = {claim.id: claim for claim in claims}, []
    for id, entry in published.items():
        if entry.sentence and id in by_id:
            claim = by_id[id]
            said = entry.sentence.format(of=by_id, **asdict(claim))
            said = re.sub(r"(?<=\d)%", " %", said)
            image = figure_of(claim, folder)
            figure = f"[{claim.figure}]({link}/{image})" if image else claim.figure
            lines.append(f"* {said} {figure}, chapter {_chapter(claim, 'notebooks/')}.")
    beyond = sum(claim.published is None for claim in claims)
    table = (
        f"[The full table]({link}/README.md), also as [CSV]({link}/claims.csv), gives each rule, "
    )
    table += f"interval and dataset. Published are {counted(_compared(claims))} Beyond the papers "
    lines += ["", f"{table}are {beyond} more."]
    return "\n".join(lines)


def between_markers(text, content, name):
    """A text with new content between its two markers; `name` is that of its file."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{name} lacks {BEGIN} and {END}: add them")
    return f"{before}{begin}\n{content}\n{end}{after}"


def counted(claims):
    """How many claims have which verdict, such as "3 rows: agrees 2, disagrees 1."."""
    counts = Counter(kind(claim.verdict) for claim in claims)
    parts = [f"{verdict} {counts[verdict]}" for verdict in VERDICTS if counts[verdict]]
    return f"{len(claims)} rows: {', '.join(parts).replace('depends on', 'depends on a choice')}."


def figure_of(claim, folder):
    """Name of the file in a folder that shows a claim, or "" if there is none.

    It is the image that the entry names, or the one of its chapter with the panel of the paper:
    "02_fig3j.png", or "05_fig6cd.png" for 6c.
    """
    chapter, panel = claim.notebook.partition("_")[0], re.match(r"Fig (\d+)([a-z])", claim.figure)
    if claim.image or not panel:
        name = f"{claim.image}.png"
        return name if (folder / name).is_file() else ""
    number, letter = panel.groups()
    for path in sorted(folder.glob(f"{chapter}_fig{number}*.png")):
        if letter in path.stem.rpartition(f"fig{number}")[2]:
            return path.name
    return ""


def _compared(claims):
    return [claim for claim in claims if claim.published is not None]


def _another(claim):
    return bool(re.match(r"[A-Z]{2} ", claim.figure))


def _linked(text, name):
    return f"[{text}]({name})" if name else text


def _chapter(claim, notebooks):
    number = claim.notebook.partition("_")[0]
    return f"[{number}]({notebooks}{claim.notebook}.ipynb)"
