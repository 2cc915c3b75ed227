"""What LiteRT tells about tensors and operators, as the dictionaries that scripts read."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgerun.formats.tflite_model import Operator, Sparsity, SubGraph, Tensor
from edgerun.ir.types import Array, Shape

# The numpy types that stand for what numpy has not.
_STAND_INS: dict[str, type[np.generic]] = {
    "STRING": np.bytes_,
    "RESOURCE": np.object_,
    "VARIANT": np.object_,
    "INT4": np.int8,
    "INT2": np.int8,
    "UINT4": np.uint8,
    "BFLOAT16": np.uint16,
}


def tensor_details(tensor: Tensor, shape: Shape) -> dict[str, Any]:
    """The details of a tensor that has `shape` now; arrays are new with each call.

    Raises ValueError for a type that has no numpy type to stand for it.
    """
    quantization = tensor.quantization
    scales = np.zeros(0, np.float32) if quantization is None else quantization.scale.copy()
    zeros = np.zeros(0, np.int32) if quantization is None else quantization.zero_point.astype(np.int32)
    return {
        "name": tensor.name,
        "index": tensor.index,
        "shape": np.array(shape, np.int32),
        "shape_signature": np.array(tensor.shape_signature or shape, np.int32),
        "dtype": numpy_type(tensor),
        # One scale and zero point; tensors with several have none here, as in LiteRT.
        "quantization": (float(scales[0]), int(zeros[0])) if scales.size == 1 else (0.0, 0),
        "quantization_parameters": {
            "scales": scales,
            "zero_points": zeros,
            "quantized_dimension": 0 if quantization is None else quantization.axis,
            "block_size": 0,
        },
        "sparsity_parameters": {} if tensor.sparsity is None else _sparsity(tensor.sparsity),
    }


def numpy_type(tensor: Tensor) -> type[np.generic]:
    """The numpy type of a tensor's elements. Raises ValueError where there is none."""
    if tensor.dtype is not None:
        return tensor.dtype.type
    if tensor.type_name not in _STAND_INS:
        raise ValueError(f"Tensor {tensor.index} has the type {tensor.type_name}, which numpy has not.")
    return _STAND_INS[tensor.type_name]


def type_name(array: Array) -> str:
    """TFLite's name of an array's type: FLOAT32, UINT8, STRING, ..., NOTYPE."""
    if array.dtype.kind in "SUO":
        return "STRING"
    known = array.dtype.kind in "biufc" and array.dtype.itemsize <= (16 if array.dtype.kind == "c" else 8)
    return array.dtype.name.upper() if known else "NOTYPE"


def operator_details(operator: Operator, graph: SubGraph) -> dict[str, Any]:
    """The details of an operator: its name, the indices of its tensors (-1: absent) and their types."""
    return {
        "index": operator.index,
        "op_name": operator.name,
        "inputs": np.array(operator.inputs, np.int32),
        "outputs": np.array(operator.outputs, np.int32),
        "operand_types": [numpy_type(graph.tensors[i]) for i in operator.inputs if i >= 0],
        "result_types": [numpy_type(graph.tensors[i]) for i in operator.outputs if i >= 0],
    }


def _sparsity(sparsity: Sparsity) -> dict[str, Any]:
    dimensions: list[dict[str, Any]] = []
    for dimension in sparsity.dimensions:
        if dimension.format == "dense":
            dimensions.append({"format": 0, "dense_size": dimension.dense_size})
        else:
            segments, indices = dimension.segments, dimension.indices
            dimensions.append(
                {
                    "format": 1,
                    "array_segments": np.array([] if segments is None else segments, np.int32),
                    "array_indices": np.array([] if indices is None else indices, np.int32),
                }
            )
    details: dict[str, Any] = {"traversal_order": np.array(sparsity.traversal_order, np.int32)}
    if sparsity.block_map:
        details["block_map"] = np.array(sparsity.block_map, np.int32)
    return {**details, "dim_metadata": dimensions}
