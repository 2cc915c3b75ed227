"""The decoder `centre-points`: objects as points of a grid over the picture.

Two outputs: scores [1, rows, columns, classes], 0 to 1, and boxes [1, rows, columns, 4]
with (x, y, w, h): the object's centre is (column + 0.5 + x, row + 0.5 + y) cells from the left top
corner, its sides are 4 * exp(w) and 4 * exp(h) cells. Where boxes of one class overlap by more than
the card's `overlap`, the best remains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.vision.card import Card
from edgerun.vision.decoders.base import Decoder, Family, Io, Outputs, real, refuse
from edgerun.vision.detections import Detection, Detections, best_first
from edgerun.vision.metrics import overlaps
from edgerun.vision.preprocess import Placement

SIDE_UNIT = 4.0  # cells
_MOST_CANDIDATES = 300

Array = npt.NDArray[Any]


def find_centres(
    scores: Array, boxes: Array, threshold: float, overlap: float
) -> list[tuple[float, int, list[float]]]:
    """Score, class and box of each object, best first; a box is (left, top, right, bottom), 0 to 1
    over the picture.

    scores: float [rows, columns, classes], boxes: float [rows, columns, 4].
    """
    rows, columns, classes = np.nonzero(scores >= threshold)
    order = np.argsort(-scores[rows, columns, classes], kind="stable")[:_MOST_CANDIDATES]
    rows, columns, classes = rows[order], columns[order], classes[order]
    raw = boxes[rows, columns].astype(np.float64)
    grid = np.array(scores.shape[1::-1])
    centres = (np.stack([columns, rows], 1) + 0.5 + raw[:, :2]) / grid
    half = SIDE_UNIT / 2 * np.exp(raw[:, 2:]) / grid
    corners = np.concatenate([centres - half, centres + half], 1)
    clash = (overlaps(corners, corners) > overlap) & (classes[:, None] == classes)
    kept: list[int] = []
    for k in range(len(order)):
        if not clash[k, kept].any():
            kept.append(k)
    return [
        (float(scores[rows[k], columns[k], classes[k]]), int(classes[k]), corners[k].tolist()) for k in kept
    ]


def _make(card: Card, io: Io) -> Decoder:
    outputs = io.outputs
    fits = len(outputs) == 2 and all(len(info.shape) == 4 for info in outputs)
    if not fits or outputs[0].shape[:3] != outputs[1].shape[:3] or outputs[1].shape[3] != 4:
        expected = "a detector of centre points has scores [1, rows, columns, classes]"
        raise refuse(card, io, f"{expected} and boxes [1, rows, columns, 4]")
    scores_info, boxes_info = outputs
    names = card.labels.for_detector() if card.labels is not None else {}

    def decode(arrays: Outputs, placement: Placement) -> Detections:
        scores = real(arrays[scores_info.name], scores_info)[0]
        boxes = real(arrays[boxes_info.name], boxes_info)[0]
        found = []
        for score, index, corners in find_centres(scores, boxes, card.threshold, card.overlap):
            left, top, right, bottom = corners
            box = (*placement.to_source(left, top), *placement.to_source(right, bottom))
            if box[0] < box[2] and box[1] < box[3]:
                found.append(Detection(names.get(index, f"class {index}"), index, score, box))
        return Detections(best_first(found), *placement.source)

    return decode


# Only a card can say so: two maps may be anything.
FAMILIES = (
    Family("centre-points", "objects as points of a grid", lambda io: False, lambda io, card: card, _make),
)
