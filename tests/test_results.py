"""Results: provenance in the file, old files never lost, ledgers that refuse what is unclear."""

import json
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.stats
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

from crossmem.capacity import Exponent
from crossmem.ledger import (
    Assumption,
    Claim,
    claims_table,
    compare,
    compare_exponent,
    judge,
    read_claims,
    record_assumptions,
    record_claims,
    stated,
    update_readme,
)
from crossmem.results import (
    describe,
    growth,
    load,
    mean_interval,
    project_root,
    save,
    save_figure,
)
from crossmem.workbook import QUICK_REASON, Run

CLAIM = Claim("3j", "Fig 3j", "capacity", 115, 117.5, "reproduced", low=112, high=121)


@pytest.fixture
def dataset():
    values = np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    dataset = xr.Dataset(
        {"capacity": (("neurons", "method"), values), "works": ("neurons", [True, False, True])},
        coords={"neurons": [64, 144, 256], "method": ["hebb", "adaptive"]},
    )
    return describe(dataset, capacity=("1", "stored patterns"), works=("1", "whether it recalls"))


# --- datasets ---------------------------------------------------------------------------------


def test_a_dataset_comes_back_as_it_was(dataset, tmp_path):
    save(dataset, tmp_path / "a.nc")
    found = load(tmp_path / "a.nc")
    xr.testing.assert_equal(found, dataset)
    assert found["capacity"].dtype == "float32"
    assert found["neurons"].attrs == {"units": "1", "long_name": "number of neurons N"}


def test_a_dataset_holds_its_provenance(dataset, tmp_path):
    dataset.attrs["wall_time_s"] = 1.5
    save(dataset, tmp_path / "a.nc", parameters={"sizes": [64, 144], "clean": True}, seed=3)
    found = load(tmp_path / "a.nc").attrs
    assert json.loads(found["parameters"]) == {"sizes": [64, 144], "clean": True}
    assert (found["seed"], found["wall_time_s"]) == (3, 1.5)
    assert found["numpy_version"] == np.__version__
    assert {"git_commit", "created", "crossmem_version", "python_version"} <= found.keys()


@pytest.mark.parametrize("missing", ["units", "long_name"])
def test_a_variable_without_meaning_is_refused(dataset, tmp_path, missing):
    del dataset["capacity"].attrs[missing]
    with pytest.raises(ValueError, match=f"'capacity' has no {missing}"):
        save(dataset, tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_describe_names_the_nearest_variable(dataset):
    with pytest.raises(ValueError, match="no variable 'capcity': did you mean 'capacity'"):
        describe(dataset, capcity=("1", "stored patterns"))


def test_a_full_disk_keeps_the_old_dataset(dataset, tmp_path, monkeypatch):
    save(dataset, tmp_path / "a.nc")

    def full(self, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="cannot write .*a.nc.*unchanged"):
            save(dataset + 1, tmp_path / "a.nc")
    xr.testing.assert_equal(load(tmp_path / "a.nc"), dataset)


def test_load_says_what_is_wrong(dataset, tmp_path):
    with pytest.raises(FileNotFoundError, match="run the notebook"):
        load(tmp_path / "a.nc")
    save(dataset, tmp_path / "a.nc")
    content = (tmp_path / "a.nc").read_bytes()
    (tmp_path / "a.nc").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="not a readable netCDF file"):
        load(tmp_path / "a.nc")


def test_a_figure_carries_its_description(tmp_path):
    figure = Figure(figsize=(1, 1))
    save_figure(figure, tmp_path / "fig3j.png", alt="Capacity falls with the fault ratio.")
    with Image.open(tmp_path / "fig3j.png") as image:
        assert image.text["Title"] == "fig3j"
        assert image.text["Description"] == "Capacity falls with the fault ratio."
    with pytest.raises(ValueError, match="alt is empty"):
        save_figure(figure, tmp_path / "fig3j.png", alt=" ")


# --- intervals --------------------------------------------------------------------------------


def test_interval_agrees_with_student_on_normal_data():
    values = np.random.default_rng(0).normal(5, 2, size=(400, 3))
    found = mean_interval(xr.DataArray(values, dims=("seed", "method")))
    np.testing.assert_allclose(found.mean, values.mean(0))
    low, high = scipy.stats.t.interval(0.95, 399, values.mean(0), scipy.stats.sem(values))
    np.testing.assert_allclose(found.low, low, atol=0.03)
    np.testing.assert_allclose(found.high, high, atol=0.03)
    again = mean_interval(xr.DataArray(values, dims=("seed", "method")))
    xr.testing.assert_identical(again.low, found.low)


