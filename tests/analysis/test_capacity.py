"""The capacity search on memories whose capacity is known, and on Hebb's against theory."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from crossmem.analysis import theory
from crossmem.analysis.capacity import (
    Bracket,
    CapacitySearch,
    Quality,
    find_capacity,
    recall_quality,
)
from crossmem.networks.network import Layer, Network
from crossmem.networks.rules import HebbianMemory, PseudoInverseMemory
from crossmem.patterns import flip_bits

POOL = np.random.default_rng(0).choice([-1.0, 1.0], (120, 64))


@pytest.fixture
def rng():
    return np.random.default_rng(13)


def clean(patterns, rng):
    return patterns


class Answers(Network):
    """A network that recalls given states, one batch after the other; the last one for ever."""

    def __init__(self, *batches):
        self.batches = [np.asarray(batch, dtype=float) for batch in batches]
        size = self.batches[0].shape[1]
        super().__init__([Layer(np.ones((size, size)), np.zeros(size))])

    def recall(self, cues, iterations):
        return self.batches.pop(0) if len(self.batches) > 1 else self.batches[0]


class KnownCapacity(BaseEstimator):
    """Recalls perfectly up to its capacity; beyond it, one pattern is recalled upside down.

    With ``all_fail`` every pattern is, so that the mean criterion fails as well.
    """

    def __init__(self, capacity, all_fail=True):
        self.capacity, self.all_fail = capacity, all_fail

    def fit(self, patterns, limits=None):
        self.limits_seen = limits
        recalled = patterns.copy()
        if len(recalled) > self.capacity:
            recalled[slice(None) if self.all_fail else 0] *= -1
        self.network_ = Answers(recalled)
        return self


def search(capacity, pool=POOL, all_fail=True, **options):
    return CapacitySearch(
        lambda: KnownCapacity(capacity, all_fail),
        pool,
        clean,
        limits=None,
        rng=np.random.default_rng(1),
        **options,
    )


# The search


@pytest.mark.filterwarnings("ignore:all .* patterns of the pool")
@pytest.mark.parametrize("guess", [None, 1, 40, 120, 10_000])
def test_search_finds_every_capacity_exactly(guess):
    """From none to the whole pool, whatever it starts from."""
    for capacity in range(len(POOL) + 1):
        assert search(capacity).capacity(guess=guess, resolution=0) == capacity


def test_search_stops_within_its_resolution_of_the_truth():
    pool = np.random.default_rng(0).choice([-1.0, 1.0], (1000, 4))
    for capacity in range(0, 1001, 37):
        found = search(capacity, pool).capacity(resolution=0.05, guess=100)
        assert abs(found - capacity) <= max(1, 0.05 * capacity)


def test_bracket_interpolates_a_power_law():
    """Shortfalls of (P/100)^3 % on both sides of 100 give 100, from ends 30 % apart."""
    bracket = Bracket(0.99, 1000, exponent=4.0)
    for count in (90, 117):
        bracket.add(count, 1 - 0.01 * (count / 100) ** 3)
    assert (bracket.low, bracket.high) == (90, 117)
    assert bracket.closed(0.3) and not bracket.closed(0.29)
    assert bracket.crossing() == pytest.approx(100, rel=1e-6)


@pytest.mark.parametrize("exponent", [3.0, 4.0, 5.0])
def test_a_guess_that_is_nearly_right_takes_two_or_three_trainings(exponent):
    """A power law is met to within two percent, whatever its exponent, from a guess 25 % off."""
    for guess in (80, 95, 105, 125):
        bracket, trials = Bracket(0.99, 1000, exponent=4.0), 0
        while not bracket.closed(0.4):
            trial = bracket.next_trial(0.4, guess)
            bracket.add(trial, 1 - 0.01 * (trial / 100) ** exponent)
            trials += 1
        assert trials <= 3
        assert bracket.capacity() == pytest.approx(100, rel=0.02)


def test_one_end_is_extrapolated_with_the_given_exponent():
    bracket = Bracket(0.99, 1000, exponent=2.0)
    bracket.add(120, 1 - 0.01 * 1.2**2)
    assert bracket.crossing() == pytest.approx(100, rel=1e-6)


def test_capacity_is_capped_at_the_pool():
    with pytest.warns(UserWarning, match=f"all {len(POOL)} patterns of the pool are recalled"):
        assert search(10**6).capacity() == len(POOL)


def test_number_of_trainings():
    """About ten from a guess that is right to within a factor of two, fifteen from a wild one."""
    pool = np.random.default_rng(0).choice([-1.0, 1.0], (1000, 4))
    for capacity in range(100, 401, 25):
        near, wild = search(capacity, pool), search(capacity, pool)
        near.capacity(guess=200)
        wild.capacity(guess=2)
        assert len(near.qualities) <= 11
        assert len(wild.qualities) <= 16


@pytest.mark.filterwarnings("ignore:all .* patterns of the pool")
def test_both_criteria_share_their_trainings():
    """One wrong pattern of 50 leaves a mean of 0.96, which passes at 0.9; the worst one fails."""
    shared, alone = search(30, all_fail=False), search(30, all_fail=False)
    by_mean = shared.capacity(threshold=0.9, guess=50)
    first = dict(shared.qualities)
    options = {"threshold": 0.9, "guess": 50, "criterion": "worst_pattern", "resolution": 0}
    assert shared.capacity(**options) == alone.capacity(**options) == 30
    assert by_mean == len(POOL)
    assert all(shared.qualities[count] is quality for count, quality in first.items())
    for count in shared.qualities.keys() & alone.qualities.keys():
        assert shared.qualities[count] == alone.qualities[count]


def test_smaller_sets_are_part_of_larger_ones_and_cues_belong_to_the_number():
    seen = {}

    def corrupt(patterns, rng):
        seen[len(patterns)] = patterns, rng.random(3)
        return patterns

    def run(*counts):
        seen.clear()
        finder = CapacitySearch(
            lambda: KnownCapacity(99), POOL, corrupt, limits=None, rng=np.random.default_rng(4)
        )
        for count in counts:
            finder.quality(count)
        return dict(seen)

    one, other = run(5, 20, 40), run(40, 5)
    np.testing.assert_array_equal(one[5][0], one[40][0][:5])
    for count in (5, 40):
        np.testing.assert_array_equal(one[count][0], other[count][0])
        np.testing.assert_array_equal(one[count][1], other[count][1])
    assert len(np.unique(one[40][0], axis=0)) == 40


def test_limits_reach_the_memory(rng):
    fitted, limits = [], [object()]

    def factory():
        fitted.append(KnownCapacity(3))
        return fitted[-1]

    find_capacity(factory, POOL, clean, limits=limits, rng=rng)
    assert all(memory.limits_seen is limits for memory in fitted)


def test_find_capacity_is_the_search_in_one_call():
    found = find_capacity(
        lambda: KnownCapacity(37), POOL, clean, rng=np.random.default_rng(1), resolution=0
    )
    assert found == 37


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "median"}, "criterion='median'.*worst_pattern"),
        ({"threshold": 99}, r"threshold is 99.*\[0, 1\]"),
        ({"threshold": np.nan}, "threshold is nan"),
        ({"guess": -3}, "guess is -3.*at least 1"),
        ({"resolution": -0.1}, "resolution is -0.1"),
    ],
)
def test_bad_search_options(options, message):
    with pytest.raises(ValueError, match=message):
        search(5).capacity(**options)


def test_bad_pool_generator_and_cues(rng):
    with pytest.raises(ValueError, match=r"shape \(64,\)"):
        find_capacity(HebbianMemory, POOL[0], clean, rng=rng)
    with pytest.raises(TypeError, match="rng is 0.*Generator"):
        find_capacity(HebbianMemory, POOL, clean, rng=0)
    with pytest.raises(ValueError, match="cues is 0.*at least 1"):
        find_capacity(HebbianMemory, POOL, clean, rng=rng, cues=0)


def test_a_memory_without_weights_recalls_nothing():
    """Two patterns span two neurons: the projection is the identity, whose diagonal is not stored.

    Every state then stays as it is, so that even clean cues must not count as recalled.
    """
    pool = np.array([[1.0, 1.0], [1.0, -1.0]])
    assert not PseudoInverseMemory().fit(pool).network_.layers[0].weights.any()
    rng = np.random.default_rng(0)
    assert find_capacity(PseudoInverseMemory, pool, clean, rng=rng) == 1
    square = np.random.default_rng(0).choice([-1.0, 1.0], (48, 16))
    assert find_capacity(PseudoInverseMemory, square, clean, rng=rng) <= 16


# Quality


def test_quality_by_hand(rng):
    """Two patterns, two cues each: cosines 1 and 0.5 for the first, 0 and 0.5 for the second."""
    patterns = np.ones((2, 4))
    half, none = [1, 1, 1, -1], [1, 1, -1, -1]
    memory = Answers([patterns[0], none], [half, half])
    assert recall_quality(memory, patterns, clean, rng, cues=2) == Quality(0.5, 0.25)


def test_hebbian_capacity_equals_theory(rng):
    """Replica theory: a mean overlap of 0.99 up to 0.126 patterns per neuron."""
    loads = []
    for neurons in (256, 400):
        for _ in range(6):
            pool = rng.choice([-1.0, 1.0], (neurons // 2, neurons))
            loads.append(find_capacity(HebbianMemory, pool, clean, rng=rng) / neurons)
    assert np.mean(loads) == pytest.approx(theory.hebbian_capacity(0.99), rel=0.15)


def test_corrupted_cues_and_the_stricter_criterion_cost_capacity(rng):
    pool = rng.choice([-1.0, 1.0], (80, 144))

    def corrupt(patterns, rng):
        return flip_bits(patterns, 0.2, rng)

    def capacity(corrupt, criterion):
        rng = np.random.default_rng(2)
        return find_capacity(HebbianMemory, pool, corrupt, criterion=criterion, rng=rng)

    assert capacity(corrupt, "mean") < capacity(clean, "mean")
    assert capacity(clean, "worst_pattern") < capacity(clean, "mean")
