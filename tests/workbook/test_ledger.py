"""Ledgers refuse what is unclear, judge by the rules of the YAML files, and lose no row."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from crossmem import DeviceModel
from crossmem.analysis.statistics import Exponent
from crossmem.workbook.ledger import (
    Assumption,
    Claim,
    Published,
    claims_table,
    compare,
    fill,
    join_ledgers,
    read_assumptions,
    read_claims,
    read_published,
    update_readme,
    write_rows,
)

ROOT = Path(__file__).resolve().parents[2]
CLAIM = Claim("3j", "Fig 3j", "capacity", 115.0, 117.5, "reproduced", low=112.0, high=121.0)
CLAIM = replace(CLAIM, notebook="02_x", dataset="fig3j")
ENTRY = Published("3j", "02_x", "Fig 3j", "capacity", 115.0, "mean", "fig3j", "why", tolerance=0.1)


def asked(**change):
    return replace(ENTRY, **change)


def kept(folder, *claims, notebook="02_x", assumptions=()):
    write_rows(claims, assumptions, folder / "ledger" / f"{notebook}.json")


# --- rows and files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"verdict": "reprodced"}, "'reprodced'.*'reproduced'"),
        ({"verdict": "not reproduced"}, "reason"),
        ({"verdict": "undecided"}, "reason"),
    ],
)
def test_unclear_claims_are_refused(change, named):
    with pytest.raises(ValueError, match=named):
        replace(CLAIM, **change)


def test_unclear_assumptions_are_refused():
    with pytest.raises(ValueError, match="'guess'"):
        Assumption("iterations", 10, "guess")
    with pytest.raises(ValueError, match="'iterations'.*reason"):
        Assumption("iterations", 10, "assumed")


def test_rows_come_back_sorted_by_figure_and_those_of_other_notebooks_stay(tmp_path):
    late = Claim("10", "Fig 10a", "energy", "2.68x", "2.5x", "reproduced")
    note = Claim("S4", "Suppl. Note 4", "Hebb", 0.132, 0.13, "reproduced")
    other, early = (
        Claim(id, figure, "loop", "shrinks", "shrinks", "reproduced")
        for id, figure in (("ep-9", "EP Fig 9"), ("ep-text", "EP text"))
    )
    kept(tmp_path, other, note, late, early)
    kept(tmp_path, CLAIM, notebook="03_x")
    better = replace(CLAIM, ours=130.0, low=125.0, high=135.0, verdict="exceeded")
    kept(tmp_path, better, notebook="03_x")
    assert read_claims(tmp_path) == [better, late, note, other, early]


def test_a_full_disk_keeps_the_old_rows(tmp_path, monkeypatch):
    kept(tmp_path, CLAIM)

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="02_x.json"):
        kept(tmp_path)
    assert read_claims(tmp_path) == [CLAIM]


def test_a_damaged_results_file_is_named(tmp_path):
    kept(tmp_path, CLAIM)
    for content in ("{", "[]", '{"claims": [{"id": "3j"}]}'):
        (tmp_path / "ledger" / "02_x.json").write_text(content)
        with pytest.raises(ValueError, match="02_x.json.*restore"):
            read_claims(tmp_path)


def test_joined_ledgers_are_csv_and_a_page_with_links(tmp_path):
    assumed = Assumption("iterations", 12.0, "assumed", "tried", "02_x")
    kept(tmp_path, CLAIM, assumptions=[assumed])
    kept(tmp_path, notebook="01_x", assumptions=[replace(assumed, notebook="01_x", value="a, b")])
    for name in ("fig3j.nc", "02_fig3j.png"):
        (tmp_path / name).touch()
    join_ledgers(tmp_path)
    assert (tmp_path / "claims.csv").read_text().splitlines() == [
        "id,figure,what,published,ours,verdict,low,high,reason,notebook,dataset",
        "3j,Fig 3j,capacity,115,117.5,reproduced,112,121,,02_x,fig3j",
    ]
    assert (tmp_path / "assumptions.csv").read_text().splitlines() == [
        "parameter,value,origin,reason,notebook",
        'iterations,"a, b",assumed,tried,01_x',
        "iterations,12,assumed,tried,02_x",
    ]
    page = (tmp_path / "README.md").read_text()
    for link in ("(fig3j.nc)", "(02_fig3j.png)", "(../../notebooks/02_x.ipynb)"):
        assert link in page
    assert "1 rows: 1 reproduced" in page


def test_the_table_shows_three_digits_and_why_not():
    failed = replace(CLAIM, what="a|b", verdict="not reproduced", reason="too few cells")
    lines = claims_table([CLAIM, failed]).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 8
    assert "| 115 | 118 [112, 121] | reproduced | fig3j | [02](notebooks/02_x.ipynb) |" in lines[2]
    assert r"| a\|b |" in lines[3] and "| not reproduced: too few cells |" in lines[3]
    assert "ipynb" not in claims_table([CLAIM], notebooks="")


def test_readme_keeps_all_but_its_headlines(tmp_path):
    (tmp_path / "params").mkdir()
    entry = {"figure": "f", "what": "w", "published": 1, "rule": "mean", "dataset": "d"}
    entries = {"02_x": {"3j": entry | {"headline": True}, "3k": entry}}
    (tmp_path / "params" / "claims.yaml").write_text(yaml.safe_dump(entries))
    kept(tmp_path / "figures", CLAIM, replace(CLAIM, id="3k", what="not here"))
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- claims:begin -->\nold\n<!-- claims:end -->\nEnd.\n")
    for _ in range(2):
        update_readme(readme, tmp_path / "figures")
        text = readme.read_text()
        assert text.startswith("# Title\n<!-- claims:begin -->\n| Figure |")
        assert text.endswith("2 rows: 2 reproduced.\n<!-- claims:end -->\nEnd.\n")
        assert "(figures/README.md)" in text
        assert not any(gone in text for gone in ("old", "not here"))
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="claims:begin"):
        update_readme(readme, tmp_path / "figures")


# --- verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "low", "high", "verdict"),
    [
        (115.0, None, None, "reproduced"),
        (104.0, None, None, "reproduced"),  # within a tenth
        (103.0, None, None, "not reproduced"),
        (127.0, None, None, "not reproduced"),  # more is not always better
        (140.0, 110.0, 170.0, "reproduced"),  # the interval holds the published value
        (90.0, 80.0, 100.0, "not reproduced"),
    ],
)
def test_verdict_on_a_published_115(ours, low, high, verdict):
    assert ENTRY.judge(ours, 115.0, low, high) == verdict


def test_more_can_be_better():
    assert asked(more_is_better=True).judge(127.0, 115.0) == "exceeded"
    assert asked(more_is_better=True).judge(100.0, 115.0) == "not reproduced"


def test_a_margin_in_units_takes_the_place_of_a_share():
    assert asked(margin=1.0).judge(116.0, 115.0) == "reproduced"
    assert asked(margin=1.0).judge(117.0, 115.0) == "not reproduced"


def test_comparison_takes_mean_and_interval_over_the_seeds():
    values = np.array([110.0, 120.0, 118.0, 112.0])
    claim = compare(ENTRY, values, {})
    assert (claim.ours, claim.verdict, claim.reason) == (115.0, "reproduced", "")
    assert 110 <= claim.low < 115 < claim.high <= 120
    missed = compare(asked(published=200.0), values, {})
    assert (missed.verdict, missed.reason) == ("not reproduced", "why")


def test_there_is_no_verdict_on_a_failed_seed():
    with pytest.raises(ValueError, match="1 NaN"):
        compare(asked(published=6.0), [4, np.nan, 8], {})


def test_an_infinite_value_gives_no_verdict():
    with np.errstate(invalid="ignore"):
        assert compare(asked(published=6.0), [6.0, 6.0, np.inf], {}).verdict == "undecided"


@pytest.mark.parametrize("kind", [float, np.float32, xr.DataArray])
def test_no_verdict_on_a_missing_number_of_any_kind(kind):
    missing, known = kind(np.nan), kind(7.0)
    better = asked(rule="holds", holds="ours > rival", tolerance=0.0)
    for entry, values, given, ours in (
        (ENTRY, missing, {}, "–"),
        (ENTRY, known, {"low": missing, "high": known}, 7),
        (asked(published="{there}"), known, {"there": missing}, 7),
        (better, known, {"rival": missing}, 7),
    ):
        claim = compare(entry, values, given)
        assert (claim.verdict, claim.ours) == ("undecided", ours)
        assert claim.reason
    assert compare(better, known, {"rival": kind(6.0), "other": missing}).verdict == "reproduced"


@pytest.mark.parametrize(
    ("values", "ours"), [([7.0], 7.0), ([], "–"), (Exponent(1.5, np.nan, np.nan), 1.5)]
)
def test_without_an_interval_nothing_is_decided(values, ours):
    claim = compare(ENTRY, values, {})
    assert (claim.verdict, claim.ours, claim.low) == ("undecided", ours, None)


@pytest.mark.parametrize(
    ("value", "spread", "verdict"),
    [
        (1.49, 0.01, "reproduced"),
        (1.35, 0.01, "reproduced"),
        (1.30, 0.20, "reproduced"),
        (1.66, 0.01, "not reproduced"),
        (1.30, 0.01, "not reproduced"),
    ],
)
def test_exponents_are_met_within_their_tolerance_or_interval(value, spread, verdict):
    entry = asked(rule="exponent", published=1.49, tolerance=0.15)
    claim = compare(entry, Exponent(value, value - spread, value + spread), {})
    assert claim.verdict == verdict
    assert (claim.ours, claim.low) == (value, pytest.approx(value - spread))


@pytest.mark.parametrize(
    ("holds", "holding"),
    [
        ("<= 5", True),
        ("< 3", False),
        (">= 2.5 and low > 0", True),
        ("ours == rivals", True),
        ("low > bar", False),
    ],
)
def test_words_hold_or_do_not(holds, holding):
    entry = asked(rule="holds", published="all", holds=holds, bar=2.0)
    claim = compare(entry, 3, {"low": 1.0, "high": 4.0, "rivals": 3})
    assert claim.verdict == ("reproduced" if holding else "not reproduced")
    assert (claim.published, claim.ours, claim.low, claim.high) == ("all", 3.0, 1.0, 4.0)
    assert replace(entry, exceeded=True).judge(9, "all", 8, 10, rivals=9) != "reproduced"


@pytest.mark.parametrize("holds", ["rivals > 3", "low > 0", "all", "ours >"])
def test_a_condition_without_numbers_is_refused(holds):
    with pytest.raises(ValueError, match="'3j'"):
        asked(rule="holds", holds=holds).judge(3.0, "all")


def test_texts_take_what_is_given():
    given = {"n": 400, "device": DeviceModel(), "each": 0.8274, "pair": [0.06, 0.0]}
    assert fill("N = {n} ({each:.2f})", given, "") == "N = 400 (0.83)"
    assert fill("{device.g_max}", given, "") == 150.0
    assert fill("{pair[0]} to {pair[1]}", given, "") == "0.06 to 0.0"
    for missing in ("{size}", "{size} of {n}", "{device.gmax}", "{pair[2]}"):
        with pytest.raises(ValueError, match="claim 3j.*size|gmax|index"):
            fill(missing, given, "claim 3j")


# --- the paper's side -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rule": "meen"}, "'3j'.*'mean'"),
        ({"rule": "holds"}, "'3j'.*needs 'holds'"),
        ({"holds": "> 3"}, "'3j'.*needs 'holds'"),
        ({"tolerence": 1}, "'3j'.*tolerence"),
        ({"what": None}, "'3j'.*what"),
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


def test_assumptions_are_filled_and_a_model_gives_all_its_fields(tmp_path):
    path = tmp_path / "assumptions.yaml"
    entries = {
        "steps": ["{steps}", "assumed", "up to N = {largest}"],
        "sizes": ["{sizes}", "paper"],
        "DeviceModel.*": ["{device}", "assumed", "tried"],
    }
    path.write_text(yaml.safe_dump({"02_x": entries}, sort_keys=False))
    given = {"steps": 300, "largest": 144, "sizes": [16, 32], "device": DeviceModel()}
    steps, sizes, *model = read_assumptions(path, "02_x", given)
    assert steps == Assumption("steps", 300.0, "assumed", "up to N = 144", "02_x")
    assert sizes == Assumption("sizes", "16, 32", "paper", notebook="02_x")
    assert {row.parameter for row in model} == {
        f"DeviceModel.{f.name}" for f in fields(DeviceModel)
    }
    assert read_assumptions(path, "03_x", {}) == []


def test_each_committed_row_has_the_papers_side_and_each_entry_its_row():
    published = read_published(ROOT / "params" / "claims.yaml")
    claims = read_claims(ROOT / "figures" / "paper")
    assert {claim.id for claim in claims} == published.keys()
    for claim in claims:
        entry = published[claim.id]
        assert (claim.notebook, claim.dataset) == (entry.notebook, entry.dataset), claim.id
    assert 8 <= sum(entry.headline for entry in published.values()) <= 12


def test_committed_tables_are_those_of_the_results_files(tmp_path):
    paper, shown = ROOT / "figures" / "paper", ("claims.csv", "assumptions.csv")
    for path in (paper / "ledger").glob("*.json"):
        (tmp_path / "ledger").mkdir(exist_ok=True)
        (tmp_path / "ledger" / path.name).write_bytes(path.read_bytes())
    join_ledgers(tmp_path)
    for name in shown:
        assert (tmp_path / name).read_bytes() == (paper / name).read_bytes(), name


def test_every_constant_of_the_device_is_listed_with_its_origin():
    listed = yaml.safe_load((ROOT / "params" / "assumptions.yaml").read_text(encoding="utf-8"))
    for field in fields(DeviceModel):
        assert f"DeviceModel.{field.name}" in listed["01_device_and_crossbar"]


def test_bars_that_are_also_assumptions_agree():
    with (ROOT / "figures" / "paper" / "assumptions.csv").open(encoding="utf-8") as file:
        assumed = {row["parameter"]: row["value"] for row in csv.DictReader(file)}
    published = read_published(ROOT / "params" / "claims.yaml")
    for parameter, id, sign in (
        ("cosine that is nearly perfect", "6b-binary-1", ">="),
        ("minor decline of the cosine", "6b-continuous-1", "<="),
        ("negligible loss of cosine, synchronous", "S3-quality", "<="),
        ("negligible share of oscillating recalls", "S3-oscillation", "<="),
    ):
        assert published[id].holds == f"{sign} {assumed[parameter]}"
    assert f"{published['6c-single-2'].tolerance}" == assumed["tolerance of an energy ratio"]
