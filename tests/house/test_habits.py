"""The library keeps quiet, belongs to no one machine, and reads its environment in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from edgerun import __version__
from edgerun.knobs import KNOBS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "edgerun"
CSRC = ROOT / "csrc"
PYTHON_FILES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])
CPP_FILES = sorted(
    p
    for p in CSRC.rglob("*")
    if p.suffix in {".cc", ".h", ".inc", ".inl", ".pyx"} and p.relative_to(CSRC).parts[0] != "tests"
)
# Only people at a terminal are talked to, and only their command ends the process.
TALKERS = {"cli", "__main__.py"}


def findings(files: list[Path], pattern: str) -> list[str]:
    """Lines of code that match; comments of C++ and Cython do not count."""
    found = []
    for path in files:
        text = path.read_text()
        if path.suffix not in {".py", ".pyi"}:
            text = re.sub(r"//.*|^\s*#\s.*", "", text, flags=re.MULTILINE)
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; "" for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_python_does_not_print_or_exit() -> None:
    forbidden = {"print", "exit", "quit", "sys.exit", "os.abort", "sys.stdout", "sys.stderr"}
    found = []
    for path in PYTHON_FILES:
        if path.relative_to(PACKAGE).parts[0] in TALKERS:
            continue
        names = {dotted(n) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.expr)}
        found += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(names & forbidden)]
    assert not found


def test_cpp_does_not_print_or_exit() -> None:
    talk = r"std::c(out|err|log)|\bf?printf\(|\bf?puts\("
    end = r"\b_?[eE]xit\(|\babort\(|\bassert\(|\bterminate\("
    assert not findings(CPP_FILES, f"{talk}|{end}")


def test_no_path_of_one_machine() -> None:
    own = r"""["' ](/home|/root|/work|/Users|/tmp|/mnt)/|\.\./shared"""
    assert not findings([*PYTHON_FILES, *CPP_FILES], own)


def environment_reads(tree: ast.AST) -> Iterator[str]:
    """The name of every variable that is read through os; "?" where it is computed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in {"os.environ.get", "os.getenv"}:
            key: ast.AST = node.args[0]
        elif isinstance(node, ast.Subscript) and dotted(node.value) == "os.environ":
            key = node.slice
        else:
            continue
        yield str(key.value) if isinstance(key, ast.Constant) else dotted(key) or "?"


def test_every_variable_that_is_read_is_a_knob() -> None:
    known = {knob.name for knob in KNOBS} | {"knob.name"}
    for path in PYTHON_FILES:
        if path.name != "knobs.py":
            reads = set(environment_reads(ast.parse(path.read_text())))
            assert reads <= known, f"{path.relative_to(ROOT)} reads {sorted(reads - known)}"
    assert not findings(CPP_FILES, r"\bgetenv\(")


def test_knobs_are_explained_and_used() -> None:
    names = [knob.name for knob in KNOBS]
    assert len(set(names)) == len(names)
    readers = (PACKAGE / "knobs.py").read_text().split("_DEFAULTS =")[1]
    for knob in KNOBS:
        assert knob.name.startswith("EDGERUN_")
        assert knob.help.endswith(".")
        assert f'"{knob.name}"' in readers


def test_the_changelog_knows_this_version() -> None:
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
