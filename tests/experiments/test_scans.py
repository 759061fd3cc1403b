"""Scans of simulated arrays against their truth, and what errors of a map cost in recall."""

import numpy as np
import pytest

from crossmem.experiments import scans
from crossmem.experiments.setup import Setup

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def setup():
    """Sixteen random patterns of 64 neurons on a chip with a fifth of its devices stuck."""
    rates = {"stuck_off": 0.1, "stuck_on": 0.1, "flip_rate": 0.05}
    return Setup(source="random", n_patterns=16, cues=2, **rates).at(cue_noise=0.05)


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3])
def test_the_number_of_vectors_adapts_to_the_faults(rate):
    setting = {"rows": 64, "columns": 32, "vectors": None, "seed": 5}
    found = scans.sampled_scan(stuck_off=rate, stuck_on=rate, **setting)
    assert found["exact"].values and found["missed"].values == found["false"].values == 0
    high, low = found["vectors"].values
    assert found["relative"].values == (high + low) / 128
    # Ten vectors to fit and ten to check are the least, all 68 the most.
    assert (high, low) == (20, 20) if rate == 0 else 20 <= min(high, low) <= max(high, low) <= 68
    assert rate < 0.1 or high > 40


def test_all_vectors_find_everything_at_any_rate():
    # As many vectors as rows measure each device: no sparsity is needed.
    found = scans.sampled_scan(rows=20, columns=64, stuck_off=0.5, stuck_on=0.4, vectors=20, seed=0)
    assert found["exact"].values and found["relative"].values == 1


def test_one_vector_is_too_few_for_a_map():
    found = scans.sampled_scan(rows=64, columns=8, stuck_off=0.05, stuck_on=0.05, vectors=1, seed=0)
    assert not found["exact"].values and found["missed"].values > 0.2


def test_results_do_not_depend_on_the_order_of_calls():
    setting = {"rows": 32, "columns": 16, "stuck_off": 0.1, "stuck_on": 0.0, "vectors": 12}
    first = scans.sampled_scan(seed=1, **setting)
    scans.sampled_scan(seed=2, **setting)
    again = scans.sampled_scan(seed=1, **setting)
    assert all(first[name].identical(again[name]) for name in first)
    assert all({"units", "long_name"} <= value.attrs.keys() for value in first.values())


def test_missed_faults_cost_recall_and_false_alarms_hardly(setup):
    setup = setup.at(stuck_off=0.15, stuck_on=0.15)
    quality = {
        (missed, false): float(
            scans.imperfect_map(setup, missed=missed, false=false, seed=0)["cosine"].values
        )
        for missed, false in ((0.0, 0.0), (1.0, 0.0), (0.0, 0.1))
    }
    assert quality[0.0, 0.0] > quality[1.0, 0.0] + 0.05
    assert quality[0.0, 0.1] > quality[1.0, 0.0]


@pytest.mark.parametrize(
    ("changes", "own", "message"),
    [
        ({}, {"missed": 2, "false": 0.0}, "missed is 2"),
        ({}, {"missed": 0.0, "false": -0.1}, "false is -0.1"),
        ({"layers": 2}, {"missed": 0.0, "false": 0.0}, "layers=2.*layers=1"),
    ],
)
def test_bad_maps(setup, changes, own, message):
    with pytest.raises(ValueError, match=message):
        scans.imperfect_map(setup.at(**changes), **own, seed=0)


@pytest.mark.parametrize("tile_rows", [None, 32])
def test_eight_bit_converters_find_the_same_faults(tile_rows):
    setting = {"rows": 64, "columns": 32, "stuck_off": 0.01, "stuck_on": 0.01, "seed": 7}
    setting |= {"vectors": None, "tile_rows": tile_rows}
    exact, rounded = (scans.sampled_scan(**setting, adc_bits=bits) for bits in (None, 8))
    assert exact["exact"].values and rounded["exact"].values
    assert exact["relative"].values <= rounded["relative"].values + 0.1
    # Two bits hide a single device, and the scan notices that it needs all vectors.
    assert scans.sampled_scan(**setting, adc_bits=2)["relative"].values > rounded["relative"].values
    with pytest.raises(ValueError, match="bits is 0"):
        scans.sampled_scan(**setting, adc_bits=0)


def test_a_pair_takes_two_columns():
    with pytest.raises(ValueError, match="columns is 7"):
        scans.sampled_scan(rows=4, columns=7, stuck_off=0, stuck_on=0, vectors=4, seed=0)


def test_recall_gets_better_with_the_vectors_of_the_scan(setup):
    few, every = (scans.sampled_map_recall(setup, vectors=count, seed=0) for count in (4, 64))
    assert few["missed"].values > 0.1 and every["missed"].values == every["false"].values == 0
    assert every["cosine"].values > few["cosine"].values
    right = scans.imperfect_map(setup, missed=0.0, false=0.0, seed=0)
    assert float(every["cosine"].values) == pytest.approx(float(right["cosine"].values), abs=0.02)


def test_a_square_scan_is_a_sampled_scan_unless_it_has_too_many_faults():
    square = {"rows": 32, "stuck_fraction": 0.02, "seed": 3}  # 20.48 faults on average
    known = scans.sampled_scan(
        rows=32, columns=32, stuck_off=0.01, stuck_on=0.01, vectors=None, seed=3
    )
    found = scans.square_scan(**square, most_faults=21)
    assert all(found[name] == known[name] for name in ("exact", "relative"))
    left_out = scans.square_scan(**square, most_faults=20)
    assert np.isnan([left_out["exact"].values, left_out["relative"].values]).all()
