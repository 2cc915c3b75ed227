"""The model card: what turns pixels into the input tensor and the output tensors into meaning.

`card_sources` says where it is looked up. Here is what it holds, and what shapes and operators tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from edgerun.ir.types import TensorInfo
from edgerun.vision.labels import Labels

Task = Literal["classification", "detection", "tensors"]
Colour = Literal["rgb", "bgr", "grey"]
Resize = Literal["stretch", "letterbox", "crop"]
Filter = Literal["auto", "bilinear", "area"]
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
    filter: Filter = "auto"
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
