"""The style of the figures, and the panels that more than one notebook draws."""

import itertools
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from crossmem.analysis.statistics import mean_interval, refuse_missing
from crossmem.checks import check_choice, check_shape
from crossmem.patterns import image_side
from crossmem.storage import read_yaml

#: Dots per inch of a figure inside a notebook.
INLINE_DPI = 150

MILLIMETRE = 1 / 25.4  # inch, the unit of matplotlib
WIDTHS = {"single": 89.0, "double": 183.0}  # mm, one and two columns of a Nature journal

#: The looks of `curves`, by the dimension whose entries they tell apart.
STYLES = read_yaml(Path(__file__).with_name("styles.yaml"))
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = STYLES.pop("palette").values()
ROLES = STYLES.pop("roles")  # what a colour means in every chapter
RULE_STYLE, LAYER_STYLE, PLAN_STYLE = STYLES["rule"], STYLES["layers"], STYLES["plan"]
COMPONENT_STYLE, TRAINING_STYLE = STYLES["component"], STYLES["training"]
WAY_STYLE, NETWORK_STYLE, LOAD_STYLE = STYLES["way"], STYLES["network"], STYLES["load"]
SCAN_STYLE, CELL_STYLE = STYLES["mode"], STYLES["cell"]
DEVICE_STYLE, WRITING_STYLE = STYLES["device"], STYLES["writing"]
NEUTRAL = "0.45"  # grey of theory lines and stamps
FAINT = {"color": NEUTRAL, "fontsize": 6}  # their labels
ACCENT = VERMILION  # for panels of a single quantity


def use_style():
    """Set the style for every figure that follows."""
    sns.set_theme(style="ticks", palette="colorblind")
    plt.style.use(Path(__file__).with_name("figures.mplstyle"))


def new_figure(rows=1, columns=1, *, width="single", height_mm=None, **options):
    """Make a figure with rows and columns of panels, as wide as one or two columns of the journal.

    `height_mm` is that of the whole figure; by default panels are about 3:2. Options go to
    `matplotlib.pyplot.subplots`, whose figure and axes are returned.
    """
    width_mm = WIDTHS[check_choice(width, "width", WIDTHS)]
    height_mm = height_mm or rows * (8 + 0.62 * width_mm / columns)
    size = (width_mm * MILLIMETRE, height_mm * MILLIMETRE)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def curve(ax, values, x, *, spread="quartiles", dim="seed", skipna=False, **style):
    """Draw the mean over seeds against a coordinate, with a band that shows how they spread.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    values : xarray.DataArray (x, dim)
        Places and repetitions that are all NaN are left out.
    x, dim : str
        The coordinate of the horizontal axis, and the dimension of the repetitions.
    spread : {"quartiles", "interval", "median"}
        What the band holds: the middle half of the seeds, or the 95 % bootstrap interval of their
        mean; "median" is the middle half around their median. A single seed has no band.
    skipna : bool
        Whether a repetition may lack single values, as where there is nothing to average.
    **style
        For `matplotlib.axes.Axes.plot`: label, color, marker and the like.
    """
    check_choice(spread, "spread", ("quartiles", "interval", "median"))
    if set(values.dims) != {x, dim}:
        raise ValueError(
            f"values have the dimensions {values.dims}, but a curve takes ({x!r}, {dim!r}): "
            "select one value of each other dimension"
        )
    values = values.dropna(x, how="all").dropna(dim, how="all")
    if not skipna:
        refuse_missing(values, "the curve")
    middle = values.median(dim) if spread == "median" else values.mean(dim)
    (line,) = ax.plot(values[x], middle, **style)
    if values.sizes[dim] < 2:
        return
    if spread == "interval":
        _, low, high = mean_interval(values, dim)
    else:
        low, high = values.quantile([0.25, 0.75], dim)
    order = 1 if spread == "median" else line.get_zorder() - 0.5  # 1: below all curves
    look = {"color": line.get_color(), "alpha": 0.2, "linewidth": 0, "zorder": order}
    ax.fill_between(values[x], low, high, **look)


