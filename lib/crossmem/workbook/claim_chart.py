"""One chart of all published claims: ours over the published value, by chapter and verdict."""

import re
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crossmem.workbook.files import save_figure
from crossmem.workbook.plotting import NEUTRAL, STYLES, new_figure, use_style
from crossmem.workbook.verdicts import VERDICTS, kind

LOOKS = STYLES["verdict"]
WIDEST = 62  # characters of a label
ALT = (
    "Our number over the published one on a logarithmic axis, with its 95 % interval, one row a "
    "claim, grouped by chapter and coloured by verdict; bars at the right count the other claims."
)


def save_claims(folder, published=None):
    """Draw the ``claims.csv`` of a folder as its ``claims.png``; see `draw_claims`."""
    with plt.rc_context():
        use_style()
        figure = draw_claims(folder / "claims.csv", published)
        save_figure(figure, folder / "claims.png", alt=ALT)
        plt.close(figure)


def draw_claims(path, published=None):
    """Draw the published claims of a table.

    Parameters
    ----------
    path : pathlib.Path
        ``claims.csv`` of a folder. Rows without a published value are left out.
    published : dict of str to verdicts.Published, optional
        The paper's side by id, for the ``label`` of a row, and the ``whole`` of a share that is
        saved, of which the part that is not saved is compared.

    Returns
    -------
    matplotlib.figure.Figure
    """
    claims = pd.read_csv(path)
    claims = claims[claims["published"].notna()]
    claims["kind"], claims["chapter"] = claims["verdict"].map(kind), claims["notebook"].str[:2]
    entries = [(published or {}).get(id) for id in claims["id"]]
    claims["label"] = [
        entry.label if entry and entry.label else _short(what)
        for entry, what in zip(entries, claims["what"], strict=True)
    ]
    whole = pd.Series([entry and entry.whole for entry in entries], claims.index, dtype=float)
    sides = ["ours", "published", "low", "high"]
    numbers = claims[sides].apply(pd.to_numeric, errors="coerce")
    numbers = numbers.where(whole.isna(), numbers.rsub(whole, axis=0))
    claims[["low", "high"]] = numbers[["low", "high"]]
    numbers = numbers[["ours", "published"]]
    ratios = (numbers["ours"] / numbers["published"]).where((numbers > 0).all(axis=1))
    claims = claims.assign(ratio=ratios, number=numbers["published"]).sort_values(
        "chapter", kind="stable"
    )
    rows = claims[claims["ratio"].notna()]
    options = {"height_ratios": [3, 2], "width_ratios": [7, 3]}
    figure, axes = new_figure(
        2, 2, width="double", height_mm=max(70, 22 + 3.6 * len(rows)), **options
    )
    for ax in axes[:, 0]:
        ax.remove()
    _ratios(figure.add_subplot(axes[0, 0].get_gridspec()[:, 0]), rows)
    _words(axes[0, 1], claims[claims["ratio"].isna()])
    _legend(axes[1, 1])
    return figure


def _ratios(ax, rows):
    places = _rows(rows["chapter"])
    for (_, row), place in zip(rows.iterrows(), places, strict=True):
        ends = np.array([row["low"], row["high"]]) / row["number"]
        look = LOOKS[row["kind"]]
        if np.isfinite(ends).all():
            ends = np.maximum(ends, 1e-3)
            ax.plot(ends, [place, place], color=look["color"], linewidth=1)
        ax.plot(row["ratio"], place, linestyle="none", markersize=4, **look)
    labels = [f"{row.figure}  {row.label}" for row in rows.itertuples()]
    ax.set_yticks(places, labels, fontsize=6)
    ax.tick_params(axis="y", length=0)
    _chapters(ax, rows["chapter"], places)
    ax.axvline(1, color=NEUTRAL, linewidth=0.7, linestyle="--", zorder=0)
    ax.set(xscale="log", xlabel="ours / published", ylim=(max(places, default=0) + 1, -0.5))
    ax.set_title("Numbers", loc="left", fontweight="bold")
    low, high = ax.get_xlim()
    ticks = [tick for tick in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if low < tick < high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _words(ax, rows):
    """Bars of the claims in words, and of those without a ratio, one a chapter."""
    counts = rows.groupby(["chapter", "kind"]).size().unstack(fill_value=0)
    left = np.zeros(len(counts))
    for name in (name for name in VERDICTS if name in counts):
        bars = ax.barh(range(len(counts)), counts[name], left=left, color=LOOKS[name]["color"])
        numbers = [f"{count}" if count > 1 else "" for count in counts[name]]
        ax.bar_label(bars, numbers, label_type="center", fontsize=5, color="white")
        left += counts[name]
    ax.set_yticks(range(len(counts)), [f"chapter {chapter}" for chapter in counts.index])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.set(xlabel="claims without a ratio")
    ax.set_title("Words", loc="left", fontweight="bold")


def _legend(ax):
    ax.set_axis_off()
    for name, look in LOOKS.items():
        ax.plot([], [], linestyle="none", markersize=4, label=name, **look)
    ax.legend(loc="upper left", title="Verdict", alignment="left")


def _rows(chapters):
    """Places of the rows, with a gap before each chapter."""
    new = (chapters != chapters.shift()).to_numpy()
    return np.arange(len(chapters)) + 1.5 * np.cumsum(new)


def _chapters(ax, chapters, places):
    """Write the number of each chapter above its first row."""
    first = ~chapters.duplicated().to_numpy()
    for chapter, place in zip(chapters[first], places[first], strict=True):
        text = {"fontsize": 6.5, "fontweight": "bold", "va": "center", "ha": "left"}
        ax.text(0.01, place - 1, f"chapter {chapter}", transform=ax.get_yaxis_transform(), **text)


def _short(what):
    what = re.sub(r" \(.*?\)", "", what)
    return textwrap.shorten(what, WIDEST, placeholder=" …")
