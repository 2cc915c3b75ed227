"""Models with metadata: a TFLITE_METADATA buffer by our own writer, and files in a zip archive behind."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.formats.flatbuffer_builder import FlatBufferBuilder
from edgerun.formats.tflite_metadata_schema import BUFFER_NAME, CONTENTS, FILE_TYPES, PROCESS_UNITS, SCHEMA
from edgerun.formats.tflite_writer import ModelBuilder


def write_metadata(fields: Mapping[str, Any]) -> bytes:
    """The buffer whose ModelMetadata table has these fields, named as in the format."""
    builder = FlatBufferBuilder(SCHEMA)
    return builder.finish(builder.table(SCHEMA.tables["ModelMetadata"], fields))


def image(*, colour: int = 1, mean: tuple[float, ...] = (), std: tuple[float, ...] = ()) -> dict[str, Any]:
    """The TensorMetadata of a picture."""
    name = "ImageProperties"
    content = {
        "content_properties_type": CONTENTS.index(name) + 1,
        "content_properties": (name, {"color_space": colour}),
    }
    units = [unit("NormalizationOptions", mean=mean, std=std)] if mean or std else []
    return {"name": "image", "description": "A picture.", "content": content, "process_units": units}


def unit(name: str, **options: Any) -> dict[str, Any]:
    """A ProcessUnit."""
    return {"options_type": PROCESS_UNITS.index(name) + 1, "options": (name, options)}


def labels_file(name: str, type: str = "tensor_axis_labels", locale: str = "") -> dict[str, Any]:
    """An AssociatedFile."""
    return {"name": name, "type": FILE_TYPES.index(type), "locale": locale}


def about(*, input: Any = None, output: Any = None, **model: Any) -> dict[str, Any]:
    """The fields of a ModelMetadata with one input and one output."""
    main = {"input_tensor_metadata": [input or image()], "output_tensor_metadata": [output or {"name": "y"}]}
    return {"name": "net", "description": "What it does.", "subgraph_metadata": [main], **model}


def archive(files: Mapping[str, bytes | str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return content.getvalue()


def classifier(
    metadata: bytes | None = None, files: Mapping[str, bytes | str] | None = None, dtype: str = "float32"
) -> bytes:
    """A model that turns a picture [1, 4, 4, 3] into three softmaxed scores, with metadata and files.

    Its input is uint8 at 1/128 around 128, or float32 that it quantises so.
    """
    b = ModelBuilder()
    centred = {"scale": 1 / 128, "zero_point": 128}
    pixels = b.tensor("pixels", (1, 4, 4, 3), "uint8", **centred)
    mean = b.tensor("mean", (1, 1, 1, 3), "uint8", **centred)
    shape = b.tensor("shape", (2,), "int32", data=np.array([1, 3], np.int32))
    flat = b.tensor("flat", (1, 3), "uint8", **centred)
    y = b.tensor("scores", (1, 3), "uint8", scale=1 / 256)
    x = pixels
    if dtype == "float32":
        x = b.tensor("image", (1, 4, 4, 3), dtype)
        b.operator("QUANTIZE", [x], [pixels])
    window = {"stride_w": 4, "stride_h": 4, "filter_width": 4, "filter_height": 4}
    b.operator("AVERAGE_POOL_2D", [pixels], [mean], {"padding": "valid", **window})
    b.operator("RESHAPE", [mean, shape], [flat], {"new_shape": (1, 3)})
    b.operator("SOFTMAX", [flat], [y], {"beta": 1.0})
    if metadata is not None:
        b.metadata(BUFFER_NAME, metadata)
    model = b.finish([x], [y])
    return model if files is None else model + archive(files)
