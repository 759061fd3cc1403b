"""The key of a finished point follows the source of the science, however it is imported."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import crossmem
from crossmem.workbook.fingerprint import check_worker, fingerprint
from crossmem.workbook.sweep import sweep

LIBRARY = Path(crossmem.__file__).parent

#: Ways in which a user's module may reach `crossmem.patterns`.
FORMS = {
    "whole": "import crossmem as cm\n",
    "name": "from crossmem import flip_bits\n",
    "module": "from crossmem import patterns\n",
    "plain": "import crossmem.patterns\n",
    "renamed": "import crossmem.patterns as p\n",
    "member": "from crossmem.patterns import flip_bits\n",
    "star": "from crossmem import *\n",
    "inside": "def f(x):\n    from crossmem.patterns import flip_bits\n",
    "late": "import importlib\nf = lambda: importlib.import_module('crossmem.patterns')\n",
    "attribute": "import crossmem.chip\nf = lambda: crossmem.experiments.setup\n",
    "helped": "import through\n",
    "packaged": "from mine import a\n",
}
FILES = {
    "through.py": "from crossmem import patterns\n",
    "mine/__init__.py": "",
    "mine/a.py": "from . import b\n",
    "mine/b.py": "from .deep.c import g\n",
    "mine/deep/__init__.py": "",
    "mine/deep/c.py": "from ..d import g\n",
    "mine/d.py": "from crossmem.patterns import flip_bits as g\n",
    "unrelated.py": "import numpy\n",
}
SCIENCE = [f"crossmem.experiments.{name}" for name in ("capacity", "chip", "quality", "setup")]
#: Files of the library by room, and an experiment below which each lies.
ROOMS = {
    "chip/devices.py": "chip",
    "networks/network.py": "chip",
    "deploy/programming.py": "chip",
    "analysis/capacity.py": "capacity",
    "experiments/setup.py": "setup",
    "patterns.py": "setup",
    "checks.py": "quality",
    "randomness.py": "quality",
}
EDIT = "\nedited = 1\n"
#: Reports, for each edited file, the modules whose fingerprint changes. Nothing is imported but
#: the fingerprint itself, past the package's own list of names, which would load everything.
SCRIPT = """
import json, sys, types
from pathlib import Path
library, asked = Path(sys.argv[1]), json.load(sys.stdin)
sys.path[:0] = [str(library.parent)]
sys.modules["crossmem"] = types.ModuleType("crossmem")
sys.modules["crossmem"].__path__ = [str(library)]
from crossmem.workbook.fingerprint import fingerprint
del sys.modules["crossmem"]
changed = []
for file, text, modules in asked:
    path = library.parent / file
    before, source = {name: fingerprint([name]) for name in modules}, path.read_text()
    path.write_text(source + text)
    changed.append([name for name in modules if fingerprint([name]) != before[name]])
    path.write_text(source)
print(json.dumps(changed))
"""


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """Edit a copy of the library and of a user's modules: file to the modules that notice."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(LIBRARY, root / "crossmem", ignore=shutil.ignore_patterns("__pycache__"))
    user = {f"by_{name}.py": text for name, text in FORMS.items()} | FILES
    for name, text in user.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    users = [f"by_{name}" for name in FORMS]
    machinery = [f"workbook/{path.name}" for path in LIBRARY.glob("workbook/*.py")]
    asked = [(file, EDIT, users) for file in FILES]
    asked += [("crossmem/patterns.py", text, users) for text in (EDIT, "# a comment\n")]
    for file in [*ROOMS, *machinery, "reproduce.py", "chip/costs.py"]:
        asked.append((f"crossmem/{file}", EDIT, SCIENCE))
    command = [sys.executable, "-c", SCRIPT, str(root / "crossmem")]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True)
    assert not done.stderr
    found = {}
    for (file, text, _), changed in zip(asked, json.loads(done.stdout), strict=True):
        found.setdefault((file, text), set()).update(changed)
    return found


@pytest.mark.parametrize("file", ROOMS)
def test_an_edit_in_each_room_is_noticed(edited, file):
    assert f"crossmem.experiments.{ROOMS[file]}" in edited[f"crossmem/{file}", EDIT]


