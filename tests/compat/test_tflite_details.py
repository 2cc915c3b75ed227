"""What is told about tensors, signatures and operators equals what LiteRT tells, key by key."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cases import CASES
from cases.base import Net
from edgerun.compat import tflite
from edgerun.formats.tflite_reader import read_model
from litert import interpreter
from shared_material import FOLDER, needs_shared
from twins import assert_same

MODELS = sorted((FOLDER / "models").rglob("*.tflite"))
# LiteRT crashes on the first, and refuses the second.
NOT_FOR_LITERT = {"keyword_scrambled_8bit.tflite", "person_detect_int8.tflite"}


def told(interpreter: Any) -> dict[str, Any]:
    """Everything an interpreter tells; tensors that LiteRT adds for itself have no name."""
    return {
        "tensors": [
            [d for d in interpreter.get_tensor_details(k) if d["name"]]
            for k in range(interpreter.num_subgraphs())
        ],
        "inputs": interpreter.get_input_details(),
        "outputs": interpreter.get_output_details(),
        "operators": interpreter._get_ops_details(),
        "signatures": interpreter.get_signature_list(),
        "signature indices": interpreter._get_full_signature_list(),
    }


def check(content: bytes, *, allocate: bool) -> None:
    theirs = interpreter(content)
    ours = tflite.Interpreter(model_content=content)
    assert_same(told(ours), told(theirs))
    if allocate:
        theirs.allocate_tensors()
        ours.allocate_tensors()
        assert_same(told(ours), told(theirs))


@pytest.mark.parametrize("case", [c for c in CASES if c.litert], ids=lambda c: c.id)
def test_of_a_model_of_each_operator(case) -> None:
    check(case.build(), allocate=False)


def test_of_small_models(models: dict[str, str]) -> None:
    for path in models.values():
        with open(path, "rb") as file:
            check(file.read(), allocate=True)


@pytest.mark.parametrize("path", [pytest.param(p, marks=needs_shared, id=p.stem) for p in MODELS])
def test_of_a_real_model(path) -> None:
    if path.name in NOT_FOR_LITERT:
        pytest.skip("LiteRT cannot load it")
    check(path.read_bytes(), allocate=False)


# Of each kind of model one that everybody can run.
ALLOCATED = (
    "classification/mobilenet_v1_0.25_128_quant",
    "detection/ssd_mobilenet_v1_0.75_pets_uint8",
    "keyword/kws_dscnn_int8",
    "anomaly/ad01_toycar_int8",
)


@pytest.mark.parametrize("place", [pytest.param(p, marks=needs_shared) for p in ALLOCATED])
def test_of_a_real_model_with_memory(place: str) -> None:
    check((FOLDER / "models" / f"{place}.tflite").read_bytes(), allocate=True)


def test_of_types_that_numpy_has_not() -> None:
    net = Net()
    for name in ("STRING", "INT4", "RESOURCE"):
        net.tensor(name.lower(), (2,), name)
    net.tensor("weights", (3, 2), "int8", scale=[0.1, 0.2, 0.3], zero_point=[0, 0, 0], axis=0)
    a, b = net.q("a", (1, 2)), net.q("b", (1, 2))
    net.operator("ADD", [a, a], [b])
    check(net.finish([a], [b]), allocate=False)


def test_sparse_tensors() -> None:
    """Compared with what the file says; the writer has no sparse tensors that LiteRT runs."""
    from edgerun.compat.tflite_details import tensor_details
    from edgerun.formats.tflite_model import SparseDimension, Sparsity, Tensor

    dense = SparseDimension("dense", 4, None, None)
    rows = SparseDimension("sparse_csr", 0, np.array([0, 2], np.uint8), np.array([1, 3], np.uint16))
    sparsity = Sparsity((0, 1), (), (dense, rows))
    tensor = Tensor(3, "w", (4, 4), None, np.dtype(np.int8), "INT8", None, None, False, sparsity)
    found = tensor_details(tensor, (4, 4))["sparsity_parameters"]
    assert_same(
        found,
        {
            "traversal_order": np.array([0, 1], np.int32),
            "dim_metadata": [
                {"format": 0, "dense_size": 4},
                {
                    "format": 1,
                    "array_segments": np.array([0, 2], np.int32),
                    "array_indices": np.array([1, 3], np.int32),
                },
            ],
        },
    )


def test_details_are_the_caller_s_own(models: dict[str, str]) -> None:
    interpreter = tflite.Interpreter(models["classifier"])
    detail = interpreter.get_input_details()[0]
    detail["shape"][:] = 0
    detail["quantization_parameters"]["scales"][:] = 0
    again = interpreter.get_input_details()[0]
    assert again["shape"].tolist() == [1, 8, 8, 3]
    assert again["quantization_parameters"]["scales"][0] == np.float32(1 / 128)


def test_intermediate_shapes_follow_a_resize(models: dict[str, str]) -> None:
    """And those of constants do not."""
    interpreter = tflite.Interpreter(models["classifier"])
    interpreter.resize_tensor_input(0, [3, 8, 8, 3])
    interpreter.allocate_tensors()
    with open(models["classifier"], "rb") as file:
        tensors = read_model(file.read()).subgraphs[0].tensors
    for detail, tensor in zip(interpreter.get_tensor_details(), tensors, strict=True):
        first = tensor.shape[0] if tensor.data is not None else 3
        assert detail["shape"].tolist() == [first, *tensor.shape[1:]], tensor.name
