"""Ways to use a chip with faulty devices: what they share, and in which order they hold more."""

import numpy as np
import pytest

from crossmem.analysis.theory import chip_bound
from crossmem.chip.crossbar import Crossbar
from crossmem.experiments import Setup, Training
from crossmem.experiments.pairs import WAYS, SwappedMemory, chip_bounds, chip_capacity
from crossmem.networks.optimal import MaxRecallMemory
from crossmem.workbook import plotting

CHIP = Setup(neurons=36, flip_rate=0.05, cues=2).at(optimizer="adam", steps=400)
FAULTS = {"stuck_fraction": 0.2, "on_share": 0.5, "threshold": 0.97, "seed": 0}
NOISY = Training(optimizer="adam", steps=400, cue_noise=(0.1, 0.0))
# Ways whose training is that of the setup.
PUBLISHED = [name for name, way in WAYS.items() if way.training == "published"]


def capacity(way, **changes):
    options = {"noisy": NOISY, "criteria": ["mean"], **FAULTS, **changes}
    return int(chip_capacity(CHIP, way=way, **options)["capacity"][0])


@pytest.fixture(scope="module")
def held():
    """Capacity of each way on one chip, by the mean."""
    return {way: capacity(way) for way in WAYS}


# Pairing


def test_ways_share_the_chip_the_patterns_and_the_cues(recorded):
    logs = {way: recorded(chip_capacity, CHIP, way=way, noisy=NOISY, **FAULTS) for way in PUBLISHED}
    first, *others = logs["ideal"]
    masked = first["low"] == 0
    for way in PUBLISHED:
        for entry in logs[way]:
            if way == "intervals":
                assert masked[entry["low"] > -0.99].all()  # intervals of touched pairs alone
            else:
                np.testing.assert_array_equal(entry["low"] == 0, masked)
            for other in (first, *others):
                shared = min(len(entry["patterns"]), len(other["patterns"]))
                assert np.array_equal(entry["patterns"][:shared], other["patterns"][:shared])
                if len(entry["patterns"]) == len(other["patterns"]):
                    assert np.array_equal(entry["cues"], other["cues"])
    assert logs["masked"][0]["cues"] and len(PUBLISHED) == 5


def test_more_stuck_devices_are_the_same_and_more(recorded):
    few, many = (
        recorded(
            chip_capacity, CHIP, way="ideal", noisy=NOISY, **FAULTS | {"stuck_fraction": share}
        )[0]["low"]
        == 0
        for share in (0.2, 0.4)
    )
    assert (many | ~few).all() and many.sum() > few.sum()


# Order


def test_without_faults_the_ways_of_masking_are_one():
    found = {capacity(way, stuck_fraction=0.0) for way in ("masked", "corrected", "compensated")}
    assert len(found) == 1 and found.pop() > 4


def test_without_devices_stuck_on_nothing_is_left_to_compensate():
    ways = ("masked", "corrected", "compensated")
    found = [capacity(way, on_share=0.0) for way in ways]
    assert max(found) - min(found) <= 1  # they read the stuck devices with different noise


def test_offsets_cost_the_masking_most_and_intervals_hold_the_most(held):
    assert held["masked"] < held["ideal"]
    assert held["masked"] < held["compensated"] < held["intervals"]
    assert held["largest margin"] > held["compensated"]
    assert held["noise-trained"] > held["compensated"]
    assert held["likeliest recall"] > held["intervals"]
    assert held["exchanged"] > held["intervals"]
    assert held["two updates"] > held["noise-trained"]
    assert held["masked"] < held["noisy mask"] < held["noise-trained"]


def test_both_criteria_and_their_order(assert_labelled):
    found = chip_capacity(CHIP, way="largest margin", noisy=NOISY, **FAULTS)
    assert_labelled(found)
    assert list(found["capacity"]["criterion"].values) == ["mean", "worst_pattern"]
    assert found["capacity"].sel(criterion="mean") >= found["capacity"].sel(
        criterion="worst_pattern"
    )


def test_a_memory_fits_within_the_limits_of_swapped_columns():
    """A row whose stuck weights oppose Hebb's is fitted within the reversed interval."""
    rng = np.random.default_rng(11)
    patterns = rng.choice([-1.0, 1.0], (4, 30))
    crossbar = Crossbar.fabricate(30, 30, stuck_off=0.2, stuck_on=0.2, rng=rng)
    limits = crossbar.characterize().weight_limits().without_self_connections()
    weights = SwappedMemory(MaxRecallMemory()).fit(patterns, limits=[limits]).layers_[0].weights
    as_is, reversed_ = (
        ((side * weights >= limits.low - 1e-6) & (side * weights <= limits.high + 1e-6)).all(axis=1)
        for side in (1, -1)
    )
    assert (as_is | reversed_).all()
    assert 0 < (~as_is).sum() < 30  # both kinds of rows


def test_every_way_has_a_style():
    assert list(plotting.WAY_STYLE) == list(WAYS)


# Bounds and errors


def test_bounds_by_hand():
    found = chip_bounds(36, [0.0, 0.3], [0.0, 0.5])
    assert found.dims == ("reach", "stuck_fraction", "on_share")
    assert (found.sel(stuck_fraction=0.0) == 72).all()
    off = found.sel(stuck_fraction=0.3, on_share=0.0)
    assert off.values == pytest.approx([72 * 0.7, 72 * 0.49])
    mixed = found.sel(stuck_fraction=0.3, on_share=0.5, reach="intervals")
    assert mixed == pytest.approx(36 * chip_bound(0.15, 0.15))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"way": "mask"}, "way='mask'.*'masked'"),
        ({"stuck_fraction": 1.2}, r"stuck_fraction is 1.2.*\[0, 1\]"),
        ({"on_share": -1}, r"on_share is -1.*\[0, 1\]"),
    ],
)
def test_bad_values_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        capacity(**{"way": "masked", **bad})