def test_interval_of_equal_values_is_a_point():
    found = mean_interval(xr.DataArray([4, 4, 4], dims="seed"))
    assert (found.mean, found.low, found.high) == (4, 4, 4)


def test_exponents_leave_out_repetitions_that_are_missing():
    capacity = xr.DataArray(
        [[4.0, 17.0], [5.0, 20.0], [np.nan, np.nan]], {"neurons": [10, 40]}, ("seed", "neurons")
    )
    assert growth(capacity, "neurons") == growth(capacity.isel(seed=slice(2)), "neurons")


def test_interval_of_one_value_is_refused():
    with pytest.raises(ValueError, match="at least 2 along 'seed'"):
        mean_interval(xr.DataArray([4.0], dims="seed"))


# --- ledgers ----------------------------------------------------------------------------------


def test_claims_are_replaced_by_id_and_sorted_by_figure(tmp_path):
    path = tmp_path / "claims.csv"
    late = Claim("10", "Fig 10a", "energy", "2.68x", "2.5x", "reproduced")
    note = Claim("S4", "Suppl. Note 4", "Hebb", 0.132, 0.13, "reproduced")
    record_claims([note, late, CLAIM], path)
    better = replace(CLAIM, ours=130, low=125, high=135, verdict="exceeded")
    record_claims([better], path)
    assert read_claims(path) == [better, late, note]


def test_notebooks_side_by_side_lose_no_claims(tmp_path):
    claims = [replace(CLAIM, id=f"{i:02}") for i in range(40)]
    joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(record_claims)([claim], tmp_path / "claims.csv") for claim in claims
    )
    assert read_claims(tmp_path / "claims.csv") == claims


def test_claims_table_is_markdown(tmp_path):
    path = tmp_path / "claims.csv"
    failed = Claim("3e", "Fig 3e", "a|b", "yes", "no", "not reproduced", reason="too few cells")
    record_claims([replace(CLAIM, notebook="02_x", dataset="fig3j.nc"), failed], path)
    lines = claims_table(read_claims(path)).splitlines()
    assert lines[1] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert lines[2] == r"| Fig 3e | a\|b | yes | no | not reproduced: too few cells |  |  |"
    assert "| 115 | 118 [112, 121] | reproduced | [02_x](notebooks/02_x.ipynb) |" in lines[3]


def test_readme_keeps_all_but_the_table(tmp_path):
    record_claims([CLAIM], tmp_path / "claims.csv")
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- claims:begin -->\nold\n<!-- claims:end -->\nEnd.\n")
    for _ in range(2):
        update_readme(readme, tmp_path / "claims.csv")
        text = readme.read_text()
        assert text.startswith("# Title\n<!-- claims:begin -->\n| Figure |")
        assert text.endswith("|\n<!-- claims:end -->\nEnd.\n") and "old" not in text
    readme.write_text("no markers")
    with pytest.raises(ValueError, match="lacks the lines"):
        update_readme(readme, tmp_path / "claims.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "reprodced"}, "'reprodced'.*did you mean 'reproduced'"),
        ({"verdict": "not reproduced"}, "give the reason"),
        ({"low": 130}, "swap low and high"),
    ],
)
def test_unclear_claims_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CLAIM, **change)


@pytest.mark.parametrize(
    ("value", "spread", "verdict", "reason"),
    [
        (1.49, 0.01, "reproduced", ""),
        (1.35, 0.01, "reproduced", ""),
        (1.30, 0.20, "reproduced", ""),
        (1.66, 0.01, "not reproduced", "why"),
        (1.30, 0.01, "not reproduced", "why"),
    ],
)
def test_exponents_are_met_within_their_tolerance_or_interval(value, spread, verdict, reason):
    fit = Exponent(value, value - spread, value + spread, 1.0)
    claim = compare_exponent("4f", "Fig 4f", "exponent", 1.49, fit, "d", "why")
    assert (claim.verdict, claim.reason) == (verdict, reason)
    assert (claim.ours, claim.low, claim.high) == (value, value - spread, value + spread)


def test_words_hold_or_do_not():
    yes, no = (stated("x", "Fig 1", "q", "all", 3, holds, "d", "why") for holds in (True, False))
    assert (yes.verdict, yes.reason, yes.ours) == ("reproduced", "", 3.0)
    assert (no.verdict, no.reason) == ("not reproduced", "why")


def test_growth_is_the_slope_on_logarithmic_axes():
    sizes = np.array([10, 20, 80])
    values = xr.DataArray(
        np.outer(sizes**1.5, [1.0, 1.1]), {"neurons": sizes, "seed": [0, 1]}, ("neurons", "seed")
    )
    fit = growth(values, "neurons")
    assert fit.value == pytest.approx(1.5)
    assert fit.low == pytest.approx(1.5) and fit.high == pytest.approx(1.5)


