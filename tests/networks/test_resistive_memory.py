"""A memory that is a resistive network: what it stores, how it recalls, what it refuses."""

import numpy as np
import pytest

from crossmem.networks.resistive_memory import ResistiveMemory
from crossmem.patterns import flip_bits, load_patterns


@pytest.fixture(scope="module")
def stored():
    pool = load_patterns("digits", size=4, binary=True)
    return np.unique(pool, axis=0)[[3, 50, 100, 160]]


@pytest.mark.parametrize("hidden", [(), (12,)])
def test_stored_patterns_rest(stored, hidden):
    memory = ResistiveMemory(hidden=hidden, epochs=300).fit(stored)
    np.testing.assert_array_equal(memory.recall(stored), stored)
    assert memory.loss_curve_[-1] < 0.1 * memory.loss_curve_[0]


def test_recall_corrects_flipped_bits(stored):
    memory = ResistiveMemory(hidden=(12,), cue_noise=0.06, copies=10, epochs=40).fit(stored)
    cues = flip_bits(np.tile(stored, (20, 1)), 0.05, np.random.default_rng(1))
    wanted = np.tile(stored, (20, 1))
    before = (cues == wanted).mean()
    assert (memory.recall(cues) == wanted).mean() > (1 + before) / 2
    assert memory.score(cues, wanted) > 0.95


def test_an_update_is_the_sign_of_the_pairs(stored):
    memory = ResistiveMemory(hidden=(5,), epochs=3).fit(stored)
    network = memory.network_
    voltages = network.voltages(network.free(0.5 * stored))[-1]
    expected = np.where(voltages[:, ::2] > voltages[:, 1::2], 1.0, -1.0)
    np.testing.assert_array_equal(memory.recall(stored, iterations=1), expected)
    np.testing.assert_array_equal(memory.recall(stored, iterations=0), stored)


def test_devices_are_counted_crossing_by_crossing(stored):
    for hidden in ((), (7,)):
        memory = ResistiveMemory(hidden=hidden, epochs=1).fit(stored)
        assert memory.devices(16) == sum(a.state.size for a in memory.arrays_)
    assert ResistiveMemory().devices(64) == 130 * 128
    assert ResistiveMemory(hidden=(31,)).devices(64) == 258 * 31 + 256


def test_bad_patterns_and_limits_are_refused(stored):
    with pytest.raises(ValueError, match="must be binary"):
        ResistiveMemory().fit(stored / 2)
    with pytest.raises(TypeError, match="pass limits=None"):
        ResistiveMemory().fit(stored, limits=[None])
    with pytest.raises(ValueError, match="copies is 0"):
        ResistiveMemory(copies=0).fit(stored)
