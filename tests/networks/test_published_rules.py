"""The rules against values that the authors' published code gives on the same patterns.

The values are those of the code at github.com/hecp2025/SuperlinearAssociativeMemory, run on digits
with masks and cues that `published_case` draws again. Its sign of a field of exactly zero is 0,
ours keeps the state, so Hebb's rule, whose fields often vanish, is not compared.
"""

import numpy as np
import pytest

from crossmem import AdaptiveMemory, PseudoInverseMemory, WeightLimits, load_patterns
from crossmem.networks.published_rules import PublishedEquilibriumMemory, PublishedStorkeyMemory

PATTERNS = (6, 10, 14, 20)
# Mean cosine of the authors' code: (seed, masked) -> one value for each number of patterns.
ADAPTIVE = {
    (1, False): (1.0000, 1.0000, 0.9996, 0.9965),
    (1, True): (1.0000, 0.9978, 0.9577, 0.8061),
    (2, False): (1.0000, 1.0000, 1.0000, 0.9959),
    (2, True): (1.0000, 0.9851, 0.9375, 0.7914),
}
PSEUDO_INVERSE = {
    (1, False): (1.0000, 1.0000, 0.9988, 0.9912),
    (1, True): (0.9945, 0.7777, 0.5952, 0.4968),
    (2, False): (1.0000, 1.0000, 0.9993, 0.9889),
    (2, True): (0.9891, 0.7786, 0.5509, 0.4734),
}
STORKEY = {
    (1, False): (0.9651, 0.9453, 0.8769, 0.8695),
    (1, True): (0.8854, 0.7891, 0.7379, 0.6802),
    (2, False): (0.9505, 0.9225, 0.8546, 0.8206),
    (2, True): (0.8742, 0.7439, 0.6665, 0.7034),
}
# Equilibrium propagation starts from random weights: one draw of theirs, seed 1 without a mask.
EQUILIBRIUM = {2: 0.75, 4: 0.85, 6: 0.91, 10: 0.65, 14: 0.98, 20: 0.62}
CASES = pytest.mark.parametrize("case", list(STORKEY), ids=lambda case: f"{case[0]}-{case[1]}")


def published_case(seed):
    """Patterns (20, 64), kept weights (64, 64) and 20 sets of cues, as theirs."""
    pool, rng = load_patterns("digits", size=8), np.random.default_rng(seed)
    patterns = pool[rng.permutation(len(pool))[:20]]
    kept = rng.random((64, 64)) >= 0.5
    cues = [np.where(rng.random(patterns.shape) < 0.05, -patterns, patterns) for _ in range(20)]
    return patterns, kept, cues


def quality(memory, case, count):
    """Mean cosine over the cues after the memory stored the first so many patterns."""
    seed, masked = case
    patterns, kept, cues = published_case(seed)
    limits = [WeightLimits(np.where(kept, -np.inf, 0), np.where(kept, np.inf, 0))]
    memory.fit(patterns[:count], limits=limits if masked else None)
    return np.mean([memory.score(own[:count], patterns[:count], iterations=10) for own in cues])


@CASES
def test_pseudo_inverse_as_the_authors_have_it(case):
    found = [quality(PseudoInverseMemory(), case, count) for count in PATTERNS]
    np.testing.assert_allclose(found, PSEUDO_INVERSE[case], atol=1e-3)


@CASES
def test_storkey_as_the_authors_have_it(case):
    found = [quality(PublishedStorkeyMemory(), case, count) for count in PATTERNS]
    np.testing.assert_allclose(found, STORKEY[case], atol=1e-4)


@CASES
def test_adaptive_training_as_the_authors_have_it(case):
    """Other optimisers and initial weights: within 0.02, over the three seeds' mean of theirs."""
    found = [
        np.mean([quality(AdaptiveMemory(seed=seed), case, count) for seed in range(3)])
        for count in PATTERNS
    ]
    np.testing.assert_allclose(found, ADAPTIVE[case], atol=0.02)


@pytest.mark.parametrize("count", EQUILIBRIUM)
def test_the_authors_equilibrium_propagation_is_a_draw_of_ours(count):
    """Their value lies among those of ten draws of the initial weights, to two digits."""
    memories = [PublishedEquilibriumMemory(seed=seed) for seed in range(10)]
    draws = [quality(memory, (1, False), count) for memory in memories]
    assert min(draws) - 0.005 <= EQUILIBRIUM[count] <= max(draws) + 0.005


# By hand


def test_storkey_by_hand():
    """The first pattern adds xxᵀ/3 with its diagonal, so its own second visit finds x = h."""
    once, twice = (PublishedStorkeyMemory().fit([[1, 1, -1]] * times) for times in (1, 2))
    (layer,) = once.layers_
    np.testing.assert_allclose(
        layer.gain * layer.weights, np.array([[0, 1, -1], [1, 0, -1], [-1, -1, 0]]) / 3, atol=1e-7
    )
    np.testing.assert_array_equal(layer.weights, twice.layers_[0].weights)


def test_states_settle_on_both_sides_of_the_threshold():
    """A field of 0.5 is enough for 1, one of -0.5 leaves 0, and a nudge of 10 brings x back."""
    memory = PublishedEquilibriumMemory()
    weights = np.array([[0.5, 0.0], [0.0, 0.5]], dtype=np.float32)
    patterns = np.array([[1, -1]], dtype=np.float32)
    np.testing.assert_array_equal(memory.settle(weights, patterns, 0.0), [[1, 0]])
    np.testing.assert_array_equal(memory.settle(weights, patterns, 10.0), patterns)


def test_each_state_settles_by_itself():
    """Together with states that go on moving, a state ends where it ends alone."""
    memory = PublishedEquilibriumMemory(settling=7)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((12, 12), dtype=np.float32)
    patterns = rng.choice(np.float32([-1, 1]), (9, 12))
    alone = [memory.settle(weights, patterns[row : row + 1], 0.0)[0] for row in range(9)]
    np.testing.assert_array_equal(memory.settle(weights, patterns, 0.0), alone)


def test_initial_weights_are_symmetric_and_belong_to_the_seed():
    first, again, other = (
        PublishedEquilibriumMemory(seed=seed).initial_weights(200) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(first, first.T)
    assert (np.diag(first) == 0).all()
    assert first[np.triu_indices(200, 1)].std() == pytest.approx(0.005**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nudge": 0.0}, "nudge"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"threshold": -0.5}, "threshold"),
        ({"epochs": 0}, "epochs"),
        ({"settling": 1.5}, "settling"),
    ],
)
def test_parameters_that_cannot_train_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PublishedEquilibriumMemory(**settings).fit(np.ones((2, 4)))
