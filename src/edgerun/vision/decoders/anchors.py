"""MediaPipe's detectors of faces (BlazeFace) and palms: boxes and points around fixed anchors.

Boxes [1, A, 4 + 2K] with centre, sides and K points, in pixels of the input from an anchor's centre,
and scores [1, A, 1] before the sigmoid; or both in two parts, one for each feature map. Two anchors in
each cell of the map of stride 8 and six in each of stride 16. Boxes that overlap are averaged by score,
as MediaPipe does, not dropped. Sources: V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face
Detection on Mobile GPUs", 2019, and MediaPipe's ssd_anchors_calculator and face_detection_short_range
graph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
    sigmoid,
    to_detections,
)
from edgerun.vision.detections import Detections
from edgerun.vision.metrics import overlaps
from edgerun.vision.preprocess import Placement

_MAPS = ((8, 2), (16, 6))  # stride, anchors in a cell
_WIDTHS = {16: ("face", 0.5), 18: ("palm", 0.5)}  # numbers of an anchor: what it finds, lowest score


def _count(size: tuple[int, int]) -> int:
    return sum(cells(*size, (stride,)) * anchors for stride, anchors in _MAPS)


def _parts(io: Io) -> tuple[list[int], list[int]] | None:
    """Outputs with boxes and those with scores, larger maps first; None for other models."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) not in (2, 4) or any(len(shape) != 3 for shape in shapes):
        return None
    order = sorted(range(len(shapes)), key=lambda i: -shapes[i][1])
    boxes = [i for i in order if shapes[i][2] in _WIDTHS]
    scores = [i for i in order if shapes[i][2] == 1]
    fits = len(boxes) == len(scores) == len(shapes) // 2 and sum(shapes[i][1] for i in boxes) == _count(size)
    return (boxes, scores) if fits else None


def _card(io: Io, so_far: Card) -> Card:
    parts = _parts(io)
    assert parts is not None
    kind, threshold = _WIDTHS[io.shapes()[parts[0][0]][2]]
    # Faces were trained on -1 to 1, palms on 0 to 1.
    mean, scale = ((127.5,), (1 / 127.5,)) if kind == "face" else ((0.0,), (1 / 255,))
    picture = replace(so_far.input, colour="rgb", resize="letterbox", fill=0.0, mean=mean, scale=scale)
    return replace(so_far, input=picture, threshold=threshold, overlap=0.3)


def _anchors(size: tuple[int, int]) -> Array:
    """[A, 2] centres, 0 to 1."""
    found = []
    for stride, anchors in _MAPS:
        places, strides = grid_points(*size, (stride,))
        found.append(np.repeat(places * strides / np.array(size, np.float32), anchors, axis=0))
    return np.concatenate(found)


def _make(card: Card, io: Io) -> Decoder:
    parts, size = _parts(io), io.size()
    if parts is None or size is None:
        raise refuse(
            card,
            io,
            "a BlazeFace has boxes [1, anchors, 16 or 18] and scores [1, anchors, 1], strides 8 and 16",
        )
    boxes_at, scores_at = ([io.outputs[i] for i in part] for part in parts)
    width = io.shapes()[parts[0][0]][2]
    kind = _WIDTHS[width][0]
    anchors, scale = _anchors(size), np.array(size, np.float32)

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        raw = np.concatenate([real(outputs[t.name], t).reshape(-1) for t in scores_at])
        scores = sigmoid(raw)
        found = np.flatnonzero(scores >= card.threshold)
        table = np.concatenate([real(outputs[t.name], t).reshape(-1, width) for t in boxes_at])[found]
        middles = table[:, :2] / scale + anchors[found]
        boxes = corners(middles, table[:, 2:4] / scale)
        points = table[:, 4:].reshape(len(found), (width - 4) // 2, 2) / scale + anchors[found][:, None]
        boxes, points, best = _blend(boxes, points, scores[found], card.overlap)
        classes = np.zeros(len(boxes), int)
        names = card.labels.for_detector() if card.labels is not None else {0: kind}
        return to_detections(card, placement, boxes, best, classes, points, names, keep_all=True)

    return decode


def _blend(boxes: Array, points: Array, scores: Array, overlap: float) -> tuple[Array, Array, Array]:
    """Groups around the best box, each as the mean by score: MediaPipe's weighted suppression."""
    order = list(np.argsort(-scores, kind="stable"))
    groups: list[Array] = []
    while order:
        rest = np.array(order)
        group = rest[overlaps(boxes[rest[:1]], boxes[rest])[0] > overlap]
        group = group if group.size else rest[:1]
        groups.append(group)
        order = [k for k in order if k not in set(group.tolist())]
    mean = [np.average(boxes[g], 0, scores[g]) for g in groups]
    marks = [np.average(points[g], 0, scores[g]) for g in groups]
    best = np.array([scores[g].max() for g in groups])
    return np.array(mean).reshape(-1, 4), np.array(marks).reshape(len(groups), points.shape[1], 2), best


FAMILIES = (
    Family(
        "blazeface",
        "MediaPipe's BlazeFace and palm detector",
        lambda io: _parts(io) is not None,
        _card,
        _make,
    ),
)
