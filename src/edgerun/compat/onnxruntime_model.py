"""What an .onnx file says about itself, in ONNX Runtime's terms: inputs, outputs, metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.backends.onnxruntime import DTYPES
from edgerun.compat.onnxruntime_errors import InvalidArgument, InvalidProtobuf
from edgerun.ir.types import TensorInfo

Array = npt.NDArray[Any]

# ONNX's numbers of the element types.
NUMBERS = {
    "tensor(float)": 1,
    "tensor(uint8)": 2,
    "tensor(int8)": 3,
    "tensor(uint16)": 4,
    "tensor(int16)": 5,
    "tensor(int32)": 6,
    "tensor(int64)": 7,
    "tensor(string)": 8,
    "tensor(bool)": 9,
    "tensor(float16)": 10,
    "tensor(double)": 11,
    "tensor(uint32)": 12,
    "tensor(uint64)": 13,
}
_NAMES = {number: name for name, number in NUMBERS.items()}
_UNSET_VERSION = 2**63 - 1  # what ONNX Runtime says of a file without model_version


@dataclass(frozen=True)
class NodeArg:
    """An input or output; its type is such as 'tensor(float)', an open dimension is its name or None."""

    name: str
    type: str
    shape: list[int | str | None]


@dataclass(frozen=True)
class ModelMetadata:
    """Who made a model, and what they wrote into it."""

    producer_name: str = ""
    graph_name: str = ""
    domain: str = ""
    description: str = ""
    graph_description: str = ""
    version: int = _UNSET_VERSION
    custom_metadata_map: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The ports and the metadata of a file."""

    inputs: list[NodeArg]
    outputs: list[NodeArg]
    initializers: list[NodeArg]  # that a run could feed
    metadata: ModelMetadata


def read_facts(data: bytes, by_name: Mapping[str, int], by_denotation: Mapping[str, int]) -> Facts:
    """The facts of an .onnx file, with these sizes for open dimensions. Raises InvalidProtobuf,
    InvalidArgument."""
    import onnx
    from google.protobuf.message import DecodeError

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise InvalidProtobuf("Failed to load model because protobuf parsing failed.") from error
    if not model.HasField("graph"):
        raise InvalidArgument("No graph was found in the protobuf.")
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}

    def ports(infos: Any) -> list[NodeArg]:
        return [_node_arg(info, by_name, by_denotation) for info in infos]

    return Facts(
        ports(info for info in graph.input if info.name not in constants),
        ports(graph.output),
        # Before version 4 of the format all constants were listed among the inputs, and meant as constants.
        ports(info for info in graph.input if info.name in constants and model.ir_version >= 4),
        ModelMetadata(
            model.producer_name,
            graph.name,
            model.domain,
            model.doc_string,
            graph.doc_string,
            model.model_version if model.HasField("model_version") else _UNSET_VERSION,
            {entry.key: entry.value for entry in model.metadata_props},
        ),
    )


def facts_of(inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]) -> Facts:
    """The facts of a file of another format, which a Session tells."""

    def ports(infos: tuple[TensorInfo, ...]) -> list[NodeArg]:
        return [NodeArg(i.name, type_name(i.dtype), [None if d == -1 else d for d in i.shape]) for i in infos]

    return Facts(ports(inputs), ports(outputs), [], ModelMetadata())


def type_name(dtype: np.dtype[Any]) -> str:
    """ONNX Runtime's name of a tensor of this dtype. Raises InvalidArgument where it has none."""
    if dtype.kind in "US":
        return "tensor(string)"
    for name, known in DTYPES.items():
        if known == dtype:
            return name
    raise InvalidArgument(f"There is no tensor of {dtype}.")


def element_dtype(element_type: Any) -> np.dtype[Any]:
    """The dtype of ONNX's number of an element type, or of anything that numpy takes for a dtype."""
    if isinstance(element_type, int):
        if element_type not in _NAMES:
            raise InvalidArgument(f"There is no element type {element_type}.")
        return DTYPES[_NAMES[element_type]]
    dtype: np.dtype[Any] = np.dtype(element_type)
    return dtype


def _node_arg(info: Any, by_name: Mapping[str, int], by_denotation: Mapping[str, int]) -> NodeArg:
    tensor = info.type.tensor_type
    shape: list[int | str | None] = []
    for side in tensor.shape.dim:
        if side.HasField("dim_value") and side.dim_value >= 0:
            shape.append(int(side.dim_value))
        else:
            size = by_name.get(side.dim_param) if side.dim_param else None
            size = by_denotation.get(side.denotation, size) if side.denotation else size
            shape.append(size if size is not None else side.dim_param or None)
    return NodeArg(info.name, _NAMES.get(tensor.elem_type, str(info.type.WhichOneof("value"))), shape)
