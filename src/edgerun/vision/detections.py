"""What a model says about a picture, in values that print, compare and turn into JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Classification:
    """One class of a picture: its name, its index in the output, its score."""

    label: str
    index: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        return {"label": self.label, "index": self.index, "score": round(self.score, 6)}


@dataclass(frozen=True)
class Classifications:
    """The likeliest classes, best first."""

    items: tuple[Classification, ...]

    task = "classification"

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.task, "predictions": [item.to_dict() for item in self.items]}

    def __str__(self) -> str:
        return _listed(self.items)


@dataclass(frozen=True)
class Detection:
    """One object: box is (left, top, right, bottom) in pixels of the picture.

    track: which object of its camera it is, where that is followed.
    """

    label: str
    index: int
    score: float
    box: tuple[float, float, float, float]
    track: int | None = None

    def to_dict(self) -> dict[str, Any]:
        known = {} if self.track is None else {"track": self.track}
        return {
            "label": self.label,
            "index": self.index,
            "score": round(self.score, 6),
            "box": [round(side, 2) for side in self.box],
            **known,
        }


@dataclass(frozen=True)
class Detections:
    """The objects above the threshold, best first, in a picture of width x height pixels."""

    items: tuple[Detection, ...]
    width: int
    height: int

    task = "detection"

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "width": self.width,
            "height": self.height,
            "predictions": [item.to_dict() for item in self.items],
        }

    def __str__(self) -> str:
        return _listed(self.items)


@dataclass(frozen=True)
class TensorSummary:
    """An output that no decoder reads; minimum, maximum and mean of its real values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    minimum: float
    maximum: float
    mean: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "min": self.minimum,
            "max": self.maximum,
            "mean": self.mean,
        }

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        return (
            f"{self.name} {self.dtype}[{shape}] "
            f"min {self.minimum:.4g} max {self.maximum:.4g} mean {self.mean:.4g}"
        )


@dataclass(frozen=True)
class Tensors:
    """The outputs of a model whose meaning is not known."""

    items: tuple[TensorSummary, ...]

    task = "tensors"

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.task, "predictions": [item.to_dict() for item in self.items]}

    def __str__(self) -> str:
        return "; ".join(map(str, self.items))


Prediction = Classifications | Detections | Tensors


def _listed(items: Iterable[Classification | Detection]) -> str:
    """One line; labels may have commas of their own."""
    return "; ".join(f"{item.label} {item.score:.2f}" for item in items) or "nothing"


def best_first(items: Iterable[Detection]) -> tuple[Detection, ...]:
    """In falling score; equal scores keep their order."""
    return tuple(sorted(items, key=lambda item: -item.score))
