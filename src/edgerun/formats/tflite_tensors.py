"""The tensors of a TFLite file: shapes, constants, quantization and sparsity, all checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgerun.errors import QuantizationError, UnsupportedOperatorError
from edgerun.formats import tflite_schema as schema
from edgerun.formats.flatbuffer import MAX_SHOWN, NO_BYTES, FlatBuffer, Vector
from edgerun.formats.tflite_model import SparseDimension, Sparsity, Tensor, TensorQuantization
from edgerun.formats.tflite_schema import TABLES, TensorType

_MAX_RANK = 32  # what every supported numpy can hold
_MAX_BITS = 8 * (2**63 - 1)


def read_buffer(file: FlatBuffer, buffers: Vector, index: int) -> memoryview:
    """The bytes of a buffer, which are inside the flatbuffer or, in large files, behind it.

    Raises FormatError for an index or bytes that the file does not have.
    """
    if index >= buffers.length:
        # Buffer 0 is the empty one by convention, and files exist that leave it out.
        if index == 0:
            return NO_BYTES
        file.fail(f"expected a buffer index below {buffers.length}, got {index}")
    fields = file.table(file.element(buffers, index), TABLES["Buffer"])
    data: memoryview = fields["data"]
    if len(data):
        return data
    return file.outside(fields["offset"], fields["size"])


def read_tensor(
    file: FlatBuffer, index: int, position: int, buffers: Vector, computed: bool
) -> Tensor:
    """The tensor whose table is at a position; `computed` ones, inputs among them, have no data.

    Raises the errors of `tflite_reader.read_model`.
    """
    file.spend(800)
    fields = file.table(position, TABLES["Tensor"])
    name = fields["name"]
    file.place += f" {name[:MAX_SHOWN]!r}"
    if fields["external_buffer"]:
        file.fail("its data are in an external file", UnsupportedOperatorError)
    kind = schema.TENSOR_TYPES[schema.TENSOR_TYPE_CODES[fields["type"].upper()]]
    shape = _shape(file, fields["shape"], 0, "shape")
    signature = _shape(file, fields["shape_signature"], -1, "shape signature") or None
    if signature and len(signature) != len(shape):
        file.fail(
            f"expected a shape signature of {len(shape)} dimensions as the shape has, got"
            f" {len(signature)}"
        )
    if math.prod(max(size, 1) for size in shape) * max(kind.bits, 8) > _MAX_BITS:
        file.fail(f"expected a tensor of less than 2**63 bytes, got shape {list(shape)}")
    sparsity = None
    if fields["sparsity"] is not None:
        sparsity = _sparsity(file, fields["sparsity"])
    data = None
    content = read_buffer(file, buffers, fields["buffer"])
    if len(content):
        if computed:
            file.fail("expected a constant to be neither an input nor computed, got one that is")
        data = _array(file, content, kind, shape, sparsity is not None)
    elif 0 in shape and kind.dtype is not None and not computed and not fields["is_variable"]:
        data = np.zeros(shape, kind.dtype)  # a constant of no elements: its empty buffer is right
        data.flags.writeable = False
    quantization = None
    if fields["quantization"] is not None:
        quantization = _quantization(file, fields["quantization"], kind, shape)
    return Tensor(
        index,
        name,
        shape,
        signature,
        kind.dtype,
        kind.name,
        quantization,
        data,
        fields["is_variable"],
        sparsity,
    )


def _shape(file: FlatBuffer, view: memoryview, lowest: int, what: str) -> tuple[int, ...]:
    if len(view) > _MAX_RANK:
        file.fail(f"expected a {what} of at most {_MAX_RANK} dimensions, got {len(view)}")
    shape = tuple(view)
    if shape and min(shape) < lowest:
        file.fail(f"expected a {what} with dimensions of at least {lowest}, got {list(shape)}")
    return shape


def _array(
    file: FlatBuffer, content: memoryview, kind: TensorType, shape: tuple[int, ...], sparse: bool
) -> NDArray[Any]:
    dtype = kind.dtype or np.dtype(np.uint8)
    size = -(-math.prod(shape) * kind.bits // 8)
    if sparse or not kind.bits:
        if len(content) % dtype.itemsize:
            file.fail(
                f"expected a multiple of {dtype.itemsize} bytes of data for {kind.name}, got"
                f" {len(content)}"
            )
    elif len(content) != size:
        file.fail(
            f"expected {size} bytes of data for {kind.name} {list(shape)}, got {len(content)}"
        )
    array: NDArray[Any] = np.frombuffer(content, dtype)
    if kind.name == "BOOL":
        file.spend(len(content))
        if array.view(np.uint8).max() > 1:
            file.fail("expected bool data of 0 and 1, got other values")
    return array if sparse or kind.dtype is None else array.reshape(shape)


def _quantization(
    file: FlatBuffer, position: int, kind: TensorType, shape: tuple[int, ...]
) -> TensorQuantization | None:
    fields = file.table(position, TABLES["QuantizationParameters"])
    if fields["details_type"] in (schema.BLOCKWISE_QUANTIZATION, schema.MULTI_AXIS_QUANTIZATION):
        file.fail("its quantization is blockwise or over several axes", UnsupportedOperatorError)
    count = len(fields["scale"])
    zeros = len(fields["zero_point"])
    if count == 0:
        return None
    if zeros not in (0, count):
        file.fail(f"expected as many zero points as scales ({count}), got {zeros}")
    file.spend(400 + 16 * count)
    if count == 1 and fields["scale"][0] == 0 and "FLOAT" in kind.name:
        return None
    scale = np.frombuffer(fields["scale"], np.float32)
    lowest, highest = _range(fields["scale"], scale)
    if not (lowest > 0 and highest < math.inf):
        bad = lowest if not lowest > 0 else highest
        file.fail(f"expected finite scales above 0, got {bad}", QuantizationError)
    if zeros:
        zero_point = np.frombuffer(fields["zero_point"], np.int64)
        lowest, highest = _range(fields["zero_point"], zero_point)
        if kind.limits and not kind.limits[0] <= lowest <= highest <= kind.limits[1]:
            file.fail(
                f"expected zero points from {kind.limits[0]} to {kind.limits[1]} for {kind.name},"
                f" got {lowest} to {highest}",
                QuantizationError,
            )
    else:
        zero_point = np.zeros(count, np.int64)
        zero_point.flags.writeable = False
    return TensorQuantization(scale, zero_point, _axis(file, fields, count, shape))


def _range(view: memoryview, array: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest element, or NaN; without numpy for one, where its calls cost more."""
    if len(view) == 1:
        return view[0], view[0]
    return array.min().item(), array.max().item()


