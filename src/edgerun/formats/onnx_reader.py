"""Reading an ONNX file with the onnx package: checked, functions inlined, weights as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.errors import FormatError, ModelError

Array = npt.NDArray[np.generic]
OLDEST_OPSET = 7
# What protobuf and the onnx package raise, besides errors of their own, where a file makes no sense.
_NOT_SOUND = (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
_NEEDED = "Reading .onnx files needs the package onnx: pip install 'edgerun[onnx]'."


def read_onnx(data: bytes, path: str) -> Any:
    """The ModelProto of a file. Raises FormatError for what is not a sound ONNX model, ModelError where the
    onnx package is missing."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
        from onnx import checker, inliner
    except ImportError as error:
        raise ModelError(f"{path}: {_NEEDED}") from error
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise FormatError(f"{path}: not an ONNX model: {error}.") from error
    if (field := next(_not_text(model), None)) is not None:
        raise FormatError(f"{path}: not an ONNX model: a field {field!r} is not UTF-8 text.")
    if not model.graph.node and not model.graph.output:
        raise FormatError(f"{path}: not an ONNX model: it has neither operators nor outputs.")
    _load_external(model, path)
    if model.functions:
        try:
            model = inliner.inline_local_functions(model)
        except (checker.ValidationError, *_NOT_SOUND) as error:
            raise FormatError(f"{path}: its functions cannot be inlined: {_first_line(error)}") from error
    opset = opset_of(model)
    if opset < OLDEST_OPSET:
        raise FormatError(f"{path}: it has opset {opset}, edgerun reads {OLDEST_OPSET} and newer.")
    if opset > onnx.defs.onnx_opset_version():
        raise FormatError(
            f"{path}: it has opset {opset}, the installed onnx package knows up to "
            f"{onnx.defs.onnx_opset_version()}."
        )
    for port in model.graph.output:
        if port.type.HasField("tensor_type"):
            port.type.tensor_type.shape.SetInParent()  # some exporters leave it out; nothing here reads it
    try:
        checker.check_model(model)
    except (checker.ValidationError, *_NOT_SOUND) as error:
        if not any(o.domain not in ("", "ai.onnx") for o in model.opset_import):
            raise FormatError(f"{path}: the onnx package refuses it: {_first_line(error)}") from error
    return model


def _not_text(message: Any) -> Iterator[str]:
    """The names of the text fields whose bytes are no text: protobuf gives these as bytes."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        if field.cpp_type == field.CPPTYPE_MESSAGE:
            for inner in values:
                yield from _not_text(inner)
        elif field.type == field.TYPE_STRING and not all(isinstance(v, str) for v in values):
            yield field.name


def opset_of(model: Any) -> int:
    """The version of ONNX's own operators that the file is written in."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    return int(versions[0]) if versions else OLDEST_OPSET


def dtype_of(port: Any) -> np.dtype[Any]:
    """The dtype of a port (ValueInfoProto). Raises FormatError where it is no tensor, or of no known type."""
    from onnx import helper

    kind = port.type.tensor_type.elem_type
    if not kind:
        raise FormatError(f"'{port.name}' has no type of elements")
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    except KeyError as error:
        raise FormatError(f"'{port.name}' has an unknown type of elements, {error}") from error


def array_of(tensor: Any, path: str) -> Array:
    """The read-only array of a TensorProto. Raises FormatError."""
    from onnx import external_data_helper, numpy_helper

    if external_data_helper.uses_external_data(tensor):  # onnx would look for it where the process stands
        raise FormatError(f"{path}: tensor '{tensor.name}' lies in another file, as a weight alone may.")
    try:
        array: Array = np.ascontiguousarray(numpy_helper.to_array(tensor)).reshape(tuple(tensor.dims))
    except _NOT_SOUND as error:
        raise FormatError(f"{path}: tensor '{tensor.name}' cannot be read: {error}.") from error
    array.setflags(write=False)
    return array


def _load_external(model: Any, path: str) -> None:
    """Reads the tensors that lie in files beside the model."""
    from onnx import checker, external_data_helper

    initializers = [*model.graph.initializer]
    if not any(external_data_helper.uses_external_data(t) for t in initializers):
        return
    if not Path(path).exists():
        raise FormatError(f"{path}: its weights lie in other files: open it by its path.")
    try:
        external_data_helper.load_external_data_for_model(model, str(Path(path).parent))
    except (OSError, checker.ValidationError, *_NOT_SOUND) as error:
        raise FormatError(f"{path}: its external weights cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
