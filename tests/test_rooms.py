"""The rooms of the library, read from its syntax trees: who imports whom, and what is too large."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
LIBRARY = PROJECT / "lib" / "crossmem"

# A room imports from itself and from the rooms before it. The doors import from all of them.
GROUND = "ground floor"
ROOMS = [GROUND, "chip", "networks", "deploy", "analysis", "experiments", "workbook", "explorer"]
DOORS = {"crossmem", "crossmem.api", "crossmem.reproduce"}
NO_PHYSICS = {"crossmem.analysis.statistics"}  # for the workbook: intervals and exponents
PUBLIC = {"_asdict", "_fields", "_replace", "_exit"}  # of named tuples and of os

LONGEST_FILE = 450  # lines
MOST_PARAMETERS = 8


def module_name(path):
    parts = ("crossmem", *path.relative_to(LIBRARY).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


TREES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path))
    for path in sorted(LIBRARY.rglob("*.py"))
}


def room(module):
    parts = module.split(".")
    folder = ".".join(parts[:2])
    return parts[1] if folder in TREES and (LIBRARY / parts[1]).is_dir() else GROUND


def imported(module):
    """What a module imports: (module, None or the name taken from it, line)."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively in line {node.lineno}"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                whole = inner in TREES
                yield inner if whole else node.module, None if whole else alias.name, node.lineno


def arrows(module):
    """The modules of the library that a module imports."""
    return {name for name, _, _ in imported(module) if name in TREES and name != module}


INSIDE = [module for module in TREES if module not in DOORS]


def test_every_folder_is_a_room():
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(ROOMS) - {GROUND}


@pytest.mark.parametrize("module", INSIDE)
def test_imports_go_up_the_list_of_rooms(module):
    own = ROOMS.index(room(module))
    wrong = {name for name in arrows(module) if name in DOORS or ROOMS.index(room(name)) > own}
    assert not wrong, f"{module} imports from below its room: {sorted(wrong)}"


@pytest.mark.parametrize("module", [m for m in INSIDE if room(m) == "workbook"])
def test_the_workbook_knows_no_physics(module):
    others = {name for name in arrows(module) if room(name) not in (GROUND, "workbook")}
    assert others <= NO_PHYSICS, f"{module} imports {sorted(others - NO_PHYSICS)}"


def test_no_module_imports_itself_by_way_of_others():
    try:
        TopologicalSorter({module: arrows(module) for module in TREES}).prepare()
    except CycleError as error:
        pytest.fail(f"these modules import each other: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", TREES)
def test_private_names_stay_in_their_module(module):
    wrong = [
        f"line {line}: {name}.{attribute}"
        for name, attribute, line in imported(module)
        if name.startswith("crossmem") and (attribute or "").startswith("_")
    ]
    attributes = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.Attribute)]
    own = {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    own |= {n.name for n in ast.walk(TREES[module]) if isinstance(n, ast.FunctionDef)}
    for node in attributes:
        private = node.attr.startswith("_") and not node.attr.endswith("__")
        foreign = not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        if private and foreign and node.attr not in own | PUBLIC:
            wrong.append(f"line {node.lineno}: {ast.unparse(node)}")
    assert not wrong, f"{module} uses private names of others: {wrong}"


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=module_name)
def test_files_are_short_and_named_by_their_subject(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{path.name} has {lines} lines: divide it by subject"
    assert not re.search(r"(^|_)\d+(_|$)", path.stem), f"{path.name} bears a notebook's number"


@pytest.mark.parametrize("module", TREES)
def test_functions_have_few_parameters(module):
    """Constructors are left out: an estimator has an argument for each of its parameters."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
            names = [arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)]
            count = len(set(names) - {"self", "cls"})
            assert count <= MOST_PARAMETERS, (
                f"{module}.{node.name} has {count} parameters: gather what belongs together"
            )
