"""Imports run downward only, in Python and in C++. The tables are section 2 of the design."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "edgerun"
CSRC = ROOT / "csrc"

# From top to bottom. Rooms of one floor never import each other.
FLOORS = (
    ("__init__", "__main__"),
    ("cli",),
    ("serve", "compress", "compat"),
    ("vision",),
    ("session",),
    ("cache", "report"),
    ("staged", "artifact"),
    ("frontends", "passes", "plan", "backends"),
    ("ir", "formats"),
    ("knobs",),
    ("errors",),
)
FLOOR_OF = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
# The extension modules, and who may import them.
EXTENSIONS = {"_engine": "plan/", "_vision": "vision/"}

# A file belongs to the first floor from the top that names it or, unless another floor names it, its folder.
# What ops implement, the executor calls: that contract is a floor of its own, below both.
CONTRACT = ("executor/op.h", "executor/step.h", "executor/verbs.inc")
CPP_FLOORS = (
    *(("tests/",), ("bindings/",), ("executor/",), ("ops/",), CONTRACT),
    *(("vision/",), ("kernels/",), ("base/",)),
)

PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))
CPP_FILES = sorted(p for p in CSRC.rglob("*") if p.suffix in {".cc", ".h", ".inc", ".inl", ".pyx"})


def room_of(module: str) -> str:
    """The room of `edgerun.room.anything`; that of the package itself is its __init__."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported_modules(source: str) -> Iterator[str]:
    """Modules of edgerun that a source imports anywhere, functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "edgerun")
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "the house imports by full names"
            if node.module == "edgerun":
                known = {*FLOOR_OF, *EXTENSIONS}
                yield from (f"edgerun.{a.name}" if a.name in known else "edgerun" for a in node.names)
            elif node.module and node.module.startswith("edgerun."):
                yield node.module


def upward_imports(place: str, source: str) -> list[str]:
    """What the file at `place` below the package imports against the rules."""
    mine = Path(place).parts[0].removesuffix(".py")
    wrong = []
    for module in imported_modules(source):
        room = room_of(module)
        if room in EXTENSIONS:
            allowed = place.startswith(EXTENSIONS[room])
        elif module == "edgerun" and not place.startswith("__"):
            allowed = True  # the version and the names of the whole, which are there before any room
        else:
            allowed = room == mine or FLOOR_OF[room] > FLOOR_OF[mine]
        if not allowed:
            wrong.append(f"{place} imports {module}")
    return wrong


def test_python_imports_run_downward() -> None:
    wrong = []
    for path in PYTHON_FILES:
        place = path.relative_to(PACKAGE).as_posix()
        wrong += upward_imports(place, path.read_text())
    assert not wrong


@pytest.mark.parametrize(
    ("place", "line", "allowed"),
    [
        ("cli/run.py", "from edgerun.vision import load", True),
        ("ir/graph.py", "from edgerun.errors import ModelError", True),
        ("ir/graph.py", "from edgerun import knobs", True),
        ("ir/graph.py", "def f():\n    from edgerun.formats import tflite_reader", False),
        ("passes/eliminate.py", "import edgerun.plan.plan", False),
        ("vision/card.py", "from edgerun.serve.http import app", False),
        ("errors.py", "from edgerun import knobs", False),
        ("plan/program.py", "from edgerun import _engine", True),
        ("ir/conv.py", "from edgerun import _engine", False),
        ("session.py", "from edgerun import _vision", False),
    ],
)
def test_the_rule_sees_what_it_should(place: str, line: str, allowed: bool) -> None:
    assert (not upward_imports(place, line)) == allowed


def test_every_room_is_on_a_floor() -> None:
    rooms = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in PYTHON_FILES}
    assert rooms <= set(FLOOR_OF)


def cpp_floor(place: str) -> int:
    for i, names in enumerate(CPP_FLOORS):
        if place in names:
            return i
    return next(i for i, names in enumerate(CPP_FLOORS) if place.startswith(names))


def included_files(path: Path) -> list[str]:
    """What a C++ or Cython source includes with quotes, named from csrc."""
    include = r'^\s*#\s*include\s+"([^"]+)"|^cdef extern from "([^"]+)"'
    return [a or b for a, b in re.findall(include, path.read_text(), re.MULTILINE)]


def test_cpp_includes_run_downward() -> None:
    wrong = []
    for path in CPP_FILES:
        place = path.relative_to(CSRC).as_posix()
        for included in included_files(path):
            assert (CSRC / included).is_file(), f"{place} includes {included}, which is not in csrc"
            if cpp_floor(included) < cpp_floor(place) or included.endswith(".cc"):
                wrong.append(f"{place} includes {included}")
    assert not wrong


def test_kernels_do_not_know_each_other() -> None:
    kernels = {p.parent.name for p in CSRC.glob("kernels/*/kernels.inc")}
    wrong = []
    for path in CSRC.glob("kernels/*/*"):
        for included in included_files(path):
            folder = Path(included).parts[1]
            if folder in kernels and folder != path.parent.name:
                wrong.append(f"{path.relative_to(CSRC)} includes {included}")
    assert not wrong
