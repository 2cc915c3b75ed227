"""A writer of TFLite files, for small models made in tests and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from edgerun.errors import InputError
from edgerun.formats import tflite_schema as schema
from edgerun.formats.flatbuffer_builder import FlatBufferBuilder
from edgerun.formats.tflite_model import Sparsity
from edgerun.formats.tflite_schema import TABLES, TensorType

# (version for int8, version for int16) -> operators; the version of any other type is 1.
_VERSIONS = {
    (1, 2): "LEAKY_RELU",
    (1, 5): "LSTM UNIDIRECTIONAL_SEQUENCE_LSTM",
    (2, 1): "ARG_MAX ARG_MIN DEPTH_TO_SPACE GELU GREATER L2_NORMALIZATION LESS_EQUAL LOG_SOFTMAX"
    " NOT_EQUAL SELECT SPACE_TO_DEPTH SPLIT_V SQUARED_DIFFERENCE STRIDED_SLICE SUM",
    (2, 2): "EXP FLOOR_MOD LOG REDUCE_PROD",
    (2, 3): "ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CONCATENATION DEQUANTIZE GREATER_EQUAL LESS"
    " LOGISTIC MAX_POOL_2D MEAN MIRROR_PAD PACK PAD PADV2 REDUCE_MAX REDUCE_MIN RELU RELU6 RSQRT"
    " SOFTMAX TANH TOPK_V2",
    (2, 4): "BATCH_TO_SPACE_ND EQUAL GATHER MAXIMUM MINIMUM MUL RESIZE_BILINEAR"
    " RESIZE_NEAREST_NEIGHBOR SLICE SPACE_TO_BATCH_ND SPLIT UNPACK",
    (2, 5): "SUB TRANSPOSE",
    (3, 1): "CAST REVERSE_V2 SVDF TILE",
    (3, 3): "BROADCAST_TO FILL FLOOR_DIV",
    (3, 4): "CONV_2D",
    (3, 5): "DEPTHWISE_CONV_2D",
    (4, 7): "FULLY_CONNECTED",
}
_INTEGER_VERSIONS = {
    name: {"INT8": int8, "INT16": int16}
    for (int8, int16), names in _VERSIONS.items()
    for name in names.split()
}
# Float activations with int8 weights.
_HYBRID_VERSIONS = {
    "BATCH_MATMUL": 4,
    "CONV_2D": 5,
    "DEPTHWISE_CONV_2D": 6,
    "FULLY_CONNECTED": 3,
    "SVDF": 2,
}
# Operators whose data are not their first input.
_DATA_INPUT = {"SPLIT": 1, "FILL": 1}


class SubgraphBuilder:
    """Builds a subgraph, tensor by tensor and operator by operator in running order.

    The methods raise InputError for arguments that do not fit; whether the model makes sense is
    not checked. `index` is the subgraph's in the model.
    """

    def __init__(
        self, name: str, index: int, buffers: dict[bytes, int], codes: dict[tuple[str, int], int]
    ) -> None:
        self.index = index
        self._name = name
        self._buffers, self._codes = buffers, codes
        self._tensors: list[dict[str, Any]] = []
        self._operators: list[dict[str, Any]] = []
        self._inputs: Sequence[int] = ()
        self._outputs: Sequence[int] = ()

    def ports(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Says which tensors are the subgraph's inputs and outputs."""
        self._inputs, self._outputs = inputs, outputs

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        scale: ArrayLike | None = None,
        zero_point: ArrayLike | None = None,
        axis: int = 0,
        data: ArrayLike | bytes | None = None,
        shape_signature: Sequence[int] | None = None,
        is_variable: bool = False,
        sparsity: Sparsity | None = None,
    ) -> int:
        """Adds a tensor and returns its index.

        `dtype` is a numpy dtype or the name of a TFLite type ("INT4"). `scale` and `zero_point`
        are one number or one for each element of dimension `axis`; zero points are 0 by default.
        `data` makes a constant: an array of the given shape and dtype, or bytes as they are stored,
        which those of a tensor with `sparsity` are.
        """
        kind = _tensor_type(dtype)
        tensor: dict[str, Any] = {
            "shape": shape,
            "type": kind.name.lower(),
            "buffer": 0 if data is None else self._buffer(_content(name, shape, kind, data)),
            "name": name,
            "is_variable": is_variable,
            "has_rank": True,
            "shape_signature": shape_signature or (),
        }
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            zeros = np.zeros(scales.shape) if zero_point is None else np.atleast_1d(zero_point)
            if scales.shape != zeros.shape:
                raise InputError(
                    f"Tensor {name!r}: expected as many zero points as scales ({scales.size}), got"
                    f" {zeros.size}."
                )
            tensor["quantization"] = {
                "scale": scales,
                "zero_point": zeros.astype(np.int64),
                "quantized_dimension": axis,
            }
        if sparsity is not None:
            tensor["sparsity"] = _sparsity(sparsity)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def operator(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        custom_options: bytes | None = None,
        intermediates: Sequence[int] = (),
    ) -> None:
        """Adds an operator; a name that is no builtin's is that of a custom operator.

        `inputs` are tensor indices, -1 for an absent one; so are `intermediates`, whose types say
        how recurrent operators quantise what they compute within themselves. `options` are fields
        of the operator's options table; those left out have the format's default. The version
        follows from the types of the inputs if it is not given.
        """
        for index in (*inputs, *outputs, *intermediates):
            if not -1 <= index < len(self._tensors):
                raise InputError(
                    f"Operator {name}: expected tensor indices from -1 to {len(self._tensors) - 1},"
                    f" got {index}."
                )
        types = [self._tensors[i]["type"].upper() if i >= 0 else "" for i in inputs]
        key = name, _version(name, types) if version is None else version
        operator: dict[str, Any] = {
            "opcode_index": self._codes.setdefault(key, len(self._codes)),
            "inputs": inputs,
            "outputs": outputs,
            "custom_options": custom_options or b"",
            "intermediates": intermediates,
        }
        table = schema.OPTIONS.get(name)
        if table is not None:
            operator[table.union + "_type"] = table.code
            operator[table.union] = table.name, options or {}
        elif options:
            raise InputError(f"Operator {name} has no options, got {', '.join(options)}.")
        self._operators.append(operator)

    def _fields(self) -> dict[str, Any]:
        return {
            "tensors": self._tensors,
            "inputs": self._inputs,
            "outputs": self._outputs,
            "operators": self._operators,
            "name": self._name,
        }

    def _buffer(self, content: bytes) -> int:
        return self._buffers.setdefault(content, len(self._buffers))