def test_an_edit_of_the_machinery_is_not(edited):
    outside = {"workbook", "reproduce.py"}
    found = [v for (file, _), v in edited.items() if set(Path(file).parts[1:2]) & outside]
    assert len(found) > 5 and not set().union(*found)


def test_an_edit_elsewhere_is_not(edited):
    assert "crossmem.experiments.quality" not in edited["crossmem/chip/costs.py", EDIT]
    assert edited["unrelated.py", EDIT] == set()
    assert edited["crossmem/patterns.py", "# a comment\n"] == set()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_import_is_followed(edited, form):
    assert f"by_{form}" in edited["crossmem/patterns.py", EDIT]


@pytest.mark.parametrize("file", [name for name in FILES if name != "unrelated.py"])
def test_the_users_own_helpers_are_followed(edited, file):
    assert edited[file, EDIT] == {"by_helped" if file == "through.py" else "by_packaged"}


def test_numerical_packages_count_by_their_version():
    found = fingerprint(["crossmem.patterns"])
    assert {"numpy", "scipy", "scikit-learn"} < found.keys()
    assert not [name for name in found if "." in name and not name.startswith("crossmem.")]


# --- what was loaded against what is on the disk ----------------------------------------------


@pytest.fixture
def user(tmp_path, monkeypatch):
    """Write a user's modules, import the experiment, and forget all of it afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_helper.py").write_text("FACTOR = 2\n")
    (tmp_path / "own_experiment.py").write_text(
        '"""Mine."""\nimport own_helper\n\n\ndef f(x):\n    return {"y": own_helper.FACTOR * x}\n'
    )
    yield importlib.import_module("own_experiment")
    for name in ("own_experiment", "own_helper"):
        sys.modules.pop(name, None)


def edit(module, old, new):
    path = Path(module.__file__)
    path.write_text(path.read_text().replace(old, new))


def values(user, cache, workers=1):
    return sweep(user.f, over={"x": [1, 2]}, workers=workers, cache=cache)["y"].values.tolist()


@pytest.mark.parametrize("module", ["own_helper", "own_experiment"])
def test_a_module_edited_under_a_live_kernel_is_refused(user, tmp_path, module):
    edit(sys.modules[module], *{"own_helper": ("2", "3"), "own_experiment": ("* x", "+ x")}[module])
    with pytest.raises(RuntimeError, match=f"{module} has changed since .*restart the kernel"):
        values(user, tmp_path / "cache")


def test_an_edited_comment_is_not_refused_and_a_reloaded_module_is_another(user, tmp_path):
    assert values(user, tmp_path / "cache") == [2, 4]
    edit(user, "Mine", "My own")
    edit(user.own_helper, "FACTOR = 2", "FACTOR = 2  # or three")
    assert values(user, tmp_path / "cache") == [2, 4]
    assert len(list(tmp_path.rglob("*.json.gz"))) == 2
    edit(user.own_helper, "2  #", "3  #")
    importlib.reload(user.own_helper)
    assert values(user, tmp_path / "cache") == [3, 6]


def test_a_worker_with_an_older_module_is_refused(user, tmp_path):
    assert values(user, None, workers=2) == [2, 4]
    edit(user.own_helper, "2", "3")
    importlib.reload(user.own_helper)
    with pytest.raises(RuntimeError, match="a worker holds another version of own_helper"):
        values(user, None, workers=2)


def test_what_a_worker_lacks_is_another_version():
    found = fingerprint(["crossmem.randomness"])
    check_worker(found)
    for name in ("crossmem.randomness", "numpy"):
        with pytest.raises(RuntimeError, match=f"another version of {name}"):
            check_worker({**found, name: "other"})
    with pytest.raises(RuntimeError, match="another version of nowhere"):
        check_worker({**found, "nowhere.at.all": "any"})


def test_a_module_edited_before_the_machinery_was_loaded_is_refused(tmp_path):
    (tmp_path / "early.py").write_text("A = 1\n")
    code = (
        "import early, pathlib; pathlib.Path(early.__file__).write_text('A = 10\\n');"
        "from crossmem.workbook.fingerprint import fingerprint; fingerprint(['early'])"
    )
    path = os.pathsep.join([str(tmp_path), str(LIBRARY.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "early has changed since it was imported" in done.stderr
