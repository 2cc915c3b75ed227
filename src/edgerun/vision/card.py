"""The model card: what turns pixels into the input tensor and the output tensors into meaning.

Looked up in this order; the first that exists is used:

1. MODEL.toml beside the model, e.g. `birds.toml` for `birds.tflite`:

       task = "classification"        # or "detection", "tensors"
       labels = "birds.txt"           # beside the card
       scores = "logits"              # classification: "as-is" (default) or "logits" (softmax them)
       decoder = "centre-points"      # detection: or "ssd" (default), TFLite's post-processing
       threshold = 0.4                # detection: the lowest score shown
       overlap = 0.5                  # centre-points: IoU from which a better box hides others
       top = 5                        # classification: how many classes are shown

       [input]
       colour = "rgb"                 # or "bgr", "grey"
       resize = "crop"                # the middle; or "stretch", "letterbox"
       crop = 0.875                   # crop: how much of the short side is used
       fill = 114                     # letterbox: the pixel value around the picture
       mean = [123.675, 116.28, 103.53]   # real input = (pixel - mean) * scale,
       scale = [0.0171, 0.0175, 0.0174]   # one number, or one for each channel

2. Recognised from shapes and operators, and then said aloud in `notes`. What is not written in a
   card is recognised too, field by field.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from edgerun.errors import ConfigError
from edgerun.ir.types import TensorInfo
from edgerun.vision.labels import Labels

Task = Literal["classification", "detection", "tensors"]
Colour = Literal["rgb", "bgr", "grey"]
Resize = Literal["stretch", "letterbox", "crop"]
Scores = Literal["as-is", "logits"]
DetectionDecoder = Literal["ssd", "centre-points"]

_SOFTMAX_LIKE = ("softmax", "logistic", "sigmoid")
_TRAILING = ("reshape", "squeeze", "quantize", "requantize", "dequantize", "cast")


@dataclass(frozen=True)
class InputCard:
    """From pixels to the input tensor.

    mean, scale: real input = (pixel - mean) * scale, by channel in the order of `colour`. None: by
    the input's dtype and quantisation, see preprocess.py.
    """

    colour: Colour = "rgb"
    resize: Resize = "stretch"
    crop: float = 1.0
    fill: float = 114.0
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Card:
    """What a model does with a picture; `source` and `notes` say where that is known from."""

    task: Task
    input: InputCard
    labels: Labels | None = None
    scores: Scores = "as-is"
    decoder: DetectionDecoder = "ssd"
    threshold: float = 0.4
    overlap: float = 0.5
    top: int = 5
    source: str = ""
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """A few lines for people: task, input, labels, and what was assumed."""
        how: str = self.input.resize
        if how == "crop":
            how = f"the middle {self.input.crop:.1%} of the short side"
        lines = [
            f"task      {self.task} ({self.source})",
            f"input     {self.input.colour}, {how}",
            f"labels    {self.labels.source if self.labels else 'none'}",
        ]
        return "\n".join([*lines, *(f"note      {note}" for note in self.notes)])


def resolve_card(
    path: Path | None,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    operators: Sequence[str],
) -> Card:
    """The card of the model at `path` (None: from bytes) with these tensors and operators.

    Raises ConfigError for a card with a wrong key or value, with file and key.
    """
    card = recognise(inputs, outputs, operators)
    beside = path.with_suffix(".toml") if path is not None else None
    if beside is not None and beside.is_file():
        return _Toml(beside).apply(card)
    return card


def recognise(
    inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], operators: Sequence[str]
) -> Card:
    """A card from shapes and operators alone."""
    notes: list[str] = []
    source = "recognised from shapes and operators"
    grey = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].shape[-1] == 1
    picture = InputCard(colour="grey" if grey else "rgb")
    if is_ssd(outputs, operators):
        return Card("detection", picture, source=source)
    classes = class_count(outputs)
    if classes is None:
        notes.append("no decoder knows these outputs: they are shown as tensors")
        return Card("tensors", picture, source=source, notes=tuple(notes))
    if operators and not _ends_in_probabilities(operators):
        notes.append(
            "the model ends without softmax: its outputs are shown as they are, "
            'unless a card says scores = "logits"'
        )
    picture = replace(picture, resize="crop", crop=0.875 if classes in (1000, 1001) else 1.0)
    return Card("classification", picture, source=source, notes=tuple(notes))


def class_count(outputs: Sequence[TensorInfo]) -> int | None:
    """C of a classifier's one output [1, C] or [1, 1, 1, C], C >= 2; None for anything else."""
    if len(outputs) != 1 or len(outputs[0].shape) not in (2, 4):
        return None
    *others, classes = outputs[0].shape
    if any(side != 1 for side in others) or not isinstance(classes, int) or classes < 2:
        return None
    return classes


