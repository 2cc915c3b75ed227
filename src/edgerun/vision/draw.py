"""Predictions drawn into a picture."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from edgerun.vision.coco import BONES, FINGERS
from edgerun.vision.detections import (
    Classifications,
    Detections,
    Instance,
    Keypoints,
    Mask,
    Points,
    Prediction,
)
from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv

_MIN_SIDE = 240
_LIKELY = 0.3  # score of a point from which it is drawn
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)

Colour = tuple[int, int, int]


def draw(image: Image, prediction: Prediction) -> Image:
    """A copy of uint8 [height, width, 3] (or [height, width]) with boxes and labels.

    A picture too small for text is enlarged first, by a whole factor. Raises ConfigError without
    OpenCV.
    """
    cv2 = opencv()
    canvas = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    zoom = -(-_MIN_SIDE // min(canvas.shape[:2]))
    if zoom > 1:
        canvas = cv2.resize(canvas, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_NEAREST)
    pen = _Pen(cv2, canvas)
    if isinstance(prediction, Detections):
        # The best last, on top of the others.
        for item in reversed(prediction.items):
            box = [round(side * zoom) for side in item.box]
            number = "" if item.track is None else f"{item.track} "
            colour = colour_of(item.index if item.track is None else item.track)
            label = item.label if item.second is None else f"{item.label}: {item.second.label}"
            pen.box(box, f"{number}{label} {item.score:.0%}", colour)
            pen.points(item.points or (), zoom, colour)
    elif isinstance(prediction, Keypoints):
        for at, body in enumerate(reversed(prediction.items)):
            pen.body(body, zoom, colour_of(at))
    elif isinstance(prediction, Mask):
        pen.mask(prediction)
        pen.lines([f"{item.share:.0%} {item.label}" for item in prediction.items[:4]])
    elif isinstance(prediction, Classifications):
        pen.lines([f"{item.score:.0%} {item.label}" for item in prediction.items[:3]])
    else:
        pen.lines([str(item) for item in prediction.items[:3]])
    return pen.canvas


def colour_of(index: int) -> Colour:
    """A strong colour (blue, green, red) for a class, far from those of its neighbours."""
    hue = (index * 0.618034) % 1.0 * 6
    ramp = [abs((hue + shift) % 6 - 3) - 1 for shift in (0, 4, 2)]
    red, green, blue = (int(60 + 195 * min(max(value, 0.0), 1.0)) for value in ramp)
    return blue, green, red


class _Pen:
    """Lines and text of a size that fits the picture."""

    def __init__(self, cv2: ModuleType, canvas: Image) -> None:
        self.cv2 = cv2
        self.canvas = canvas
        self.height, self.width = canvas.shape[:2]
        text_height = max(10, round(min(self.height, self.width) / 32))
        self.scale = text_height / 22
        self.stroke = max(1, round(text_height / 12))
        self.line = max(2, round(min(self.height, self.width) / 240))
        self.pad = max(2, text_height // 3)
        # Of all lines, whatever letters are in them.
        (_, self.rise), self.fall = self._measure("Ag")

    def box(self, box: list[int], text: str, colour: Colour) -> None:
        left, top, right, bottom = box
        self.cv2.rectangle(self.canvas, (left, top), (right, bottom), colour, self.line)
        width, height = self._size(text)
        x = min(max(left, 0), max(self.width - width, 0))
        y = top - height if top >= height else max(top, 0)
        self._text(x, y, text, colour)

    def points(self, points: Points, zoom: int, colour: Colour) -> None:
        for x, y, _ in points:
            self.cv2.circle(self.canvas, (round(x * zoom), round(y * zoom)), self.line, colour, -1)

    def body(self, body: Instance, zoom: int, colour: Colour) -> None:
        """The points that are likely, and the bones between them, where these are known."""
        places = [(round(x * zoom), round(y * zoom)) for x, y, _ in body.points]
        seen = [score >= _LIKELY for _, _, score in body.points]
        bones = {17: BONES, 21: FINGERS}.get(len(places), ())
        for a, b in bones:
            if seen[a] and seen[b]:
                self.cv2.line(self.canvas, places[a], places[b], colour, self.line, self.cv2.LINE_AA)
        self.points(tuple(p for p, s in zip(body.points, seen, strict=True) if s), zoom, colour)
        if body.box is not None:
            self.box([round(side * zoom) for side in body.box], f"{body.label} {body.score:.0%}", colour)

    def mask(self, mask: Mask) -> None:
        """Half of the colour of its class on each pixel that is not of the background."""
        size = (self.width, self.height)
        classes = self.cv2.resize(mask.classes, size, interpolation=self.cv2.INTER_NEAREST)
        colours = np.array([colour_of(index) for index in range(256)], np.uint8)
        there = classes > 0
        self.canvas[there] = self.canvas[there] // 2 + colours[classes[there]] // 2

    def lines(self, texts: list[str]) -> None:
        """Lines of text over the lower left corner, the first one uppermost."""
        _, height = self._size("")
        for row, text in enumerate(texts):
            self._text(0, self.height - (len(texts) - row) * height, self._cut(text), _BLACK)

    def _cut(self, text: str) -> str:
        """As much of the text as fits into the picture's width."""
        if self._size(text)[0] <= self.width:
            return text
        fits = [end for end in range(len(text)) if self._size(text[:end] + "...")[0] <= self.width]
        return text[: max(fits, default=0)].rstrip(" ,") + "..."

    def _size(self, text: str) -> tuple[int, int]:
        (width, _), _ = self._measure(text)
        return width + 2 * self.pad, self.rise + self.fall + 2 * self.pad

    def _measure(self, text: str) -> Any:
        """((width, height above the base line), depth below it)."""
        font = self.cv2.FONT_HERSHEY_SIMPLEX
        return self.cv2.getTextSize(text, font, self.scale, self.stroke)

    def _text(self, x: int, y: int, text: str, ground: Colour) -> None:
        width, height = self._size(text)
        self.cv2.rectangle(self.canvas, (x, y), (x + width, y + height), ground, -1)
        bright = float(np.dot(ground, (0.114, 0.587, 0.299)))
        self.cv2.putText(
            self.canvas,
            text,
            (x + self.pad, y + height - self.pad - self.fall),
            self.cv2.FONT_HERSHEY_SIMPLEX,
            self.scale,
            _BLACK if bright > 140 else _WHITE,
            self.stroke,
            self.cv2.LINE_AA,
        )
