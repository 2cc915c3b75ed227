"""UltraFace and YuNet.

UltraFace   scores [1, N, 2] (background, face) and boxes [1, N, 4]: corners from 0 to 1, or, where the last
            step was left to the caller, a tenth of the way from the anchor's centre and a fifth of the
            logarithm of the sides, both in sides of the anchor; many of these look the wrong way round
YuNet       for each stride 8, 16, 32: class [1, n, 1], object [1, n, 1], box [1, n, 4], five points
            [1, n, 10]; n cells, offsets and logs in cells, score sqrt(class * object)

Sources: the repository Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB; W. Wu et al., "YuNet: A Tiny
Millisecond-level Face Detector", 2023, and OpenCV's FaceDetectorYN.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.decoders.base import (
    Array,
    Decoder,
    Family,
    Io,
    Outputs,
    cells,
    corners,
    grid_points,
    real,
    refuse,
    to_detections,
)
from edgerun.vision.detections import Detections
from edgerun.vision.preprocess import Placement

_STRIDES = (8, 16, 32)
# Of each stride the sides of its anchors, in pixels.
_ULTRA_MAPS = ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256)))
_FACE = {0: "face"}
_WRONG_WAY = 0.02  # of all boxes


def _ultra(io: Io) -> tuple[TensorInfo, TensorInfo] | None:
    """Scores and boxes."""
    size, shapes = io.size(), io.shapes()
    if size is None or sorted(shape[2:] for shape in shapes) != [(2,), (4,)]:
        return None
    count = sum(cells(*size, (stride,)) * len(sides) for stride, sides in _ULTRA_MAPS)
    if any(shape[:2] not in ((1, count), (1, 0)) for shape in shapes):
        return None
    first = shapes[0][2] == 2
    return (io.outputs[0], io.outputs[1]) if first else (io.outputs[1], io.outputs[0])


def _ultra_card(io: Io, so_far: Card) -> Card:
    picture = replace(so_far.input, colour="rgb", resize="stretch", mean=(127.0,), scale=(1 / 128,))
    return replace(so_far, input=picture, threshold=0.7, overlap=0.3)


def _anchors(size: tuple[int, int]) -> Array:
    """[N, 4] centre and sides, 0 to 1."""
    found, scale = [], np.array(size, np.float32)
    for stride, sides in _ULTRA_MAPS:
        places, strides = grid_points(*size, (stride,))
        for_each = [
            np.concatenate([places * strides / scale, np.full_like(places, s) / scale], 1) for s in sides
        ]
        found.append(np.stack(for_each, 1).reshape(-1, 4))
    return np.concatenate(found)


def _make_ultra(card: Card, io: Io) -> Decoder:
    found, size = _ultra(io), io.size()
    if found is None or size is None:
        raise refuse(card, io, "an UltraFace has scores [1, N, 2] and boxes [1, N, 4], strides 8 to 64")
    scores_info, boxes_info = found
    anchors = _anchors(size)
    left_to_us: list[bool] = []  # whether boxes are relative to anchors: told by the first picture

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        scores = real(outputs[scores_info.name], scores_info).reshape(-1, 2)[:, 1]
        kept = np.flatnonzero(scores >= card.threshold)
        boxes = real(outputs[boxes_info.name], boxes_info).reshape(-1, 4)
        if not left_to_us:
            left_to_us.append(bool((boxes[:, 2] < boxes[:, 0]).mean() > _WRONG_WAY))
        boxes = boxes[kept]
        if left_to_us[0]:
            at = anchors[kept]
            sides = at[:, 2:] * np.exp(np.clip(boxes[:, 2:] * 0.2, -20, 20))
            boxes = corners(at[:, :2] + boxes[:, :2] * 0.1 * at[:, 2:], sides)
        return to_detections(card, placement, boxes, scores[kept], np.zeros(len(kept), int), names=_FACE)

    return decode


def _yunet(io: Io) -> list[list[TensorInfo]] | None:
    """For each stride: class, object, box, points. The first of two outputs of one shape is the class."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 12:
        return None
    found = []
    for stride in _STRIDES:
        n = cells(*size, (stride,))
        group = [
            [io.outputs[i] for i, shape in enumerate(shapes) if shape == (1, n, last)] for last in (1, 4, 10)
        ]
        if [len(part) for part in group] != [2, 1, 1]:
            return None
        found.append([info for part in group for info in part])
    return found


def _yunet_card(io: Io, so_far: Card) -> Card:
    picture = replace(so_far.input, colour="bgr", resize="letterbox", fill=0.0, mean=(0.0,), scale=(1.0,))
    return replace(so_far, input=picture, threshold=0.6, overlap=0.3)


def _make_yunet(card: Card, io: Io) -> Decoder:
    maps, size = _yunet(io), io.size()
    if maps is None or size is None:
        raise refuse(
            card, io, "a YuNet has twelve outputs [1, cells, 1, 1, 4 and 10] for strides 8, 16 and 32"
        )
    places, strides = grid_points(*size, _STRIDES, shift=0.0)
    scale = np.array(size, np.float32)

    def column(outputs: Outputs, part: int, width: int) -> Array:
        return np.concatenate([real(outputs[g[part].name], g[part]).reshape(-1, width) for g in maps])

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        likely = np.clip(column(outputs, 0, 1), 0, 1) * np.clip(column(outputs, 1, 1), 0, 1)
        scores = np.sqrt(likely[:, 0])
        kept = np.flatnonzero(scores >= card.threshold)
        at, step = places[kept], strides[kept]
        raw, marks = column(outputs, 2, 4)[kept], column(outputs, 3, 10)[kept].reshape(-1, 5, 2)
        boxes = corners((raw[:, :2] + at) * step / scale, np.exp(np.minimum(raw[:, 2:], 20)) * step / scale)
        points = (marks + at[:, None]) * step[:, None] / scale
        return to_detections(card, placement, boxes, scores[kept], np.zeros(len(kept), int), points, _FACE)

    return decode


FAMILIES = (
    Family("yunet", "YuNet", lambda io: _yunet(io) is not None, _yunet_card, _make_yunet),
    Family("ultraface", "UltraFace", lambda io: _ultra(io) is not None, _ultra_card, _make_ultra),
)