def curves(ax, values, x, *, by="rule", **style):
    """Draw a `curve` for each entry of a dimension of `STYLES`, each in its own style.

    `by` may also be a tuple of dimensions: there is a curve for each combination of their entries,
    whose styles add up. ``style`` overrides them. The weakest come first, so that the prominent one
    lies on top.
    """
    dims = (by,) if isinstance(by, str) else by
    known = [STYLES[check_choice(dim, "by", STYLES)] for dim in dims]
    shown = [
        [entry for entry in styles if entry in values[dim].values]
        for dim, styles in zip(dims, known, strict=True)
    ]
    for entries in itertools.product(*shown):
        look = {}
        for styles, entry in zip(known, entries, strict=True):
            look |= styles[entry]
        place = dict(zip(dims, entries, strict=True))
        curve(ax, values.sel(place), x, **look | style)


def theory_line(ax, x, y, label):
    """Draw a thin dashed neutral line, with its label beside its right end, outside the curves."""
    ax.plot(x, y, color=NEUTRAL, linestyle="--", linewidth=0.7, zorder=1)
    look = FAINT | {"va": "center", "textcoords": "offset points", "annotation_clip": False}
    ax.annotate(label, (np.asarray(x)[-1], np.asarray(y)[-1]), xytext=(4, 0), **look)


def letter(ax, name):
    """Write the paper's letter of a panel at its upper left."""
    ax.set_title(name, loc="left", fontweight="bold")


def letters(axes, names):
    """Write a `letter` on each of several panels."""
    for ax, name in zip(axes, names, strict=True):
        letter(ax, name)


def images(ax, patterns, *, columns=None):
    """Show patterns (n, side * side) in [-1, 1], of which 1 is ink, as small images in rows.

    `columns` is the number of images per row; by default all stand in one row.
    """
    patterns = np.asarray(patterns, dtype=float)
    check_shape(patterns, ("n", "side * side"), "patterns", "reshape them")
    side = image_side(patterns.shape[1])
    columns = columns or len(patterns)
    rows = math.ceil(len(patterns) / columns)
    tiles = np.full((rows * columns, side + 1, side + 1), np.nan)  # NaN: the gap stays white
    tiles[: len(patterns), :side, :side] = patterns.reshape(-1, side, side)
    mosaic = np.block([list(row) for row in tiles.reshape(rows, columns, side + 1, side + 1)])
    # Below -1 the scale goes on, so that paper stays a little darker than the gaps.
    ax.imshow(mosaic[:-1, :-1], cmap="Greys", vmin=-1.3, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def conductance_map(ax, conductance, *, colorbar=True):
    """Show the conductances (n_out, n_in, 2) in µS of a crossbar's devices as they lie on it.

    Inputs are rows; each output is a pair of adjacent columns, its G+ left of its G-.
    """
    conductance = np.asarray(conductance, dtype=float)
    check_shape(conductance, ("n_out", "n_in", 2), "conductance", "give that of the devices")
    devices = conductance.transpose(1, 0, 2).reshape(conductance.shape[1], -1)
    shown = ax.imshow(devices, cmap="viridis", aspect="auto", vmin=0, vmax=150)
    ax.set(xlabel=r"column: $G^+$, $G^-$ of each output", ylabel="row: input")
    if colorbar:
        ax.figure.colorbar(shown, ax=ax, label="conductance (µS)", extend="both", pad=0.02)


def forest(ax, names, series, *, xlabel):
    """Draw ratios with their intervals in rows, one below the other, on a logarithmic axis.

    `series` holds two or three lists by label: for each of the named rows an interval (mean, low,
    high), or None.
    """
    looks = {"marker": "o", "color": BLUE}, {"marker": "s", "color": BLUE, "mfc": "white"}
    looks += ({"marker": "D", "color": SKY, "markersize": 4},)
    shifts = np.linspace(-0.25, 0.25, 3) if len(series) == 3 else (-0.15, 0.15)
    for (label, intervals), shift, look in zip(series.items(), shifts, looks, strict=False):
        rows = [row for row, one in enumerate(intervals) if one is not None]
        mean, low, high = np.reshape([intervals[row] for row in rows], (-1, 3)).T
        bars = {"xerr": [mean - low, high - mean], "elinewidth": 1}
        ax.errorbar(mean, np.add(rows, shift), linestyle="none", **bars, **look)
        ax.plot([], [], linestyle="none", label=label, **look)
    for row in range(len(names)):
        ax.axhline(row, color="0.92", linewidth=0.6, zorder=0)
    ax.axvline(1, color=NEUTRAL, linewidth=0.7, linestyle="--")
    ax.set(xscale="log", xlabel=xlabel, ylim=(len(names) - 0.5, -0.5))
    least, most = ax.get_xlim()
    ticks = [tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50) if least <= tick <= most]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower right")
