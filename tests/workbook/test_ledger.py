"""Ledgers refuse what is unclear, judge by the rules of the YAML files, and lose no row."""

import csv
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from crossmem import DeviceModel
from crossmem.workbook.ledger import (
    Assumption,
    Claim,
    fill,
    join_ledgers,
    read_assumptions,
    read_claims,
    update_readme,
    write_rows,
)
from crossmem.workbook.verdicts import Published, read_published

ROOT = Path(__file__).resolve().parents[2]
CLAIM = Claim("3j", "Fig 3j", "capacity", 115.0, 117.5, "agrees", low=112.0, high=121.0)
CLAIM = replace(CLAIM, rule="within 10 %", notebook="02_x", dataset="fig3j")
GAIN = Claim("b3j", "Fig 3j", "capacity", None, 3.0, "beyond", 2.9, 3.1, 120.0, 360.0, "> 1")
GAIN = replace(GAIN, notebook="07_x", dataset="more")
ENTRY = Published("3j", "02_x", "Fig 3j", "capacity", "mean", "fig3j", 115.0, "why", tolerance=0.1)


def asked(**change):
    return replace(ENTRY, **change)


def kept(folder, *claims, notebook="02_x", assumptions=()):
    write_rows(claims, assumptions, folder / "ledger" / f"{notebook}.json")


# --- rows and files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"verdict": "agres"}, "'agres'.*'agrees'"),
        ({"verdict": "reproduced"}, "'reproduced'.*choose"),
        ({"verdict": "disagrees"}, "reason"),
        ({"verdict": "inconclusive"}, "reason"),
        ({"verdict": "not testable"}, "reason"),
        ({"verdict": "no gain"}, "reason"),
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
    late = Claim("10", "Fig 10a", "energy", "2.68x", "2.5x", "agrees")
    note = Claim("S4", "Suppl. Note 4", "Hebb", 0.132, 0.13, "agrees")
    other, early = (
        Claim(id, figure, "loop", "shrinks", "shrinks", "agrees")
        for id, figure in (("ep-9", "EP Fig 9"), ("ep-text", "EP text"))
    )
    kept(tmp_path, other, note, late, early)
    kept(tmp_path, CLAIM, notebook="03_x")
    better = replace(CLAIM, ours=130.0, low=125.0, high=135.0)
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
        "id,figure,what,published,ours,verdict,low,high,before,after,rule,reason,notebook,dataset,"
        "image",
        "3j,Fig 3j,capacity,115,117.5,agrees,112,121,,,within 10 %,,02_x,fig3j,",
    ]
    assert (tmp_path / "assumptions.csv").read_text().splitlines() == [
        "parameter,value,origin,reason,notebook",
        'iterations,"a, b",assumed,tried,01_x',
        "iterations,12,assumed,tried,02_x",
    ]
    page = (tmp_path / "README.md").read_text()
    for link in ("(fig3j.nc)", "(02_fig3j.png)", "(../../notebooks/02_x.ipynb)"):
        assert link in page
    assert "1 rows: agrees 1" in page


def test_the_page_has_a_table_for_each_paper_and_one_for_what_goes_beyond(tmp_path):
    kept(tmp_path, CLAIM, replace(CLAIM, id="ep", figure="EP Fig 9"), GAIN)
    join_ledgers(tmp_path)
    first, second, beyond = (tmp_path / "README.md").read_text().split("\n## ")[1:]
    assert first.startswith("The paper\n") and "| Fig 3j |" in first and "EP" not in first
    assert "| EP Fig 9 |" in second and "| Fig 3j |" not in second
    assert "| 120 | 360 | 3 [2.9, 3.1] | beyond | > 1 |" in beyond
    assert "| Before | After |" in beyond and "| Published |" not in beyond


def test_rows_without_a_published_value_come_back(tmp_path):
    kept(tmp_path, GAIN)
    assert read_claims(tmp_path) == [GAIN]


def test_readme_keeps_all_but_its_sentences(tmp_path):
    (tmp_path / "params").mkdir()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "02_fig3ij.png").touch()
    entry = {"figure": "f", "what": "w", "published": 1, "rule": "mean", "dataset": "d"}
    said = "Three times: **{verdict}** ({ours:.0f}, {of[3k].ours:.0f})."
    entries = {"02_x": {"3j": entry | {"sentence": said}, "3k": entry}}
    (tmp_path / "params" / "claims.yaml").write_text(yaml.safe_dump(entries))
    kept(tmp_path / "figures", CLAIM, replace(CLAIM, id="3k", ours=33.0), GAIN)
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- claims:begin -->\nold\n<!-- claims:end -->\nEnd.\n")
    for _ in range(2):
        update_readme(readme, tmp_path / "figures")
        text = readme.read_text()
        assert text.startswith(
            "# Title\n<!-- claims:begin -->\n* Three times: **agrees** (118, 33)."
        )
        assert "[Fig 3j](figures/02_fig3ij.png), chapter [02](notebooks/02_x.ipynb)" in text
        assert "2 rows: agrees 2. Beyond the papers are 1 more." in text
        assert text.endswith("\n<!-- claims:end -->\nEnd.\n")
        assert "(figures/README.md)" in text and "old" not in text
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="claims:begin"):
        update_readme(readme, tmp_path / "figures")


def test_texts_take_what_is_given():
    given = {"n": 400, "device": DeviceModel(), "each": 0.8274, "pair": [0.06, 0.0]}
    assert fill("N = {n} ({each:.2f})", given, "") == "N = 400 (0.83)"
    assert fill("{device.g_max}", given, "") == 150.0
    assert fill("{pair[0]} to {pair[1]}", given, "") == "0.06 to 0.0"
    for missing in ("{size}", "{size} of {n}", "{device.gmax}", "{pair[2]}"):
        with pytest.raises(ValueError, match="claim 3j.*size|gmax|index"):
            fill(missing, given, "claim 3j")


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
    assert 12 <= sum(bool(entry.sentence) for entry in published.values()) <= 16


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
        holds = published[id].holds.replace("bar", f"{published[id].bar}")
        assert holds == f"{sign} {assumed[parameter]}"
    assert f"{published['6c-single-2'].tolerance}" == assumed["tolerance of an energy ratio"]
