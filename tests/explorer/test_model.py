"""The model of the explorer: settings in, networks and recalls out; no widgets."""

import numpy as np
import pytest

from crossmem.explorer.model import (
    KNOWLEDGE,
    MOST_PATTERNS,
    RECALLED,
    RULES,
    STUCK_OFF,
    STUCK_ON,
    WORKING,
    Explorer,
)


@pytest.fixture
def explorer():
    return Explorer()


def recalled(explorer):
    return int((explorer.test() >= RECALLED).sum())


def test_hebbs_weights_are_those_of_the_formula(explorer):
    patterns = explorer.patterns
    weights = patterns.T @ patterns
    np.fill_diagonal(weights, 0)
    written = explorer.crossbar.weights
    assert np.allclose(written / np.abs(written).max(), weights / np.abs(weights).max(), atol=1e-6)


def test_the_same_settings_give_the_same_memory_whatever_was_tried_before(explorer):
    other = Explorer()
    other.set(rule="Storkey", n_patterns=7)
    other.break_at_rate(0.3, 0.1)
    other.break_device(3, 4, 1)
    other.repair()
    for one in (explorer, other):
        one.set(rule="adaptive, noisy cues", n_patterns=5, error=4.0, knowledge="intervals")
    assert np.array_equal(explorer.crossbar.conductance, other.crossbar.conductance)
    explorer.write()
    assert np.array_equal(explorer.crossbar.conductance, other.crossbar.conductance)


def test_digits_are_stored_in_order_and_drawings_ahead_of_them(explorer):
    assert explorer.names == ["0", "1", "2"]
    explorer.clear()
    explorer.set_pixel(55, 1)
    drawn = explorer.cue.copy()
    assert drawn.sum() == 2 - 100
    explorer.store()
    assert explorer.names == ["own", "0", "1", "2"]
    assert np.array_equal(explorer.patterns[0], drawn)
    explorer.pick(1)
    assert np.array_equal(explorer.cue, explorer.patterns[1])
    explorer.flip(0.5)
    assert 20 < (explorer.cue != explorer.patterns[1]).sum() < 80


def test_no_more_patterns_are_stored_than_there_are(explorer):
    explorer.set(n_patterns=MOST_PATTERNS)
    explorer.store()
    assert len(np.unique(explorer.patterns, axis=0)) == explorer.n_patterns == MOST_PATTERNS


def test_a_click_breaks_one_device_and_shifts_its_weight_alone(explorer):
    before = explorer.crossbar.weights.copy()
    minus = explorer.crossbar.conductance[7, 9, 1] / 150
    expected = [
        (STUCK_OFF, before[7, 9] + minus),
        (STUCK_ON, before[7, 9] + minus - 1),
        (WORKING, before[7, 9] + minus - 1),  # a device that works again is not yet written
    ]
    for state, weight in expected:
        explorer.break_device(7, 9, 1)
        assert explorer.faults[7, 9, 1] == state
        assert explorer.new_faults == (state != WORKING)
        changed = explorer.crossbar.weights != before
        assert changed.sum() == (weight != before[7, 9])
        assert explorer.crossbar.weights[7, 9] == pytest.approx(weight)
    explorer.write()
    assert np.array_equal(explorer.crossbar.weights, before)


def test_a_higher_rate_breaks_more_devices_and_keeps_those_that_are_broken(explorer):
    explorer.break_device(0, 1, 0)
    explorer.break_at_rate(0.1, 0.1)
    few = explorer.faults > 0
    explorer.break_at_rate(0.2, 0.1)
    more = explorer.faults > 0
    assert abs(few.mean() - 0.2) < 0.01 and abs(more.mean() - 0.3) < 0.01
    assert (more >= few).all() and more[0, 1, 0]
    assert explorer.new_faults == more.sum()
    explorer.write()
    assert not explorer.new_faults
    explorer.repair()
    assert not explorer.faults.any()


def test_a_recall_is_that_of_the_network_and_stops_where_it_rests(explorer):
    explorer.flip(0.1)
    recall = explorer.recall()
    assert np.array_equal(recall.states[0], explorer.cue)
    assert np.array_equal(recall.states[-1], explorer.network.recall(explorer.cue[None])[0])
    assert (recall.states[1:] != recall.states[:-1]).any(axis=1).all()
    assert recall.settled and recall.updates == len(recall.energies) - 1
    overlaps = recall.states @ explorer.patterns.T / 100
    assert np.allclose(recall.overlaps, overlaps)


