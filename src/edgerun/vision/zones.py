"""Zones and lines of a camera's picture, and what happens there: who enters, leaves, stays, crosses.

Places are in parts of the picture's width and height, 0 to 1, so that they hold at any resolution. An
object is where the middle of its box's lower side is: where it stands. A box that trembles at a border
makes no events: what changes must stay changed for SETTLE seconds, and is then dated to when it began; a
line has a margin on both sides in which an object stays on the side where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from edgerun.errors import ConfigError
from edgerun.vision.detections import Detection, Detections

SETTLE = 0.3  # seconds
_MARGIN = 0.01  # of the picture's diagonal
_MOST_POINTS = 64

Point = tuple[float, float]
Kind = Literal["enter", "leave", "dwell", "cross"]


@dataclass(frozen=True)
class Zone:
    """A polygon. labels: of objects that count, all if empty. dwell: seconds after which one stays.

    Raises ConfigError for what is no polygon inside the picture.
    """

    name: str
    points: tuple[Point, ...]
    labels: tuple[str, ...] = ()
    dwell: float | None = None

    def __post_init__(self) -> None:
        _check_points(f"The zone {self.name!r}", self.points, 3)
        if self.dwell is not None and not 0 < self.dwell < float("inf"):
            raise ConfigError(f"The zone {self.name!r} has dwell = {self.dwell}, expected seconds above 0.")

    def holds(self, point: Point) -> bool:
        """Whether the point is inside: an odd number of sides is to its right (also of a star)."""
        x, y = point
        inside = False
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:] + self.points[:1], strict=True):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                inside = not inside
        return inside


@dataclass(frozen=True)
class Line:
    """A line from `start` to `end`. Crossing it to the right of that way is "in", to the left "out".

    Raises ConfigError for what is no line inside the picture.
    """

    name: str
    start: Point
    end: Point
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_points(f"The line {self.name!r}", (self.start, self.end), 2)
        if self.start == self.end:
            raise ConfigError(f"The line {self.name!r} begins where it ends.")

    def distance(self, point: Point) -> float:
        """To the line without ends; above 0 on the right of its way, in a picture whose y goes down."""
        along = np.subtract(self.end, self.start)
        off = np.subtract(point, self.start)
        return float((along[0] * off[1] - along[1] * off[0]) / np.hypot(*along))

    def is_passed(self, before: Point, after: Point) -> bool:
        """Whether the way between two points, one on each side, goes through between the line's ends."""
        d0, d1 = self.distance(before), self.distance(after)
        at = np.add(before, np.subtract(after, before) * (d0 / (d0 - d1) if d0 != d1 else 0.5))
        along = np.subtract(self.end, self.start)
        share = float(np.dot(np.subtract(at, self.start), along) / np.dot(along, along))
        return 0 <= share <= 1


@dataclass(frozen=True)
class Event:
    """What an object did. time: as the frames' times, when it began to be so.

    kind: "enter", "leave", "dwell" (has stayed for the zone's time) or "cross" (a line). place: the
    zone's or line's name. track, label: of the object. count: how many are in the zone now; of a
    line, how many have crossed it this way. seconds: that it was inside. direction: "in" or "out",
    of a line. lost: it left because it was not seen any more.
    """

    kind: Kind
    place: str
    track: int
    label: str
    time: float
    count: int
    seconds: float | None = None
    direction: Literal["in", "out"] | None = None
    lost: bool = False

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "event": self.kind,
            "place": self.place,
            "track": self.track,
            "label": self.label,
            "time": round(self.time, 3),
            "count": self.count,
        }
        if self.seconds is not None:
            found["seconds"] = round(self.seconds, 3)
        if self.direction is not None:
            found["direction"] = self.direction
        return found | ({"lost": True} if self.lost else {})


@dataclass
class _Visit:
    """An object and a zone. inside: what is settled; since: when it began; changed: when it ceased."""

    label: str
    inside: bool = False
    since: float = 0.0
    changed: float | None = None
    dwelt: bool = False


@dataclass
class _Passage:
    """An object and a line: the side that is settled, and where it was last on it."""

    side: int
    at: Point


