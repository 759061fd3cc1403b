"""Curves, ranges, bars and maps show the numbers that they are given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from crossmem.workbook import marks, plotting


def test_a_family_has_a_curve_for_each_combination_in_both_styles(axes):
    coords = {"network": list(plotting.NETWORK_STYLE), "load": list(plotting.LOAD_STYLE)}
    coords |= {"bits": [2, 4], "seed": [0, 1, 2]}
    values = xr.DataArray(np.arange(36.0).reshape(3, 2, 2, 3), coords, list(coords))
    plotting.curves(axes, values, "bits", by=("network", "load"), linewidth=3)
    assert len(axes.lines) == 6
    last = axes.lines[-1]
    assert last.get_ydata().tolist() == [31, 34]
    assert (last.get_color(), last.get_linestyle()) == (plotting.ROLES["deeper"], "--")
    assert last.get_linewidth() == 3
    marks.legend_of(axes.figure, "network", "load", ncols=5)
    (legend,) = axes.figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == [*plotting.NETWORK_STYLE, "light load", "heavy load"]


def test_mean_and_worst_pattern_are_told_apart(axes):
    both = {name: (("x", "seed"), [[1.0, 3.0], [5.0, 5.0]]) for name in ("cosine", "worst_cosine")}
    quality = xr.Dataset(both, {"x": [0, 1]}) * xr.Dataset({"cosine": 1.0, "worst_cosine": 0.5})
    plotting.curves(axes, quality.to_dataarray("quality"), "x", by="quality")
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2, 5], [1, 2.5]]
    assert [line.get_label() for line in axes.lines] == ["mean over the patterns", "worst pattern"]


def test_a_range_goes_from_the_low_to_the_high_end(axes):
    values = xr.DataArray([[1, 2, 4], [2, 3, 5]], dims=("size", "end"))
    marks.ranged(axes, [64, 256], values, color="k", marker="D")
    assert axes.lines[0].get_ydata().tolist() == [2, 3]
    band = axes.collections[0].get_paths()[0].vertices
    assert set(band[band[:, 0] == 256, 1]) == {2, 5}


def test_bars_stand_for_means_and_dots_for_repetitions(axes):
    values = xr.DataArray([[20.0, 10], [50, 40]], dims=("chip", "seed"))
    marks.bars_of_dots(axes, values, ["a", "b"], colors=["r", "b"], notes=["15", "45"])
    assert [bar.get_height() for bar in axes.patches] == [15, 45]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[10, 20], [40, 50]]
    assert [text.get_text() for text in axes.texts] == ["15", "45"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]


def test_a_table_of_shares_is_in_percent_with_dashes_for_nan(axes):
    shares = xr.DataArray([[0.5, 0.9], [np.nan, 1]], {"stuck": [0.003, 0.1], "rows": [64, 1024]})
    marks.percent_table(axes, shares)
    shown = {text.get_text(): text.get_color() for text in axes.texts}
    assert shown == {"50": "white", "90": "black", "–": "black", "100": "black"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["64", "1024"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.3", "10"]


def test_a_tile_is_shown_in_blocks_without_what_is_left_out(axes):
    values = np.arange(16.0).reshape(4, 4)
    values[0, 0] = np.nan
    marks.tile_map(axes, xr.DataArray(values, dims=("row", "column")), block=2, label="loss")
    (image,) = axes.images
    assert image.get_array().tolist() == [[pytest.approx(10 / 3), 4.5], [10.5, 12.5]]
    assert image.get_extent() == [0, 4, 4, 0]


def test_a_logarithmic_axis_has_a_place_for_zero(axes):
    marks.logarithmic_with_zero(axes, np.array([10.0, 1.0]))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "10"]
    places = axes.transData.transform([(x, 0) for x in (0, 1, 10)])[:, 0]
    assert places[0] < places[1] < places[2]
    marks.logarithmic_with_zero(axes, [0.0])
    assert len(axes.get_xticks()) == 1


def test_small_shares_have_a_place_on_the_vertical_axis(axes):
    marks.small_shares(axes)
    assert axes.get_ylim() == (0, 110)
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == ["0", "0.01"]


def test_levels_and_times_carry_their_names(axes):
    marks.describe(axes, "c map", "use (s)", "share (%)", xscale="log")
    marks.level(axes, 25, "a quarter")
    marks.times(axes, {"hour": 3600, "day": 86400}, 0.02)
    assert [text.get_text() for text in axes.texts] == ["a quarter", "hour", "day"]
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [3600, 86400]
    assert axes.get_title(loc="left") == "c map"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("use (s)", "share (%)")


def test_a_tint_lies_between_white_and_the_colour():
    assert marks.tint("black", 0) == (1, 1, 1)
    assert marks.tint("black", 1) == (0, 0, 0)
    assert marks.tint("red", 0.25) == (1, 0.75, 0.75)


def test_a_row_has_its_range_a_filled_dot_and_hollow_ones(axes):
    marks.dot_with_range(axes, 2, xr.DataArray([3.0, 1.0]), [9, 0.5], color="red", marker="D")
    bar, *dots = axes.lines
    assert [*bar.get_xdata(), *bar.get_ydata()] == [0.5, 9, 2, 2]
    assert bar.get_color() == marks.tint("red", 0.3)
    assert [dot.get_xdata()[0] for dot in dots] == [3, 1]
    assert [dot.get_markerfacecolor() for dot in dots] == ["red", "white"]


def test_a_published_number_of_a_row_stands_in_the_span_of_its_tolerance(axes):
    marks.published_span(axes, 1, np.array([2.4, 2.7, 3.0]))
    span = axes.collections[0].get_paths()[0].vertices
    assert (span[:, 0].min(), span[:, 0].max()) == (2.4, 3.0)
    assert span[:, 1].min() < 1 < span[:, 1].max()
    (star,) = axes.lines
    assert star.get_xdata() == [2.7] and star.get_marker() == "*"


def test_the_key_of_ratios_names_the_markers_and_the_published_star(axes):
    marks.ratio_key(axes.figure, axes, {"sweeps": "s", "random draws": "^"})
    (legend,) = axes.figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["sweeps", "random draws", "published"]


def test_shares_fill_their_bars_and_thin_ones_are_told(axes):
    parts = xr.DataArray([[2.0, 1.0, 0.5, 0.49, 0.01]], dims=("plan", "component"))
    parts = parts.assign_coords(component=list(plotting.COMPONENT_STYLE))
    marks.stacked_shares(axes, [5], parts)
    bars = [container[0] for container in axes.containers]
    widths = [0.5, 0.25, 0.125, 0.1225, 0.0025]
    assert [bar.get_width() for bar in bars] == pytest.approx(widths)
    assert [bar.get_x() for bar in bars] == pytest.approx([0, *np.cumsum(widths)[:-1]])
    labels = axes.get_legend_handles_labels()[1]
    assert labels[3:] == ["ADC", "digital (at most 0.2 %)"]


def test_a_tornado_has_its_widest_bar_on_top(axes):
    bars = xr.Dataset(
        {
            "at_low": ("constant", [1.9, 1.0, 2.0]),
            "at_high": ("constant", [2.2, 3.5, 2.0]),
            "at_typical": 2.0,
            "published": 2.6,
        },
        {"constant": ["a", "b", "c"]},
    )
    marks.tornado(axes, bars, {"a": "A", "b": "B", "c": "C"}, most=2)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["B", "A"]
    low, high = axes.containers
    assert [bar.get_width() for bar in low] == pytest.approx([-1, -0.1])
    assert [bar.get_width() for bar in high] == pytest.approx([1.5, 0.2])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_a_map_of_numbers_marks_its_cells_and_stays_legible():
    _, ax = plt.subplots()
    values = np.array([[10.4, 90.0], [70.0, 55.6]])
    shown = marks.number_map(ax, values, values > 60, vmin=20, vmax=100)
    assert shown.get_clim() == (20, 100)
    texts = {text.get_text(): (text.get_position(), text.get_color()) for text in ax.texts}
    assert texts["90*"] == ((1, 0), "w") and texts["70*"] == ((0, 1), "k")
    assert texts["10"] == ((0, 0), "k") and texts["56"] == ((1, 1), "k")
