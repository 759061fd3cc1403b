"""The scans against counts by hand, the exhaustive scan and what they must not miss."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from threadpoolctl import threadpool_limits

from crossmem import scans
from crossmem.crossbar import Crossbar
from crossmem.devices import DeviceModel


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def chip(n_out, n_in, off=(), on=(), *, tile=64, device=None, seed=0):
    """A chip with stuck devices at the indices (output, input, device) given, and its truth."""
    truth = np.zeros((2, n_out, n_in, 2), dtype=bool)
    for state, places in enumerate((off, on)):
        for place in places:
            truth[(state, *place)] = True
    device, rng = device or DeviceModel(), np.random.default_rng(seed)
    conductance = np.where(truth[1], device.g_max, 0.0)
    return Crossbar(conductance, truth.any(axis=0), rng=rng, device=device, tile=tile), truth


def agree(faults, truth):
    return (np.stack((faults.stuck_off, faults.stuck_on)) == truth).all()


# Reads of 1 ns, pulses of 10 ns at 1 V; a line takes 1 pJ, a column 2 + 3 + 8 pJ.
CONSTANTS = {
    "read_voltage": 1.0,
    "mean_conductance": 1e6,  # of trained weights: a scan takes half of G_max
    "read_time": 0.25,
    "dac_energy": 1.0,
    "drive_time": 0.25,
    "line_capacitance": 0.0,
    "cell_capacitance": 0.0,
    "line_voltage": 1.0,
    "tia_energy": 2.0,
    "adc_energy": 3.0,
    "adc_time": 0.25,
    "digital_energy": 8.0,
    "digital_time": 0.25,
    "pulse_time": 10.0,
    "pulse_voltage": 1.0,
}
CELL = 75e-6 * 0.25e-9  # J, one device read at half of G_max
PULSE = 75e-6 * 10e-9  # J


def test_costs_by_hand():
    # 3 x 4 pairs are 24 devices, on two tiles of 2 rows, and three strips of 2 columns.
    setting = {"tile": 2, "pulses": 5, "slowest": 7}
    column = 2e-12 + 3e-12 + 8e-12
    one = scans.scan_cost(3, 4, "devices", CONSTANTS, **setting)
    assert one[:3] == (48, 48, 240)
    assert one[3:5] == pytest.approx((48e-9, 48 * (5 * 10 + 6) * 1e-9))
    assert one.read_energy == pytest.approx(48 * (1e-12 + CELL + column))
    assert one.write_energy == pytest.approx(48 * 11e-12 + 48 * 6 * (CELL + column) + 240 * PULSE)
    rows = scans.scan_cost(3, 4, "rows", CONSTANTS, **setting)
    assert rows[:3] == (4, 48, 240)
    assert rows[3:5] == pytest.approx((4e-9, 4 * (7 * 10 + 8) * 1e-9))
    # A row has a line on each of the three strips.
    assert rows.read_energy == pytest.approx(24e-12 + 48 * (CELL + column))
    assert rows.write_energy == pytest.approx(24 * 15e-12 + 48 * 6 * (CELL + column) + 240 * PULSE)
    # 3 vectors, each converted by 6 columns of 2 tiles.
    sampled = scans.scan_cost(3, 4, "sampled", CONSTANTS, vectors=3, **setting)
    assert sampled[:3] == (3, 36, 240)
    assert sampled.read_energy == pytest.approx(3 * 12e-12 + 3 * 24 * CELL + 36 * column)
    assert sampled[4] == rows[4] and sampled.write_energy == rows.write_energy
    assert scans.scan_cost(3, 4, "rows", CONSTANTS, pulses=5, slowest=7).vectors == 8
    assert scans.scan_share(1.0, 3.0) == 0.25
    assert scans.scan_share(0.0, 3.0) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "sampled"}, "vectors is 0, but must be at least 1"),
        ({"mode": "row"}, "mode='row' is unknown"),
        ({"n_in": 0}, "n_in is 0, but must be at least 1"),
        ({"tile": 0}, "tile is 0, but must be at least 1"),
        ({"pulses": -1.0}, "pulses is -1.0, but must be finite and >= 0"),
        ({"constants": {"pulse_time": 1.0}}, "constant 'pulse_voltage' is missing: add it, in V"),
        ({"constants": {**CONSTANTS, "pulse_time": -1.0}}, "pulse_time is -1.0, but must be"),
    ],
)
def test_costs_refuse_what_makes_no_sense(arguments, message):
    setting = {"n_out": 3, "n_in": 4, "mode": "rows", "constants": CONSTANTS}
    with pytest.raises(ValueError, match=message):
        scans.scan_cost(**{**setting, "pulses": 5, "slowest": 7, **arguments})


def test_shares_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="use is 0, but must be above 0"):
        scans.scan_share(1.0, 0)
    with pytest.raises(ValueError, match="scan is -1.0, but must be finite"):
        scans.scan_share(-1.0, 1.0)


def test_decode_a_noiseless_case_by_hand():
    # Rows 0 and 2 of the first column are stuck: 1 + 1, 1 - 1 and -1 - 1 times 150 µS. All other
    # non-negative solutions add to rows 0 and 3, or to 1 and 2, so theirs is a larger sum.
    vectors = np.array([[1, -1, 1, -1], [1, 1, -1, -1], [-1, 1, -1, 1.0]])
    currents = np.array([[300.0, 0], [0, 0], [-300, 0]])
    assert scans.decode(vectors, currents, 150.0, 0.0).T.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


def test_one_fault_per_column_is_exact_with_few_vectors():
    n_out, n_in = 32, 64
    place = np.random.default_rng(1).integers(n_in, size=2 * n_out)
    off = [(k // 2, i, k % 2) for k, i in enumerate(place) if k % 3]
    on = [(k // 2, i, k % 2) for k, i in enumerate(place) if not k % 3]
    crossbar, truth = chip(n_out, n_in, off, on)
    faults, used = scans.sampled_map(crossbar, np.random.default_rng(2), vectors=24)
    assert agree(faults, truth) and used == (24, 24)
    assert crossbar.faults is faults
    # 48 vectors of 64 columns decide; every pulse has its read, and each write one more per device.
    assert faults.reads == 48 * 64 + faults.writes + 2 * crossbar.devices
    # The shared conductances are those of the chip: 0 and 150 µS, to the noise of a mean.
    assert faults.stuck_conductance[truth[0]] == pytest.approx(0, abs=3)
    assert faults.stuck_conductance[truth[1]] == pytest.approx(150, abs=3)
    assert np.isnan(faults.stuck_conductance[~truth.any(axis=0)]).all()


def test_the_limits_are_those_of_the_exhaustive_scan():
    setting = {"stuck_off": 0.01, "stuck_on": 0.02, "tile": 32}
    pair = [Crossbar.fabricate(20, 50, rng=np.random.default_rng(3), **setting) for _ in range(2)]
    full = pair[0].characterize()
    faults, used = scans.sampled_map(pair[1], np.random.default_rng(4))
    assert (faults.stuck_off == full.stuck_off).all() and (faults.stuck_on == full.stuck_on).all()
    assert max(used) <= 32
    assert faults.weight_limits().low == pytest.approx(full.weight_limits().low, abs=0.03)


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


def test_one_vector_tells_nothing_and_is_not_believed():
    found = scans.sampled_scan(rows=64, columns=8, stuck_off=0.05, stuck_on=0.05, vectors=1, seed=0)
    assert not found["exact"].values and found["missed"].values > 0.2


def test_a_noiseless_chip_and_odd_sizes():
    crossbar, truth = chip(3, 7, off=[(0, 6, 1)], on=[(2, 0, 0), (2, 1, 0)], tile=4)
    faults, used = scans.sampled_map(crossbar, np.random.default_rng(0))
    assert agree(faults, truth) and used == (4, 4)
    crossbar, truth = chip(3, 7, off=[(0, 6, 1)], device=DeviceModel(read_noise=0.0))
    assert agree(scans.sampled_map(crossbar, np.random.default_rng(0))[0], truth)


@pytest.mark.parametrize(
    ("rows", "count"), [(1, 4), (4, 4), (5, 8), (13, 20), (64, 68), (256, 264)]
)
def test_read_vectors_are_an_orthogonal_set(rows, count):
    vectors = scans.read_vectors(rows, np.random.default_rng(0))
    assert vectors.shape == (count, rows) and (np.abs(vectors) == 1).all()
    assert (vectors.T @ vectors == count * np.eye(rows)).all()
    assert np.abs(vectors[:-1].sum(axis=1)).max() <= count - rows


def test_few_vectors_tell_pairs_of_faults_apart():
    # In Sylvester's matrix, pairs with the same product agree in three of four vectors.
    vectors = scans.read_vectors(64, np.random.default_rng(0))
    a, b, c, d = (
        np.random.default_rng(1).permuted(np.tile(np.arange(64), (20_000, 1)), axis=1).T[:4]
    )
    same = (vectors[:, a] + vectors[:, b] == vectors[:, c] + vectors[:, d]).mean(axis=0)
    assert same.mean() == pytest.approx(3 / 8, abs=0.02) and same.max() < 0.65


def test_more_vectors_than_there_are_and_other_nonsense_are_refused():
    crossbar, _ = chip(2, 8)
    with pytest.raises(ValueError, match="vectors is 0, but must be at least 1"):
        scans.sampled_map(crossbar, np.random.default_rng(0), vectors=0)
    with pytest.raises(ValueError, match="vectors is 9, but 8 rows have 8; give at most 8"):
        scans.sampled_map(crossbar, np.random.default_rng(0), vectors=9)
    with pytest.raises(TypeError, match="Generator"):
        scans.sampled_map(crossbar, 0)
    with pytest.raises(ValueError, match="columns is 7, but a pair takes two"):
        scans.sampled_scan(rows=4, columns=7, stuck_off=0, stuck_on=0, vectors=4, seed=0)


def test_held_out_vectors_see_one_wrong_device_but_doubt_no_right_map():
    rows, noise, columns, trials = 64, 10.0, 50, 20_000
    count = scans.held_out(rows, 150.0, noise, columns, rows)
    rng = np.random.default_rng(6)
    vectors = hadamard(rows)[1 : count + 1].astype(float)
    left = vectors @ (noise * rng.standard_normal((rows, trials)))
    limit = scans.chi2.isf(scans.FALSE_DOUBT / columns, count)
    excess = [np.square(left + shift).sum(axis=0) / (rows * noise**2) for shift in (0.0, 150.0)]
    assert (excess[0] > limit).mean() < 1e-3
    assert (excess[1] < limit).mean() < 2 * scans.OVERLOOKED
    assert count >= 10  # two wrong devices cancel in nine with 2**-9, which is above a thousandth


def test_results_do_not_depend_on_the_order_of_calls():
    setting = {"rows": 32, "columns": 16, "stuck_off": 0.1, "stuck_on": 0.0, "vectors": 12}
    first = scans.sampled_scan(seed=1, **setting)
    scans.sampled_scan(seed=2, **setting)
    again = scans.sampled_scan(seed=1, **setting)
    assert all(first[name].identical(again[name]) for name in first)
    assert all({"units", "long_name"} <= value.attrs.keys() for value in first.values())


def test_missed_faults_cost_recall_and_false_ones_hardly():
    setting = {"dataset": "random", "neurons": 64, "patterns": 16, "flip_rate": 0.05}
    setting |= {"stuck_off": 0.15, "stuck_on": 0.15, "iterations": 10, "cues": 2, "seed": 0}
    quality = {
        pair: float(scans.imperfect_map(missed=pair[0], false=pair[1], **setting)["cosine"].values)
        for pair in ((0.0, 0.0), (1.0, 0.0), (0.0, 0.1))
    }
    assert quality[0.0, 0.0] > quality[1.0, 0.0] + 0.05
    assert quality[0.0, 0.1] > quality[1.0, 0.0]
    with pytest.raises(ValueError, match="missed is 2"):
        scans.imperfect_map(missed=2, false=0.0, **setting)


@pytest.mark.parametrize("tile_rows", [None, 32])
def test_eight_bit_converters_find_the_same_faults(tile_rows):
    setting = {"rows": 64, "columns": 32, "stuck_off": 0.01, "stuck_on": 0.01, "seed": 7}
    setting |= {"vectors": None, "tile_rows": tile_rows}
    exact, rounded = (scans.sampled_scan(**setting, adc_bits=bits) for bits in (None, 8))
    assert exact["exact"].values and rounded["exact"].values
    assert exact["relative"].values <= rounded["relative"].values + 0.1
    # With two bits nothing is left of a single device, and the scan knows that it needs them all.
    assert scans.sampled_scan(**setting, adc_bits=2)["relative"].values > rounded["relative"].values
    with pytest.raises(ValueError, match="bits is 0"):
        scans.sampled_scan(**setting, adc_bits=0)


def test_recall_gets_better_with_the_vectors_of_the_scan():
    setting = {"dataset": "random", "neurons": 64, "patterns": 16, "flip_rate": 0.05}
    setting |= {"stuck_off": 0.1, "stuck_on": 0.1, "iterations": 10, "cues": 2, "seed": 0}
    few, all_of_them = (scans.sampled_map_recall(vectors=count, **setting) for count in (4, 64))
    assert few["missed"].values > 0.1 and all_of_them["missed"].values == 0
    assert all_of_them["false"].values == 0
    assert all_of_them["cosine"].values > few["cosine"].values
    right = scans.imperfect_map(missed=0.0, false=0.0, **setting)
    assert float(all_of_them["cosine"].values) == pytest.approx(
        float(right["cosine"].values), abs=0.02
    )


def test_a_square_scan_is_a_sampled_scan_unless_it_has_too_many_faults():
    asked = {"rows": 32, "fault_rate": 0.02, "seed": 3}  # 20.48 faults in the mean
    known = scans.sampled_scan(
        rows=32, columns=32, stuck_off=0.01, stuck_on=0.01, vectors=None, seed=3
    )
    found = scans.square_scan(**asked, most_faults=21)
    assert all(found[name] == known[name] for name in ("exact", "relative"))
    left_out = scans.square_scan(**asked, most_faults=20)
    assert np.isnan([left_out["exact"].values, left_out["relative"].values]).all()
