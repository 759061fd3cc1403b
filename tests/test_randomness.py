"""Keyed streams: the same everywhere, independent of each other."""

import numpy as np
import pytest

from crossmem.randomness import generator


def test_a_stream_is_the_same_in_every_process_and_release():
    assert generator(7, "cues", 64, 0.5).integers(2**62) == 2675912562434670009


def test_streams_differ_by_every_coordinate():
    keys = [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, 1, "a"), (0, "a", 0.5), (0,)]
    assert len({generator(*key).random() for key in keys}) == len(keys)


def test_whole_numbers_of_any_type_give_one_stream():
    draws = {generator(0, value).random() for value in (1, 1.0, np.int64(1), np.float32(1))}
    assert len(draws) == 1


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ((-1,), ValueError, "seed is -1"),
        ((0.5,), TypeError, "seed is 0.5"),
        ((True,), TypeError, "seed is True"),
        ((0, None), TypeError, "coordinate None"),
        ((0, [1]), TypeError, r"coordinate \[1\]"),
    ],
)
def test_what_is_no_key_is_refused(key, error, message):
    with pytest.raises(error, match=message):
        generator(*key)
