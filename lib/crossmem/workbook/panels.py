"""Panels of memories that are written on chips: what they hold, and what their recall loses."""

import numpy as np
from matplotlib.lines import Line2D

from crossmem.workbook.guides import plain_decades
from crossmem.workbook.marks import tint
from crossmem.workbook.plotting import BLUE, NEUTRAL, STYLES, TRAINING_STYLE, WRITING_STYLE, curve

DOTTED = {"linestyle": ":", "label": None, "markersize": 2, "linewidth": 0.9}
#: The look of what is held if the images are written down.
WRITTEN_IMAGES = {"color": NEUTRAL, "linestyle": "--", "linewidth": 0.9, "label": "written images"}
#: The look of a value that the paper prints: on top of the curves, which stay visible through it.
PAPER_VALUE = {"marker": "*", "linestyle": "none", "color": NEUTRAL, "markersize": 15}
PAPER_VALUE |= {"markerfacecolor": "none", "markeredgewidth": 1.2, "zorder": 9}
PAPER_VALUE["label"] = "value in the paper"
AXES = {"neurons": "neurons $N$", "width": "hidden neurons $N_h$"}
AXES["masked_fraction"] = "masked weights (share)"
CURVES = (
    ("published", "at once", TRAINING_STYLE["published"]["label"] + ", written at once"),
    ("ours", "at once", "ours, written at once"),
    ("ours", "in stages", "ours, written in stages"),
)
#: Looks and labels of the two memories of a control with unseen images, by training.
CONTROLS = {
    "ours": (WRITING_STYLE["in stages"], "ours"),
    "published": (TRAINING_STYLE["published"], "published"),
}


def capacity_panel(ax, capacity, images, x):
    """Draw capacities of written chips: solid by the mean criterion, dotted by the worst pattern.

    The bands are quartiles. What is nowhere held has no place on the logarithmic axis.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    capacity : xarray.DataArray (training, way, criterion, seed, x)
        In patterns; NaN where a seed or a criterion was not searched.
    images : xarray.DataArray (x,)
        Images that the same devices hold if they are written down.
    x : str
        A key of `AXES`. All but the masked fraction are on a logarithmic axis.
    """
    for training, way, label in CURVES:
        style = TRAINING_STYLE["published"] if training == "published" else WRITING_STYLE[way]
        held = capacity.sel(training=training, way=way, drop=True)
        held = held.where(held > 0)
        curve(ax, held.sel(criterion="mean"), x, skipna=True, **style | {"label": label})
        worst = held.sel(criterion="worst_pattern")
        ours_at_once = (training, way) == ("ours", "at once")  # it would hide the others
        if worst.notnull().any("seed").sum() > 1 and not ours_at_once:
            curve(ax, worst, x, skipna=True, **style | DOTTED)
    ax.plot(images[x], images, **WRITTEN_IMAGES)
    ax.plot([], [], **DOTTED | {"color": NEUTRAL, "label": "worst-pattern criterion"})
    ax.set(xlabel=AXES[x])
    if x != "masked_fraction":
        ax.set_xscale("log")
        ax.set_xticks(capacity[x].values, capacity[x].values)
    ax.set_yscale("log")
    ax.minorticks_off()
    plain_decades(ax.yaxis)


def weights_panel(ax, free, within, *, error):
    """Draw densities (weight,) of free weights and of those within reach, and an error beside them.

    The ``error`` is that of programming, in units of G_max as the weights are.
    """
    looks = {"color": "k", "label": "free, then scaled"}, {"color": BLUE, "label": "within reach"}
    for density, look in zip((free, within), looks, strict=True):
        shown = density.where(density > 0)
        ax.step(shown["weight"], shown, where="mid", linewidth=1.1, **look)
    ax.axvspan(-error, error, color="0.85", zorder=0, label="± one programming error")
    ax.set(xlabel=r"weight ($G_{\max}$)", yscale="log", xlim=(-1.05, 1.05))


def loss_panel(ax, quality, x, *, threshold):
    """Draw the cosine that recall loses by way of writing, and the threshold.

    ``quality`` holds ``cosine`` (solid) and ``worst_cosine`` (dotted), each (way, seed, x); the
    bands are quartiles.
    """
    for way in ("at once", "in stages"):
        for name, own in (("cosine", {}), ("worst_cosine", DOTTED)):
            lost = 1 - quality[name].sel(way=way, drop=True)
            curve(ax, lost, x, **WRITING_STYLE[way] | own)
    ax.axhline(1 - threshold, color=NEUTRAL, linewidth=0.6, linestyle="--")
    ax.set(yscale="log")


