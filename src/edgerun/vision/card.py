"""The model card: what turns pixels into the input tensor and the output tensors into meaning.

`card_sources` says where it is looked up. Here is what it holds, and what shapes and operators tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgerun.ir.types import TensorInfo
from edgerun.vision.labels import Labels

Task = Literal["classification", "detection", "keypoints", "segmentation", "tensors"]
Colour = Literal["rgb", "bgr", "grey"]
Resize = Literal["stretch", "letterbox", "crop"]
Filter = Literal["auto", "bilinear", "area"]
Scores = Literal["as-is", "logits"]



# What reads outputs, by name, and what it gives; edgerun.vision.decoders has them.
DECODERS: dict[str, Task] = {
    "classifier": "classification",
    "ssd": "detection",
    "ssd-anchors": "detection",
    "centre-points": "detection",
    "yolov5": "detection",
    "yolov8": "detection",
    "yolox": "detection",
    "nanodet": "detection",
    "fastestdet": "detection",
    "fomo": "detection",
    "ultraface": "detection",
    "yunet": "detection",
    "blazeface": "detection",
    "yolov8-pose": "keypoints",
    "movenet": "keypoints",
    "posenet": "keypoints",
    "hand-landmarks": "keypoints",
    "segmentation": "segmentation",
    "tensors": "tensors",
}


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
    decoder: str = ""  # of DECODERS; that of the task where it is not said
    threshold: float = 0.4
    overlap: float = 0.5
    top: int = 5
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.decoder:
            first = next(name for name, task in DECODERS.items() if task == self.task)
            object.__setattr__(self, "decoder", first)

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


def class_count(outputs: Sequence[TensorInfo]) -> int | None:
    """C of a classifier's one output [1, C] or [1, 1, 1, C], C >= 2; None for anything else."""
    if len(outputs) != 1 or len(outputs[0].shape) not in (2, 4):
        return None
    *others, classes = outputs[0].shape
    if any(side != 1 for side in others) or not isinstance(classes, int) or classes < 2:
        return None
    return classes
