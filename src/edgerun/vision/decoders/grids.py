"""Detectors whose outputs are maps: NanoDet, FastestDet, FOMO.

NanoDet      for each of three strides scores [1, n, C] and boxes [1, n, 32]: distances from a cell's middle
             to the four sides, each the mean of eight steps by softmax (X. Li et al., "Generalized Focal
             Loss", 2020)
FastestDet   [1, 5 + C, h, w]: object, box (tanh, tanh, sigmoid, sigmoid), classes; the score is
             object^0.6 * class^0.4
FOMO         [1, h, w, 1 + C]: the class of each cell, 0 the background; neighbours of one class are one
             object

Sources: RangiLyu/nanodet (as in OpenCV's model zoo), dog-qiuqiu/FastestDet, Edge Impulse's description
of FOMO.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.ir.types import TensorInfo
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
    real,
    refuse,
    sigmoid,
    to_detections,
)
from edgerun.vision.detections import Detections
from edgerun.vision.preprocess import Placement

_STRIDES = (8, 16, 32)
_STEPS = 8  # of a distance


def _with_coco(so_far: Card, classes: int) -> Card:
    return replace(so_far, labels=COCO if classes == len(COCO.names) else None)


def _nano(io: Io) -> tuple[list[TensorInfo], list[TensorInfo], int] | None:
    """Scores and boxes by stride, and classes."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 6 or any(len(shape) != 3 for shape in shapes):
        return None
    counts = [cells(*size, (stride,)) for stride in _STRIDES]
    boxes = [
        info for n in counts for info, s in zip(io.outputs, shapes, strict=True) if s == (1, n, 4 * _STEPS)
    ]
    others = [(s, info) for info, s in zip(io.outputs, shapes, strict=True) if s[2] != 4 * _STEPS]
    scores = [info for n in counts for s, info in others if s[1] == n]
    classes = {s[2] for s, _ in others}
    if len(boxes) != 3 or len(scores) != 3 or len(classes) != 1:
        return None
    return scores, boxes, classes.pop()


def _nano_card(io: Io, so_far: Card) -> Card:
    found = _nano(io)
    assert found is not None
    # The means and deviations of ImageNet in the order that NanoDet was trained with.
    picture = replace(
        so_far.input,
        colour="bgr",
        resize="letterbox",
        fill=0.0,
        mean=(103.53, 116.28, 123.675),
        scale=(1 / 57.375, 1 / 57.12, 1 / 58.395),
    )
    return replace(_with_coco(so_far, found[2]), input=picture, threshold=0.35, overlap=0.6)


def _make_nano(card: Card, io: Io) -> Decoder:
    found, size = _nano(io), io.size()
    if found is None or size is None:
        raise refuse(
            card, io, "a NanoDet has scores [1, cells, C] and boxes [1, cells, 32] for strides 8, 16 and 32"
        )
    scores_at, boxes_at, classes = found
    places, strides = grid_points(*size, _STRIDES, shift=0.0)
    # A cell's middle pixel is where the distances begin.
    middles = (places * strides + (strides - 1) / 2) / np.array(size, np.float32)

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        table = np.concatenate([real(outputs[t.name], t).reshape(-1, classes) for t in scores_at])
        best = table.argmax(axis=1)
        scores = table[np.arange(len(table)), best]
        kept = np.flatnonzero(scores >= card.threshold)
        raw = np.concatenate([real(outputs[t.name], t).reshape(-1, 4 * _STEPS) for t in boxes_at])[kept]
        raw = raw.reshape(-1, 4, _STEPS)
        powers = np.exp(raw - raw.max(axis=2, keepdims=True))
        steps = (powers / powers.sum(axis=2, keepdims=True)) @ np.arange(_STEPS, dtype=np.float32)
        away = steps * strides[kept] / np.tile(np.array(size, np.float32), 2)
        at = middles[kept]
        boxes = np.concatenate([at - away[:, :2], at + away[:, 2:]], axis=1)
        return to_detections(card, placement, boxes, scores[kept], best[kept])

    return decode


