"""Panels draw what they are given, label it, and refuse what they cannot draw."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from crossmem.experiments.setup import RULES
from crossmem.workbook import plotting


def over_seeds(values, **coords):
    return xr.DataArray(values, dims=("patterns", "seed"), coords={"patterns": [2, 4, 8], **coords})


@pytest.mark.parametrize(("width", "millimetres"), [("single", 89), ("double", 183)])
def test_figures_are_as_wide_as_the_journals_columns(width, millimetres):
    figure, axes = plotting.new_figure(2, 3, width=width, height_mm=70)
    assert figure.get_size_inches() * 25.4 == pytest.approx([millimetres, 70])
    assert axes.shape == (2, 3)
    plt.close(figure)


def test_an_unknown_width_is_refused():
    with pytest.raises(ValueError, match="width='wide' is unknown"):
        plotting.new_figure(width="wide")


def test_every_rule_has_its_own_look():
    assert plotting.RULE_STYLE.keys() >= RULES.keys()
    styles = plotting.RULE_STYLE.values()
    looks = {(style["color"], style.get("linestyle", "-")) for style in styles}
    assert len(looks) == len({style["marker"] for style in styles}) == len(styles)


def test_colours_are_of_the_palette_that_okabe_and_ito_published():
    published = {"#000000", "#E69F00", "#56B4E9", "#009E73"}
    published |= {"#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    hues = {style["color"] for style in plotting.RULE_STYLE.values()} - {plotting.ROLES["hebb"]}
    assert hues <= published


def test_a_colour_means_the_same_in_every_chapter():
    """The published training and a single layer, the hidden layer, and ours."""
    roles = plotting.ROLES
    published = plotting.RULE_STYLE["adaptive"], plotting.LAYER_STYLE[1]
    published += plotting.TRAINING_STYLE["published"], plotting.WAY_STYLE["masked"]
    hidden = plotting.LAYER_STYLE[2], plotting.NETWORK_STYLE["binary, hidden layer"]
    ours = plotting.TRAINING_STYLE["two updates"], plotting.WAY_STYLE["two updates"]
    ours += (plotting.WRITING_STYLE["in stages"],)
    for role, styles in (("published", published), ("hidden", hidden), ("ours", ours)):
        assert {style["color"] for style in styles} == {roles[role]}, role
    assert not {style["color"] for style in plotting.RULE_STYLE.values()} & {roles["ours"]}


def test_curve_shows_the_mean_and_the_quartiles(axes):
    values = over_seeds([[0.0, 1, 2, 3, 4], [0, 0, 0, 0, 10], [5, 5, 5, 5, 5]])
    plotting.curve(axes, values, "patterns", label="a")
    (line,) = axes.lines
    assert line.get_ydata() == pytest.approx([2, 2, 5])
    band = axes.collections[0].get_paths()[0].vertices
    assert set(band[band[:, 0] == 2, 1]) == {1, 3}
    assert set(band[band[:, 0] == 4, 1]) == {0}


def test_curve_can_show_the_interval_of_the_mean(axes):
    values = over_seeds(np.random.default_rng(0).standard_normal((3, 400)))
    plotting.curve(axes, values, "patterns", spread="interval")
    band = axes.collections[0].get_paths()[0].vertices
    width = np.ptp(band[band[:, 0] == 2, 1])
    assert width == pytest.approx(2 * 1.96 / np.sqrt(400), rel=0.2)


def test_curve_can_show_the_median(axes):
    values = over_seeds([[0.0, 1, 2, 3, 14], [0, 0, 0, 0, 10], [5, 5, 5, 5, 5]])
    plotting.curve(axes, values, "patterns", spread="median")
    assert axes.lines[0].get_ydata().tolist() == [2, 0, 5]
    band = axes.collections[0].get_paths()[0].vertices
    assert set(band[band[:, 0] == 2, 1]) == {1, 3}


def test_curve_leaves_out_repetitions_that_are_missing(axes):
    values = over_seeds(np.random.default_rng(0).standard_normal((3, 5)))
    padded = values.pad(seed=(0, 2))  # with NaN
    for spread in ("interval", "quartiles"):
        bands = []
        for shown in (values, padded):
            plotting.curve(axes, shown, "patterns", spread=spread)
            bands.append(axes.collections[-1].get_paths()[0].vertices)
        np.testing.assert_array_equal(*bands)


def test_a_curve_hides_no_failed_seed(axes):
    values = over_seeds([[0.0, 1, 2], [0, np.nan, 4], [5, 5, 5]])
    with pytest.raises(ValueError, match="1 NaN"):
        plotting.curve(axes, values, "patterns")
    plotting.curve(axes, values, "patterns", skipna=True)
    assert axes.lines[0].get_ydata() == pytest.approx([1, 2, 5])


def test_a_single_seed_has_no_band(axes):
    plotting.curve(axes, over_seeds([[1.0], [2], [3]]), "patterns", spread="interval")
    assert not axes.collections


@pytest.mark.parametrize(
    ("values", "spread", "message"),
    [
        (over_seeds(np.zeros((3, 2))), "deviation", "spread='deviation' is unknown"),
        (over_seeds(np.zeros((3, 2))).expand_dims("rule"), "quartiles", "select one value"),
    ],
)
def test_curve_refuses(axes, values, spread, message):
    with pytest.raises(ValueError, match=message):
        plotting.curve(axes, values, "patterns", spread=spread)


def test_curves_follow_the_order_of_the_styles(axes):
    values = xr.concat([over_seeds(np.full((3, 2), k)) for k in (1.0, 2.0)], "rule")
    plotting.curves(axes, values.assign_coords(rule=["adaptive", "hebbian"]), "patterns")
    assert [line.get_label() for line in axes.lines] == ["Hebb", "adaptive"]
    assert [line.get_ydata()[0] for line in axes.lines] == [2, 1]


def test_theory_line_bears_its_label(axes):
    plotting.theory_line(axes, [1, 2, 3], [1, 4, 9], "Gardner")
    assert axes.texts[0].get_text() == "Gardner"
    assert axes.texts[0].xy == (3, 9)
    assert axes.lines[0].get_linestyle() == "--"


def test_a_letter_stands_at_the_left(axes):
    plotting.letter(axes, "b")
    assert axes.get_title(loc="left") == "b"


def test_images_stand_in_rows_with_gaps(axes):
    patterns = np.arange(12.0).reshape(3, 4) / 12
    plotting.images(axes, patterns, columns=2)
    mosaic = axes.images[0].get_array().filled(np.nan)
    assert mosaic.shape == (5, 5)
    assert mosaic[:2, :2].ravel() == pytest.approx(patterns[0])
    assert mosaic[:2, 3:].ravel() == pytest.approx(patterns[1])
    assert mosaic[3:, :2].ravel() == pytest.approx(patterns[2])
    assert np.isnan(mosaic[2]).all() and np.isnan(mosaic[3:, 3:]).all()


@pytest.mark.parametrize("patterns", [np.zeros(4), np.zeros((2, 5))])
def test_images_refuse_what_is_not_square(axes, patterns):
    with pytest.raises(ValueError, match="side|square"):
        plotting.images(axes, patterns)


def test_conductance_map_puts_pairs_side_by_side(axes):
    conductance = np.arange(12.0).reshape(2, 3, 2)  # two outputs, three inputs
    plotting.conductance_map(axes, conductance)
    (shown,) = axes.images
    assert shown.get_array().tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    assert shown.get_clim() == (0, 150)
    assert axes.figure.axes[1].get_ylabel() == "conductance (µS)"


def test_conductance_map_refuses_weights(axes):
    with pytest.raises(ValueError, match=r"\(n_out, n_in, 2\)"):
        plotting.conductance_map(axes, np.zeros((4, 4)))


def test_intervals_of_ratios_stand_in_rows(axes):
    series = {"mean": [(2.0, 1.5, 3.0), (4.0, 3.5, 4.5)], "each": [(1.2, 0.9, 1.5), None]}
    plotting.forest(axes, ["one", "two"], series, xlabel="ratio")
    solid, hollow = axes.containers
    assert solid.lines[0].get_xydata().tolist() == [[2, -0.15], [4, 0.85]]
    assert hollow.lines[0].get_xydata().tolist() == [[1.2, 0.15]]
    ends, _ = solid.lines[2][0].get_segments()
    assert ends[:, 0] == pytest.approx([1.5, 3.0])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one", "two"]
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mean", "each"]


def test_a_third_list_of_intervals_takes_a_row_of_its_own(axes):
    series = {name: [(2.0, 1.5, 3.0)] for name in ("first", "second", "third")}
    plotting.forest(axes, ["one"], series, xlabel="ratio")
    rows = [container.lines[0].get_ydata()[0] for container in axes.containers]
    assert rows == [-0.25, 0.0, 0.25]
    assert len({container.lines[0].get_marker() for container in axes.containers}) == 3
