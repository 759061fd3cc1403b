"""A run reads its parameters from the notebook, puts all in its output, and shows what it found."""

import json

import nbformat
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from crossmem.experiments.setup import Setup
from crossmem.labels import describe, quantity
from crossmem.workbook import plotting
from crossmem.workbook.ledger import read_claims
from crossmem.workbook.run import QUICK_REASON, Run

CLAIMS = """
rules:
  mean: {tolerance: 0.1}
02_x:
  3j: {figure: Fig 3j, what: "capacity, N = {neurons}", published: 115, rule: mean, dataset: fig3j,
       reason: too small}
03_x:
  4f: {figure: Fig 4f, what: gain, published: all, rule: direction, holds: '> 0', dataset: d}
"""
ASSUMPTIONS = "02_x: {steps: ['{steps}', assumed, 'of {sizes[0]}']}"
CELL = "scale = 'quick'\noutput = ''\ncache = ''\nworkers = 0\nneurons = 64  # of them\nsteps = 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A workbook of one notebook."""
    for part in ("notebooks", "params", "figures/paper"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "crossmem"\n')
    (tmp_path / "params" / "claims.yaml").write_text(CLAIMS)
    (tmp_path / "params" / "assumptions.yaml").write_text(ASSUMPTIONS)
    cell = nbformat.v4.new_code_cell(CELL, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "notebooks" / "02_x.ipynb")
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


@pytest.fixture
def shown(monkeypatch):
    shown = []
    monkeypatch.setattr("crossmem.workbook.run.display", lambda what, **_: shown.append(what))
    return shown


def started(notebook="02_x", **values):
    """A run as a notebook starts it, with more among its globals than its parameters."""
    return Run(notebook, {"neurons": 64, "steps": 3, "count": 5, "np": np, "_i": "", **values})


def patterns_of(setup, factor, seed):
    return {"stored": quantity(factor * setup.n_patterns + seed, "1", "stored patterns")}


def dataset():
    found = xr.Dataset({"capacity": ("neurons", [4.0])}, {"neurons": [64]})
    return describe(found, capacity=("1", "stored patterns"))


def test_parameters_are_those_of_the_cell_with_their_values_now(folder):
    run = started(steps=300, scale="paper", workers=2)
    assert run.parameters == {"neurons": 64, "steps": 300}
    assert (run.scale, run.workers) == ("paper", 2)
    assert run.output == folder / "figures" / "paper"
    assert run.cache == folder / ".cache" / "crossmem"
    with pytest.raises(ValueError, match="'papr'.*'paper'"):
        started(scale="papr")


def test_a_run_puts_everything_in_its_output(folder, shown):
    run = started(output="../out", seed=4)
    run.save(dataset(), "fig3j", capacity=("1", "patterns held"))
    found = run.open("fig3j")
    assert found["capacity"].attrs["long_name"] == "patterns held"
    told = {"notebook": "02_x", "scale": "quick", "neurons": 64, "steps": 3}
    assert json.loads(found.attrs["parameters"]) == told
    run.figure(Figure(figsize=(1, 1)), "fig3j", alt="Nothing.")
    run.ledger()
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"fig3j.nc", "fig3j.png", "ledger"}


def test_a_dataset_that_not_every_machine_makes_must_fit_the_run(folder, shown):
    values = {"scale": "quick", "neurons": 64, "steps": 3}
    run = Run("02_x", values)
    assert not run.has("02_gpu")
    run.save(xr.Dataset({"capacity": quantity(3.0, "patterns", "capacity")}), "02_gpu")
    assert run.has("02_gpu", "neurons", "steps") and not shown
    other = Run("02_x", values | {"steps": 4})
    assert other.has("02_gpu", "neurons") and not other.has("02_gpu", "neurons", "steps")
    assert "other values of steps" in shown[-1].data


def test_a_run_sweeps_with_its_own_cache(folder):
    run = started(cache="../c", workers=1)
    found = run.sweep(_grid_point, over={"x": [1, 2]}, power=2)
    np.testing.assert_array_equal(found["value"], [1, 4])
    assert sum(path.is_file() for path in (folder / "c").rglob("*")) >= 2


