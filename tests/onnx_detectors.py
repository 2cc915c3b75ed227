"""What the outputs of the shared ONNX detectors mean: boxes with classes and scores.

Each follows the model's own description: YOLOX (arXiv 2107.08430), NanoDet-Plus (distributions over distances
to the four sides), YOLOv8 (boxes in pixels), FastestDet (one cell per object).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Boxes = tuple[Array, Array, Array]  # corners [n, 4], scores [n], classes [n]
LOWEST, OVERLAP = 0.2, 0.5  # scores that take part in suppression; what it lets overlap


@dataclass(frozen=True)
class Detector:
    """side: of the square input; image: the input [1, 3, side, side] of a BGR picture; boxes: of outputs."""

    side: int
    image: Callable[[Array, int], Array]
    boxes: Callable[[Mapping[str, Array]], Boxes]


def _letterbox(picture: Array, side: int) -> Array:
    height, width = picture.shape[:2]
    ratio = side / max(height, width)
    small = cv2.resize(picture, (round(width * ratio), round(height * ratio)))
    padded = np.full((side, side, 3), 114, np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    return padded


def _planar(picture: Array) -> Array:
    return np.ascontiguousarray(picture.astype(np.float32).transpose(2, 0, 1)[None])


def _raw(picture: Array, side: int) -> Array:
    return _planar(_letterbox(picture, side))


def _normalised(picture: Array, side: int) -> Array:
    mean, deviation = np.float32([103.53, 116.28, 123.675]), np.float32([57.375, 57.12, 58.395])
    return _planar((_letterbox(picture, side) - mean) / deviation)


def _rgb(picture: Array, side: int) -> Array:
    return _planar(_letterbox(picture, side)[:, :, ::-1] / np.float32(255))


def _stretched(picture: Array, side: int) -> Array:
    return _planar(cv2.resize(picture, (side, side)) / np.float32(255))


def _grid(cells: int) -> Array:
    y, x = np.mgrid[:cells, :cells]
    return np.stack([x, y], -1).reshape(-1, 2)


def _centred(centres: Array, sizes: Array, scores: Array) -> Boxes:
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], 1)
    return corners, scores.max(1), scores.argmax(1)


def _yolox(outputs: Mapping[str, Array]) -> Boxes:
    (raw,) = (o[0].astype(np.float64) for o in outputs.values())
    steps = np.concatenate([np.full((416 // s) ** 2, s) for s in (8, 16, 32)])[:, None]
    grid = np.concatenate([_grid(416 // s) for s in (8, 16, 32)])
    return _centred((raw[:, :2] + grid) * steps, np.exp(raw[:, 2:4]) * steps, raw[:, 4:5] * raw[:, 5:])


def _nanodet(outputs: Mapping[str, Array]) -> Boxes:
    corners, scores = [], []
    for step in (8, 16, 32):
        cells = 416 // step
        (chances,) = (o[0] for o in outputs.values() if o.shape == (1, cells**2, 80))
        (sides,) = (o[0] for o in outputs.values() if o.shape == (1, cells**2, 32))
        powers = np.exp(sides.reshape(-1, 4, 8).astype(np.float64))
        far = (powers / powers.sum(-1, keepdims=True)) @ np.arange(8) * step
        centres = _grid(cells) * step + (step - 1) / 2
        corners.append(np.concatenate([centres - far[:, :2], centres + far[:, 2:]], 1))
        scores.append(chances)
    every = np.concatenate(scores)
    return np.concatenate(corners), every.max(1), every.argmax(1)


def _yolov8(outputs: Mapping[str, Array]) -> Boxes:
    (raw,) = (o[0].T for o in outputs.values())
    return _centred(raw[:, :2], raw[:, 2:4], raw[:, 4:])


def _fastestdet(outputs: Mapping[str, Array]) -> Boxes:
    (raw,) = (o[0].reshape(85, -1).T.astype(np.float64) for o in outputs.values())
    cells = round(len(raw) ** 0.5)
    centres = (_grid(cells) + np.tanh(raw[:, 1:3])) / cells
    return _centred(centres, 1 / (1 + np.exp(-raw[:, 3:5])), raw[:, :1] ** 0.6 * raw[:, 5:] ** 0.4)


DETECTORS = {
    "yolox_nano_float32": Detector(416, _raw, _yolox),
    "nanodet_2022nov_float32": Detector(416, _normalised, _nanodet),
    "nanodet_2022nov_int8_qoperator": Detector(416, _normalised, _nanodet),
    "yolov8n_int8_c": Detector(320, _rgb, _yolov8),
    "fastestdet": Detector(352, _stretched, _fastestdet),
}


def overlaps(a: Array, b: Array) -> Array:
    """Intersection over union of every box of a [n, 4] with every one of b [m, 4]."""
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    common = np.prod(np.maximum(high - low, 0), -1)
    areas = [np.prod(x[:, 2:] - x[:, :2], -1) for x in (a, b)]
    return common / np.maximum(areas[0][:, None] + areas[1] - common, 1e-12)


def suppressed(boxes: Boxes) -> Boxes:
    """The best boxes of each class, best first."""
    corners, scores, classes = (a[boxes[1] > LOWEST] for a in boxes)
    order = np.argsort(-scores, kind="stable")
    corners, scores, classes = corners[order], scores[order], classes[order]
    clash = (overlaps(corners, corners) > OVERLAP) & (classes[:, None] == classes)
    kept: list[int] = []
    for i in range(len(scores)):
        if not clash[i, kept].any():
            kept.append(i)
    return corners[kept], scores[kept], classes[kept]


def unmatched(mine: Boxes, theirs: Boxes, score: float, overlap: float) -> list[tuple[int, float, float]]:
    """Boxes of `mine` above `score` without one of the same class in `theirs` at more than `overlap`: class,
    score, best overlap."""
    found = []
    for corners, chance, kind in zip(*mine, strict=True):
        if chance > score:
            same = theirs[0][theirs[2] == kind]
            best = float(overlaps(corners[None], same).max(initial=0.0))
            if best <= overlap:
                found.append((int(kind), float(chance), best))
    return found
