"""Which source a result depends on, as it was loaded: the key of a finished grid point.

Local modules count: this library without its workbook, and the user's own modules outside the
standard library and the installed packages. Python tells an audit hook of each module that it
executes; the hook keeps the source of that moment, so that an edit under a live kernel is seen.
"""

import ast
import contextlib
import functools
import hashlib
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import re
import struct
import sys
import sysconfig
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
MACHINERY = str(PACKAGE / "workbook" / "_")[:-1], str(PACKAGE / "reproduce.py")
INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
#: Packages whose version can change a result.
NUMERICAL = ("numpy", "scipy", "scikit-learn")

_loaded = {}  # path of a local module: its source when this process executed it


def fingerprint(modules):
    """Digest of each local module that these modules need, and the numerical packages' versions.

    Takes and returns names; comments and docstrings are left out of a digest. A module whose source
    on the disk is not what this process runs is a RuntimeError.
    """
    needed = _dependencies(modules)
    for name, path in needed.items():
        is_there = os.path.isfile(path)
        if path in _loaded and not (is_there and _syntax(_loaded[path]) == _syntax(_read(path))):
            raise RuntimeError(
                f"{name} has changed since it was imported, so a finished point could be filed "
                "under the wrong version: restart the kernel"
            )
    found = {name: _digest(path) for name, path in sorted(needed.items())}
    return found | {name: _version(name) for name in NUMERICAL}


def check_worker(expected):
    """Refuse to compute in a worker that runs another source than the process that asks.

    The script that asks is not compared: its functions travel with the task.
    """
    for name in expected.keys() - {"__main__"}:
        path = source_file(name)
        held = _version(name) if name in NUMERICAL else path and _digest(path)
        if held != expected[name]:
            raise RuntimeError(
                f"a worker holds another version of {name}: restart the kernel or the cluster"
            )


def source_file(module):
    """Path of a module's source, or None (a notebook, a console, a compiled module)."""
    path = _find(module)[0]
    return os.path.abspath(path) if path and path.endswith(".py") else None


def _dependencies(modules):
    """Local modules that these modules need, themselves included: name to path."""
    found, seen, waiting = {}, set(), set(modules)
    while waiting := waiting - seen:
        seen.add(name := waiting.pop())
        path = source_file(name)
        if path and _is_local(path):
            found[name] = path
            is_package = Path(path).stem == "__init__"
            waiting |= _imports(_source(path), name if is_package else name.rpartition(".")[0])
            # A package of this library only lists names; one of the user's may do anything.
            if not Path(path).is_relative_to(PACKAGE):
                waiting.add(name.rpartition(".")[0])
    return found


def _find(name):
    """Path of a module's file, or None, and its folders if it is a package; imports nothing."""
    if name in sys.modules:
        module = sys.modules[name]
        return getattr(module, "__file__", None), getattr(module, "__path__", None)
    parent, _, last = name.rpartition(".")
    with contextlib.suppress(ImportError, ValueError):  # it may be no name of a module
        if not parent:
            spec = importlib.util.find_spec(name)
        else:
            spec = importlib.machinery.PathFinder.find_spec(last, _find(parent)[1] or [])
        if spec:
            return spec.origin if spec.has_location else None, spec.submodule_search_locations
    return None, None


@functools.lru_cache(maxsize=10_000)
def _is_local(path):
    if Path(path).is_relative_to(PACKAGE):
        return not path.startswith(MACHINERY)
    outside = path.startswith(INSTALLED) or {"site-packages", "dist-packages"} & {*Path(path).parts}
    return not outside and os.path.isfile(path)


_version = functools.cache(importlib.metadata.version)  # a slow one


@functools.lru_cache(maxsize=1000)
def _imports(source, package):
    """Names that a source may import, in whatever form; some are no modules but their members.

    `package` is that against which relative imports are resolved.
    """
    found, bound = set(), {}
    for node in ast.walk(_parse(source)):
        match node:
            case ast.Import(names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    found |= {alias.name, top}
                    bound[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module, names, level):
                if level:
                    above = package.rsplit(".", level - 1)[0]
                    module = f"{above}.{module}" if module else above
                members = {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
                found |= {module, *members.values()}
                bound |= members
            case ast.Call(args=[ast.Constant(str(name)), *_]) if "import" in ast.dump(node.func):
                found.add(name)
    # `cm.deploy.drift` reaches a module through an imported package.
    for chain in re.findall(r"\w+(?:\s*\.\s*\w+)+", source):
        top, *rest = map(str.strip, chain.split("."))
        if top in bound:
            found.add(".".join([bound[top], *rest]))
    return frozenset(found)


def _digest(path):
    return hashlib.sha256(_syntax(_source(path)).encode()).hexdigest()


def _source(path):
    """Source of a module: as loaded, or as on the disk if it has not been loaded yet."""
    return _loaded[path] if path in _loaded else _read(path)


def _read(path):
    return Path(path).read_text(encoding="utf-8", errors="replace")


@functools.lru_cache(maxsize=1000)
def _syntax(source):
    """Syntax tree of a module without comments and docstrings, as text."""
    tree = _parse(source)
    for node in ast.walk(tree):
        documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _parse(source):
    try:
        return ast.parse(source)
    except SyntaxError:  # someone is editing it: equal to itself alone
        return ast.parse(f"text = {source!r}")


def _remember(path):
    """Keep the source of a local module as it is now."""
    path = os.path.abspath(path)
    if path.endswith(".py") and _is_local(path):
        _loaded[path] = _read(path)


def _audit(event, arguments):
    if event == "exec" and getattr(arguments[0], "co_name", "") == "<module>":
        _remember(arguments[0].co_filename)


def _was_edited(module):
    """Whether a module that was loaded before this one has been edited since.

    Its compiled copy, which Python wrote as it loaded it, keeps time and size of the source.
    """
    cached = Path(getattr(module, "__cached__", None) or "")
    # Python would not have renewed an older copy in a folder where it cannot write.
    if sys.dont_write_bytecode or not (cached.is_file() and os.access(cached.parent, os.W_OK)):
        return False
    kind, *kept = struct.unpack("<4xIII", cached.read_bytes()[:16])
    now = os.stat(module.__file__)
    return kind == 0 and kept != [int(now.st_mtime) % 2**32, now.st_size % 2**32]


sys.addaudithook(_audit)
for _module in list(sys.modules.values()):
    if isinstance(_path := getattr(_module, "__file__", None), str):
        _remember(_path)
        if (_path := os.path.abspath(_path)) in _loaded and _was_edited(_module):
            _loaded[_path] = "edited"  # what was loaded is not known any more
