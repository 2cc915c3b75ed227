"""A bounded reader of TFLite metadata: what the makers of a model wrote about it for people and programs.

Nothing in it is believed: `flatbuffer` checks each offset and length before it is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgerun.formats import tflite_metadata_schema as schema
from edgerun.formats.flatbuffer import FlatBuffer, Vector
from edgerun.formats.tflite_metadata_schema import BUFFER_NAME, TABLES


@dataclass(frozen=True, slots=True)
class AssociatedFile:
    """A file that belongs to the model or a tensor; its content is in the archive behind the model.

    type: one of tflite_metadata_schema.FILE_TYPES. locale: "en", "de-CH", or "".
    """

    name: str
    description: str
    type: str
    locale: str


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """What an input is made from, or what an output means.

    content: "feature", "image", "boxes", or "" where it is not said. colour: "rgb", "grayscale" or
    "unknown", of images. mean, std: normalised = (value - mean) / std, one for all channels or one for
    each, empty without normalisation. minimum, maximum: of the normalised values. threshold: scores below
    it do not count. calibrated: the scores are meant to be calibrated by one of the files.
    """

    name: str
    description: str
    content: str = ""
    colour: str = "unknown"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    threshold: float | None = None
    calibrated: bool = False
    files: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """A TFLITE_METADATA buffer: the model, and the inputs and outputs of its main subgraph in their order.

    files are those of the model and of the main subgraph; the tensors have their own.
    """

    name: str
    description: str
    version: str
    author: str
    license: str
    min_parser_version: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    files: tuple[AssociatedFile, ...]


def read_metadata(
    data: bytes | bytearray | memoryview, *, path: str = "<bytes>"
) -> ModelMetadata:
    """Reads a TFLITE_METADATA buffer; `path`, that of the model, is used in messages only.

    Raises FormatError where the bytes are no sound metadata.
    """
    file = FlatBuffer(data, path, schema.SCHEMA)
    file.place = "metadata"
    root = file.root()
    files = _files(file, root["associated_files"])
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    if root["subgraph_metadata"].length:
        main = file.table(file.element(root["subgraph_metadata"], 0), TABLES["SubGraphMetadata"])
        inputs = _tensors(file, main["input_tensor_metadata"], "input")
        outputs = _tensors(file, main["output_tensor_metadata"], "output")
        file.place = "metadata"
        files += _files(file, main["associated_files"])
    return ModelMetadata(
        root["name"],
        root["description"],
        root["version"],
        root["author"],
        root["license"],
        root["min_parser_version"],
        inputs,
        outputs,
        files,
    )


def find_metadata(
    metadata: Mapping[str, bytes | memoryview], *, path: str = "<bytes>"
) -> ModelMetadata | None:
    """What the metadata buffers of a model, by name, say about it; None where it has no TFLITE_METADATA.

    Raises FormatError where that buffer is no sound metadata.
    """
    content = metadata.get(BUFFER_NAME)
    return None if content is None else read_metadata(content, path=path)


def _tensors(file: FlatBuffer, vector: Vector, role: str) -> tuple[TensorMetadata, ...]:
    tensors = []
    for index in range(vector.length):
        file.place = f"metadata of {role} {index}"
        file.spend(400)
        fields = file.table(file.element(vector, index), TABLES["TensorMetadata"])
        values: dict[str, Any] = {}
        if fields["content"] is not None:
            values.update(_content(file, fields["content"]))
        for unit in range(fields["process_units"].length):
            values.update(_process_unit(file, file.element(fields["process_units"], unit)))
        if fields["stats"] is not None:
            stats = file.table(fields["stats"], TABLES["Stats"])
            values["minimum"], values["maximum"] = _floats(file, stats["min"]), _floats(file, stats["max"])
        values["files"] = _files(file, fields["associated_files"])
        tensors.append(TensorMetadata(fields["name"], fields["description"], **values))
    return tuple(tensors)


def _content(file: FlatBuffer, position: int) -> dict[str, Any]:
    fields = file.table(position, TABLES["Content"])
    name = _named(schema.CONTENTS, fields["content_properties_type"] - 1)
    if name == "ImageProperties":
        colour = 0
        if fields["content_properties"] is not None:
            image = file.table(fields["content_properties"], TABLES[name])
            colour = image["color_space"]
        return {"content": "image", "colour": _named(schema.COLOUR_SPACES, colour) or "unknown"}
    return {"content": {"FeatureProperties": "feature", "BoundingBoxProperties": "boxes"}.get(name, "")}


def _process_unit(file: FlatBuffer, position: int) -> dict[str, Any]:
    """What a unit says about its tensor; nothing where its kind is of a later version or for text."""
    fields = file.table(position, TABLES["ProcessUnit"])
    name = _named(schema.PROCESS_UNITS, fields["options_type"] - 1)
    if not name or fields["options"] is None:
        return {}
    options = file.table(fields["options"], TABLES[name])
    if name == "NormalizationOptions":
        return {"mean": _floats(file, options["mean"]), "std": _floats(file, options["std"])}
    if name == "ScoreThresholdingOptions":
        return {"threshold": options["global_score_threshold"]}
    return {"calibrated": True}


def _files(file: FlatBuffer, vector: Vector) -> tuple[AssociatedFile, ...]:
    files = []
    for index in range(vector.length):
        file.spend(200)
        fields = file.table(file.element(vector, index), TABLES["AssociatedFile"])
        kind = _named(schema.FILE_TYPES, fields["type"]) or "unknown"
        files.append(AssociatedFile(fields["name"], fields["description"], kind, fields["locale"]))
    return tuple(files)


def _floats(file: FlatBuffer, view: memoryview) -> tuple[float, ...]:
    file.spend(32 * len(view))
    return tuple(view)


def _named(names: tuple[str, ...], code: int) -> str:
    """The name of a code, "" for one that is not known."""
    return names[code] if 0 <= code < len(names) else ""
