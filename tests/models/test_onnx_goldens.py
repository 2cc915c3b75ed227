"""ONNX models with the outputs that others computed: node tests of quantised operators, tract's models.

qtdnn has a window of three frames; its golden holds a row for each of ten frames, which takes one frame more
on each side (left_context and right_context of vars.sh): the edge frames once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import edgerun
from shared_material import FOLDER, needs_shared

pytestmark = needs_shared
GOLDENS = FOLDER / "goldens"
CONTEXT = {"qtdnn_10x5_101_i32_biases": 1}  # frames on each side


def folders(place: str) -> list[Any]:
    found = sorted((GOLDENS / place).iterdir()) if (GOLDENS / place).is_dir() else []
    return [pytest.param(folder, id=folder.name) for folder in found]


def numbered(folder: Path, kind: str) -> list[np.ndarray]:
    """The inputs ("in") or outputs ("out") of a node test, stored in either form."""
    if (folder / "io.npz").exists():
        arrays = np.load(folder / "io.npz")
        return [arrays[f"s0_{kind}{i}"] for i in range(20) if f"s0_{kind}{i}" in arrays]
    files = sorted((folder / "test_data_set_0").glob(f"{kind}put_*.pb"))
    return [numpy_helper.to_array(onnx.load_tensor(str(file))) for file in files]


@pytest.mark.parametrize("folder", [*folders("onnx_node_quant"), *folders("onnx_node_quant_opset10_13")])
def test_node(folder: Path) -> None:
    inputs, outputs = numbered(folder, "in"), numbered(folder, "out")
    assert inputs and outputs
    names = [port.name for port in onnx.load(folder / "model.onnx").graph.input]
    results = edgerun.Session(folder / "model.onnx").run(dict(zip(names, inputs, strict=True)))
    for result, wanted in zip(results.values(), outputs, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("folder", folders("tract"))
def test_tract(folder: Path) -> None:
    arrays = np.load(folder / "io.npz")
    x, wanted = (next(arrays[n] for n in names if n in arrays) for names in (("x", "input"), ("y", "output")))
    if folder.name in CONTEXT:
        frames = CONTEXT[folder.name]
        x = np.pad(x, ((frames, frames), (0, 0)), "edge")
    (port,) = onnx.load(folder / "model.onnx").graph.input
    session = edgerun.Session(folder / "model.onnx", shapes={port.name: x.shape})
    (result,) = session.run({port.name: x}).values()
    assert result.shape == wanted.shape
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)