def test_the_energy_never_rises_where_hopfields_proof_holds(explorer):
    """Symmetric weights without self-connections, one neuron after the other."""
    explorer.set(n_patterns=10)
    explorer.update = "asynchronous"
    for draw in range(10):
        explorer.pick(draw)
        explorer.flip(0.3, draw)
        recall = explorer.recall()
        assert (np.diff(recall.energies) <= 1e-4).all()
        field = explorer.network.layers[0].field(recall.states)
        assert np.allclose(recall.energies, -0.5 * (field * recall.states).sum(axis=1), rtol=1e-5)


class TestTasks:
    """What the page says that one should have seen."""

    def test_hebb_loses_a_digit_at_three_and_training_recalls_most(self, explorer):
        for count in (1, 2, 3):
            explorer.set(n_patterns=count)
            assert (recalled(explorer) == count) == (count < 3)
        explorer.set(n_patterns=MOST_PATTERNS)
        found = {}
        for rule in RULES:
            explorer.set(rule=rule)
            found[rule] = recalled(explorer)
        assert found["adaptive"] == max(found.values()) > 2 * found["pseudo-inverse"]

    def test_the_empty_image_ends_in_a_spurious_state(self, explorer):
        explorer.set(n_patterns=5)
        explorer.clear()
        for explorer.update in ("synchronous", "asynchronous"):
            recall = explorer.recall()
            assert recall.settled
            assert (recall.overlaps[-1] > 0.4).all() and (recall.overlaps[-1] < 0.9).all()

    def test_a_recall_mostly_ends_at_the_pattern_that_is_nearest_to_the_cue(self, explorer):
        explorer.set(rule="adaptive", n_patterns=10)
        alike = []
        for index in range(10):
            explorer.pick(index)
            for draw in range(4):
                explorer.flip(0.1, 10 * index + draw)
                overlaps = explorer.recall().overlaps
                alike.append(overlaps[0].argmax() == overlaps[-1].argmax())
        assert 0.5 < np.mean(alike) < 1

    def test_only_intervals_recover_the_digits(self, explorer):
        explorer.set(rule="adaptive, noisy cues", n_patterns=20)
        for place in range(5):
            explorer.break_device(place, 50, 0)
        assert recalled(explorer) == 20
        explorer.break_at_rate(0.1, 0.1)
        found = [recalled(explorer)]
        for knowledge in KNOWLEDGE:
            explorer.set(knowledge=knowledge)
            found.append(recalled(explorer))
        assert found == [0, 0, 0, 20]

    def test_stages_find_faults_that_training_did_not_know(self, explorer):
        explorer.break_at_rate(0.1, 0.1)
        explorer.set(rule="adaptive, noisy cues", n_patterns=20, error=4.0)
        once, shares = recalled(explorer), []
        explorer.write_in_stages(shares.append)
        assert recalled(explorer) >= once + 10
        assert np.allclose(np.diff([0, *shares]), shares[0]) and shares[-1] == 1


def test_a_programming_error_misses_the_targets_by_as_much(explorer):
    exact = explorer.crossbar.conductance.copy()
    explorer.set(error=8.0)
    inside = (exact > 30) & (exact < 120)
    missed = (explorer.crossbar.conductance - exact)[inside]
    assert missed.std() == pytest.approx(8.0, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"rule": "Hebb"}, "formula"),
        ({"rule": "adaptive", "knowledge": "mask"}, "Masked"),
        ({"rule": "adaptive", "error": 0.0}, "exact"),
    ],
)
def test_what_cannot_be_written_in_stages_says_why(explorer, settings, why):
    explorer.set(error=4.0)
    explorer.set(**settings)
    with pytest.raises(ValueError, match=why):
        explorer.write_in_stages()


@pytest.mark.parametrize(
    "settings",
    [{"rule": "hebb"}, {"knowledge": "all"}, {"n_patterns": 0}, {"error": 0.2}, {"x": 1}],
)
def test_settings_out_of_range_are_refused_and_change_nothing(explorer, settings):
    with pytest.raises(ValueError):
        explorer.set(**settings)
    assert (explorer.rule, explorer.n_patterns, explorer.error) == ("Hebb", 3, 0.0)
