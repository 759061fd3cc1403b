"""The time of a sweep is told apart from the time of its points."""

import math

from crossmem.workbook import timing


def test_a_sweep_is_timed_here(points):
    wall, computing = timing.sweep_seconds(
        points.conditioned, points.Condition(), over={"seed": [1, 2, 3]}, workers=1
    )
    assert 0 < computing < wall


def test_a_sweep_is_timed_on_dask_where_it_is_installed(points, monkeypatch):
    options = {"over": {"seed": [0, 1, 2]}, "neurons": 1, "rate": 2}
    wall, computing = timing.dask_seconds(points.product, workers=1, **options)
    assert math.isnan(wall) or 0 < computing < wall
    monkeypatch.setattr(timing.importlib.util, "find_spec", lambda name: None)
    assert all(map(math.isnan, timing.dask_seconds(points.product, workers=1, **options)))
