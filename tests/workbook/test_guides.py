"""What figures are compared with is drawn where it belongs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from crossmem.analysis.exponents import local_growth
from crossmem.workbook import guides, plotting


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


@pytest.fixture
def law():
    sizes = np.array([10, 20, 40])
    rows = [2.0 * sizes, 2.2 * sizes, [20.0, np.nan, np.nan]]
    return xr.DataArray(rows, {"seed": range(3), "width": sizes}, ["seed", "width"])


@pytest.mark.parametrize("below", [False, True])
def test_a_published_slope_has_that_slope_and_keeps_off_the_curve(ax, law, below):
    held = law.mean("seed")
    guides.published_slope(ax, held, "width", 1.5, label="published 1.5", below=below)
    x, y = ax.lines[0].get_data()
    assert np.diff(np.log(y)) / np.diff(np.log(x)) == pytest.approx(1.5)
    line = y[0] * (held["width"] / x[0]) ** 1.5
    assert ((line < held) if below else (line > held)).all()


def test_curves_have_the_mean_of_the_seeds_that_were_run(ax, law):
    guides.uneven_curve(ax, law.isel(seed=[0, 1, 2]).fillna(30.0), "width", color="k")
    assert ax.lines[0].get_ydata()[0] == pytest.approx((20 + 22 + 20) / 3)
    guides.exponents(ax, local_growth(law.isel(seed=[0, 1]), "width"), color="k")
    assert ax.containers[1].lines[0].get_ydata() == pytest.approx([1.0, 1.0])


def test_a_frame_stands_around_its_image(ax):
    plotting.images(ax, np.zeros((3, 16)))
    guides.frame(ax, 2)
    assert ax.patches[0].get_bbox().bounds == pytest.approx((9.5, -0.5, 4.0, 4.0))


def test_ticks_stand_at_the_sizes_only(ax):
    guides.log_axis(ax, [64, 100], "neurons")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["64", "100"]
    assert not len(ax.get_xticks(minor=True))
    guides.level(ax, 1.0, "limit")
    guides.published(ax, [64], [2.0])
    assert ax.lines[-1].get_marker() == "*" and ax.texts[0].get_text() == "limit"
