"""The capacity of a resistive memory, against a count by hand."""

import pytest

from crossmem.analysis.capacity import recall_quality
from crossmem.experiments import Setup
from crossmem.experiments.resistive_memory import resistive_capacity
from crossmem.networks.eqprop import Recipe
from crossmem.networks.resistive_memory import ResistiveMemory

SETUP = Setup(source="random", neurons=16, flip_rate=0.0, cues=1)
MEMORY = {"cue_noise": 0.0, "copies": 1, "epochs": 60, "gain": 8.0}


def test_a_narrow_hidden_layer_holds_what_training_by_hand_says():
    found = resistive_capacity(SETUP, seed=0, hidden=3, step=0.01, **MEMORY)
    held = float(found["capacity"].sel(criterion="mean"))
    assert 1 <= held <= 48
    assert found["devices"] == 34 * 3 + 5 * 32

    def quality(count):
        memory = ResistiveMemory(hidden=(3,), recipe=Recipe(step=0.01), **MEMORY)
        patterns = SETUP.pool(0)[:count]
        return recall_quality(memory.fit(patterns), patterns, lambda p, rng: p, None).mean

    assert quality(max(1, int(held / 4))) > quality(min(48, int(4 * held) + 1))


def test_both_criteria_and_no_faults():
    found = resistive_capacity(SETUP, seed=1, hidden=4, step=0.01, **MEMORY)
    mean, worst = found["capacity"].values
    assert worst <= mean
    with pytest.raises(ValueError, match="masked_fraction"):
        resistive_capacity(SETUP.at(masked_fraction=0.5), seed=0, hidden=4, step=0.01, **MEMORY)
