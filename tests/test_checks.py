"""Errors at the door: their kind, the name and the value, and a remedy."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from crossmem.checks import (
    check_below,
    check_choice,
    check_constants,
    check_count,
    check_even,
    check_lengths,
    check_not_negative,
    check_positive,
    check_rate,
    check_rng,
    check_shape,
    check_within,
    nearest,
)


@pytest.mark.parametrize(
    ("name", "valid", "expected"),
    [
        ("minst", ["digits", "mnist", "random"], "mnist"),
        ("MNIST", ["digits", "mnist", "emnist", "random"], "mnist"),
        ("Adam", {"rmsprop": 1, "adam": 2}, "adam"),
        ("adam", ["Adam", "SGD"], "Adam"),
        ("zzz", ["a"], "a"),
        (5, [4, 50], 50),
        ("x", [], ""),
    ],
)
def test_nearest_ignores_case(name, valid, expected):
    assert nearest(name, valid) == expected


def test_a_choice_is_returned_or_the_nearest_suggested():
    assert check_choice("a", "letter", "abc") == "a"
    with pytest.raises(ValueError, match="letter='B'.*'a', 'b'.*'b'"):
        check_choice("B", "letter", ["a", "b"])


def test_counts_are_python_integers():
    assert type(check_count(np.int64(3), "n")) is int
    assert check_count(0, "n", least=0) == 0


@pytest.mark.parametrize("value", [2.0, "2", None, True])
def test_a_count_is_an_integer(value):
    with pytest.raises(TypeError, match=f"n is {value!r}"):
        check_count(value, "n")


def test_small_counts_name_the_remedy():
    with pytest.raises(ValueError, match="n is 0.*at least 1"):
        check_count(0, "n")
    with pytest.raises(ValueError, match="bits is 0.*or None"):
        check_count(0, "bits", remedy="or None")


@pytest.mark.parametrize("value", [0, 1, -2, 63])
def test_even_numbers_start_at_two(value):
    assert check_even(64, "tile") == 64
    with pytest.raises(ValueError, match=f"tile is {value}"):
        check_even(value, "tile")


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_positive, [1e-9, 3], [0, -1.0, math.inf, math.nan]),
        (check_not_negative, [0, 2.5], [-1e-9, math.inf, math.nan]),
        (check_rate, [0, 0.5, 1], [-0.01, 1.01, math.inf, math.nan]),
    ],
)
def test_numbers_have_a_range(check, good, bad):
    assert [check(value, "x") for value in good] == good
    for value in bad:
        with pytest.raises(ValueError, match=f"x is {value}"):
            check(value, "x")
    with pytest.raises(TypeError, match="x is '5 %'"):
        check("5 %", "x")
    assert check(np.float32(0.5), "x") == 0.5


def test_a_generator_is_a_generator():
    rng = np.random.default_rng(0)
    assert check_rng(rng) is rng
    with pytest.raises(TypeError, match=r"rng is 7.*default_rng"):
        check_rng(7)


def test_shapes_and_ranges_of_arrays():
    values = np.array([[0.0, 2.0]])
    assert check_shape(values, ("n", 2), "x", "turn it") is values
    for shape in ((1, 3), (2,), (1, 2, "n")):
        with pytest.raises(ValueError, match=r"x of shape \(1, 2\).*turn it"):
            check_shape(values, shape, "x", "turn it")
    with pytest.raises(ValueError, match=r"\(0, 2\)"):
        check_shape(values[:0], ("n", 2), "x", "turn it")
    assert check_within(values, 0, 2, "x", "lower it", " V") is values
    for wrong in (3.0, math.nan):
        with pytest.raises(ValueError, match=rf"x {wrong:g} V is outside \[0, 2\] V.*lower it"):
            check_within(np.array([1.0, wrong]), 0, 2, "x", "lower it", " V")


@dataclass(frozen=True)
class Model:
    rate: float = 1.0
    spread: float = 0.0
    top: float = 10.0

    def __post_init__(self):
        check_constants(self, positive=["rate"])
        check_below(self, "rate", "top", share=0.5)


def test_constants_are_checked_alone_and_against_each_other():
    Model(rate=4.9)
    for arguments, message in (
        ({"rate": 0}, "rate is 0"),
        ({"spread": -1}, "spread is -1"),
        ({"top": math.nan}, "top is nan"),
        ({"top": 2.0}, "rate is 1.*0.5 top, which is 1.*raise top"),
    ):
        with pytest.raises(ValueError, match=message):
            Model(**arguments)
    with pytest.raises(TypeError, match="spread is 'wide'"):
        Model(spread="wide")


def test_lists_have_as_many_values_as_there_is_room_for():
    check_lengths(1, 3, few=[1], many=[1, 2, 3])
    with pytest.raises(ValueError, match="more has 4 values.*1 to 3"):
        check_lengths(1, 3, few=[1], more=[1, 2, 3, 4])
    with pytest.raises(ValueError, match="none has 0 values"):
        check_lengths(1, 3, none=[])