def _grid_point(x, power):
    return {"value": x**power}


def test_sweeps_of_several_setups_stand_side_by_side(folder):
    run = started(workers=1)
    setups = {"few": Setup(n_patterns=2), "more": Setup(n_patterns=3)}
    found = run.sweep_each("memory", patterns_of, setups, over={"seed": [5, 6]}, factor=10)
    assert found["stored"].dims == ("memory", "seed")
    assert found["memory"].values.tolist() == ["few", "more"]
    assert found["stored"].values.tolist() == [[25, 26], [35, 36]]


def test_a_sample_of_several_setups_computes_some_of_them(folder, monkeypatch):
    run, setups = started(workers=1), {n: Setup(n_patterns=n) for n in (2, 3, 4)}
    whole = run.sweep_each("memory", patterns_of, setups, over={"seed": [5, 6]}, factor=10)
    monkeypatch.setenv("CROSSMEM_SAMPLE", "1")
    some = run.sweep_each("memory", patterns_of, setups, over={"seed": [5, 6]}, factor=10)
    computed = some["stored"].notnull()
    assert some.sizes == whole.sizes and computed.sum() == 1
    np.testing.assert_array_equal(some["stored"], whole["stored"].where(computed))


def test_what_computes_is_refused_where_a_notebook_is_only_rendered(folder, monkeypatch):
    run = started()
    monkeypatch.setenv("CROSSMEM_RENDER", "1")
    for computes in (
        lambda: run.sweep(_grid_point, over={"x": [1]}, power=2),
        lambda: run.save(dataset(), "fig3j"),
    ):
        with pytest.raises(RuntimeError, match="tag this cell compute"):
            computes()


def test_a_dataset_that_joins_sweeps_has_the_time_of_all_of_them(folder):
    run = started(workers=1)
    parts = [run.sweep(_grid_point, over={"x": [x]}, power=2) for x in range(3)]
    for name in ("joined", "again"):  # a second dataset of the same sweeps
        run.save(describe(xr.concat(parts, "x"), x=("1", "x"), value=("1", "v")), name)
        found = run.open(name).attrs
        for time in ("compute_time_s", "wall_time_s"):
            assert found[time] == pytest.approx(sum(part.attrs[time] for part in parts))
    alone = run.sweep(_grid_point, over={"x": [5]}, power=2)
    run.save(describe(alone, x=("1", "x"), value=("1", "v")), "alone")
    assert run.open("alone").attrs["compute_time_s"] == alone.attrs["compute_time_s"]
    run.save(dataset(), "of_no_sweep")
    assert "compute_time_s" not in run.open("of_no_sweep").attrs


def test_a_sample_is_compared_and_nothing_is_written(folder, shown, monkeypatch):
    run = started(workers=1, cache="../c")
    whole = describe(run.sweep(_grid_point, over={"x": [1, 2, 3]}, power=2), value=("1", "v"))
    run.save(whole, "squares", x=("1", "x"))
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    monkeypatch.setenv("CROSSMEM_SAMPLE", "2")
    some = run.sweep(_grid_point, over={"x": [1, 2, 3]}, power=2)
    assert some["value"].notnull().sum() == 2
    run.save(some, "squares")
    run.save(some + 1, "squares")
    run.figure(Figure(), "empty", alt="nothing")
    run.assumptions(sizes=[8])
    same, other = (output["application/json"] for output in shown[:2])
    assert (same["name"], same["values"], same["differ"]) == ("squares", 2, 0)
    assert other["differ"] == 2
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before


# --- the ledger -------------------------------------------------------------------------------


def test_a_claim_takes_the_papers_side_from_its_file(folder, shown):
    run = started(scale="paper")
    assert run.published("3j").published == 115
    assert run.claim("3j", np.array([110.0, 120.0, 112.0])) == "agrees"
    run.ledger()
    (claim,) = read_claims(run.output)
    assert (claim.what, claim.notebook) == ("capacity, N = 64", "02_x")
    assert claim.low < claim.ours == 114.0 < claim.high
    assert "| capacity, N = 64 | 115 | 114 [110, 120] | agrees |" in shown[0].data
    with pytest.raises(ValueError, match="02_x='4f'.*'3j'"):
        run.claim("4f", 1.0)


