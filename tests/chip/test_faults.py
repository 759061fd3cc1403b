"""Weight limits and fault maps against interval arithmetic by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest

from crossmem.chip.faults import FaultMap, WeightLimits


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


def test_masked_limits_are_zero_or_unbounded_at_the_given_rate(rng):
    limits = WeightLimits.masked((60, 50), 0.3, rng)
    masked = ~limits.working
    assert binomtest(int(masked.sum()), masked.size, 0.3).pvalue > 1e-3
    assert (limits.low[masked] == 0).all()
    assert (limits.high[masked] == 0).all()
    assert (limits.low[~masked] == -np.inf).all()
    assert (limits.high[~masked] == np.inf).all()


def test_clip_moves_each_weight_to_the_nearest_reachable_one():
    limits = WeightLimits([[-1.0, 0.0], [0.2, -np.inf]], [[1.0, 0.0], [0.5, np.inf]])
    weights = np.array([[0.4, 0.9], [-3.0, -7.0]])
    assert limits.clip(weights).tolist() == [[0.4, 0.0], [0.2, -7.0]]
    assert weights[0, 1] == 0.9


def test_self_connections_are_removed(rng):
    limits = WeightLimits.masked((5, 5), 0.0, rng).without_self_connections()
    assert (limits.working == ~np.eye(5, dtype=bool)).all()
    assert (limits.clip(np.ones((5, 5))).diagonal() == 0).all()


def test_limits_do_not_follow_the_array_they_were_made_from():
    low = np.zeros((2, 2))
    limits = WeightLimits(low, low + 1)
    low[:] = 9
    assert (limits.low == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        limits.low[0, 0] = 1


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (np.zeros((2, 3)), np.ones((3, 2)), r"low has shape \(2, 3\) and high \(3, 2\)"),
        (np.zeros(3), np.ones(3), "matrices of the same shape"),
        (np.zeros((0, 3)), np.ones((0, 3)), "non-empty"),
        ([[0.0, 0.7]], [[1.0, 0.2]], "low 0.7 and high 0.2 are no"),
        ([[np.nan]], [[1.0]], "low nan"),
    ],
)
def test_bad_limits(low, high, message):
    with pytest.raises(ValueError, match=message):
        WeightLimits(low, high)


def test_bad_use_of_limits(rng):
    limits = WeightLimits.masked((2, 3), 0.5, rng)
    with pytest.raises(ValueError, match=r"weights of shape \(3, 2\)"):
        limits.clip(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="rate is 1.5"):
        WeightLimits.masked((2, 3), 1.5, rng)
    with pytest.raises(ValueError, match=r"low has shape \(2, 0\)"):
        WeightLimits.masked((2, 0), 0.5, rng)


@pytest.mark.parametrize(
    ("plus", "minus", "interval"),
    [
        (None, None, (-1.0, 1.0)),
        (0.0, None, (-1.0, 0.0)),
        (150.0, None, (0.0, 1.0)),
        (30.0, None, (-0.8, 0.2)),
        (None, 0.0, (0.0, 1.0)),
        (None, 150.0, (-1.0, 0.0)),
        (None, 30.0, (-0.2, 0.8)),
        (150.0, 0.0, (1.0, 1.0)),
        (0.0, 150.0, (-1.0, -1.0)),
        (150.0, 150.0, (0.0, 0.0)),
        (90.0, 30.0, (0.4, 0.4)),
    ],
)
def test_interval_of_each_kind_of_pair(plus, minus, interval):
    measured = np.array([[[np.nan if g is None else g for g in (plus, minus)]]])
    stuck_on = measured > 75
    stuck_off = ~np.isnan(measured) & ~stuck_on
    faults = FaultMap(stuck_off, stuck_on, measured, reads=0, writes=0, g_max=150.0)
    limits = faults.weight_limits()
    assert (limits.low.item(), limits.high.item()) == pytest.approx(interval)
    bound = np.inf if plus is None and minus is None else 0.0
    masked = faults.masked()
    assert (masked.low.item(), masked.high.item()) == (-bound, bound)


def test_a_mask_needs_a_generator():
    with pytest.raises(TypeError, match="rng is None, but it must be a numpy Generator"):
        WeightLimits.masked((4, 4), 0.5, None)


def test_a_map_without_faults_leaves_every_weight():
    empty = FaultMap.without_faults((3, 4), 150.0)
    limits = empty.weight_limits()
    assert (limits.low == -1).all() and (limits.high == 1).all() and limits.shape == (3, 4)
    assert not empty.stuck.any() and (empty.reads, empty.writes) == (0, 0)


def test_further_faults_enter_a_map():
    found, measured = np.zeros((2, 1, 2), dtype=bool), np.full((2, 1, 2), 80.0)
    found[0, 0, 0] = found[1, 0, 1] = True
    measured[1, 0, 1] = -0.3
    known = FaultMap.without_faults((2, 1), 150.0).with_stuck(found, measured)
    # G+ stuck at 80 leaves [80 - 150, 80] / 150, G- stuck at 0 leaves [0, 1].
    limits = known.weight_limits()
    np.testing.assert_allclose(limits.low, [[-70 / 150], [0.0]])
    np.testing.assert_allclose(limits.high, [[80 / 150], [1.0]])
    assert known.stuck_on.sum() == known.stuck_off.sum() == 1
    np.testing.assert_array_equal(known.stuck, found)
