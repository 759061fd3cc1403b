"""Each rule of the claims gives its verdict, and refuses what it cannot judge."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
import yaml

from crossmem.analysis.statistics import Exponent
from crossmem.workbook.ledger import compare
from crossmem.workbook.verdicts import Published, judge, kind, read_published

ENTRY = Published("3j", "02_x", "Fig 3j", "capacity", "mean", "fig3j", 115.0, "why", tolerance=0.1)
GAIN = replace(ENTRY, rule="beyond", published=None, holds="> 1")


def asked(**change):
    return replace(ENTRY, **change)


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "low", "high", "verdict"),
    [
        (115.0, None, None, "agrees"),
        (104.0, None, None, "agrees"),  # within a tenth
        (103.0, None, None, "disagrees"),
        (127.0, None, None, "disagrees"),  # more is not always better
        (118.0, 110.0, 130.0, "agrees"),
        (140.0, 110.0, 170.0, "inconclusive"),  # only its width brings it there
        (90.0, 80.0, 100.0, "disagrees"),
    ],
)
def test_verdict_on_a_published_115(ours, low, high, verdict):
    assert judge(ENTRY, ours, low, high)[0] == verdict


def test_more_can_be_better():
    better = asked(more_is_better=True)
    assert judge(better, 127.0) == ("agrees", "more than published")
    assert judge(better, 100.0) == ("disagrees", "why")
    assert judge(better, 127.0, 110.0, 140.0)[0] == "inconclusive"


def test_a_margin_in_units_takes_the_place_of_a_share():
    assert judge(asked(margin=1.0), 116.0)[0] == "agrees"
    assert judge(asked(margin=1.0), 117.0)[0] == "disagrees"


def test_the_distance_is_told_where_the_interval_excludes_the_published_value():
    assert "9 below" in judge(ENTRY, 106.0, 105.0, 107.0)[1]
    assert judge(ENTRY, 114.0, 113.0, 116.0)[1] == ""


def test_comparison_takes_mean_and_interval_over_the_seeds():
    values = np.array([110.0, 120.0, 118.0, 112.0])
    claim = compare(ENTRY, values, {})
    assert (claim.ours, claim.verdict, claim.reason) == (115.0, "agrees", "")
    assert 110 <= claim.low < 115 < claim.high <= 120
    missed = compare(asked(published=200.0), values, {})
    assert (missed.verdict, missed.reason, missed.rule) == ("disagrees", "why", "within 10 %")


def test_there_is_no_verdict_on_a_failed_seed():
    with pytest.raises(ValueError, match="1 NaN"):
        compare(asked(published=6.0), [4, np.nan, 8], {})


def test_an_infinite_value_gives_no_verdict():
    with np.errstate(invalid="ignore"):
        assert compare(asked(published=6.0), [6.0, 6.0, np.inf], {}).verdict == "inconclusive"


@pytest.mark.parametrize("kind_of", [float, np.float32, xr.DataArray])
def test_no_verdict_on_a_missing_number_of_any_kind(kind_of):
    missing, known = kind_of(np.nan), kind_of(7.0)
    better = asked(rule="holds", holds="ours > rival", tolerance=0.0)
    for entry, values, given, ours in (
        (ENTRY, missing, {}, "–"),
        (ENTRY, known, {"low": missing, "high": known}, 7),
        (asked(published="{there}"), known, {"there": missing}, 7),
        (better, known, {"rival": missing}, 7),
        (GAIN, missing, {}, "–"),
    ):
        claim = compare(entry, values, given)
        assert (claim.verdict, claim.ours) == ("inconclusive", ours)
        assert claim.reason
    assert compare(better, known, {"rival": kind_of(6.0), "other": missing}).verdict == "agrees"


@pytest.mark.parametrize(
    ("values", "ours"), [([7.0], 7.0), ([], "–"), (Exponent(1.5, np.nan, np.nan), 1.5)]
)
def test_without_an_interval_nothing_is_decided(values, ours):
    claim = compare(ENTRY, values, {})
    assert (claim.verdict, claim.ours, claim.low) == ("inconclusive", ours, None)


@pytest.mark.parametrize(
    ("value", "spread", "sizes", "verdict"),
    [
        (1.49, 0.01, 6, "agrees"),
        (1.35, 0.01, None, "agrees"),
        (1.30, 0.25, 6, "inconclusive"),
        (1.66, 0.01, 6, "disagrees"),
        (1.49, 0.01, 2, "inconclusive"),
    ],
)
def test_exponents_need_three_sizes_and_a_narrow_interval(value, spread, sizes, verdict):
    entry = asked(rule="exponent", published=1.49, sizes=sizes and "{sizes}")
    claim = compare(entry, Exponent(value, value - spread, value + spread), {"sizes": sizes})
    assert claim.verdict == verdict
    assert (claim.ours, claim.low) == (value, pytest.approx(value - spread))


# --- conditions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("holds", "low", "high", "verdict"),
    [
        ("<= 5", 1.0, 4.0, "agrees"),
        ("<= 5", 1.0, 6.0, "inconclusive"),
        ("< 3", 3.0, 4.0, "disagrees"),
        ("ours > 2 and ours < 5", 2.5, 4.0, "agrees"),
        ("ours > 2 and ours < 2.5", 1.0, 4.0, "inconclusive"),  # within, but neither end
        ("ours > 1.9 and ours < 2.1", 1.0, 4.0, "inconclusive"),  # ours is not, some are
        ("== rivals", None, None, "agrees"),
        (">= bar", 1.0, 4.0, "inconclusive"),
        (">= bar", 2.0, 4.0, "agrees"),
    ],
)
def test_words_hold_over_the_whole_interval_or_are_open(holds, low, high, verdict):
    entry = asked(rule="holds", published="all", holds=holds, bar=2.0)
    given = {"rivals": 3} if low is None else {"low": low, "high": high, "rivals": 3}
    claim = compare(entry, 3, given)
    assert claim.verdict == verdict
    assert (claim.published, claim.ours, claim.low, claim.high) == ("all", 3.0, low, high)


@pytest.mark.parametrize(
    ("rule", "met", "unmet"),
    [("direction", "same direction", "disagrees"), ("calibrated", "calibrated", "disagrees")],
)
def test_a_sign_and_a_fitted_number_have_verdicts_of_their_own(rule, met, unmet):
    entry = asked(rule=rule, published="> 0", holds="> 0")
    assert judge(entry, 1.0, 0.5, 1.5)[0] == met
    assert judge(entry, -1.0, -1.5, -0.5) == (unmet, "why")
    assert judge(entry, 0.2, -0.5, 1.5)[0] == "inconclusive"


def test_our_side_may_be_words():
    entry = asked(rule="holds", published="all", holds="behind == 0 and ahead > 1")
    assert compare(entry, "ahead at 5", {"behind": 0, "ahead": 5}).ours == "ahead at 5"
    assert compare(entry, "ahead at 5", {"behind": 1, "ahead": 5}).verdict == "disagrees"


@pytest.mark.parametrize("holds", ["rivals > 3", "low > 0", "all", "ours >"])
def test_a_condition_without_numbers_is_refused(holds):
    with pytest.raises(ValueError, match="'3j'"):
        judge(asked(rule="holds", holds=holds), 3.0)


def test_rules_are_told_in_words():
    entry = asked(rule="holds", holds=">= bar", bar=100.0)
    assert entry.in_words() == "≥ 100"
    assert asked(rule="holds", holds="== rivals").in_words(rivals=4) == "= 4"
    assert asked(rule="holds", holds="ours > 1 and ours < 2").in_words() == "> 1 and < 2"
    assert asked(more_is_better=True).in_words() == "within 10 %, or more"
    assert asked(margin=0.2).in_words() == "within 0.2"


# --- choices, and what cannot be tested -------------------------------------------------------


def test_where_choices_differ_the_verdict_depends_on_them():
    entry = asked(depends="the order of updates")
    one, other = [80.0, 82.0], [114.0, 116.0]
    claim = compare(entry, one, {}, {"sweeps": one, "random draws": other})
    assert claim.verdict == "depends on the order of updates"
    assert kind(claim.verdict) == "depends on"
    assert claim.reason == "agrees with random draws (sweeps: 81, random draws: 115)"
    assert claim.ours == 81.0
    assert compare(entry, other, {}, {"a": other, "b": 116.0}).verdict == "agrees"
    assert compare(entry, one, {}, {"a": one, "b": 70.0}).verdict == "disagrees"
    both = compare(entry, one, {}, {"a": one, "b": 150.0})
    assert both.verdict == "inconclusive" and "both sides" in both.reason


def test_a_range_across_the_bar_depends_on_what_it_spans():
    entry = asked(rule="holds", published="< 0.1", holds="< 0.1", depends="the constants")
    given = {"low": 1e-6, "high": 0.5}
    assert compare(entry, 1e-4, given).verdict == "depends on the constants"
    assert compare(entry, 1e-4, given | {"high": 0.05}).verdict == "agrees"
    assert compare(entry, 0.3, {"low": 0.2, "high": 0.5}).verdict == "disagrees"


def test_a_range_that_reaches_the_margin_of_a_number_depends_on_what_it_spans():
    entry = asked(depends="the constants")  # 115, within a tenth
    for ours, low, high, verdict in (
        (60.0, 50.0, 104.0, "depends on the constants"),
        (115.0, 50.0, 116.0, "depends on the constants"),
        (60.0, 50.0, 300.0, "depends on the constants"),
        (60.0, 50.0, 103.0, "disagrees"),
        (140.0, 127.0, 300.0, "disagrees"),
        (115.0, 104.0, 126.0, "agrees"),
    ):
        assert compare(entry, ours, {"low": low, "high": high}).verdict == verdict, (low, high)
    note = compare(entry, 60.0, {"low": 50.0, "high": 104.0}).reason
    assert note == "ours misses a margin of 10 %, a part of the range meets it"


def test_choices_and_what_they_are_come_together():
    with pytest.raises(ValueError, match="'3j'.*'depends'"):
        compare(ENTRY, 3.0, {}, {"a": 3.0, "b": 4.0})
    with pytest.raises(ValueError, match="'3j' depends on the order: give choices"):
        compare(asked(depends="the order"), 3.0, {})


def test_what_cannot_be_tested_shows_our_range_and_the_reason():
    entry = asked(rule="untestable", reason="needs {needed}")
    claim = compare(entry, 2.0, {"low": 0.9, "high": 56.0, "needed": "4 pJ"})
    assert (claim.verdict, claim.reason) == ("not testable", "needs 4 pJ")
    assert (claim.low, claim.high, claim.rule) == (0.9, 56.0, "none")


# --- beyond the paper -------------------------------------------------------------------------


def test_a_gain_lies_beyond_with_its_whole_interval():
    claim = compare(GAIN, [300.0, 330.0], {"before": [100.0, 100.0]})
    assert (claim.ours, claim.before, claim.after) == (pytest.approx(3.15), 100.0, 315.0)
    assert (claim.published, claim.verdict) == (None, "beyond")
    less = compare(replace(GAIN, before=100.0, gain="difference", holds="> 0"), [99.0, 103.0], {})
    assert (less.ours, less.verdict, less.reason) == (1.0, "no gain", "why")
    alone = compare(GAIN, [1.2, 1.4], {})
    assert (alone.verdict, alone.before, alone.after) == ("beyond", None, None)
    grown = compare(
        replace(GAIN, before=1.5, gain="difference", holds="> 0"), Exponent(1.7, 1.6, 1.8), {}
    )
    assert (grown.ours, grown.low) == (pytest.approx(0.2), pytest.approx(0.1))


# --- the paper's side -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rule": "meen"}, "'3j'.*'mean'"),
        ({"rule": "holds"}, "'3j'.*need 'holds'"),
        ({"holds": "> 3"}, "'3j'.*need 'holds'"),
        ({"tolerence": 1}, "'3j'.*tolerence"),
        ({"what": None}, "'3j'.*what"),
        ({"rule": "beyond", "holds": "> 1"}, "'3j'.*'published'"),
        ({"published": None}, "'3j'.*'published'"),
        ({"rule": "untestable"}, "'3j'.*reason"),
        ({"gain": "share"}, "'3j'.*'ratio'"),
    ],
)
def test_an_entry_that_is_not_clear_is_refused(tmp_path, change, named):
    entry = {"figure": "f", "what": "w", "published": 1, "rule": "mean", "dataset": "d"} | change
    entry = {name: value for name, value in entry.items() if value is not None}
    content = {"rules": {"mean": {"tolerance": 0.1}}, "02_x": {"3j": entry}}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match=named):
        read_published(tmp_path / "claims.yaml")


def test_an_id_stands_once(tmp_path):
    entry = {"figure": "f", "what": "w", "published": 1, "rule": "mean", "dataset": "d"}
    content = {"rules": {}, "02_x": {"3j": entry}, "03_x": {"3j": entry}}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="'3j' twice"):
        read_published(tmp_path / "claims.yaml")
