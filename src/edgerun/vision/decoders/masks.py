"""Segmentation: a class, or a score for each class, at each place.

class map    [1, h, w] or [1, h, w, 1] of integers without quantisation
scores       [1, h, w, C] or [1, C, h, w]: the largest counts
foreground   [1, h, w, 1] or [1, 1, h, w], 0 to 1 of a person or thing
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.errors import ConfigError
from edgerun.vision.card import Card
from edgerun.vision.decoders.base import Array, Decoder, Family, Io, Outputs, real, refuse, shape_of
from edgerun.vision.detections import Mask, Region
from edgerun.vision.preprocess import Placement

_LEAST, _LEAST_SIDE = 1 / 8, 16  # of the input's sides, cells: smaller maps mean something else
_MOST_CLASSES = 255


def _layout(io: Io) -> tuple[str, int] | None:
    """("map", "scores" or "foreground", the axis of the classes)."""
    size, shapes = io.size(), io.shapes()
    if size is None or len(shapes) != 1:
        return None
    shape, info = shapes[0], io.outputs[0]

    def is_large(rows: int, columns: int) -> bool:
        return rows > size[1] * _LEAST and columns > size[0] * _LEAST and min(rows, columns) >= _LEAST_SIDE

    plain = info.quantization is None and np.issubdtype(info.dtype, np.integer)
    if plain and len(shape) in (3, 4) and is_large(*shape[1:3]) and shape[3:] in ((), (1,)):
        return "map", -1
    if len(shape) != 4:
        return None
    for axis, rest in ((3, shape[1:3]), (1, shape[2:])):
        if is_large(*rest) and 1 <= shape[axis] <= _MOST_CLASSES:
            return ("foreground" if shape[axis] == 1 else "scores"), axis
    return None


def _card(io: Io, so_far: Card) -> Card:
    return replace(so_far, input=replace(so_far.input, resize="stretch"), threshold=0.5)


def _make(card: Card, io: Io) -> Decoder:
    layout = _layout(io)
    if layout is None:
        raise refuse(card, io, "a segmentation has one output with a class or scores at each place")
    if card.input.resize == "crop":
        raise ConfigError(
            f"{card.source}: a mask is of the whole picture: resize must be stretch or letterbox."
        )
    kind, axis = layout
    info = io.outputs[0]
    shape = shape_of(info)
    names = card.labels.names if card.labels is not None else {}
    if not names and kind == "foreground":
        names = {0: "background", 1: "foreground"}

    def classes_of(array: Array) -> Array:
        if kind == "map":
            return np.clip(array.reshape(shape[1:3]), 0, _MOST_CLASSES)
        scores = array.reshape(shape)[0]  # a scale above 0 keeps the order
        if kind == "scores":
            if info.quantization is not None and not info.quantization.per_tensor:
                scores = real(array, info).reshape(shape)[0]
            best: Array = scores.argmax(axis=axis - 1)
            return best
        values = real(array, info).reshape(shape)[0]
        there: Array = (values[..., 0] if axis == 3 else values[0]) >= card.threshold
        return there

    def decode(outputs: Outputs, placement: Placement) -> Mask:
        classes = _inside(classes_of(outputs[info.name]).astype(np.uint8), placement)
        found, counts = np.unique(classes, return_counts=True)
        regions = [
            Region(names.get(int(k), f"class {int(k)}"), int(k), float(n / classes.size))
            for k, n in sorted(zip(found, counts, strict=True), key=lambda item: -item[1])
        ]
        return Mask(classes, tuple(regions), *placement.source)

    return decode


def _inside(classes: Array, placement: Placement) -> Array:
    """What of the map is the picture."""
    rows, columns = classes.shape
    x, y, width, height = placement.place
    left, right = (round(side * columns / placement.size[0]) for side in (x, x + width))
    top, bottom = (round(side * rows / placement.size[1]) for side in (y, y + height))
    return classes[top : max(bottom, top + 1), left : max(right, left + 1)]


FAMILIES = (
    Family(
        "segmentation", "class maps, scores or a foreground", lambda io: _layout(io) is not None, _card, _make
    ),
)