def _axis(file: FlatBuffer, fields: dict[str, Any], count: int, shape: tuple[int, ...]) -> int:
    axis: int = fields["quantized_dimension"]
    inside = 0 <= axis < len(shape)
    if count == 1:
        return axis if inside else 0
    # A rank-1 tensor has no other axis; converters leave its weights' axis in a bias.
    if len(shape) == 1:
        axis, inside = 0, True
    if not inside:
        file.fail(
            f"expected a quantized dimension from 0 to {len(shape) - 1} for {count} scales, got"
            f" {axis}"
        )
    if shape[axis] != count:
        file.fail(f"expected {shape[axis]} scales as dimension {axis} has, got {count}")
    return axis


def _sparsity(file: FlatBuffer, position: int) -> Sparsity:
    fields = file.table(position, TABLES["SparsityParameters"])
    dimensions = []
    for index in range(fields["dim_metadata"].length):
        file.spend(500)
        at = file.element(fields["dim_metadata"], index)
        dimension = file.table(at, TABLES["DimensionMetadata"])
        if dimension["dense_size"] < 0:
            file.fail(f"expected a dense size of at least 0, got {dimension['dense_size']}")
        dimensions.append(
            SparseDimension(
                dimension["format"],
                dimension["dense_size"],
                _index_vector(file, dimension, "array_segments"),
                _index_vector(file, dimension, "array_indices"),
            )
        )
    order = file.ints(fields["traversal_order"])
    return Sparsity(order, file.ints(fields["block_map"]), tuple(dimensions))


def _index_vector(file: FlatBuffer, dimension: dict[str, Any], name: str) -> NDArray[Any] | None:
    union = dimension[name + "_type"]
    if union >= len(schema.SPARSE_INDEX_VECTORS):
        file.fail(
            f"expected a type of {name!r} below {len(schema.SPARSE_INDEX_VECTORS)}, got {union}"
        )
    table = schema.SPARSE_INDEX_VECTORS[union]
    if table is None or dimension[name] is None:
        return None
    values = file.table(dimension[name], table)["values"]
    dtype = np.dtype(table.fields[0].of)
    array: NDArray[Any] = np.frombuffer(values, dtype) if len(values) else np.empty(0, dtype)
    return array
