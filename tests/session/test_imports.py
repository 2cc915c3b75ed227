"""What a start imports: of frontends, operators and lowerings no more than its model may need."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import edgerun.plan.lower
from edgerun.plan.lower.lowering import FAMILIES, LOWERINGS

ONLY_ONNX = {f"edgerun.ir.{name}" for name in ("dynamic", "gates", "narrow", "trigonometry", "windows")}
ONLY_TFLITE = {
    f"edgerun.ir.{name}" for name in ("conv3d", "detection", "signal", "signal_stream", "spectrum")
}


def test_every_lowering_is_found_by_its_operators() -> None:
    modules = [m.name for m in pkgutil.iter_modules(edgerun.plan.lower.__path__)]
    for name in modules:
        importlib.import_module(f"edgerun.plan.lower.{name}")
    assert len(LOWERINGS) > 50
    for op, function in LOWERINGS.items():
        family = op.__module__.rpartition(".")[2]
        assert function.__module__.rpartition(".")[2] in FAMILIES.get(family, (family,)), op.__name__
    assert {name for names in FAMILIES.values() for name in names} <= set(modules)


def imported(script: str, *arguments: str) -> set[str]:
    """The modules of a new process at the end of a script."""
    script += "\nimport sys\nprint(*sys.modules)"
    return set(subprocess.check_output([sys.executable, "-c", script, *arguments], text=True).split())


START = "import sys, edgerun\nedgerun.Session(sys.argv[1]).run()"


@pytest.fixture
def tflite_file(tmp_path: Path, classifier: bytes) -> Path:
    place = tmp_path / "m.tflite"
    place.write_bytes(classifier)
    return place


def test_a_tflite_model_imports_nothing_of_onnx(tflite_file: Path) -> None:
    found = imported(START, str(tflite_file))
    assert "edgerun.frontends.tflite" in found
    assert not ONLY_ONNX & found
    assert not [m for m in found if m.startswith(("onnx", "google", "edgerun.frontends.onnx"))]


def test_an_onnx_model_imports_nothing_of_tflite(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ports[:1], ports[1:])
    place = tmp_path / "m.onnx"
    place.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    )
    found = imported(START, str(place))
    assert "edgerun.frontends.onnx" in found
    assert not ONLY_TFLITE & found
    assert not [m for m in found if m.startswith(("edgerun.frontends.tflite", "edgerun.formats.tflite"))]


def test_a_compiled_model_imports_nothing_that_makes_plans(tmp_path: Path, tflite_file: Path) -> None:
    from edgerun.artifact import compile_model

    place = tmp_path / "m.edgerun"
    place.write_bytes(compile_model(tflite_file))
    found = imported(START, str(place))
    makers = ("edgerun.frontends.", "edgerun.passes", "edgerun.plan.lower", "edgerun.staged", "onnx")
    assert "edgerun.plan.program" in found
    assert not [m for m in found if m.startswith(makers)]
    assert "edgerun.ir.conv" not in found
