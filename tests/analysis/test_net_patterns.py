"""Net patterns: of a memory that knows its images, and of a denoiser; where they are most."""

import numpy as np
import pytest
import xarray as xr

from crossmem.analysis.net_patterns import net_patterns, peaks, without_fall


def control(stored, unseen):
    """From corrupted cues as given, from clean starts all recalled."""
    coords = {"images": ["stored", "unseen"], "start": ["corrupted", "clean"]}
    recalled = xr.DataArray([[stored, 1.0], [unseen, 1.0]], coords, list(coords))
    return xr.Dataset({"recalled": recalled, "n_patterns": 50})


@pytest.mark.parametrize(
    ("stored", "unseen", "net"), [(1.0, 0.0, 50), (1.0, 1.0, 0), (0.7, 0.1, 30)]
)
def test_a_denoiser_has_no_net_patterns(stored, unseen, net):
    assert float(net_patterns(control(stored, unseen))) == pytest.approx(net)


def test_where_net_patterns_are_most_and_where_they_do_not_fall():
    curves = {"early": [5, 9, 6], "full": [5, 8, 10], "flat": [5, 10, 9.6]}
    coords = {"memory": list(curves), "load": [0.5, 1.0, 1.3], "seed": [0, 1]}
    values = np.array([*curves.values()], dtype=float)[..., None] + [-1, 1]
    net = xr.DataArray(values, coords, list(coords))
    assert peaks(net) == {1.0: ["early", "flat"], 1.3: ["full"]}
    assert without_fall(net) == ["full", "flat"] and without_fall(net, 0.01) == ["full"]
