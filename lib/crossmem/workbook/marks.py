"""Ranges, bars, dots and maps, drawn from labelled results, and marks on their axes."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from crossmem.workbook.plotting import (
    COMPONENT_STYLE,
    NEUTRAL,
    SKY,
    STYLES,
    VERMILION,
    letter,
)

OFFSET = "offset points"


def describe(ax, title, xlabel, ylabel=None, **options):
    """Name a panel by its letter and its axes; `options` are for `Axes.set`."""
    letter(ax, title)
    ax.set(xlabel=xlabel, ylabel=ylabel, **options)


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


def tint(color, share):
    """A colour mixed with white, of which ``share``, from 0 to 1, is the colour."""
    return tuple(1 - share * (1 - part) for part in to_rgb(color))


def stacked_shares(ax, places, parts):
    """Draw one horizontal bar of length 1 per place, cut into the shares of its parts.

    `parts` lie along "component"; the other dimensions make the n bars at `places` (n,). The label
    of a part that is everywhere too thin to be seen says how large it is.
    """
    shares = parts / parts.sum("component")
    ends = shares.cumsum("component")
    for part, style in COMPONENT_STYLE.items():
        length, end = (values.sel(component=part).values.ravel() for values in (shares, ends))
        thin = f" (at most {100 * length.max():.1g} %)" if length.max() < 0.01 else ""
        look = {"height": 0.75, "edgecolor": "white", "linewidth": 0.4, "color": style["color"]}
        ax.barh(places, length, left=end - length, label=style["label"] + thin, **look)
    ax.set_xlim(0, 1)


def tornado(ax, bars, names, *, most=6):
    """Draw how far each constant moves a ratio from its typical value, the widest bar on top.

    `bars` hold ``at_low`` and ``at_high`` along ``constant``, ``at_typical`` and ``published``;
    `names` are those of the constants, of which at most `most` have a bar.
    """
    widest = np.argsort(-abs(bars["at_high"] - bars["at_low"]).values)[:most]
    bars, middle = bars.isel(constant=widest), float(bars["at_typical"])
    places = np.arange(bars.sizes["constant"])
    for end, color in (("low", SKY), ("high", VERMILION)):
        style = {"color": color, "height": 0.6, "label": f"constant at its {end} end"}
        ax.barh(places, bars[f"at_{end}"] - middle, left=middle, **style)
    ax.axvline(middle, color="k", linewidth=0.6, label="all constants typical")
    ax.axvline(bars["published"], color="k", linestyle=":", linewidth=1.0, label="published")
    ax.set_yticks(places, [names[key] for key in bars["constant"].values])
    ax.set_ylim(len(places) - 0.4, -0.6)


def number_map(ax, values, marked, *, light=80.0, **look):
    """Draw a map (row, column) with its whole numbers in the cells, a star at marked ones.

    Numbers above ``light`` are white. `look` goes to `matplotlib.axes.Axes.imshow`, whose image is
    returned.
    """
    shown = ax.imshow(values, aspect="auto", **look)
    for place, value in np.ndenumerate(np.asarray(values)):
        text = f"{value:.0f}{'*' if np.asarray(marked)[place] else ''}"
        style = {"ha": "center", "va": "center", "fontsize": 5.5}
        ax.text(*place[::-1], text, color="w" if value > light else "k", **style)
    return shown


def dot_with_range(ax, place, values, ends, *, color, marker):
    """Draw what a row of a chart may be: a pale bar from end to end, and a dot for each value.

    The first of the `values` is a filled dot, the others are hollow.
    """
    look = {"color": tint(color, 0.3), "linewidth": 3, "solid_capstyle": "butt", "zorder": 1}
    ax.plot([float(np.min(ends)), float(np.max(ends))], [place] * 2, **look)
    for rank, value in enumerate(np.ravel(values)):
        face = "white" if rank else color
        look = {"color": color, "marker": marker, "markerfacecolor": face, "zorder": 4 - rank}
        ax.plot(value, place, markersize=4, **look)


def published_span(ax, place, values):
    """Draw a published number of a row: grey from its lowest to its highest value, and a star.

    `values` are low, published and high.
    """
    low, middle, high = map(float, values)
    look = {"color": "0.9", "linewidth": 0, "zorder": 0}
    ax.fill_between([low, high], place - 0.42, place + 0.42, **look)
    ax.plot(middle, place - 0.42, "*", color=NEUTRAL, markersize=7, zorder=5, clip_on=False)


def ratio_key(figure, ax, markers):
    """Explain the markers of `dot_with_range`, by name, and the star of `published_span`."""
    for label, marker in markers.items():
        ax.plot([], [], linestyle="none", color=NEUTRAL, marker=marker, markersize=4, label=label)
    ax.plot([], [], linestyle="none", marker="*", color=NEUTRAL, markersize=7, label="published")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
