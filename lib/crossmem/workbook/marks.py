"""Curves in families, ranges, bars, maps, and marks on their axes."""

import numpy as np
from matplotlib.lines import Line2D

from crossmem.workbook.plotting import ACCENT, NEUTRAL, STYLES, curve, letter

OFFSET = "offset points"


def describe(ax, title, xlabel, ylabel=None, **options):
    """Name a panel by its letter and its axes; `options` are for `Axes.set`."""
    letter(ax, title)
    ax.set(xlabel=xlabel, ylabel=ylabel, **options)


def mean_and_worst(ax, quality, x):
    """Draw ``cosine`` and ``worst_cosine`` of a Dataset, along ``x`` and "seed", by their names."""
    curve(ax, quality["cosine"], x, color=ACCENT, marker="o", label="mean over the patterns")
    look = {"color": NEUTRAL, "marker": "s", "linestyle": ":", "label": "worst pattern"}
    curve(ax, quality["worst_cosine"], x, **look)


def legend_of(figure, *dims, **options):
    """Explain the styles of dimensions above a figure; `options` are for `Figure.legend`."""
    looks = [{"color": "k", **look} for dim in dims for look in STYLES[dim].values()]
    lines = [Line2D([], [], **look) for look in looks]
    figure.legend(handles=lines, loc="outside upper center", **options)


def ranged(ax, x, values, **style):
    """Draw a curve with a band between the ends of a range.

    ``values`` are low, typical and high along ``end``, for each of ``x``; ``style`` has a color.
    """
    low, middle, high = values.transpose("end", ...).values
    ax.plot(x, middle, **style)
    ax.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)


def bars_of_dots(ax, values, names, *, colors, notes):
    """Draw means over seeds as bars, each repetition as a dot, and a note inside each bar.

    ``values`` (n, seed) make n bars; the lists of n ``names`` stand below them.
    """
    rows, places = np.sort(values.transpose(..., "seed")), range(len(names))
    ax.bar(places, values.mean("seed"), width=0.6, color=colors)
    look = {"color": "white", "textcoords": OFFSET, "ha": "center", "fontsize": 6.5}
    for place, row, note in zip(places, rows, notes, strict=True):
        ax.plot(place + np.linspace(-0.15, 0.15, len(row)), row, "ko", markersize=2.5)
        ax.annotate(note, (place, 0), xytext=(0, 3), **look)
    ax.set_xticks(places, names)
    ax.set(ylim=(0, 1.1 * float(values.max())))


def percent_table(ax, shares):
    """Draw a table of shares in colours, with its numbers in percent; a dash for NaN.

    The coordinates of ``shares`` (vertical, horizontal) are the ticks, the vertical one in percent.
    """
    rows, columns = (shares[dim].values for dim in shares.dims)
    ax.imshow(100 * shares, cmap="viridis", vmin=0, vmax=100, aspect="auto", origin="lower")
    for (i, j), value in np.ndenumerate(100 * shares):
        dark = np.isnan(value) or value >= 60
        text = "–" if np.isnan(value) else f"{value:.0f}"
        look = {"color": "black" if dark else "white", "fontsize": 6.5}
        ax.text(j, i, text, ha="center", va="center", **look)
    ax.set_xticks(range(len(columns)), [f"{column:g}" for column in columns])
    ax.set_yticks(range(len(rows)), [f"{100 * row:g}" for row in rows])


def tile_map(ax, values, *, block, label):
    """Draw values of the devices of a tile, as means over square blocks of so many rows.

    ``values`` (row, column) are NaN for devices that are left out; ``label`` is of the colours.
    """
    blocks = values.coarsen(row=block, column=block, boundary="trim").mean()
    edges = (0, values.sizes["column"], values.sizes["row"], 0)
    shown = ax.imshow(blocks, cmap="viridis", vmin=0, extent=edges)
    ax.figure.colorbar(shown, ax=ax, label=label, pad=0.02)


def logarithmic_with_zero(ax, values):
    """Make the horizontal axis logarithmic with a place for zero, and a tick at each value."""
    values = sorted({0.0, *map(float, values)})
    ax.set_xscale("symlog", linthresh=min(filter(None, values), default=1.0), linscale=0.5)
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.minorticks_off()


def small_shares(ax):
    """Make the vertical axis one of percentages from 0.01 to 100, logarithmic, with zero below."""
    ax.set(ylim=(0, 110))
    ax.set_yscale("symlog", linthresh=0.01)
    ax.set_yticks([0, 0.01, 0.1, 1, 10, 100], ["0", "0.01", "0.1", "1", "10", "100"])
    ax.minorticks_off()


def level(ax, value, name):
    """Draw a dotted horizontal line with its name above its left end."""
    ax.axhline(value, color=NEUTRAL, linewidth=0.6, linestyle=":")
    look = {"color": NEUTRAL, "textcoords": OFFSET, "fontsize": 6}
    ax.annotate(name, (0, value), xycoords=("axes fraction", "data"), xytext=(2, 3), **look)


def times(ax, names, height, *, data=False, offset=-2):
    """Draw a dotted line at each named time, with its name ``offset`` points to the left.

    The names stand at a ``height`` that is a share of the axis, or with ``data`` a value on it.
    """
    place = {"xycoords": "data" if data else ("data", "axes fraction")}
    look = {"ha": "right", "color": NEUTRAL, "fontsize": 6, "textcoords": OFFSET}
    for name, time in names.items():
        ax.axvline(time, color=NEUTRAL, linewidth=0.6, linestyle=":")
        ax.annotate(name, (time, height), xytext=(offset, 0), **place, **look)
