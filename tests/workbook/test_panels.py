"""Bars, dots and ranges lie where the results say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from crossmem.workbook import panels, plotting

STYLES = {
    "quick": {"color": "r", "label": "quick"},
    "slow": {"color": "b", "label": "slow"},
    "absent": {"color": "g", "label": "absent"},
}


@pytest.fixture
def ax():
    figure, ax = plotting.new_figure()
    yield ax
    plt.close(figure)


def test_a_tint_lies_between_white_and_the_colour():
    assert panels.tint("k", 0) == (1, 1, 1)
    assert panels.tint("k", 1) == (0, 0, 0)
    assert panels.tint("r", 0.25) == (1, 0.75, 0.75)


def test_a_bell_has_the_area_of_one(ax):
    panels.bell(ax, np.linspace(-30, 30, 601), 2.0, 4.0)
    (line,) = ax.lines
    assert line.get_ydata().sum() * 0.1 == pytest.approx(1)
    assert line.get_xdata()[line.get_ydata().argmax()] == pytest.approx(2)


def test_medians_have_a_band_of_quartiles(ax):
    values = xr.DataArray([[0.0, 1, 2, 3, 14]], dims=("x", "seed"), coords={"x": [7]})
    panels.medians(ax, values, "x", color="r")
    assert ax.lines[0].get_ydata() == [2]
    assert set(ax.collections[0].get_paths()[0].vertices[:, 1]) == {1, 3}


def test_rows_show_means_over_their_ranges(ax):
    values = xr.DataArray([[1.0, 3.0], [5.0, 5.0]], dims=("plan", "seed"))
    ranges = xr.DataArray([[0.0, 9.0], [4.0, 6.0]], dims=("plan", "end"))
    panels.dots_and_ranges(ax, np.array([10, 20]), values, ranges, label="two")
    ends = [line.get_xdata().tolist() for line in ax.lines[:2]]
    assert ends == [[0, 9], [4, 6]]
    (points,) = ax.containers
    assert points.lines[0].get_xdata().tolist() == [2, 5]
    assert points.lines[0].get_ydata().tolist() == [10, 20]


def test_shares_fill_their_bars_and_thin_ones_are_told(ax):
    parts = xr.DataArray([[3.0, 0.99, 0.01]], dims=("plan", "component"))
    parts = parts.assign_coords(component=["quick", "slow", "absent"])
    panels.stacked_shares(ax, [5], parts, STYLES)
    bars = [container[0] for container in ax.containers]
    assert [bar.get_width() for bar in bars] == pytest.approx([0.75, 0.2475, 0.0025])
    assert [bar.get_x() for bar in bars] == pytest.approx([0, 0.75, 0.9975])
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["quick", "slow", "absent (at most 0.2 %)"]


def test_a_plane_has_a_cross_through_the_first_and_no_labels_for_the_second(ax):
    costs = xr.Dataset(
        {"latency": ("plan", [1e3, 4e3]), "total": ("plan", [2e3, 6e3])},
        {"plan": ["slow", "quick"]},
    )
    ranges = xr.concat([costs / 2, costs * 2], xr.Variable("end", ["low", "high"]))
    panels.cost_plane(ax, costs, ranges, STYLES)
    *points, across, upright = ax.lines
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [(4, 6), (1, 2)]
    assert across.get_xdata().tolist() == [2, 8] and list(across.get_ydata()) == [6, 6]
    assert upright.get_ydata().tolist() == [3, 12] and list(upright.get_xdata()) == [4, 4]
    known = ax.get_legend_handles_labels()[1]
    assert known == ["chip, quick", "chip, slow", "quick, range of constants"]
    panels.cost_plane(ax, costs, ranges, STYLES, hollow=True)
    assert ax.get_legend_handles_labels()[1] == known


def test_a_tornado_has_its_widest_bar_on_top(ax):
    bars = xr.Dataset(
        {
            "at_low": ("constant", [1.9, 1.0, 2.0]),
            "at_high": ("constant", [2.2, 3.5, 2.0]),
            "at_typical": 2.0,
            "published": 2.6,
        },
        {"constant": ["a", "b", "c"]},
    )
    panels.tornado(ax, bars, {"a": "A", "b": "B", "c": "C"}, most=2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["B", "A"]
    low, high = ax.containers
    assert [bar.get_width() for bar in low] == pytest.approx([-1, -0.1])
    assert [bar.get_width() for bar in high] == pytest.approx([1.5, 0.2])
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_names_and_marks_stand_where_they_are_put(ax):
    panels.names_beside(ax, [1, 2], ["one", "two"])
    panels.marked(ax, 3.9, "measured")
    panels.solid_and_dashed(ax, "first", "second")
    assert [text.get_text() for text in ax.texts] == ["one", "two", "measured"]
    assert [text.xy[1] for text in ax.texts[:2]] == [1, 2] and ax.texts[2].xy[0] == 3.9
    assert ax.get_legend_handles_labels()[1] == ["first", "second"]
