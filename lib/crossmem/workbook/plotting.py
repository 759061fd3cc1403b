"""The style of the figures, and the panels that more than one notebook draws."""

import math

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from crossmem.analysis.statistics import mean_interval
from crossmem.checks import check_choice
from crossmem.chip.devices import DeviceModel

#: Dots per inch of a figure inside a notebook.
INLINE_DPI = 150


MILLIMETRE = 1 / 25.4  # inch, the unit of matplotlib


WIDTHS = {"single": 89.0, "double": 183.0}  # mm, one and two columns of a Nature journal


NEUTRAL = "0.45"  # grey of theory lines and stamps


# Okabe & Ito's palette (https://jfly.uni-koeln.de/color/) holds up under each kind of colour
# blindness, and the markers tell the curves apart in grey print.
METHOD_STYLE = {
    "hebbian": {"color": "#56B4E9", "marker": "v", "label": "Hebb"},
    "storkey": {"color": "#009E73", "marker": "^", "label": "Storkey"},
    "pseudo-inverse": {"color": "#0072B2", "marker": "s", "label": "pseudo-inverse"},
    "equilibrium": {"color": "#CC79A7", "marker": "D", "label": "equilibrium propagation"},
    "adaptive": {
        "color": "#D55E00",
        "marker": "o",
        "label": "adaptive",
        "linewidth": 1.8,
        "zorder": 3,
    },
    "multilayer": {"color": "#000000", "marker": "P", "label": "adaptive, hidden layer"},
    "noise-trained": {"color": "#E69F00", "marker": "X", "label": "noise-trained"},
}


# Stacks by their layers of weights: the Hopfield network, one hidden layer, and deeper.
LAYER_STYLE = {
    1: METHOD_STYLE["adaptive"] | {"label": "single layer"},
    2: METHOD_STYLE["multilayer"] | {"label": "one hidden layer"},
    3: {"color": "#0072B2", "marker": "s", "label": "two hidden layers"},
    4: {"color": "#009E73", "marker": "^", "label": "three hidden layers"},
}


# Trainings of one network (notebook 07).
TRAINING_STYLE = {
    "published": METHOD_STYLE["adaptive"] | {"label": "published training"},
    "clean cues, Adam": {"color": "#56B4E9", "marker": "v", "label": "clean cues, Adam"},
    "noisy cues": {"color": "#0072B2", "marker": "s", "label": "noisy cues"},
    "two updates": {"color": "#000000", "marker": "D", "label": "noisy cues, two updates"},
}


# Ways to use a chip with faulty devices (`pairs.WAYS`): cold for masked pairs, warm for intervals.
WAY_STYLE = {
    "ideal": {"color": "0.6", "marker": ".", "linestyle": ":", "label": "masked, as published"},
    "masked": {"color": "#56B4E9", "marker": "v", "label": "masked, in truth"},
    "corrected": {"color": "#CC79A7", "marker": "D", "label": "masked, bias correction"},
    "compensated": {"color": "#0072B2", "marker": "s", "label": "masked, partner compensates"},
    "noisy mask": {"color": "#009E73", "marker": "^", "label": "the same, noise-trained"},
    "intervals": {"color": "#D55E00", "marker": "o", "label": "intervals"},
    "noise-trained": METHOD_STYLE["noise-trained"] | {"label": "intervals, noise-trained"},
    "two updates": {"color": "#000000", "marker": "D", "label": "intervals, two updates"},
    "largest margin": {"color": "#8C510A", "marker": "<", "label": "intervals, largest margin"},
    "likeliest recall": {
        "color": "#44AA99",
        "marker": "P",
        "label": "intervals, likeliest recall",
    },
    "exchanged": {
        "color": "#882255",
        "marker": "*",
        "markersize": 5,
        "label": "the same, columns exchanged",
        "linewidth": 1.8,
        "zorder": 3,
    },
}


STYLES = {"method": METHOD_STYLE, "layers": LAYER_STYLE, "way": WAY_STYLE}