def test_a_cell_that_runs_twice_leaves_one_row_and_assumptions_stay(folder, shown):
    run = started(scale="paper")
    run.assumptions(sizes=[16, 32])
    for values in ([200.0, 210.0], [110.0, 120.0]):
        run.claim("3j", values)
        run.ledger()
    content = json.loads((run.output / "ledger" / "02_x.json").read_text())
    assert [row["verdict"] for row in content["claims"]] == ["agrees"]
    assert [(row["value"], row["reason"]) for row in content["assumptions"]] == [(3.0, "of 16")]
    with pytest.raises(ValueError, match="'steps'.*sizes"):
        run.assumptions()


def test_the_quick_scale_is_its_own_excuse(folder):
    for scale, reason in (("quick", QUICK_REASON), ("paper", "too small")):
        run = started(scale=scale)
        run.claim("3j", [10.0, 12.0])
        run.assumptions(sizes=[16])  # writes the claims too
        (claim,) = read_claims(run.output)
        assert (claim.verdict, claim.reason) == ("disagrees", reason)


# --- what is shown ----------------------------------------------------------------------------


def test_figures_of_the_paper_scale_are_linked_and_stand_below_the_quick_ones(folder, shown):
    figure, _ = plotting.new_figure()
    started(scale="paper").figure(figure, "3g", alt="Five [grey] curves.")
    assert shown[0].data == r"![Five \[grey\] curves.](../figures/paper/3g.png)"
    assert figure._supxlabel.get_text() == "paper scale"
    quick = started()
    with pytest.raises(ValueError, match="supxlabel 'paper scale'"):
        quick.figure(figure, "3g", alt="Twice.")
    quick.figure(plotting.new_figure()[0], "3g", alt="Five curves,\nquick.")
    own, told, below = shown[1:]
    assert own.data == (quick.output / "3g.png").read_bytes()
    assert own.alt == "Five curves, quick."
    assert own.width == pytest.approx(89 / 25.4 * plotting.INLINE_DPI, abs=1)
    assert "paper scale" in told.data
    assert below.data == shown[0].data


def test_a_figure_elsewhere_is_shown_whole_and_alone(folder, shown):
    started(scale="paper", output="../elsewhere").figure(Figure(), "3g", alt="Nothing.")
    started().figure(Figure(), "3h", alt="Nothing.")  # of which the paper scale has none yet
    assert [type(item).__name__ for item in shown] == ["Image", "Image"]


def test_tables_and_sentences_are_markdown(folder, shown):
    run = started()
    run.table([["a", 0.5]], columns=["b", "c"], formats={"c": ".2f"})
    run.say("**Said.**")
    assert shown[0].data.endswith("| a | 0.50 |")
    assert shown[1].data == "**Said.**"


def test_sweeps_of_several_cases_have_their_labels_in_the_order_given(folder):
    run = started(workers=1)
    cases = {
        (load, kind): (Setup(n_patterns=count), {"factor": factor})
        for load, count in (("light", 2), ("heavy", 3))
        for kind, factor in (("b", 10), ("a", 100))
    }
    found = run.sweep_cases(("load", "kind"), patterns_of, cases, over={"seed": [5, 6]})
    assert found["stored"].dims == ("load", "kind", "seed")
    assert found["load"].values.tolist() == ["light", "heavy"]
    assert found["kind"].values.tolist() == ["b", "a"]
    assert found["stored"].sel(seed=6).values.tolist() == [[26, 206], [36, 306]]
    assert found["load"].attrs["units"] == found["stored"].attrs["units"] == "1"
    assert found.attrs["wall_time_s"] > found.attrs["compute_time_s"] > 0


def test_a_case_may_be_a_setup_alone(folder):
    cases = {("few",): Setup(n_patterns=2), ("more",): Setup(n_patterns=3)}
    found = started(workers=1).sweep_cases(
        ("load",), patterns_of, cases, over={"seed": [5]}, factor=10
    )
    assert found["stored"].values.tolist() == [[25], [35]]
