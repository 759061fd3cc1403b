"""What a figure is compared with: published values and slopes, local exponents, failed recalls."""

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from crossmem.analysis.statistics import mean_interval
from crossmem.workbook.plotting import FAINT, NEUTRAL, VERMILION

STAR = {"linestyle": "none", "marker": "*", "color": "0.55", "markersize": 7, "zorder": 4}


def published(ax, x, y, label="published"):
    """Mark published values with grey stars."""
    ax.plot(x, y, label=label, **STAR)


def published_slope(ax, values, dim, slope, *, label, below=False, va=None):
    """Draw a grey line of a published slope beside mean capacities (dim,), on logarithmic axes.

    It stands above the points, or ``below`` them, with the label at its right end, which ``va``
    aligns.
    """
    sizes, held = np.log(values[dim].values.astype(float)), np.log(values.values)
    line = slope * (sizes - sizes.mean()) + held.mean()
    line += (held - line).min() - 0.2 if below else (held - line).max() + 0.2
    ax.plot(np.exp(sizes[[0, -1]]), np.exp(line[[0, -1]]), color="0.55", linewidth=1.2, zorder=1)
    va = va or ("top" if below else "bottom")
    offset = {"xytext": (6, 4 if va == "bottom" else -4), "textcoords": "offset points"}
    look = FAINT | {"va": va, "annotation_clip": False}
    ax.annotate(label, np.exp([sizes[-1], line[-1]]), **offset, **look)


def uneven_curve(ax, values, x, **style):
    """As `plotting.curve` with intervals, where sizes have different numbers of seeds (NaN)."""
    found = [mean_interval(values.sel({x: place}).dropna("seed")) for place in values[x]]
    mean, low, high = np.array([[float(end) for end in one] for one in found]).T
    bars = {"yerr": [mean - low, high - mean], "elinewidth": 0.8, "capsize": 1.5}
    ax.errorbar(values[x], mean, **bars, **style)


def exponents(ax, local, **style):
    """Draw local exponents, from `analysis.exponents.local_growth`, with their intervals."""
    places, found = zip(*local, strict=True)
    value, low, high = np.array([(one.value, one.low, one.high) for one in found]).T
    bars = {"yerr": [value - low, high - value], "elinewidth": 0.8, "capsize": 1.5}
    ax.errorbar(places, value, **bars, **style)


def level(ax, value, label, *, va="center"):
    """Draw a thin dotted horizontal line, with its label beside its right end."""
    ax.axhline(value, color=NEUTRAL, linewidth=0.6, linestyle=":", zorder=1)
    place = {"xytext": (3, 0), "textcoords": "offset points", "va": va}
    ends = {"xycoords": ("axes fraction", "data"), "annotation_clip": False}
    ax.annotate(label, (1, value), **place, **ends, **FAINT)


def frame(ax, number):
    """Frame one image of a row drawn by `plotting.images`: a recall that failed."""
    side = ax.images[0].get_array().shape[0]
    corner = (number * (side + 1) - 0.5, -0.5)
    look = {"fill": False, "edgecolor": VERMILION, "linewidth": 1.0, "clip_on": False}
    ax.add_patch(Rectangle(corner, side, side, **look))


def log_axis(ax, places, label):
    """Make the horizontal axis logarithmic, with a tick at each of the places and nowhere else."""
    ax.set(xscale="log", xlabel=label)
    ax.set_xticks(places, [f"{place:g}" for place in places])
    ax.minorticks_off()


def plain_decades(*axes):
    """Give logarithmic axes, such as ``ax.yaxis``, ticks at 1, 2 and 5 with plain numbers."""
    for axis in axes:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(NullLocator())
