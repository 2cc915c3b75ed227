"""From files to graphs: one frontend per format, each a table of importers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgerun.errors import FormatError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from edgerun.frontends.onnx import OnnxFile
    from edgerun.frontends.tflite import TfliteFile
    from edgerun.ir.graph import Graph
    from edgerun.ir.types import Shape

TFLITE_MAGIC = b"TFL3"
# The keys of the fields of a ModelProto: producer, domain, graph, opsets, metadata.
_ONNX_FIELDS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72})
# How other files begin that people take for models.
_OTHERS = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
    b"EDGERUN\0": "a model that `edgerun compile` made",
}


def read_source(source: str | Path | bytes) -> tuple[str, bytes]:
    """The name for messages and the content. Models are read into memory: a mapped file could change
    or shrink after it was checked. Raises ModelError when the file cannot be read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>", bytes(source)
    path = os.fspath(source)
    try:
        with open(path, "rb") as file:
            return path, file.read()
    except OSError as error:
        raise ModelError(f"{path}: the model cannot be read: {error.strerror}.") from error


def open_model(source: str | Path | bytes) -> TfliteFile | OnnxFile:
    """A model file, or its bytes, checked and ready to be imported; the format is recognised by the content.

    Raises FormatError, QuantizationError, ModelError.
    """
    path, data = read_source(source)
    return parse_model(data, path)


def parse_model(data: bytes, path: str) -> TfliteFile | OnnxFile:
    """`open_model` of what was read; `path` is for messages."""
    if data[4:8] == TFLITE_MAGIC:
        from edgerun.frontends.tflite import TfliteFile  # each format imports operators of its own

        return TfliteFile(data, path)
    if is_onnx(data, path):
        from edgerun.frontends.onnx import OnnxFile

        return OnnxFile(data, path)
    raise FormatError(
        f"{path}: not a model that edgerun knows: a .tflite file has 'TFL3' at byte 4, "
        f"an .onnx file is an ONNX protobuf, this one {_appearance(data)}."
    )


def is_onnx(data: bytes, path: str) -> bool:
    """Whether it says so itself: ONNX has no magic, but files begin with the version of its format (field 1,
    a small number) and go on with another field of the model."""
    if path.endswith(".onnx"):
        return True
    return len(data) > 3 and data[0] == 0x08 and data[1] < 0x40 and data[2] in _ONNX_FIELDS


def load_graph(source: str | Path | bytes, shapes: Mapping[str, Shape] | None = None) -> Graph:
    """The graph of a model file, or of its bytes.

    shapes: other shapes for inputs, by name. Raises FormatError, QuantizationError,
    UnsupportedOperatorError (which lists all of them), ModelError, InputError for a wrong `shapes`.
    """
    return open_model(source).graph(shapes)


def _appearance(data: bytes) -> str:
    """What the beginning of a file of another format tells about it, to follow "this one"."""
    if not data:
        return "is empty"
    for magic, name in _OTHERS.items():
        if data.startswith(magic):
            return f"looks like {name}"
    line = data[:40].decode("latin-1").partition("\n")[0].rstrip()
    if line and line.isascii() and line.isprintable():
        return f"begins with the text '{line}'"
    return f"begins with the bytes {data[:8].hex(' ')}"
