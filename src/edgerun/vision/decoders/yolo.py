"""YOLOv5, v8, 11 and YOLOX: rows of boxes with a score for each class.

YOLOv5       [1, N, 5 + C]      centre, sides, objectness, classes; three anchors in each cell
YOLOv8, 11   [1, 4 + C, N]      centre, sides, classes (or transposed); one row in each cell
YOLOv8-pose  [1, 4 + 1 + 3K, N] and K points (x, y, score)
YOLOX        [1, N, 5 + C]      offset in cells, log of sides in cells, objectness, classes; one row in each

All have strides 8, 16, 32 and scores after the sigmoid. Boxes of the first three are in pixels of the
input (ONNX) or parts of it (TFLite): their largest value tells. Sources: the repositories
ultralytics/yolov5, ultralytics/ultralytics and Megvii-BaseDetection/YOLOX (whose exported models leave
the last step to the caller).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgerun.vision.card import Card
from edgerun.vision.coco import COCO
from edgerun.vision.decoders.base import (
    Array,
    Decoder,
    Family,
    Io,
    Outputs,
    cells,
    corners,
    grid_points,
    points_of,
    real,
    refuse,
    shape_of,
    suppress,
    to_detections,
)
from edgerun.vision.detections import Detections, Instance, Keypoints
from edgerun.vision.preprocess import Placement

_STRIDES = (8, 16, 32)
_PARTS = 2.0  # no coordinate above this: parts of the input, not pixels
_PERSON = 17  # points of COCO's people


def _layout(io: Io) -> tuple[int, int, bool] | None:
    """(rows, columns, transposed) of the one output as rows of boxes; None for other models."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 1 or len(shapes[0]) != 3:
        return None
    one = cells(*size, _STRIDES)
    _, a, b = shapes[0]
    for rows, columns, transposed in ((a, b, False), (b, a, True)):
        if rows in (one, 3 * one) and 5 <= columns < rows:
            return rows, columns, transposed
    return None


def _is_v5(io: Io) -> bool:
    layout, size = _layout(io), io.size()
    return (
        layout is not None and size is not None and layout[0] == 3 * cells(*size, _STRIDES) and layout[1] > 5
    )


def _is_one_per_cell(io: Io) -> bool:
    layout, size = _layout(io), io.size()
    return layout is not None and size is not None and layout[0] == cells(*size, _STRIDES)


def _is_v8(io: Io) -> bool:
    """A YOLOX has its rows first, and 5 columns before the classes."""
    layout = _layout(io)
    return layout is not None and _is_one_per_cell(io) and layout[2]


def _is_pose(io: Io) -> bool:
    layout = _layout(io)
    return layout is not None and _is_v8(io) and layout[1] == 5 + 3 * _PERSON


def _is_yolox(io: Io) -> bool:
    layout = _layout(io)
    return layout is not None and _is_one_per_cell(io) and not layout[2] and layout[1] > 5


def _expected(first: int) -> Callable[[Io, Card], Card]:
    """What these models expect; `first`: columns before the classes."""

    def card(io: Io, so_far: Card) -> Card:
        layout = _layout(io)
        picture = replace(so_far.input, colour="rgb", resize="letterbox", fill=114.0)
        labels = COCO if layout is not None and layout[1] - first == len(COCO.names) else None
        return replace(so_far, input=picture, labels=labels, threshold=0.25, overlap=0.45)

    return card


def _yolox_card(io: Io, so_far: Card) -> Card:
    layout = _layout(io)
    picture = replace(so_far.input, colour="bgr", resize="letterbox", fill=114.0, mean=(0.0,), scale=(1.0,))
    labels = COCO if layout is not None and layout[1] - 5 == len(COCO.names) else None
    return replace(so_far, input=picture, labels=labels, threshold=0.3, overlap=0.45)


