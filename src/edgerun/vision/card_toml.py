"""A model card as a file: MODEL.toml beside the model, e.g. `birds.toml` for `birds.tflite`.

    task = "classification"        # or "detection", "keypoints", "segmentation", "tensors"
    labels = "birds.txt"           # beside the card
    scores = "logits"              # classification: "as-is" (default) or "logits" (softmax them)
    decoder = "yolov8"             # what reads the outputs, of docs/decoders.md; otherwise recognised
    threshold = 0.4                # the lowest score shown
    overlap = 0.5                  # IoU from which a better box hides others
    top = 5                        # classification: how many classes are shown

    [input]
    colour = "rgb"                 # or "bgr", "grey"
    resize = "crop"                # the middle; or "stretch", "letterbox"
    filter = "auto"                # area mean from a twofold reduction on; or "bilinear", "area"
    crop = 0.875                   # crop: how much of the short side is used
    fill = 114                     # letterbox: the pixel value around the picture
    mean = [123.675, 116.28, 103.53]   # real input = (pixel - mean) * scale,
    scale = [0.0171, 0.0175, 0.0174]   # one number, or one for each channel
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from edgerun.errors import ConfigError
from edgerun.vision.card import DECODERS, Card, Colour, Filter, Resize, Scores, Task
from edgerun.vision.labels import Labels
from edgerun.vision.text_file import read_toml, short


def apply_toml(path: Path, card: Card) -> Card:
    """`card` with what the file says instead. Raises ConfigError with file and key."""
    return _Toml(path).apply(card)


@dataclass(frozen=True)
class _Toml:
    """A card file, read with checks that name the key."""

    path: Path

    def apply(self, card: Card) -> Card:
        """`card` with what the file says instead."""
        _, tables = read_toml(self.path, "the model card")
        given = tables.pop("input", {})
        if not isinstance(given, dict):
            raise ConfigError(f"{self.path}: input must be a table, got {_shown(given)}.")
        picture = card.input
        if "mean" in given or "scale" in given:  # one without the other's value from another source
            picture = replace(picture, mean=None, scale=None)
        picture = replace(
            picture,
            **self._fields(
                "input.",
                given,
                colour=self._choice(Colour),
                resize=self._choice(Resize),
                filter=self._choice(Filter),
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
            decoder=self._of(tuple(DECODERS)),
            threshold=self._number(0.0, 1.0),
            overlap=self._number(0.0, 1.0),
            top=self._count,
        )
        if "decoder" in fields:
            meant = DECODERS[fields["decoder"]]
            if fields.setdefault("task", meant) != meant:
                task, decoder = fields["task"], fields["decoder"]
                raise ConfigError(f"{self.path}: the decoder {decoder} is for {meant}, got task = {task!r}.")
        elif fields.get("task", card.task) != card.task:
            fields["decoder"] = ""  # that of the task
        notes = () if "task" in fields else card.notes
        return replace(card, **fields, input=picture, source=str(self.path), notes=notes)

    def _fields(self, prefix: str, given: dict[str, Any], **readers: Any) -> dict[str, Any]:
        unknown = sorted(set(given) - set(readers))
        if unknown:
            raise ConfigError(
                f"{self.path}: {prefix}{short(unknown[0])} is not a key of a model card; "
                f"expected one of {', '.join(readers)}."
            )
        return {key: readers[key](prefix + key, value) for key, value in given.items()}

    def _choice(self, kind: Any) -> Any:
        return self._of(get_args(kind))

    def _of(self, choices: tuple[str, ...]) -> Any:
        def read(key: str, value: object) -> object:
            if not isinstance(value, str) or value not in choices:
                expected = ", ".join(choices)
                raise ConfigError(f"{self.path}: {key} must be one of {expected}, got {_shown(value)}.")
            return value

        return read

    def _number(self, low: float, high: float) -> Any:
        def read(key: str, value: object) -> float:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(f"{self.path}: {key} must be a number, got {_shown(value)}.")
            if not low <= value <= high or (key == "input.crop" and value == 0):
                raise ConfigError(
                    f"{self.path}: {key} must be within {low:g} and {high:g}, got {value!r}."
                )
            return float(value)

        return read

    def _numbers(self, key: str, value: object) -> tuple[float, ...]:
        values = value if isinstance(value, list) else [value]
        numbers = all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values
        )
        if not numbers or len(values) not in (1, 3):
            raise ConfigError(
                f"{self.path}: {key} must be a number or a list of three, got {_shown(value)}."
            )
        return tuple(float(cast(float, v)) for v in values)

    def _labels(self, key: str, value: object) -> Labels:
        if not isinstance(value, str):
            raise ConfigError(f"{self.path}: {key} must be a file name, got {_shown(value)}.")
        return Labels.read(self.path.parent / value)

    def _count(self, key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{self.path}: {key} must be a whole number above 0, got {_shown(value)}.")
        return value


def _shown(value: object) -> str:
    return short(repr(value))
