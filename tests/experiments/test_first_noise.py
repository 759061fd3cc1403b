"""The noise of the training cues at the first step, and with it that of the last."""

import pytest

from crossmem.experiments import Setup, stored_quality
from crossmem.experiments.variants import first_noise_quality

STACK = Setup(n_patterns=30, flip_rate=0.05, layers=2, width=16)
STACK = STACK.at(optimizer="adam", steps=60, cue_noise=(0.12, 0.03))


@pytest.mark.parametrize(
    "levels, first, last",
    [((0.12, 0.03), 0.08, 0.02), ((0.12, 0.03), 0.0, 0.0), ((0.0, 0.0), 0.08, 0.0)],
)
def test_the_last_level_keeps_its_proportion_to_the_first(levels, first, last):
    trained = STACK.at(cue_noise=levels)
    found = first_noise_quality(trained, first_noise=first, seeds=[100, 101])
    for recall, iterations in (("one pass", 1), ("all iterations", STACK.iterations)):
        trained = STACK.at(cue_noise=(first, last), iterations=iterations)
        expected = stored_quality(trained, seeds=[100, 101])["cosine"]
        assert found["cosine"].sel(recall=recall, drop=True).identical(expected)
