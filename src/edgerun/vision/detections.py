"""What a model says about a picture, in values that print, compare and turn into JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Points = tuple[tuple[float, float, float], ...]


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

    track: which object of its camera it is, where that is followed. points: such as eyes of a face, each
    (x, y, score). second: what a second model says of it.
    """

    label: str
    index: int
    score: float
    box: tuple[float, float, float, float]
    track: int | None = None
    points: Points | None = None
    second: Classification | None = None

    def to_dict(self) -> dict[str, Any]:
        known: dict[str, Any] = {} if self.track is None else {"track": self.track}
        if self.points is not None:
            known["points"] = _rounded(self.points)
        if self.second is not None:
            known["second"] = self.second.to_dict()
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


    def to_coco(self, image: int | str) -> list[dict[str, Any]]:
        """As COCO's results: category_id is the class index, bbox (left, top, width, height)."""
        return [
            {"image_id": image, "category_id": d.index, "bbox": _coco_box(d.box), "score": round(d.score, 6)}
            for d in self.items
        ]


@dataclass(frozen=True)
class Instance:
    """One body, hand or the like: its points (x, y, score) in pixels of the picture, in the model's
    order."""

    label: str
    score: float
    points: Points
    box: tuple[float, float, float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        found = {"label": self.label, "score": round(self.score, 6), "points": _rounded(self.points)}
        return found if self.box is None else {**found, "box": [round(side, 2) for side in self.box]}


@dataclass(frozen=True)
class Keypoints:
    """The bodies or hands of a picture of width x height pixels, best first."""

    items: tuple[Instance, ...]
    width: int
    height: int

    task = "keypoints"

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "width": self.width,
            "height": self.height,
            "predictions": [item.to_dict() for item in self.items],
        }

    def to_coco(self, image: int | str) -> list[dict[str, Any]]:
        """As COCO's results: category 1, keypoints x, y, score one after the other."""
        return [
            {
                "image_id": image,
                "category_id": 1,
                "keypoints": [round(value, 3) for point in item.points for value in point],
                "score": round(item.score, 6),
            }
            for item in self.items
        ]

    def __str__(self) -> str:
        return _listed(self.items)


@dataclass(frozen=True)
class Region:
    """A class of a mask and the share of the picture that it has, 0 to 1."""

    label: str
    index: int
    share: float

    def to_dict(self) -> dict[str, Any]:
        return {"label": self.label, "index": self.index, "share": round(self.share, 6)}

    @property
    def score(self) -> float:
        return self.share


@dataclass(frozen=True, eq=False)
class Mask:
    """The class of each place of a picture of width x height pixels.

    classes: uint8 [rows, columns], over the whole picture, at the model's own resolution; items: the
    classes that are there, the largest first; 0 is the background, where `background`.
    """

    classes: npt.NDArray[np.uint8]
    items: tuple[Region, ...]
    width: int
    height: int
    background: bool = True

    task = "segmentation"

    def full(self) -> npt.NDArray[np.uint8]:
        """uint8 [height, width]: the class of each pixel, that of the nearest place."""
        rows, columns = self.classes.shape
        y = (np.arange(self.height) * rows // self.height)[:, None]
        picture: npt.NDArray[np.uint8] = self.classes[y, np.arange(self.width) * columns // self.width]
        return picture

    def to_dict(self) -> dict[str, Any]:
        """Classes as run lengths: [class, count] one after the other, row by row."""
        flat = self.classes.ravel()
        starts = np.flatnonzero(np.diff(flat, prepend=flat[:1] + 1))
        counts = np.diff(starts, append=flat.size)
        runs = [int(v) for pair in zip(flat[starts], counts, strict=True) for v in pair]
        return {
            "task": self.task,
            "width": self.width,
            "height": self.height,
            "rows": self.classes.shape[0],
            "columns": self.classes.shape[1],
            "runs": runs,
            "predictions": [item.to_dict() for item in self.items],
        }

    def __str__(self) -> str:
        return "; ".join(f"{item.label} {item.share:.0%}" for item in self.items) or "nothing"


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


Prediction = Classifications | Detections | Keypoints | Mask | Tensors


def _rounded(points: Points) -> list[list[float]]:
    return [[round(x, 2), round(y, 2), round(score, 4)] for x, y, score in points]


def _coco_box(box: tuple[float, float, float, float]) -> list[float]:
    left, top, right, bottom = box
    return [round(side, 3) for side in (left, top, right - left, bottom - top)]


def _listed(items: Iterable[Classification | Detection | Instance]) -> str:
    """One line; labels may have commas of their own."""
    return "; ".join(f"{item.label} {item.score:.2f}" for item in items) or "nothing"


def best_first(items: Iterable[Detection]) -> tuple[Detection, ...]:
    """In falling score; equal scores keep their order."""
    return tuple(sorted(items, key=lambda item: -item.score))
