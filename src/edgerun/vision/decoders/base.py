"""What decoders share: what a model gives, real values, boxes back in the picture, suppression."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edgerun import _vision
from edgerun.errors import ConfigError
from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.detections import Detection, Detections, Prediction, best_first
from edgerun.vision.preprocess import Placement

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Outputs = Mapping[str, Array]
Decoder = Callable[[Outputs, Placement], Prediction]

_MOST_CANDIDATES = 1000  # boxes that are compared with one another


class Io(NamedTuple):
    """What is known of a model without running it."""

    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]
    operators: Sequence[str] = ()

    def size(self) -> tuple[int, int] | None:
        """Width and height of its one picture, None where it takes none."""
        if len(self.inputs) != 1 or len(self.inputs[0].shape) != 4:
            return None
        _, a, b, c = self.inputs[0].shape
        if not all(isinstance(s, int) and s > 0 for s in (a, b, c)):
            return None
        a, b, c = int(a), int(b), int(c)
        return (b, a) if c in (1, 3) else (c, b) if a in (1, 3) else None

    def shapes(self) -> list[tuple[int, ...]]:
        """Those of the outputs; an open batch is 1, another open dimension 0."""
        return [shape_of(info) for info in self.outputs]


def shape_of(info: TensorInfo) -> tuple[int, ...]:
    """The shape of an output where an open batch is 1, another open dimension 0."""
    sides = [s if isinstance(s, int) and s > 0 else 0 for s in info.shape]
    return tuple([sides[0] or 1, *sides[1:]] if sides else [])


@dataclass(frozen=True)
class Family:
    """Models with one meaning.

    name: in cards. fits: whether outputs look like it; card: what such models expect where nothing says
    so, given the card so far. make: the decoder; it raises ConfigError for outputs that are others'.
    """

    name: str
    about: str
    fits: Callable[[Io], bool]
    card: Callable[[Io, Card], Card]
    make: Callable[[Card, Io], Decoder]


def real(array: Array, info: TensorInfo) -> Array:
    """Real values of an output: integers through their quantisation, others as they are."""
    if info.quantization is None or not np.issubdtype(array.dtype, np.integer):
        return array
    q = info.quantization
    shape = [1] * array.ndim
    if not q.per_tensor:
        shape[q.axis] = -1
    steps = array.astype(np.int32) - q.zero_point.reshape(shape)
    return steps.astype(np.float32) * q.scale.reshape(shape)


def refuse(card: Card, io: Io, expected: str) -> ConfigError:
    """What to raise where a card names a decoder that cannot read the outputs."""
    shapes = ", ".join(str(list(info.shape)) for info in io.outputs)
    return ConfigError(f"{card.source}: {expected}; this model has {shapes}.")


def sigmoid(x: Array) -> Floats:
    """1 / (1 + exp(-x)), with x cut to +-80, where float32 still has exp."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x.astype(np.float32), -80, 80))), np.float32)


def suppress(boxes: Array, scores: Array, classes: Array | None, overlap: float) -> list[int]:
    """Which boxes remain, best first, where others of the class (of any, if None) that overlap a
    better one by more than `overlap` (IoU) go. boxes: [n, 4] corners."""
    order = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    kinds = np.zeros(len(order), np.int32) if classes is None else classes[order].astype(np.int32)
    ordered = np.ascontiguousarray(boxes[order].reshape(-1, 4), np.float32)
    return [int(order[k]) for k in _vision.suppress(ordered, kinds, overlap)]


def to_detections(
    card: Card,
    placement: Placement,
    boxes: Array,
    scores: Array,
    classes: Array,
    points: Array | None = None,
    names: Mapping[int, str] | None = None,
    keep_all: bool = False,
) -> Detections:
    """Boxes after suppression as detections in the picture.

    boxes: [n, 4] corners, 0 to 1 of the input; points: [n, k, 2 or 3], x and y as they are, then a score.
    """
    if names is None:
        names = card.labels.for_detector() if card.labels is not None else {}
    kept = range(len(boxes)) if keep_all else suppress(boxes, scores, classes, card.overlap)
    found = []
    for k in kept:
        left, top, right, bottom = (float(side) for side in boxes[k])
        box = (*placement.to_source(left, top), *placement.to_source(right, bottom))
        if not (box[0] < box[2] and box[1] < box[3]):
            continue
        index = int(classes[k])
        marks = None if points is None else points_of(points[k], placement)
        found.append(
            Detection(names.get(index, f"class {index}"), index, float(scores[k]), box, points=marks)
        )
    return Detections(best_first(found), *placement.source)


def points_of(points: Array, placement: Placement) -> tuple[tuple[float, float, float], ...]:
    """[k, 2 or 3] points of the input, 0 to 1, in pixels of the picture; without a score it is 1."""
    return tuple(
        (*placement.to_source(float(p[0]), float(p[1])), float(p[2]) if len(p) > 2 else 1.0) for p in points
    )


def corners(centres: Array, sides: Array) -> Array:
    """[n, 4] corners of [n, 2] centres and sides."""
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)


def grid_points(width: int, height: int, strides: Sequence[int], shift: float = 0.5) -> tuple[Floats, Floats]:
    """[n, 2] cell places (x, y) plus `shift`, and [n, 1] strides, of all strides in their order, row
    by row."""
    places, steps = [], []
    for stride in strides:
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = np.mgrid[0:rows, 0:columns]
        places.append(np.stack([x.ravel(), y.ravel()], 1) + shift)
        steps.append(np.full((rows * columns, 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(steps).astype(np.float32)


def cells(width: int, height: int, strides: Sequence[int]) -> int:
    """How many points `grid_points` has."""
    return sum(-(-height // s) * -(-width // s) for s in strides)