def test_a_damaged_ledger_is_not_overwritten(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("id,figur\n1,2\n")
    with pytest.raises(ValueError, match="restore it from git"):
        record_claims([CLAIM], path)
    assert path.read_text() == "id,figur\n1,2\n"


def test_assumptions_are_kept_per_notebook(tmp_path):
    path = tmp_path / "assumptions.csv"
    record_assumptions([Assumption("iterations", 10, "paper", notebook="02")], path)
    record_assumptions([Assumption("iterations", 100, "authors' code", notebook="03")], path)
    record_assumptions([Assumption("iterations", 12, "assumed", "tried", notebook="02")], path)
    assert path.read_text().splitlines() == [
        "parameter,value,origin,reason,notebook",
        "iterations,12,assumed,tried,02",
        "iterations,100,authors' code,,03",
    ]
    with pytest.raises(ValueError, match="origin='guess' is unknown: choose one of 'paper'"):
        Assumption("iterations", 10, "guess")
    with pytest.raises(ValueError, match="is assumed: give the reason"):
        Assumption("iterations", 10, "assumed")


# --- what a notebook calls --------------------------------------------------------------------


def test_a_run_puts_everything_in_its_output(dataset, tmp_path):
    run = Run("02_x", output=tmp_path / "out", cache=tmp_path / "c", parameters={"seed": 4})
    run.save(dataset, "fig3j", capacity=("1", "patterns held"))
    assert run.open("fig3j")["capacity"].attrs["long_name"] == "patterns held"
    assert run.open("fig3j").attrs["seed"] == 4
    assert json.loads(run.open("fig3j").attrs["parameters"])["notebook"] == "02_x"
    run.claims([CLAIM])
    run.assumptions([Assumption("iterations", 10, "paper")])
    run.figure(Figure(figsize=(1, 1)), "fig3j", alt="Nothing.")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"fig3j.nc", "fig3j.png", "claims.csv", "assumptions.csv"}
    assert read_claims(tmp_path / "out" / "claims.csv")[0].notebook == "02_x"


def test_a_run_shows_its_claims_and_excuses_the_quick_scale(tmp_path):
    failed = replace(CLAIM, id="3k", verdict="not reproduced", reason="too small")
    for scale, reason in (("quick", QUICK_REASON), ("paper", "too small")):
        run = Run("02_x", scale, tmp_path / scale)
        shown = run.claims([CLAIM, failed]).data
        assert reason in shown and "| 118 [112, 121] |" in shown
        kept = {claim.id: claim.reason for claim in read_claims(tmp_path / scale / "claims.csv")}
        assert kept == {"3j": "", "3k": reason}


def test_a_run_sweeps_with_its_own_cache(tmp_path):
    run = Run("02_x", output=tmp_path / "out", cache=tmp_path / "c", workers=1)
    found = run.sweep(_grid_point, {"x": [1, 2]})
    np.testing.assert_array_equal(found["square"], [1, 4])
    assert len(list((tmp_path / "c").rglob("*.npz"))) == 2


def _grid_point(x):
    return {"square": x * x}


def test_a_run_finds_the_project_from_a_folder_below(tmp_path, monkeypatch):
    for folder in ("notebooks", "params"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert project_root() == tmp_path
    run = Run("02_x", scale="paper")
    assert run.output == tmp_path / "figures" / "paper"
    assert run.cache == tmp_path / ".cache" / "crossmem"
    with pytest.raises(ValueError, match="scale='papr' is unknown.*did you mean 'paper'"):
        Run("02_x", scale="papr")


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
    assert judge(ours, 115.0, low=low, high=high) == verdict


def test_comparison_takes_mean_and_interval_over_the_seeds():
    values = np.array([110.0, 120.0, 118.0, 112.0])
    claim = compare("x", "Fig 3j", "capacity", 115.0, values, dataset="d", reason="unused")
    assert (claim.ours, claim.verdict, claim.reason) == (115.0, "reproduced", "")
    assert 110 <= claim.low < 115 < claim.high <= 120
    missed = compare("x", "Fig 3j", "capacity", 200.0, values, dataset="d", reason="too small")
    assert (missed.verdict, missed.reason) == ("not reproduced", "too small")


def test_more_can_be_better():
    assert judge(127.0, 115.0, more_is_better=True) == "exceeded"
    assert judge(100.0, 115.0, more_is_better=True) == "not reproduced"