class _Rows:
    """The one output, and what of it is worth a look."""

    def __init__(self, card: Card, io: Io) -> None:
        layout, size = _layout(io), io.size()
        if layout is None or size is None:
            raise refuse(
                card,
                io,
                "a YOLO has one output [1, boxes, 4 + classes] or its transpose, for strides 8 to 32",
            )
        self.info = io.outputs[0]
        self.rows, self.columns, self.transposed = layout
        self.size = np.array(size, np.float32)
        self._parts: bool | None = None  # whether boxes are parts of the input: told by the first picture

    def table(self, outputs: Outputs) -> Array:
        """[rows, columns], as stored."""
        table = outputs[self.info.name].reshape(shape_of(self.info)[1:])
        return table.T if self.transposed else table

    def best(
        self, table: Array, first: int, threshold: float, objectness: bool
    ) -> tuple[Array, Array, Array]:
        """Rows above the threshold, their class and score. Classes are compared as they are stored."""
        stored = table[:, first : max(self.columns, first + 1)]
        if objectness:
            likely = np.flatnonzero(real(table[:, 4], self.info) >= threshold)
            highest = real(stored[likely].max(axis=1), self.info) * real(table[likely, 4], self.info)
        else:
            # Along the memory, whichever way the table lies.
            likely = np.arange(len(table))
            highest = real(stored.max(axis=1), self.info)
        kept = highest >= threshold
        found = likely[kept]
        return found, stored[found].argmax(axis=1), highest[kept].astype(np.float32)

    def boxes(self, table: Array, rows: Array) -> Array:
        """Corners of centres and sides, as parts of the input."""
        if self._parts is None:
            self._parts = bool(real(table[:, :2], self.info).max() <= _PARTS)
        found: Array = real(table[rows, :4], self.info).astype(np.float32)
        if not self._parts:
            found = found / np.tile(self.size, 2)
        return corners(found[:, :2], found[:, 2:])

    def points(self, table: Array, rows: Array, first: int) -> Array:
        """[n, K, 3]."""
        found: Array = real(table[rows, first:], self.info).astype(np.float32).reshape(len(rows), -1, 3)
        if not self._parts:
            found = found / np.array([*self.size, 1.0], np.float32)
        return found


def _plain(first: int, objectness: bool) -> Callable[[Card, Io], Decoder]:
    def make(card: Card, io: Io) -> Decoder:
        rows = _Rows(card, io)

        def decode(outputs: Outputs, placement: Placement) -> Detections:
            table = rows.table(outputs)
            found, classes, scores = rows.best(table, first, card.threshold, objectness)
            return to_detections(card, placement, rows.boxes(table, found), scores, classes)

        return decode

    return make


def _yolox(card: Card, io: Io) -> Decoder:
    rows = _Rows(card, io)
    places, strides = grid_points(int(rows.size[0]), int(rows.size[1]), _STRIDES, 0.0)

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        table = rows.table(outputs)
        found, classes, scores = rows.best(table, 5, card.threshold, objectness=True)
        raw = real(table[found, :4], rows.info).astype(np.float32)
        centres = (raw[:, :2] + places[found]) * strides[found] / rows.size
        sides = np.exp(np.minimum(raw[:, 2:], 20)) * strides[found] / rows.size
        return to_detections(card, placement, corners(centres, sides), scores, classes)

    return decode


def _pose(card: Card, io: Io) -> Decoder:
    rows = _Rows(card, io)
    if rows.columns < 8 or (rows.columns - 5) % 3:
        raise refuse(card, io, "a YOLO pose model has one output [1, 5 + 3 * points, boxes]")

    def decode(outputs: Outputs, placement: Placement) -> Keypoints:
        table = rows.table(outputs)
        scores = real(table[:, 4], rows.info).astype(np.float32)
        found = np.flatnonzero(scores >= card.threshold)
        boxes = rows.boxes(table, found)
        points = rows.points(table, found, 5)
        people = []
        for k in suppress(boxes, scores[found], None, card.overlap):
            left, top, right, bottom = map(float, boxes[k])
            box = (*placement.to_source(left, top), *placement.to_source(right, bottom))
            people.append(Instance("person", float(scores[found[k]]), points_of(points[k], placement), box))
        return Keypoints(tuple(people), *placement.source)

    return decode


FAMILIES = (
    Family("yolov8-pose", "YOLOv8 and 11 for poses", _is_pose, _expected(5), _pose),
    Family("yolov5", "YOLOv5", _is_v5, _expected(5), _plain(5, True)),
    Family("yolov8", "YOLOv8 and 11", _is_v8, _expected(4), _plain(4, False)),
    Family("yolox", "YOLOX", _is_yolox, _yolox_card, _yolox),
)
