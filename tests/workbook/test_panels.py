"""Panels of written memories: which curves there are, and what is left out."""

import numpy as np
import pytest
import xarray as xr

from crossmem.workbook import panels

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def labels(axes):
    return [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]


def capacities():
    """A number for each training, way and criterion; the largest size with one seed only."""
    coords = {"training": ["ours", "published"], "way": ["trained", "at once", "in stages"]}
    coords |= {"criterion": ["mean", "worst_pattern"], "seed": [0, 1], "neurons": [64, 144, 400]}
    held = xr.DataArray(np.zeros([2, 3, 2, 2, 3]), coords, list(coords))
    held += xr.DataArray([10.0, 20.0, 40.0], {"neurons": coords["neurons"]}, "neurons")
    held.loc[{"seed": 1}] += 2
    held.loc[{"training": "published", "way": "in stages"}] = np.nan
    held.loc[{"seed": 1, "neurons": 400}] = np.nan
    held.loc[{"training": "published", "seed": [0, 1], "neurons": 64}] = 0
    return held


def test_capacities_by_the_mean_and_the_worst_pattern(axes):
    images = xr.DataArray([64, 144, 400], {"neurons": [64, 144, 400]}, "neurons")
    panels.capacity_panel(axes, capacities(), images, "neurons")
    named = [label for *_, label in panels.CURVES]
    assert labels(axes) == [*named, "written images", "worst-pattern criterion"]
    published, _, once, stages, worst, written, dotted = axes.lines
    assert published.get_xdata()[np.isfinite(published.get_ydata())].tolist() == [144, 400]
    for line in (once, stages, worst):
        np.testing.assert_allclose(line.get_ydata(), [11, 21, 40])
    assert [line.get_linestyle() for line in (worst, dotted, written)] == [":", ":", "--"]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["64", "144", "400"]


def test_a_worst_pattern_that_was_searched_at_one_place_is_no_curve(axes):
    held = capacities()
    held.loc[{"criterion": "worst_pattern", "neurons": [64, 144]}] = np.nan
    images = xr.DataArray([64, 144, 400], {"neurons": [64, 144, 400]}, "neurons")
    panels.capacity_panel(axes, held, images, "neurons")
    assert len(axes.lines) == 5  # three curves, written images, and the key of the dotted lines


def test_densities_stand_beside_the_error(axes):
    weights = {"weight": [-1.0, 0.0, 1.0]}
    free = xr.DataArray([0.0, 2.0, 0.0], weights, "weight")
    within = xr.DataArray([0.4, 0.2, 0.4], weights, "weight")
    panels.weights_panel(axes, free, within, error=0.1)
    assert labels(axes) == ["free, then scaled", "within reach"]
    narrow, whole = (line.get_ydata() for line in axes.lines)
    assert np.isnan(narrow).tolist() == [True, False, True] and whole.tolist() == [0.4, 0.2, 0.4]
    (error,) = axes.patches
    assert (error.get_x(), error.get_width()) == pytest.approx((-0.1, 0.2))


def test_losses_stand_by_way(axes):
    coords = {"way": ["trained", "at once", "in stages"], "seed": [0, 1], "error": [1.0, 2.0]}
    cosine = xr.DataArray(np.full([3, 2, 2], 0.9), coords, list(coords))
    cosine.loc[{"way": "in stages"}] = 0.99
    quality = xr.Dataset({"cosine": cosine, "worst_cosine": cosine - 0.1})
    panels.loss_panel(axes, quality, "error", threshold=0.99)
    losses = [line.get_ydata()[0] for line in axes.lines]
    np.testing.assert_allclose(losses, [0.1, 0.2, 0.01, 0.11, 0.01])
    assert labels(axes) == ["written at once", "written in stages"]


def test_stored_and_unseen_images_stand_side_by_side(axes):
    coords = {"training": ["ours", "published"], "memory": ["one layer", "grey"]}
    coords |= {"images": ["stored", "unseen"]}
    after = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), coords, list(coords))
    panels.control_panel(axes, xr.Dataset({"after": after, "before": after + 10}))
    shown = [line.get_ydata().tolist() for line in axes.lines]
    assert shown == [[0, 2], [1, 3], [4, 6], [5, 7], [11, 13]]


def test_net_patterns_stand_over_stored_ones(axes):
    coords = {"training": ["ours", "published"], "load": [0.5, 1.0], "seed": [0, 1]}
    net = xr.DataArray(np.full([2, 2, 2], 5.0), coords, list(coords))
    counts = xr.DataArray([[8, 16], [4, 8]], {"training": coords["training"]}, ("training", "load"))
    panels.net_panel(axes, net, counts, 12.0)
    ours, published, equal, written = axes.lines
    assert ours.get_xdata().tolist() == [8, 16] and published.get_xdata().tolist() == [4, 8]
    assert list(equal.get_ydata()) == [0, 16] and set(written.get_ydata()) == {12.0}


def test_a_control_stands_before_the_net_patterns_of_each_memory():
    coords = {"training": ["ours", "published"], "memory": ["one", "two, half masked"]}
    coords |= {"load": [0.5, 1.0], "seed": [0, 1]}
    net = xr.DataArray(np.full([2, 2, 2, 2], 5.0), coords, list(coords))
    places = {"images": ["stored", "unseen"], "start": ["corrupted", "clean"]}
    after = net.expand_dims(places)
    control = xr.Dataset({"after": after, "before": after + 10})
    control["n_patterns"] = net.mean("seed") + 3
    figure, axes = plt.subplots(1, 4)
    memories = {"one layer": ("one", 12.0), "half masked": ("two, half masked", 7.0)}
    panels.control_row(axes, control, net, memories)
    assert [text.get_text() for text in axes[0].get_xticklabels()] == ["one\nlayer", "half masked"]
    assert [ax.get_title() for ax in axes] == ["", "one\nlayer", "half\nmasked", ""]
    for ax, images in zip(axes[1:], (12, 7), strict=False):
        assert set(ax.lines[-1].get_ydata()) == {images}
    assert not axes[3].lines
    plt.close(figure)


def test_plans_stand_at_their_places(axes):
    coords = {"memory": ["one layer", "grey"], "stage_plan": ["few", "many", "other"]}
    coords |= {"seed": [0, 1]}
    cosine = xr.DataArray(np.full([2, 3, 2], 0.9), coords, list(coords))
    cosine.loc[{"memory": "grey", "stage_plan": "many"}] = [0.98, 1.0]
    plans = {1: "few", 10: "many"}
    sound = cosine.sel(memory=["grey"])
    panels.plan_panel(axes, cosine, sound, plans, 10, {4: "other"}, ("one way", "another"))
    assert labels(axes) == [
        "one layer, faults missed",
        "grey, faults missed",
        "grey, no fault",
        "chosen",
    ]
    one, grey, *others, pale, chosen = axes.lines
    np.testing.assert_allclose(one.get_xydata(), [[1, 0.1], [10, 0.1]])
    np.testing.assert_allclose(grey.get_xydata(), [[1, 0.1], [10, 0.01]])
    np.testing.assert_allclose(pale.get_xydata(), grey.get_xydata())
    assert pale.get_color() != grey.get_color()
    assert set(chosen.get_xdata()) == {10} and axes.get_xticks().tolist() == [1, 10]
    assert [line.get_xdata().tolist() for line in others] == [[4], [4]]
    solid, dashed = axes.get_legend().get_lines()
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", others[0].get_linestyle())