ACCENT = METHOD_STYLE["adaptive"]["color"]  # for panels of a single quantity


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
        For `matplotlib.pyplot.subplots`, such as ``sharey`` or ``width_ratios``.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes or numpy.ndarray of them

    Raises
    ------
    ValueError
        If the width is unknown.
    """
    width_mm = WIDTHS[check_choice(width, "width", WIDTHS)]
    height_mm = height_mm or rows * (8 + 0.62 * width_mm / columns)
    size = (width_mm * MILLIMETRE, height_mm * MILLIMETRE)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def curve(ax, values, x, *, spread="quartiles", dim="seed", **style):
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
    **style
        For `matplotlib.axes.Axes.plot`: label, color, marker and the like.

    Raises
    ------
    ValueError
        If the spread is unknown or the dimensions are others.
    """
    check_choice(spread, "spread", ("quartiles", "interval"))
    if set(values.dims) != {x, dim}:
        raise ValueError(
            f"values have the dimensions {values.dims}, but a curve takes ({x!r}, {dim!r}): "
            "select one value of each other dimension"
        )
    values = values.dropna(x, how="all").dropna(dim, how="all")
    (line,) = ax.plot(values[x], values.mean(dim), **style)
    if values.sizes[dim] < 2:
        return
    if spread == "interval":
        _, low, high = mean_interval(values, dim)
    else:
        low, high = values.quantile([0.25, 0.75], dim)
    colour, order = line.get_color(), line.get_zorder() - 0.5
    ax.fill_between(values[x], low, high, color=colour, alpha=0.2, linewidth=0, zorder=order)


def method_curves(ax, values, x, *, by="method", spread="quartiles", **style):
    """Draw one `curve` per method, number of layers or way, each in its own style.

    The weakest come first, so that the prominent one lies on top; ``style`` overrides.

    Parameters
    ----------
    ax, values, x, spread
        As in `curve`, with ``by`` as one more dimension of the values.
    by : {"method", "layers", "way"}
        The coordinate whose entries are told apart, as in `METHOD_STYLE`, `LAYER_STYLE` and
        `WAY_STYLE`.
    """
    styles = STYLES[check_choice(by, "by", STYLES)]
    for entry in (name for name in styles if name in values[by].values):
        chosen = values.sel({by: entry})  # as a keyword, `method` would be an option of `sel`
        curve(ax, chosen, x, spread=spread, **styles[entry] | style)


def theory_line(ax, x, y, label):
    """Draw a thin dashed neutral line, with its label beside its right end, outside the curves."""
    ax.plot(x, y, color=NEUTRAL, linestyle="--", linewidth=0.7, zorder=1)
    ax.annotate(
        label,
        (np.asarray(x)[-1], np.asarray(y)[-1]),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=NEUTRAL,
        fontsize=6,
        annotation_clip=False,
    )


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

    Raises
    ------
    ValueError
        If the patterns are not a matrix, or not square.
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


def conductance_map(ax, conductance, *, colorbar=True):
    """Show the devices of a crossbar as they lie on it.

    Inputs are rows; each output is a pair of adjacent columns, its G+ left of its G-.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    conductance : array_like of float, shape (n_out, n_in, 2)
        In µS.
    colorbar : bool
        Draw the scale beside the map.

    Returns
    -------
    matplotlib.image.AxesImage

    Raises
    ------
    ValueError
        If the conductances are not pairs.
    """
    conductance = np.asarray(conductance, dtype=float)
    if conductance.ndim != 3 or conductance.shape[2] != 2:
        raise ValueError(
            f"conductance has shape {conductance.shape}, but a map needs (n_out, n_in, 2)"
        )
    devices = conductance.transpose(1, 0, 2).reshape(conductance.shape[1], -1)
    limits = {"vmin": 0, "vmax": DeviceModel.g_max}
    shown = ax.imshow(devices, cmap="viridis", aspect="auto", **limits)
    ax.set(xlabel=r"column: $G^+$, $G^-$ of each output", ylabel="row: input")
    if colorbar:
        ax.figure.colorbar(shown, ax=ax, label="conductance (µS)", extend="both", pad=0.02)
    return shown
