"""Memories as trained, programmed at once and in stages: the devices, the chips, the order."""

import numpy as np
import pytest

from crossmem.deploy.staged import StagePlan
from crossmem.experiments import Setup
from crossmem.experiments.staged import (
    WAYS,
    FittedOnce,
    Writing,
    chip_for,
    device_with_error,
    staged_capacity,
    staged_quality,
)

GREY = Setup(layers=2, n_patterns=30, activation="tanh", noise=0.3, cues=3).at(
    cue_noise=0.3, steps=600, unroll=2
)


@pytest.mark.parametrize("error", [1.0, 2.5, 3.9, 10.0, 20.0])
def test_devices_miss_by_the_error_asked_for(error):
    """In the middle of the range, whose ends cut off large errors."""
    target = np.linspace(50.0, 100.0, 20_000)
    written = device_with_error(error).write_and_verify(target, 0.0, np.random.default_rng(0))
    assert np.std(written.conductance - target) == pytest.approx(error, rel=0.05)


def test_too_small_an_error_is_refused():
    with pytest.raises(ValueError, match="programming_error is 0.5 µS"):
        device_with_error(0.5)


def test_a_chip_without_scan_looks_faultless():
    setup = GREY.at(stuck_off=0.2)
    for crossbar, own in zip(*chip_for(setup, Writing(scanned=False), 0), strict=True):
        assert (own.low == -1).all() and (own.high == 1).all()
        assert crossbar.faults is None and crossbar.stuck.any()


def test_limits_join_faults_and_masks():
    setup = GREY.at(stuck_on=0.2, masked_fraction=0.5, programming_error=10.0)
    crossbars, limits = chip_for(setup, Writing(levels=4), 0)
    masks = setup.masked_limits(0)
    for crossbar, own, mask in zip(crossbars, limits, masks, strict=True):
        chip, masked = crossbar.faults.weight_limits(), mask.high == 0
        assert (own.low >= chip.low).all() and (own.high <= chip.high).all()
        zero = masked & (chip.low <= 0) & (chip.high >= 0)
        assert zero.any() and (own.low[zero] == 0).all() and (own.high[zero] == 0).all()
        np.testing.assert_array_equal(own.low[~masked], chip.low[~masked])
        assert crossbar.device.levels == 4 and crossbar.device.relaxation > 9


def test_stages_recover_what_errors_and_missed_faults_cost(assert_labelled):
    plan = StagePlan(shares=(0.25, 0.5, 0.75, 1.0), rounds=(0.4, 0.2, 0.1), steps=150)
    setup = GREY.at(stuck_off=0.05)
    found = staged_quality(setup, writing=Writing(scanned=False, plan=plan), seed=0)
    assert_labelled(found)
    trained, once, stages = (float(found["cosine"].sel(way=way)) for way in WAYS)
    assert once < stages - 0.5 * (trained - once)
    assert (found["worst_cosine"] < found["cosine"]).all()
    assert found.sizes["stage"] == 7 and found["steps"].sum() == 6 * 150
    # Half of the pairs have one device that should be off: its fault is not seen.
    assert 0 < found["found"].sum() < 0.05 * 4 * 64 * 32 * 1.2


def test_weights_trained_within_the_range_use_it(assert_labelled):
    """Free weights are scaled by their largest, and lose more to the same errors."""
    bounded = Writing(plan=StagePlan(shares=(0.5, 1.0), rounds=(), steps=20))
    found = [staged_quality(GREY, writing=way, seed=0) for way in (Writing(free=True), bounded)]
    assert_labelled(found[0])
    trained, once = ({"way": way} for way in WAYS[:2])
    spreads = [float(quality["spread"].sel(trained)) for quality in found]
    assert spreads[1] > 1.5 * spreads[0]
    lost = [
        float(quality["cosine"].sel(trained) - quality["cosine"].sel(once)) for quality in found
    ]
    assert lost[0] > 1.5 * lost[1] > 0
    density = found[1]["density"].sel(trained)
    step = float(density["weight"].diff("weight").mean())
    assert float(density.sum()) * step == pytest.approx(1.0)
    variance = float((density * density["weight"] ** 2).sum()) * step
    assert variance**0.5 == pytest.approx(spreads[1], rel=0.01)


def test_capacity_is_searched_in_each_way(assert_labelled):
    setup, plan = GREY.at(steps=300), StagePlan(shares=(0.5, 1.0), rounds=(), steps=60)
    options = {"threshold": 0.97, "worst_pattern_seeds": 0, "seed": 0}
    found = staged_capacity(setup, writing=Writing(plan=plan), **options)
    assert_labelled(found)
    assert found["capacity"].sel(criterion="worst_pattern").isnull().all()
    trained, once, stages = found["capacity"].sel(criterion="mean").values
    assert 5 < once <= trained and stages > 5
    free = staged_capacity(setup, writing=Writing(free=True), **options)["capacity"]
    np.testing.assert_array_equal(free.isnull().sel(criterion="mean"), [False, False, True])


def test_a_memory_is_fitted_once_for_each_number_of_patterns():
    setup, fitted, patterns = GREY.at(steps=1), {}, GREY.stored(0)
    first, again, other = (
        FittedOnce(setup.memory(0), fitted).fit(patterns[:count], limits=None)
        for count in (20, 20, 10)
    )
    assert first is again is fitted[20] and other is fitted[10] is not first
