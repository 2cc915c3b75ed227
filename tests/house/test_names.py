"""What users may rely on: exported names, and how little an import brings with it."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import edgerun
from edgerun.session import Session

PACKAGE = Path(edgerun.__file__).parent
# Packages that only those who ask for them pay for.
HEAVY = {
    "ai_edge_litert",
    "click",
    "cv2",
    "onnx",
    "onnxruntime",
    "prometheus_client",
    "starlette",
    "tensorflow",
    "uvicorn",
}


def test_exported_names() -> None:
    assert edgerun.__all__ == ["EdgerunError", "Pipeline", "Session", "load"]
    assert all(getattr(edgerun, name) is not None for name in edgerun.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(edgerun, "no_such_name")  # noqa: B009


def test_public_names_of_a_session() -> None:
    assert sorted(name for name in vars(Session) if not name.startswith("_")) == [
        "describe",
        "fingerprint",
        "in_stages",
        "input",
        "inputs",
        "metadata",
        "name",
        "outputs",
        "path",
        "profile",
        "reset",
        "run",
        "run_into",
        "signatures",
        "summary",
        "tensors",
        "twin",
    ]
    assert Session.__call__ is Session.run


def test_errors_are_one_family() -> None:
    from edgerun import errors

    family = {name: c for name, c in vars(errors).items() if isinstance(c, type)}
    parents = {name: c.__bases__[0].__name__ for name, c in family.items()}
    assert parents.pop("EdgerunError") == "Exception"
    assert parents == {
        "ModelError": "EdgerunError",
        "FormatError": "ModelError",
        "UnsupportedOperatorError": "ModelError",
        "QuantizationError": "ModelError",
        "InputError": "EdgerunError",
        "CameraError": "EdgerunError",
        "ConfigError": "EdgerunError",
        "SignatureError": "EdgerunError",
        "AccessError": "EdgerunError",
    }


def imported_by(statement: str) -> set[str]:
    """The modules of a fresh interpreter after one statement, top-level packages by their own names."""
    script = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_brings_nothing_along() -> None:
    modules = imported_by("import edgerun")
    assert "edgerun" in modules
    assert not modules & (HEAVY | {"numpy", "edgerun.session", "edgerun._engine"})


def test_a_session_brings_numpy_and_the_engine_alone() -> None:
    modules = imported_by("from edgerun import Session")
    assert {"numpy", "edgerun._engine"} <= modules
    assert not modules & HEAVY
    assert "edgerun.vision" not in modules


@pytest.mark.parametrize("name", ["_engine", "_vision"])
def test_the_stub_has_the_names_of_the_module(name: str) -> None:
    tree = ast.parse((PACKAGE / f"{name}.pyi").read_text())
    declared: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            declared[node.name] = set()
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            declared[node.target.id] = set()
        elif isinstance(node, ast.ClassDef) and not node.decorator_list:
            declared[node.name] = {f.name for f in node.body if isinstance(f, ast.FunctionDef)}
    module = importlib.import_module(f"edgerun.{name}")
    assert {n for n in vars(module) if not n.startswith("_")} == set(declared)
    for owner, methods in declared.items():
        if methods:
            cls = getattr(module, owner)
            assert {n for n in vars(cls) if not n.startswith("_")} == {
                n for n in methods if not n.startswith("_")
            }