def control_panel(ax, control):
    """Draw the recall of stored and of unseen images side by side, for each memory.

    ``control`` holds the cosines ``before`` and ``after`` (training, memory, images).
    """
    memories = control["memory"].values
    for shift, (training, (look, label)) in zip((-0.13, 0.13), CONTROLS.items(), strict=True):
        for images, fill in (("stored", look["color"]), ("unseen", "white")):
            style = {"linestyle": "none", "color": look["color"], "marker": look["marker"]}
            after = control["after"].sel(training=training, images=images)
            place, style["label"] = np.arange(len(memories)) + shift, f"{label}: {images}"
            ax.plot(place, after, markerfacecolor=fill, **style)
    before = control["before"].sel(images="unseen", training="ours")
    ax.plot(range(len(memories)), before, "_", color=NEUTRAL, markersize=16, label="cue")
    names = [name.replace(", ", "\n").replace(" layer", "\nlayer") for name in memories]
    ax.set_xticks(range(len(memories)), names, fontsize=5.5)
    ax.set(ylabel="cosine similarity", xlim=(-0.5, len(memories) - 0.5))


def net_panel(ax, net, counts, images):
    """Draw net patterns (training, load, seed) against the stored ``counts`` (training, load).

    Dotted, as many net patterns as stored ones; dashed, the ``images`` that are held if written
    down.
    """
    for training, (look, _) in CONTROLS.items():
        shown = net.sel(training=training, drop=True)
        stored = counts.sel(training=training).values
        curve(ax, shown.assign_coords(load=stored), "load", **look | {"label": None})
    top = float(counts.max())
    ax.plot([0, top], [0, top], ":", color=NEUTRAL, linewidth=0.8)
    ax.axhline(images, **WRITTEN_IMAGES)
    ax.set(xlabel="stored patterns $P$", xlim=(0, None), ylim=(0, None))


def control_row(axes, control, net, memories):
    """Draw a `control_panel` of memories at their capacity, and a `net_panel` of each.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
        One for the control, and one for each memory.
    control : xarray.Dataset
        As in `control_panel`, with ``n_patterns`` (training, memory, load).
    net : xarray.DataArray (training, memory, load, seed)
    memories : dict of str to (str, float)
        By short name: the name in the dataset, and how many images the devices hold if they are
        written down.
    """
    first, *others = axes
    full = control.sel(memory=[name for name, _ in memories.values()], load=1.0).mean("seed")
    control_panel(first, full.sel(start="corrupted").assign_coords(memory=list(memories)))
    for ax, (short, (name, images)) in zip(others, memories.items(), strict=False):
        counts = control["n_patterns"].sel(memory=name)
        net_panel(ax, net.sel(memory=name), counts, images)
        ax.set_title(short.replace(" ", "\n"), fontsize=7)
    others[0].set_ylabel(r"net patterns $P_{\rm net}$")


def plan_panel(ax, missed, sound, places, chosen, others=None, ways=()):
    """Draw what recall loses by the plan of the stages in which a memory is written.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    missed : xarray.DataArray (memory, stage_plan, seed)
        Cosine on chips of which a scan missed faults. The bands are 95 % intervals of the mean.
    sound : xarray.DataArray (memory, stage_plan, seed)
        The same without faults, pale.
    places : dict of float to str
        The plans to draw by their place on the axis, which are its ticks.
    chosen : float
        The place to mark.
    others : dict of float to str, optional
        Plans with missed faults that are drawn dashed and hollow.
    ways : pair of str, optional
        What the solid and the dashed lines are.
    """
    dashed, styles = {"linestyle": "--", "mfc": "white"}, STYLES["memory"]
    drawn = [(missed, places, {}, "faults missed"), (missed, others or {}, dashed, "")]
    for cosine, plans, look, label in [*drawn, (sound, places, {"marker": "D"}, "no fault")]:
        for memory in cosine["memory"].values if plans else ():
            own = styles[memory] | {"label": f"{memory}, {label}" if label else None} | look
            own["color"] = tint(own["color"], 0.45) if cosine is sound else own["color"]
            shown = 1 - cosine.sel(memory=memory, stage_plan=list(plans.values()), drop=True)
            shown = shown.assign_coords(stage_plan=list(plans))
            curve(ax, shown, "stage_plan", spread="interval", **own)
    ax.axvline(chosen, color=NEUTRAL, linewidth=0.7, linestyle=":", label="chosen")
    ax.set_yscale("log")
    ax.minorticks_off()
    plain_decades(ax.yaxis)
    ax.set_xticks(list(places), list(places))
    if ways:
        keys = [Line2D([], [], color=NEUTRAL, marker="o", **look) for look in ({}, dashed)]
        ax.legend(keys, ways, loc="upper right", bbox_to_anchor=(0.95, 1))
