"""Progress and the best step, on losses by hand."""

import numpy as np
import xarray as xr

from crossmem.analysis.convergence import best_step, failing, progress


def losses(least, first=1.0):
    """Losses (device, step, seed) of two devices, steps 0, 0.1 and 0.2, and two seeds."""
    dims = ("device", "step", "seed")
    least = xr.DataArray(np.array(least), dims=dims, coords={"step": [0.0, 0.1, 0.2]})
    return xr.Dataset({"least": least, "first": xr.full_like(least, first)})


FOUND = losses([[[0.1, 0.1], [0.5, 0.3], [0.6, 0.1]], [[0.1, 0.1], [0.4, 0.8], [0.1, np.nan]]])


def test_the_best_step_is_that_of_the_mean_without_step_0_and_nan():
    best = best_step(FOUND)["least"]
    assert best.dims == ("device", "seed")
    np.testing.assert_array_equal(best, [[0.6, 0.1], [0.4, 0.8]])


def test_progress_is_the_share_of_the_way_to_the_floor():
    covered = progress(best_step(FOUND), 0.2)
    np.testing.assert_allclose(covered, [[0.5, 1.125], [0.75, 0.25]])


def test_failing_counts_by_seed():
    np.testing.assert_allclose(failing(best_step(FOUND), 0.2), [0.0, 0.5])
    np.testing.assert_allclose(failing(best_step(FOUND), 0.2, bar=0.6), [0.5, 0.5])
    floors = xr.DataArray([0.2, -9.0], dims="device")
    np.testing.assert_allclose(failing(best_step(FOUND), floors), [0.5, 0.5])
