"""The style of the figures, and the panels that more than one notebook draws."""

import math

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from crossmem.analysis.statistics import mean_interval, refuse_missing
from crossmem.checks import check_choice

#: Dots per inch of a figure inside a notebook.
INLINE_DPI = 150

MILLIMETRE = 1 / 25.4  # inch, the unit of matplotlib
WIDTHS = {"single": 89.0, "double": 183.0}  # mm, one and two columns of a Nature journal

# Okabe & Ito's palette (https://jfly.uni-koeln.de/color/) holds up under each kind of colour
# blindness, and the markers tell the curves apart in grey print.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
NEUTRAL = "0.45"  # grey of theory lines and stamps
ACCENT = VERMILION  # for panels of a single quantity
PROMINENT = {"linewidth": 1.8, "zorder": 3}


def _look(color, marker, label, **more):
    return {"color": color, "marker": marker, "label": label, **more}


RULE_STYLE = {
    "hebbian": _look(SKY, "v", "Hebb"),
    "storkey": _look(GREEN, "^", "Storkey"),
    "pseudo-inverse": _look(BLUE, "s", "pseudo-inverse"),
    "equilibrium": _look(PURPLE, "D", "equilibrium propagation"),
    "adaptive": _look(VERMILION, "o", "adaptive", **PROMINENT),
    "multilayer": _look(BLACK, "P", "adaptive, hidden layer"),
    "noise-trained": _look(ORANGE, "X", "noise-trained"),
}

# Stacks by their layers of weights: the Hopfield network, one hidden layer, and deeper.
LAYER_STYLE = {
    1: _look(VERMILION, "o", "single layer", **PROMINENT),
    2: _look(BLACK, "P", "one hidden layer"),
    3: _look(BLUE, "s", "two hidden layers"),
    4: _look(GREEN, "^", "three hidden layers"),
}

# Ways to recall on a chip.
PLAN_STYLE = {
    "synchronous": _look(VERMILION, "o", "synchronous", markersize=5.5),
    "sweeps": _look(BLUE, "s", "sweeps"),
    "sweeps, lines held": _look(PURPLE, "D", "sweeps, lines held", markersize=2.5, zorder=4),
    "random draws": _look(GREEN, "^", "random draws"),
    "sweeps, one strip": _look(
        BLUE, "s", "sweeps, only the strip read driven", markersize=2, linewidth=0.6
    ),
}

# Parts of the chip in bars.
COMPONENT_STYLE = {
    "dac": {"color": ORANGE, "label": "lines (DAC)"},
    "array": {"color": GREEN, "label": "array"},
    "tia": {"color": SKY, "label": "integrators (TIA)"},
    "adc": {"color": BLUE, "label": "ADC"},
    "digital": {"color": BLACK, "label": "digital"},
}

# Trainings of one network.
TRAINING_STYLE = {
    "published": _look(VERMILION, "o", "published training", **PROMINENT),
    "clean cues, Adam": _look(SKY, "v", "clean cues, Adam"),
    "noisy cues": _look(BLUE, "s", "noisy cues"),
    "two updates": _look(BLACK, "D", "noisy cues, two updates"),
}

# Ways to use a chip with faulty devices: cold for masked pairs, warm for intervals.
WAY_STYLE = {
    "ideal": _look("0.6", ".", "masked, as published", linestyle=":"),
    "masked": _look(SKY, "v", "masked, in truth"),
    "corrected": _look(PURPLE, "D", "masked, bias correction"),
    "compensated": _look(BLUE, "s", "masked, partner compensates"),
    "noisy mask": _look(GREEN, "^", "the same, noise-trained"),
    "intervals": _look(VERMILION, "o", "intervals"),
    "noise-trained": _look(ORANGE, "X", "intervals, noise-trained"),
    "two updates": _look(BLACK, "D", "intervals, two updates"),
    "largest margin": _look("#8C510A", "<", "intervals, largest margin"),
    "likeliest recall": _look("#44AA99", "P", "intervals, likeliest recall"),
    "exchanged": _look("#882255", "*", "the same, columns exchanged", markersize=5, **PROMINENT),
}

# When recall is read, and memories whose training is chosen.
RECALL_STYLE = {
    "one pass": _look(SKY, "v", "one pass"),
    "ten updates": _look(BLACK, "D", "ten updates"),
}
MEMORY_STYLE = {
    "one layer": _look(BLUE, "s", "one layer"),
    "hidden layer": _look(GREEN, "^", "hidden layer"),
    "grey": _look(PURPLE, "o", "grey"),
}

# Labels of the axes against which capacities stand.
SIZES = {
    "neurons": "neurons $N$",
    "width": "hidden neurons $N_h$",
    "masked_fraction": "masked weights (share)",
}

