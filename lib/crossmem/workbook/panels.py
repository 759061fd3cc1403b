"""Panels of bars, dots and ranges, drawn from labelled results."""

import numpy as np
from matplotlib.colors import to_rgb
from scipy.stats import norm

from crossmem.analysis.statistics import mean_interval
from crossmem.workbook.plotting import ACCENT, NEUTRAL, SKY, VERMILION


def tint(color, share):
    """A colour mixed with white, of which ``share``, from 0 to 1, is the colour."""
    return tuple(1 - share * (1 - part) for part in to_rgb(color))


def bell(ax, places, mean, deviation, **style):
    """Draw the density of a normal distribution as a dotted neutral line."""
    ax.plot(places, norm.pdf(places, mean, deviation), color=NEUTRAL, linestyle=":", **style)


def medians(ax, values, x, **style):
    """Draw the median over seeds against a coordinate, with a band of the middle half of the seeds.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : xarray.DataArray (x, seed)
    x : str
    **style
        For `matplotlib.axes.Axes.plot`, with a color.
    """
    low, middle, high = values.quantile([0.25, 0.5, 0.75], "seed")
    ax.fill_between(values[x], low, high, color=style["color"], alpha=0.2, linewidth=0)
    ax.plot(values[x], middle, **style)


def solid_and_dashed(ax, solid, dashed):
    """Enter a solid and a dashed black line into the legend of a panel."""
    ax.plot([], [], "k-", label=solid)
    ax.plot([], [], "k--", label=dashed)


def marked(ax, place, name):
    """Draw a dotted vertical line with its name at its foot."""
    ax.axvline(place, color=NEUTRAL, linestyle=":", linewidth=0.8)
    style = {"textcoords": "offset points", "color": NEUTRAL, "fontsize": 6}
    ax.annotate(name, (place, 0.03), xytext=(3, 0), xycoords=("data", "axes fraction"), **style)


def cost_plane(ax, costs, ranges, styles, *, hollow=False):
    """Draw ways to recall by time and energy, and what both may be for the first one as a cross.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    costs : xarray.Dataset (plan,)
        ``latency`` in ns and ``total`` in pJ.
    ranges : xarray.Dataset (end, plan)
        The same at both ends of the constants.
    styles : dict of str to dict
        How each plan looks; those that the costs lack are left out.
    hollow : bool
        Draw a second network: with hollow symbols and a dashed cross, without labels.
    """
    hide = "_" if hollow else ""  # from the legend
    white = {"markerfacecolor": "white"} if hollow else {}
    costs, ranges = costs / 1e3, ranges / 1e3  # in µs and nJ
    known = [plan for plan in styles if plan in costs["plan"]]
    for plan in known:
        one, size = costs.sel(plan=plan), {"markersize": 4 if "held" in plan else 6, "zorder": 2}
        look = styles[plan] | white | size | {"label": f"{hide}chip, {styles[plan]['label']}"}
        ax.plot(one["latency"], one["total"], **look | {"linestyle": "none"})
    one, reach, dashes = (
        costs.sel(plan=known[0]),
        ranges.sel(plan=known[0]),
        "--" if hollow else "-",
    )
    cross = {"color": styles[known[0]]["color"], "linewidth": 0.6, "linestyle": dashes, "zorder": 1}
    label = f"{hide}{known[0]}, range of constants"
    ax.plot(reach["latency"], [one["total"].item()] * 2, label=label, **cross)
    ax.plot([one["latency"].item()] * 2, reach["total"], **cross)


def dots_and_ranges(ax, places, values, ranges, *, fill=1.0, label=None):
    """Draw rows of means with their 95 % intervals, each over a grey bar from end to end.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    places : array (n,)
        Where the rows lie.
    values : xarray.DataArray
        Along "seed" and, for n rows, the other dimensions.
    ranges : xarray.DataArray
        Along "end", which are two, and the same other dimensions.
    fill : float
        How full the symbols are, from 0 to 1.
    label : str, optional
    """
    ends = ranges.transpose("end", ...).values.reshape(2, -1)
    ax.plot(ends, [places] * 2, color="0.8", linewidth=1.6, solid_capstyle="butt", zorder=1)
    mean, low, high = (part.values.ravel() for part in mean_interval(values))
    symbols = {"fmt": "o", "markersize": 4, "markerfacecolor": tint(ACCENT, fill)}
    errors = np.maximum([mean - low, high - mean], 0)  # the mean of equal values may be rounded
    bars = {"xerr": errors, "elinewidth": 0.8, "color": ACCENT}
    ax.errorbar(mean, places, label=label, **symbols, **bars)


def names_beside(ax, places, names):
    """Write names right of a panel, turned, at places along its vertical axis."""
    style = {"rotation": -90, "va": "center", "fontsize": 6.5, "annotation_clip": False}
    for place, name in zip(places, names, strict=True):
        ax.annotate(name, (1.01, place), xycoords=("axes fraction", "data"), **style)


def stacked_shares(ax, places, parts, styles, *, dim="component"):
    """Draw one horizontal bar of length 1 per place, cut into the shares of its parts.

    The label of a part that is everywhere too thin to be seen says how large it is.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    places : array (n,)
        Where the bars lie.
    parts : xarray.DataArray
        Amounts along ``dim``; the other dimensions make n bars.
    styles : dict of str to dict
        How each part looks, such as ``{"color": "k", "label": "digital"}``, in their order.
    dim : str
    """
    shares = parts / parts.sum(dim)
    ends, edges = shares.cumsum(dim), {"edgecolor": "white", "linewidth": 0.4}
    for part, style in styles.items():
        length, end = (values.sel({dim: part}).values.ravel() for values in (shares, ends))
        thin = f" (at most {100 * length.max():.1g} %)" if length.max() < 0.01 else ""
        style = style | {"label": style["label"] + thin}
        ax.barh(places, length, left=end - length, height=0.75, **edges, **style)
    ax.set_xlim(0, 1)


def tornado(ax, bars, names, *, most=6):
    """Draw how far each constant moves a ratio from its typical value, the widest bar on top.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    bars : xarray.Dataset
        ``at_low`` and ``at_high`` along ``constant``, ``at_typical`` and ``published``.
    names : dict of str to str
        What stands beside the bar of each constant.
    most : int
        Bars to draw at most.
    """
    widest = np.argsort(-abs(bars["at_high"] - bars["at_low"]).values)[:most]
    bars, middle = bars.isel(constant=widest), float(bars["at_typical"])
    places = np.arange(bars.sizes["constant"])
    for end, color in (("low", SKY), ("high", VERMILION)):
        style = {"color": color, "height": 0.6, "label": f"constant at its {end} end"}
        ax.barh(places, bars[f"at_{end}"] - middle, left=middle, **style)
    ax.axvline(middle, color="k", linewidth=0.6, label="all constants typical")
    published = float(bars["published"])
    ax.axvline(published, color="k", linestyle=":", linewidth=1.0, label="published")
    ax.set_yticks(places, [names[key] for key in bars["constant"].values])
    ax.set_ylim(len(places) - 0.4, -0.6)
