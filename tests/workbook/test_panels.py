"""Bars, dots and ranges lie where the results say."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from crossmem.workbook import panels, plotting


@pytest.fixture
def ax():
    figure, ax = plotting.new_figure()
    yield ax
    plt.close(figure)


def test_a_tint_lies_between_white_and_the_colour():
    assert panels.tint("black", 0) == (1, 1, 1)
    assert panels.tint("black", 1) == (0, 0, 0)
    assert panels.tint("red", 0.25) == (1, 0.75, 0.75)


def test_rows_show_means_over_their_ranges(ax):
    values = xr.DataArray([[1.0, 3.0], [5.0, 5.0]], dims=("plan", "seed"))
    ranges = xr.DataArray([[0.0, 9.0], [4.0, 6.0]], dims=("plan", "end"))
    panels.dots_and_ranges(ax, np.array([10, 20]), values, ranges, fill=0.25, label="two")
    ends = [line.get_xdata().tolist() for line in ax.lines[:2]]
    assert ends == [[0, 9], [4, 6]]
    (points,) = ax.containers
    assert points.lines[0].get_xdata().tolist() == [2, 5]
    assert points.lines[0].get_ydata().tolist() == [10, 20]
    assert points.lines[0].get_markerfacecolor() == panels.tint(plotting.ACCENT, 0.25)


def test_shares_fill_their_bars_and_thin_ones_are_told(ax):
    parts = xr.DataArray([[2.0, 1.0, 0.5, 0.49, 0.01]], dims=("plan", "component"))
    parts = parts.assign_coords(component=list(plotting.COMPONENT_STYLE))
    panels.stacked_shares(ax, [5], parts)
    bars = [container[0] for container in ax.containers]
    widths = [0.5, 0.25, 0.125, 0.1225, 0.0025]
    assert [bar.get_width() for bar in bars] == pytest.approx(widths)
    assert [bar.get_x() for bar in bars] == pytest.approx([0, *np.cumsum(widths)[:-1]])
    labels = ax.get_legend_handles_labels()[1]
    assert labels[3:] == ["ADC", "digital (at most 0.2 %)"]


def test_a_plane_has_a_cross_through_the_first_and_no_labels_for_the_second(ax):
    costs = xr.Dataset(
        {"latency": ("plan", [1e3, 4e3]), "total": ("plan", [2e3, 6e3])},
        {"plan": ["sweeps", "synchronous"]},
    )
    ranges = xr.concat([costs / 2, costs * 2], xr.Variable("end", ["low", "high"]))
    panels.cost_plane(ax, costs, ranges)
    *points, across, upright = ax.lines
    assert [(p.get_xdata()[0], p.get_ydata()[0]) for p in points] == [(4, 6), (1, 2)]
    assert across.get_xdata().tolist() == [2, 8] and list(across.get_ydata()) == [6, 6]
    assert upright.get_ydata().tolist() == [3, 12] and list(upright.get_xdata()) == [4, 4]
    known = ax.get_legend_handles_labels()[1]
    assert known == ["chip, synchronous", "chip, sweeps", "synchronous, range of constants"]
    panels.cost_plane(ax, costs, ranges, hollow=True)
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


def test_a_map_of_numbers_marks_its_cells_and_stays_legible():
    _, ax = plt.subplots()
    values = np.array([[10.4, 90.0], [70.0, 55.6]])
    shown = panels.number_map(ax, values, values > 60, vmin=20, vmax=100)
    assert shown.get_clim() == (20, 100)
    texts = {text.get_text(): (text.get_position(), text.get_color()) for text in ax.texts}
    assert texts["90*"] == ((1, 0), "w") and texts["70*"] == ((0, 1), "k")
    assert texts["10"] == ((0, 0), "k") and texts["56"] == ((1, 1), "k")
