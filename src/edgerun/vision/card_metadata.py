"""What TFLite metadata say about a model, as parts of its card: labels, colour, normalisation, threshold.

Labels are the first file of an output that is declared to name its classes. Ultralytics' exporter keeps
its own record there instead, or behind the model without any declaration: a mapping, as JSON or as Python
prints it, whose `names` are the classes.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgerun.errors import ConfigError, FormatError
from edgerun.formats.archive import PREFIX
from edgerun.formats.tflite_metadata import ModelMetadata, TensorMetadata, find_metadata
from edgerun.ir.types import UINT8, TensorInfo
from edgerun.vision.card import Card, Colour, class_count
from edgerun.vision.labels import Labels

Metadata = Mapping[str, bytes | memoryview]

_LABEL_TYPES = ("tensor_axis_labels", "tensor_value_labels")
_RECORD = "metadata.json"
_MAX_RECORD = 64 << 10  # bytes: parsing Python's form takes many times its size
_COLOURS: dict[str, Colour] = {"rgb": "rgb", "grayscale": "grey"}


def apply_metadata(
    metadata: Metadata, card: Card, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> Card:
    """`card` with what the raw metadata of the model say instead.

    What cannot be read or does not fit the model is left out and said in the notes: a model runs without.
    """
    notes: list[str] = []
    try:
        about = find_metadata(metadata, path="its TFLite metadata")
    except FormatError as error:
        about = None
        notes.append(f"{str(error).rstrip('.')}: they are not used")
    said: list[str] = []
    labels = _fitting(find_labels(metadata, about, notes), outputs, notes)
    if labels is not None:
        card = replace(card, labels=labels)
        said.append("labels")
    if about is not None:
        if len(inputs) == 1 and len(about.inputs) == 1:
            card = _with_input(card, about.inputs[0], inputs[0], said, notes)
        thresholds = [out.threshold for out in about.outputs if out.threshold is not None]
        if thresholds and 0 <= thresholds[0] <= 1:
            card = replace(card, threshold=thresholds[0])
            said.append("threshold")
        if any(out.calibrated for out in about.outputs):
            notes.append("its TFLite metadata want its scores calibrated: they are shown as they are")
    source = card.source
    if said:
        source += f"; {' and '.join(filter(None, (', '.join(said[:-1]), said[-1])))} from its TFLite metadata"
    return replace(card, source=source, notes=(*card.notes, *notes))


def find_labels(metadata: Metadata, about: ModelMetadata | None, notes: list[str]) -> Labels | None:
    """The labels that the raw metadata of a model hold; reasons against them are added to `notes`."""
    declared = [
        file.name
        for output in (about.outputs if about is not None else ())
        for file in output.files
        if file.type in _LABEL_TYPES
    ]
    if not declared and PREFIX + _RECORD in metadata:
        declared = [_RECORD]
    if not declared and "names" in metadata:  # of ONNX files by Ultralytics
        text = bytes(metadata["names"]).decode("utf-8", "replace")
        try:
            return Labels(_record_names(f'{{"names": {text}}}', "its metadata"), "names in its metadata")
        except ConfigError as error:
            notes.append(f"{str(error).rstrip('.')}: these labels are not used")
            return None
    if not declared:
        return None
    name = declared[0]
    content = metadata.get(PREFIX + name)
    if content is None:
        notes.append(f"its TFLite metadata name the label file {name!r}, which is not behind the model")
        return None
    try:
        return _parse_labels(bytes(content), f"{name} in the model", label_map=name.endswith(".pbtxt"))
    except ConfigError as error:
        notes.append(f"{str(error).rstrip('.')}: these labels are not used")
        return None


def _parse_labels(content: bytes, source: str, *, label_map: bool) -> Labels:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source}: expected UTF-8 text.") from error
    if text.lstrip().startswith("{"):
        return Labels(_record_names(text, source), source)
    return Labels.parse(text, source, label_map=label_map)


def _record_names(text: str, source: str) -> dict[int, str]:
    """The class names of an exporter's record."""
    record: Any = None
    if len(text) <= _MAX_RECORD:
        for parse in (json.loads, ast.literal_eval):
            try:
                record = parse(text)
                break
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue
    names = record.get("names") if isinstance(record, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ConfigError(f"{source}: expected a mapping with the names of the classes as 'names'.")
    try:
        return {int(number): str(name) for number, name in names.items()}
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{source}: expected whole numbers before the names of the classes.") from error


def _fitting(labels: Labels | None, outputs: Sequence[TensorInfo], notes: list[str]) -> Labels | None:
    """The labels, unless a classifier has another number of classes."""
    classes = class_count(outputs)
    if labels is None or classes is None:
        return labels
    try:
        labels.for_classifier(classes)
    except ConfigError as error:
        notes.append(f"{str(error).rstrip('.')}: these labels are not used")
        return None
    return labels


def _with_input(
    card: Card, tensor: TensorMetadata, info: TensorInfo, said: list[str], notes: list[str]
) -> Card:
    picture = card.input
    if tensor.colour in _COLOURS:
        picture = replace(picture, colour=_COLOURS[tensor.colour])
        said.append("colour")
    if tensor.mean or tensor.std:
        meaning = normalisation(tensor)
        if meaning is None:
            notes.append("the normalisation in its TFLite metadata has no meaning: it is not used")
        else:
            said.append("normalisation")
            if not _is_raw(info, *meaning):
                picture = replace(picture, mean=meaning[0], scale=meaning[1])
    return replace(card, input=picture)


def normalisation(tensor: TensorMetadata) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(mean, scale) with real input = (pixel - mean) * scale; None where there is none that has a
    meaning."""
    mean, std = tensor.mean or (0.0,), tensor.std or (1.0,)
    sound = np.isfinite([*mean, *std]).all() and min(std) > 0
    if not (tensor.mean or tensor.std) or not sound or {len(mean), len(std)} - {1, 3}:
        return None
    return mean, tuple(1 / s for s in std)


def _is_raw(info: TensorInfo, mean: tuple[float, ...], scale: tuple[float, ...]) -> bool:
    """Whether a uint8 input's stored values are the pixels: normalising and quantising undo each
    other."""
    if info.dtype != UINT8:
        return False
    if info.quantization is None:
        return True
    step, zero = info.quantization.step, info.quantization.zero
    ends = np.array([[0.0], [255.0]])
    stored = (ends - np.array(mean)) * np.array(scale) / step + zero
    return bool((np.abs(stored - ends) <= 2).all())