def is_ssd(outputs: Sequence[TensorInfo], operators: Sequence[str]) -> bool:
    """Whether the outputs are those of TFLite_Detection_PostProcess."""
    named = any(_plain(name).endswith("detectionpostprocess") for name in operators)
    shapes = sorted(len(info.shape) for info in outputs)
    boxes = [info for info in outputs if len(info.shape) == 3 and info.shape[2] == 4]
    return shapes == [1, 2, 2, 3] and len(boxes) == 1 and (named or not operators)


def _ends_in_probabilities(operators: Sequence[str]) -> bool:
    for name in reversed(operators):
        if _plain(name) not in _TRAILING:
            return _plain(name) in _SOFTMAX_LIKE
    return False


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


@dataclass(frozen=True)
class _Toml:
    """A card file, read with checks that name the key."""

    path: Path
    tables: dict[str, Any] = field(default_factory=dict)

    def apply(self, card: Card) -> Card:
        """`card` with what the file says instead."""
        try:
            tables = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{self.path}: {error}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: the model card cannot be read: {error}.") from error
        given = tables.pop("input", {})
        if not isinstance(given, dict):
            raise ConfigError(f"{self.path}: input must be a table, got {given!r}.")
        picture = replace(
            card.input,
            **self._fields(
                "input.",
                given,
                colour=self._choice(Colour),
                resize=self._choice(Resize),
                crop=self._number(0.0, 1.0),
                fill=self._number(0.0, 255.0),
                mean=self._numbers,
                scale=self._numbers,
            ),
        )
        fields = self._fields(
            "",
            tables,
            task=self._choice(Task),
            labels=self._labels,
            scores=self._choice(Scores),
            decoder=self._choice(DetectionDecoder),
            threshold=self._number(0.0, 1.0),
            overlap=self._number(0.0, 1.0),
            top=self._count,
        )
        notes = () if "task" in fields else card.notes
        return replace(card, **fields, input=picture, source=str(self.path), notes=notes)

    def _fields(self, prefix: str, given: dict[str, Any], **readers: Any) -> dict[str, Any]:
        unknown = sorted(set(given) - set(readers))
        if unknown:
            raise ConfigError(
                f"{self.path}: {prefix}{unknown[0]} is not a key of a model card; "
                f"expected one of {', '.join(readers)}."
            )
        return {key: readers[key](prefix + key, value) for key, value in given.items()}

    def _choice(self, kind: Any) -> Any:
        def read(key: str, value: object) -> object:
            if value not in get_args(kind):
                choices = ", ".join(get_args(kind))
                raise ConfigError(f"{self.path}: {key} must be one of {choices}, got {value!r}.")
            return value

        return read

    def _number(self, low: float, high: float) -> Any:
        def read(key: str, value: object) -> float:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{self.path}: {key} must be a number, got {value!r}.")
            if not low <= value <= high or (key == "input.crop" and value == 0):
                raise ConfigError(
                    f"{self.path}: {key} must be within {low:g} and {high:g}, got {value!r}."
                )
            return float(value)

        return read

    def _numbers(self, key: str, value: object) -> tuple[float, ...]:
        values = value if isinstance(value, list) else [value]
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        if not numbers or len(values) not in (1, 3):
            raise ConfigError(
                f"{self.path}: {key} must be a number or a list of three, got {value!r}."
            )
        return tuple(float(cast(float, v)) for v in values)

    def _labels(self, key: str, value: object) -> Labels:
        if not isinstance(value, str):
            raise ConfigError(f"{self.path}: {key} must be a file name, got {value!r}.")
        return Labels.read(self.path.parent / value)

    def _count(self, key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{self.path}: {key} must be a whole number above 0, got {value!r}.")
        return value
