"""What the notebooks, which nbval has just run, have left of the quick scale."""

import json
from pathlib import Path

import pytest

from crossmem.storage import load_dataset
from crossmem.workbook.ledger import read_claims

ROOT = Path(__file__).resolve().parents[2]
QUICK, PAPER = (ROOT / "figures" / scale for scale in ("quick", "paper"))
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9A-Z][0-9]_*.ipynb"))]


@pytest.fixture(scope="module", autouse=True)
def _notebooks_have_run(request):
    ran = {Path(item.location[0]).stem for item in request.session.items}
    if not set(NOTEBOOKS) <= ran:
        pytest.skip("the notebooks were not all part of this run of pytest")


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_datasets_are_labelled_and_know_their_parameters(notebook):
    paths = sorted(QUICK.glob(f"{notebook[:3]}*.nc"))
    assert paths
    for path in paths:
        dataset = load_dataset(path)
        for variable in dataset.variables.values():
            assert variable.attrs["units"] and variable.attrs["long_name"]
        known = json.loads(dataset.attrs["parameters"])
        assert known["notebook"] == notebook and known["scale"] == "quick"


def test_the_quick_scale_has_the_datasets_and_the_claims_of_the_paper():
    """But for those that take a GPU."""
    names = [{path.name for path in folder.glob("*.nc")} for folder in (QUICK, PAPER)]
    assert {name for name in names[1] if not name.endswith("_gpu.nc")} <= names[0]
    ids = [{claim.id for claim in read_claims(folder)} for folder in (QUICK, PAPER)]
    assert ids[0] == ids[1]
