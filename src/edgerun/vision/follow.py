"""From the detections of a camera's frames to objects, events and best crops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgerun.vision.best_crop import BestCrops, Crop
from edgerun.vision.detections import Detections
from edgerun.vision.frame import Image
from edgerun.vision.tracking import Track, Tracker
from edgerun.vision.zones import Event, ZoneWatch


@dataclass(frozen=True, eq=False)
class Ended:
    """An object that is gone for good, and the crop of its best moment, where pictures were given."""

    track: Track
    crop: Crop | None

    def to_dict(self) -> dict[str, Any]:
        t = self.track
        found = {
            "event": "ended",
            "track": t.id,
            "label": t.detection.label,
            "time": round(t.seen, 3),
            "seconds": round(t.seen - t.began, 3),
            "frames": t.hits,
        }
        if self.crop is not None:
            found["best"] = {"time": round(self.crop.time, 3), **self.crop.detection.to_dict()}
        return found


@dataclass(frozen=True)
class Followed:
    """A frame's objects, each with its track, and what happened."""

    objects: Detections
    events: tuple[Event, ...]
    ended: tuple[Ended, ...]

    def happenings(self) -> list[dict[str, Any]]:
        """Events and ends, as dictionaries."""
        return [e.to_dict() for e in self.events] + [e.to_dict() for e in self.ended]


@dataclass
class Follower:
    """All of one camera. Frames in their order, not from several threads at once."""

    tracker: Tracker = field(default_factory=Tracker)
    watch: ZoneWatch = field(default_factory=ZoneWatch)
    crops: BestCrops = field(default_factory=BestCrops)

    def update(self, detections: Detections, time: float, image: Image | None = None) -> Followed:
        """detections: down to tracking.UNSURE; time in seconds; image: for crops."""
        objects = self.tracker.update(detections, time)
        over = [track.id for track in self.tracker.ended]
        events = self.watch.update(objects, time, over)
        ended = tuple(Ended(track, self.crops.take(track.id)) for track in self.tracker.ended)
        if image is not None:
            self.crops.update(image, objects, time)
        return Followed(objects, tuple(events), ended)

    def finish(self) -> tuple[list[Event], list[Ended]]:
        """At the end of a video: all objects end."""
        alive = [track for track in self.tracker.tracks if track.confirmed]
        time = max((track.seen for track in alive), default=0.0)
        size = Detections((), 1, 1)
        events = self.watch.update(size, time, [track.id for track in alive])
        ended = [Ended(track, self.crops.take(track.id)) for track in alive]
        self.tracker.tracks = []
        return events, ended