STYLES = {
    "rule": RULE_STYLE,
    "layers": LAYER_STYLE,
    "way": WAY_STYLE,
    "training": TRAINING_STYLE,
    "recall": RECALL_STYLE,
    "memory": MEMORY_STYLE,
}

STYLE = {
    "figure.dpi": INLINE_DPI,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.06,  # inch
    "figure.constrained_layout.h_pad": 0.06,
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "axes.linewidth": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.interpolation": "nearest",
}


def use_style():
    """Set the style for every figure that follows."""
    sns.set_theme(style="ticks", palette="colorblind", rc=STYLE)


def new_figure(rows=1, columns=1, *, width="single", height_mm=None, **options):
    """Make a figure as wide as one or two columns of the journal.

    Parameters
    ----------
    rows, columns : int
        Number of panels.
    width : {"single", "double"}
        89 mm or 183 mm.
    height_mm : float, optional
        Height of the whole figure in mm; by default panels are about 3:2.
    **options
        For `matplotlib.pyplot.subplots`, whose figure and axes are returned.
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
    values : xarray.DataArray
        With the dimensions ``x`` and ``dim``, no others. Places and repetitions that are all NaN
        are left out.
    x : str
        The coordinate of the horizontal axis.
    spread : {"quartiles", "interval"}
        What the band holds: the middle half of the seeds, or the 95 % bootstrap interval of their
        mean. A single seed has no band.
    dim : str
        The dimension of the repetitions.
    skipna : bool
        Whether a repetition may lack single values, as where there is nothing to average.
    **style
        For `matplotlib.axes.Axes.plot`: label, color, marker and the like.
    """
    check_choice(spread, "spread", ("quartiles", "interval"))
    if set(values.dims) != {x, dim}:
        raise ValueError(
            f"values have the dimensions {values.dims}, but a curve takes ({x!r}, {dim!r}): "
            "select one value of each other dimension"
        )
    values = values.dropna(x, how="all").dropna(dim, how="all")
    if not skipna:
        refuse_missing(values, "the curve")
    (line,) = ax.plot(values[x], values.mean(dim), **style)
    if values.sizes[dim] < 2:
        return
    if spread == "interval":
        _, low, high = mean_interval(values, dim)
    else:
        low, high = values.quantile([0.25, 0.75], dim)
    colour, order = line.get_color(), line.get_zorder() - 0.5
    ax.fill_between(values[x], low, high, color=colour, alpha=0.2, linewidth=0, zorder=order)


def curves(ax, values, x, *, by="rule", spread="quartiles", **style):
    """Draw one `curve` per learning rule, number of layers, way and so on, each in its own style.

    The weakest come first, so that the prominent one lies on top; ``style`` overrides.

    Parameters
    ----------
    ax, values, x, spread
        As in `curve`, with ``by`` as one more dimension of the values.
    by : str
        The coordinate whose entries are told apart, of `STYLES`.
    """
    styles = STYLES[check_choice(by, "by", STYLES)]
    for entry in (name for name in styles if name in values[by].values):
        curve(ax, values.sel({by: entry}), x, spread=spread, **styles[entry] | style)


def theory_line(ax, x, y, label):
    """Draw a thin dashed neutral line, with its label beside its right end, outside the curves."""
    ax.plot(x, y, color=NEUTRAL, linestyle="--", linewidth=0.7, zorder=1)
    look = {"va": "center", "color": NEUTRAL, "fontsize": 6, "annotation_clip": False}
    end = np.asarray(x)[-1], np.asarray(y)[-1]
    ax.annotate(label, end, xytext=(4, 0), textcoords="offset points", **look)


def letter(ax, name):
    """Write the paper's letter of a panel at its upper left."""
    ax.set_title(name, loc="left", fontweight="bold")


def stamp(figure, scale):
    """Say in the lower right corner at which scale the figure was made; layout makes room."""
    style = {"x": 0.995, "ha": "right", "fontsize": 5.5, "color": NEUTRAL}
    figure.supxlabel(f"{scale} scale", **style)