def _fastest(io: Io) -> tuple[int, int, int] | None:
    """(channels, rows, columns) of a map of a sixteenth of the input."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 1 or len(shapes[0]) != 4:
        return None
    _, channels, rows, columns = shapes[0]
    fits = (columns * 16, rows * 16) == size and channels > 5
    return (channels, rows, columns) if fits else None


def _fastest_card(io: Io, so_far: Card) -> Card:
    found = _fastest(io)
    assert found is not None
    picture = replace(so_far.input, colour="bgr", resize="stretch")
    return replace(_with_coco(so_far, found[0] - 5), input=picture, threshold=0.5, overlap=0.45)


def _make_fastest(card: Card, io: Io) -> Decoder:
    found = _fastest(io)
    if found is None:
        raise refuse(card, io, "a FastestDet has one output [1, 5 + classes, height / 16, width / 16]")
    channels, rows, columns = found
    info = io.outputs[0]
    y, x = (axis.ravel() for axis in np.mgrid[0:rows, 0:columns])
    grid = np.array([columns, rows], np.float32)

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        table = real(outputs[info.name], info).reshape(channels, -1)
        best = table[5:].argmax(axis=0)
        likely = np.clip(table[5 + best, np.arange(table.shape[1])], 0, 1)
        scores = np.clip(table[0], 0, 1) ** 0.6 * likely**0.4
        kept = np.flatnonzero(scores >= card.threshold)
        raw = table[1:5, kept]
        middles = (np.stack([x[kept], y[kept]], 1) + np.tanh(raw[:2]).T) / grid
        boxes = corners(middles, sigmoid(raw[2:]).T)
        return to_detections(card, placement, boxes, scores[kept], best[kept])

    return decode


def _fomo(io: Io) -> tuple[int, int, int] | None:
    """(rows, columns, classes with background) of a map of an eighth of the input."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 1 or len(shapes[0]) != 4:
        return None
    _, rows, columns, classes = shapes[0]
    return (rows, columns, classes) if (columns * 8, rows * 8) == size and 2 <= classes <= 64 else None


def _fomo_card(io: Io, so_far: Card) -> Card:
    return replace(so_far, input=replace(so_far.input, resize="crop"), threshold=0.5)


def _make_fomo(card: Card, io: Io) -> Decoder:
    found = _fomo(io)
    if found is None:
        raise refuse(card, io, "a FOMO has one output [1, height / 8, width / 8, 1 + classes]")
    rows, columns, classes = found
    info = io.outputs[0]

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        table = real(outputs[info.name], info).reshape(rows, columns, classes)
        best = table.argmax(axis=2)
        scores = np.take_along_axis(table, best[..., None], 2)[..., 0]
        best[scores < card.threshold] = 0
        boxes, highest, kinds = [], [], []
        for kind, places in _blobs(best):
            (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
            boxes.append((left / columns, top / rows, right / columns, bottom / rows))
            highest.append(float(scores[places[:, 0], places[:, 1]].max()))
            kinds.append(kind - 1)
        table_of_boxes = np.array(boxes, np.float32).reshape(-1, 4)
        return to_detections(
            card, placement, table_of_boxes, np.array(highest), np.array(kinds, int), keep_all=True
        )

    return decode


def _blobs(best: Array) -> list[tuple[int, Array]]:
    """Each group of neighbours (also corner to corner) of one class above 0: class, places [n, 2]."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(best), strict=True)}
    found = []
    while left:
        ends = [left.pop()]
        kind, group = int(best[ends[0]]), []
        while ends:
            r, c = ends.pop()
            group.append((r, c))
            near = {(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            same = {place for place in near if best[place] == kind}
            left -= same
            ends.extend(same)
        found.append((kind, np.array(group)))
    return found


FAMILIES = (
    Family("nanodet", "NanoDet", lambda io: _nano(io) is not None, _nano_card, _make_nano),
    Family("fastestdet", "FastestDet", lambda io: _fastest(io) is not None, _fastest_card, _make_fastest),
    Family("fomo", "FOMO", lambda io: _fomo(io) is not None, _fomo_card, _make_fomo),
)