class ModelBuilder(SubgraphBuilder):
    """Builds a model: its main subgraph by the methods of SubgraphBuilder, then what else it has."""

    def __init__(self, description: str = "") -> None:
        # Buffers by content and operator codes by (name, version), shared by all subgraphs.
        super().__init__("main", 0, {b"": 0}, {})
        self._description = description
        self._metadata: list[dict[str, Any]] = []
        self._signatures: list[dict[str, Any]] = []
        self._more: list[SubgraphBuilder] = []

    def subgraph(self, name: str) -> SubgraphBuilder:
        """Adds a subgraph, for operators that call one."""
        self._more.append(SubgraphBuilder(name, 1 + len(self._more), self._buffers, self._codes))
        return self._more[-1]

    def signature(
        self, key: str, inputs: Mapping[str, int], outputs: Mapping[str, int], subgraph: int = 0
    ) -> None:
        """Adds an entry point: names of tensors of a subgraph."""
        maps = {
            role: [{"name": name, "tensor_index": index} for name, index in ports.items()]
            for role, ports in (("inputs", inputs), ("outputs", outputs))
        }
        self._signatures.append({"signature_key": key, "subgraph_index": subgraph, **maps})

    def metadata(self, name: str, content: bytes) -> None:
        """Adds a metadata buffer."""
        self._metadata.append({"name": name, "buffer": self._buffer(content)})

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file; inputs and outputs are tensor indices."""
        return write_model(self.fields(inputs, outputs))

    def fields(self, inputs: Sequence[int], outputs: Sequence[int]) -> dict[str, Any]:
        """The model as write_model takes it, to add what this class does not build."""
        self.ports(inputs, outputs)
        codes = [_operator_code(name, version) for name, version in self._codes]
        return {
            "version": schema.VERSION,
            "operator_codes": codes,
            "subgraphs": [builder._fields() for builder in (self, *self._more)],
            "description": self._description,
            "buffers": [{"data": content} for content in self._buffers],
            "metadata": self._metadata,
            "signature_defs": self._signatures,
        }


def write_model(fields: Mapping[str, Any]) -> bytes:
    """The file whose Model table has these fields, named as in the format.

    A table is a mapping, a vector a sequence, an enum the name of its value, and a union a pair of
    table name and mapping. Raises InputError for an unknown field or a value that does not fit the
    field; the model is not checked otherwise.
    """
    builder = FlatBufferBuilder(schema.SCHEMA)
    return builder.finish(builder.table(TABLES["Model"], fields))


def _tensor_type(dtype: DTypeLike) -> TensorType:
    code = schema.TENSOR_TYPE_CODES.get(dtype) if isinstance(dtype, str) else None
    if code is None:
        code = schema.TENSOR_TYPE_CODES.get(np.dtype(dtype).name.upper())
    if code is None:
        raise InputError(f"Expected a dtype that TFLite has, got {dtype!r}.")
    return schema.TENSOR_TYPES[code]


def _content(name: str, shape: Sequence[int], kind: TensorType, data: ArrayLike | bytes) -> bytes:
    if isinstance(data, bytes):
        return data
    array = np.asarray(data)
    if array.shape != tuple(shape) or array.dtype != kind.dtype:
        raise InputError(
            f"Tensor {name!r}: expected data of {kind.name} {list(shape)}, got {array.dtype}"
            f" {list(array.shape)}."
        )
    return array.tobytes()


def _sparsity(sparsity: Sparsity) -> dict[str, Any]:
    """The table; segments and indices are vectors of int32 unless they are uint16 or uint8."""
    dimensions = []
    for dimension in sparsity.dimensions:
        fields: dict[str, Any] = {"format": dimension.format, "dense_size": dimension.dense_size}
        for name in ("segments", "indices"):
            values = getattr(dimension, name)
            if values is not None:
                kind = {"uint16": 2, "uint8": 3}.get(values.dtype.name, 1)
                table = schema.SPARSE_INDEX_VECTORS[kind]
                assert table is not None
                fields[f"array_{name}_type"] = kind
                fields[f"array_{name}"] = table.name, {"values": values}
        dimensions.append(fields)
    return {
        "traversal_order": sparsity.traversal_order,
        "block_map": sparsity.block_map,
        "dim_metadata": dimensions,
    }


def _version(name: str, types: Sequence[str]) -> int:
    """The version that a converter would give an operator with inputs of these types."""
    data, weights = (*types, "", "")[:2]
    if name == "FULLY_CONNECTED" and len(types) == 2:
        return 6  # has no bias
    if name == "TRANSPOSE_CONV":
        return 3 if len(types) == 4 else 2 if weights == "INT8" else 1
    if data == "FLOAT32" and weights == "INT8":
        return _HYBRID_VERSIONS.get(name, 1)
    if name in _DATA_INPUT:
        data = weights
    least = 2 if name == "BROADCAST_TO" else 1
    return _INTEGER_VERSIONS.get(name, {}).get(data, least)


def _operator_code(name: str, version: int) -> dict[str, Any]:
    builtin = schema.OPERATOR_CODES.get(name, schema.CUSTOM)
    return {
        "deprecated_builtin_code": min(builtin, schema.PLACEHOLDER),
        "builtin_code": builtin,
        "custom_code": name if builtin == schema.CUSTOM else "",
        "version": version,
    }
