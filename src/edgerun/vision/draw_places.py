"""Zones, lines and the ways that objects took, drawn into a picture."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from edgerun.vision.detections import Detections
from edgerun.vision.draw import colour_of
from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv
from edgerun.vision.zones import Point, ZoneWatch

_TRAIL = 40  # places of an object that are drawn
_MOST_TRAILS = 200
_PLACE = (60, 200, 250)


@dataclass
class Trails:
    """Where objects were in the newest frames."""

    ways: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)

    def draw(self, canvas: Image, objects: Detections) -> None:
        """Adds the objects' places and draws the ways of those that are there."""
        cv2 = opencv()
        here = {d.track: d for d in objects.items if d.track is not None}
        for track, d in here.items():
            left, _, right, bottom = d.box
            self.ways.setdefault(track, deque(maxlen=_TRAIL)).append(
                (round((left + right) / 2), round(bottom))
            )
            cv2.polylines(
                canvas, [np.array(self.ways[track], np.int32)], False, colour_of(track), 2, cv2.LINE_AA
            )
        while len(self.ways) > _MOST_TRAILS:
            del self.ways[next(iter(self.ways))]


def draw_places(canvas: Image, watch: ZoneWatch) -> None:
    """Draws zones with how many are in them, and lines with how many crossed them, into the picture."""
    cv2 = opencv()
    height, width = canvas.shape[:2]
    counts = watch.counts()
    scale = max(min(height, width) / 700, 0.4)

    def pixels(point: Point) -> tuple[int, int]:
        return round(point[0] * (width - 1)), round(point[1] * (height - 1))

    def write(text: str, at: tuple[int, int]) -> None:
        place = (min(at[0] + 4, width - 1), max(at[1] - 4, 12))
        for colour, stroke in (((0, 0, 0), 3), (_PLACE, 1)):
            cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, stroke, cv2.LINE_AA)

    for zone in watch.zones:
        corners = [pixels(point) for point in zone.points]
        cv2.polylines(canvas, [np.array(corners, np.int32)], True, _PLACE, 2, cv2.LINE_AA)
        write(f"{zone.name}: {counts[zone.name]}", corners[0])
    for line in watch.lines:
        start, end = pixels(line.start), pixels(line.end)
        cv2.arrowedLine(canvas, start, end, _PLACE, 2, cv2.LINE_AA, tipLength=0.03)
        crossed = watch.crossed[line.name]
        write(f"{line.name}: {crossed['in']} in, {crossed['out']} out", start)