def images(ax, patterns, *, columns=None):
    """Show square patterns as small images, in rows, without ticks.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    patterns : array_like of float, shape (n, side * side)
        Values in [-1, 1]; 1 is ink.
    columns : int, optional
        Images per row; by default all in one row.
    """
    patterns = np.asarray(patterns, dtype=float)
    side = math.isqrt(patterns.shape[-1])
    if patterns.ndim != 2 or side * side != patterns.shape[1]:
        raise ValueError(
            f"patterns have shape {patterns.shape}, but images need (n, side * side): reshape them"
        )
    columns = columns or len(patterns)
    rows = math.ceil(len(patterns) / columns)
    tiles = np.full((rows * columns, side + 1, side + 1), np.nan)  # NaN: the gap stays white
    tiles[: len(patterns), :side, :side] = patterns.reshape(-1, side, side)
    grid = tiles.reshape(rows, columns, side + 1, side + 1).swapaxes(1, 2)
    mosaic = grid.reshape(rows * (side + 1), columns * (side + 1))[:-1, :-1]
    # Below -1 the scale goes on, so that paper stays a little darker than the gaps.
    ax.imshow(mosaic, cmap="Greys", vmin=-1.3, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def conductance_map(ax, conductance, *, g_max=150.0, colorbar=True):
    """Show the devices of a crossbar as they lie on it.

    Inputs are rows; each output is a pair of adjacent columns, its G+ left of its G-.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    conductance : array_like of float, shape (n_out, n_in, 2)
        In µS.
    g_max : float
        Upper end of the colour scale in µS.
    colorbar : bool
        Draw the scale beside the map.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    conductance = np.asarray(conductance, dtype=float)
    if conductance.ndim != 3 or conductance.shape[2] != 2:
        raise ValueError(
            f"conductance has shape {conductance.shape}, but a map needs (n_out, n_in, 2)"
        )
    devices = conductance.transpose(1, 0, 2).reshape(conductance.shape[1], -1)
    shown = ax.imshow(devices, cmap="viridis", aspect="auto", vmin=0, vmax=g_max)
    ax.set(xlabel=r"column: $G^+$, $G^-$ of each output", ylabel="row: input")
    if colorbar:
        ax.figure.colorbar(shown, ax=ax, label="conductance (µS)", extend="both", pad=0.02)
    return shown


def capacity_panel(ax, capacities, x, *, lines, sizes=None, panel=None, **labels):
    """Draw capacities by training: solid by the mean, dotted where each pattern is recalled.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    capacities : dict of str to xarray.DataArray (criterion, seed, x)
        By training, as in `TRAINING_STYLE`. Places where nothing is held are left out.
    x : str
        The coordinate of the horizontal axis.
    lines : (array, dict of str to array)
        Places of all theory lines, and the values of each by its label.
    sizes : array, optional
        Ticks of the horizontal axis; both axes are logarithmic then.
    panel : str, optional
        The paper's letter of the panel.
    **labels
        For `matplotlib.axes.Axes.set`, such as other labels of the axes.
    """
    places, lines = lines
    each = {"linestyle": ":", "label": None, "markersize": 2, "linewidth": 0.9}
    for training, values in capacities.items():
        for criterion, look in (("mean", {}), ("worst_pattern", each)):
            if criterion in values["criterion"]:
                held = values.sel(criterion=criterion, drop=True)
                held = held.where(held.mean("seed") > 0)  # no logarithm of nothing
                curve(ax, held, x, spread="interval", **TRAINING_STYLE[training] | look)
    ax.set(**{"xlabel": SIZES.get(x, x), "ylabel": "capacity (patterns)"} | labels)
    ax.plot([], [], "k:", linewidth=0.9, label="each pattern ≥ 0.99")
    for label, line in lines.items():
        theory_line(ax, places, line, label)
    if panel:
        letter(ax, panel)
    if sizes is not None:
        ax.set(xscale="log", yscale="log")
        ax.set_xticks(sizes, sizes)
        ax.minorticks_off()


def forest(ax, names, series, *, xlabel):
    """Draw ratios with their intervals in rows, one below the other, on a logarithmic axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    names : list of str
        Names of the rows.
    series : dict of str to list of (Interval or None)
        Two of them, by label: an interval for each row, None for a row that has none.
    xlabel : str
    """
    filled = {"marker": "o", "color": ACCENT}
    hollow = {"marker": "s", "color": BLUE, "markerfacecolor": "white"}
    looks = list(zip(series.values(), (-0.15, 0.15), (filled, hollow), strict=True))
    for place in range(len(names)):
        ax.axhline(place, color="0.92", linewidth=0.6, zorder=0)
        for intervals, shift, style in looks:
            if intervals[place] is not None:
                mean, low, high = (float(value) for value in intervals[place])
                ends = {"xerr": [[mean - low], [high - mean]], "elinewidth": 1}
                ax.errorbar(mean, place + shift, linestyle="none", **ends, **style)
    for label, (_, _, style) in zip(series, looks, strict=True):
        ax.errorbar([], [], linestyle="none", label=label, **style)
    ax.axvline(1, color=NEUTRAL, linewidth=0.7, linestyle="--")
    ax.set(xscale="log", xlabel=xlabel, ylim=(len(names) - 0.5, -0.5))
    least, most = ax.get_xlim()
    ticks = [tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50) if least <= tick <= most]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower right")