@dataclass
class ZoneWatch:
    """Turns the tracked objects of one camera into events. Not for several threads."""

    zones: Sequence[Zone] = ()
    lines: Sequence[Line] = ()
    crossed: dict[str, dict[str, int]] = field(default_factory=dict)  # by line, then direction

    def __post_init__(self) -> None:
        names = [zone.name for zone in self.zones] + [line.name for line in self.lines]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"Two zones or lines have the name {name!r}: names must differ.")
        self.crossed = {line.name: {"in": 0, "out": 0} for line in self.lines}
        self._visits: dict[str, dict[int, _Visit]] = {zone.name: {} for zone in self.zones}
        self._passages: dict[str, dict[int, _Passage]] = {line.name: {} for line in self.lines}

    def counts(self) -> dict[str, int]:
        """How many objects are in each zone."""
        return {name: sum(v.inside for v in visits.values()) for name, visits in self._visits.items()}

    def to_dict(self) -> dict[str, Any]:
        """The places, with how many are in them or went across."""
        counts = self.counts()
        return {
            "zone": [
                {
                    "name": zone.name,
                    "points": [list(point) for point in zone.points],
                    "labels": list(zone.labels),
                    "dwell": zone.dwell,
                    "count": counts[zone.name],
                }
                for zone in self.zones
            ],
            "line": [
                {
                    "name": line.name,
                    "start": list(line.start),
                    "end": list(line.end),
                    "labels": list(line.labels),
                    **self.crossed[line.name],
                }
                for line in self.lines
            ],
        }

    def update(self, objects: Detections, time: float, ended: Iterable[int] = ()) -> list[Event]:
        """The events of a frame. objects: with their tracks; ended: tracks that are no more."""
        events: list[Event] = []
        gone = set(ended)
        here = [(d, _stands(d, objects)) for d in objects.items if d.track is not None]
        for zone in self.zones:
            visits = self._visits[zone.name]
            for detection, point in here:
                if not zone.labels or detection.label in zone.labels:
                    self._see(zone, visits, detection, zone.holds(point), time, events)
            for track in gone & visits.keys():
                visit = visits.pop(track)
                if visit.inside:
                    left = visit.changed if visit.changed is not None else time
                    events.append(self._event("leave", zone, track, visit, left, lost=True))
        for line in self.lines:
            passages = self._passages[line.name]
            for detection, point in here:
                if not line.labels or detection.label in line.labels:
                    self._pass(line, passages, detection, point, time, events)
            for track in gone & passages.keys():
                del passages[track]
        return events

    def _see(
        self,
        zone: Zone,
        visits: dict[int, _Visit],
        detection: Detection,
        inside: bool,
        time: float,
        events: list[Event],
    ) -> None:
        assert detection.track is not None
        visit = visits.setdefault(detection.track, _Visit(detection.label))
        if inside == visit.inside:
            visit.changed = None
        elif visit.changed is None:
            visit.changed = time
        elif time - visit.changed >= SETTLE:
            began, visit.changed = visit.changed, None
            if inside:
                visit.inside, visit.since, visit.dwelt = True, began, False
                events.append(self._event("enter", zone, detection.track, visit, began))
            else:
                visit.inside = False
                events.append(self._event("leave", zone, detection.track, visit, began))
        due = zone.dwell is not None and time - visit.since >= zone.dwell
        if visit.inside and due and not visit.dwelt:
            visit.dwelt = True
            events.append(self._event("dwell", zone, detection.track, visit, time))

    def _event(
        self, kind: Kind, zone: Zone, track: int, visit: _Visit, time: float, lost: bool = False
    ) -> Event:
        seconds = None if kind == "enter" else time - visit.since
        return Event(kind, zone.name, track, visit.label, time, self.counts()[zone.name], seconds, lost=lost)

    def _pass(
        self,
        line: Line,
        passages: dict[int, _Passage],
        detection: Detection,
        point: Point,
        time: float,
        events: list[Event],
    ) -> None:
        assert detection.track is not None
        distance = line.distance(point)
        if abs(distance) < _MARGIN:
            return
        side = 1 if distance > 0 else -1
        passage = passages.setdefault(detection.track, _Passage(side, point))
        if side != passage.side and line.is_passed(passage.at, point):
            direction: Literal["in", "out"] = "in" if side > 0 else "out"
            self.crossed[line.name][direction] += 1
            count = self.crossed[line.name][direction]
            events.append(
                Event("cross", line.name, detection.track, detection.label, time, count,
                direction=direction)
            )
        passage.side, passage.at = side, point


def _stands(detection: Detection, objects: Detections) -> Point:
    left, _, right, bottom = detection.box
    x, y = (left + right) / 2 / objects.width, bottom / objects.height
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)


def _check_points(what: str, points: Sequence[Point], least: int) -> None:
    if not least <= len(points) <= _MOST_POINTS:
        raise ConfigError(f"{what} has {len(points)} points, expected {least} to {_MOST_POINTS}.")
    for point in points:
        if not all(0 <= side <= 1 for side in point):
            raise ConfigError(
                f"{what} has the point {list(point)}, expected parts of width and height, 0 to 1."
            )
