"""A second model on what the first one finds: the crop of each object, once, and again when a better
one comes.

Crops are frames of a stream of their own, so that the scheduler gives both models their share of the
cores: a camera with many objects does not hold up its own detections, nor another camera.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from edgerun.errors import EdgerunError
from edgerun.serve.dispatch import Dispatcher
from edgerun.vision.detections import Classification, Classifications, Detection, Detections
from edgerun.vision.frame import Frame
from edgerun.vision.model import Model

_log = logging.getLogger(__name__)

_MARGIN = 0.1  # of the box's sides, around it
_LEAST_SIDE = 8  # pixels
_BETTER = 1.5  # times the worth of the crop that was looked at, before another is


@dataclass(frozen=True, eq=False)
class CropFrame(Frame):
    """The crop of an object, and what it is worth: score * sqrt(area)."""

    track: int = 0
    worth: float = 0.0


@dataclass(frozen=True)
class _Answer:
    item: Classification
    worth: float


class SecondStage:
    """The second model of one camera, whose stream in the dispatcher has the name `name`. Safe from any
    thread.

    on: labels of the objects that it looks at; all if empty.
    """

    def __init__(self, name: str, on: Iterable[str], dispatcher: Dispatcher) -> None:
        self.name = name
        self._on = frozenset(on)
        self._dispatcher = dispatcher
        self._lock = threading.Lock()
        self._waiting: dict[int, float] = {}  # the worth of crops that have no answer yet, by track
        self._answers: dict[int, _Answer] = {}
        self._news: list[dict[str, Any]] = []
        self._error = ""

    def look(
        self, frame: Frame, objects: Detections, ended: Iterable[int]
    ) -> tuple[Detections, list[dict[str, Any]]]:
        """The objects with what is known about them, and what has become known since; asks about new
        ones."""
        with self._lock:
            for track in ended:
                self._answers.pop(track, None)
                self._waiting.pop(track, None)
            asked = [crop for d in objects.items if (crop := self._crop(frame, d)) is not None]
            self._waiting |= {crop.track: crop.worth for crop in asked}
            known = tuple(self._with_answer(d) for d in objects.items)
            news, self._news = self._news, []
        for crop in asked:
            self._dispatcher.offer(self.name, crop)
        return replace(objects, items=known), news

    def _with_answer(self, detection: Detection) -> Detection:
        answer = self._answers.get(detection.track or 0)
        return detection if answer is None else replace(detection, second=answer.item)

    def _crop(self, frame: Frame, d: Detection) -> CropFrame | None:
        """The crop to ask about, None where there is no need."""
        if d.track is None or (self._on and d.label not in self._on) or d.track in self._waiting:
            return None
        left, top, right, bottom = d.box
        worth = d.score * max((right - left) * (bottom - top), 0.0) ** 0.5
        answer = self._answers.get(d.track)
        if answer is not None and worth < answer.worth * _BETTER:
            return None
        height, width = frame.image.shape[:2]
        x, y = (right - left) * _MARGIN, (bottom - top) * _MARGIN
        rows = slice(int(max(top - y, 0)), int(min(bottom + y, height)))
        columns = slice(int(max(left - x, 0)), int(min(right + x, width)))
        image = frame.image[rows, columns]
        if min(image.shape[:2]) < _LEAST_SIDE:
            return None
        return CropFrame(
            image.copy(),
            self.name,
            frame.number,
            frame.captured_ns,
            frame.captured_at,
            track=d.track,
            worth=worth,
        )

    # -- what the dispatcher asks of it --

    def begun(self, frame: Frame) -> None:
        """Answers come in any order."""

    def dropped(self, frame: Frame, reason: str) -> None:
        """It may be asked about again."""
        assert isinstance(frame, CropFrame)
        with self._lock:
            self._waiting.pop(frame.track, None)

    def work(self, frame: Frame, model: Model) -> None:
        """From a crop to its answer, on a worker."""
        assert isinstance(frame, CropFrame)
        item = None
        try:
            prediction = model(frame.image)
            if isinstance(prediction, Classifications) and prediction.items:
                item = prediction.items[0]
        except EdgerunError as error:
            if str(error) != self._error:
                self._error = str(error)
                _log.error("%s: %s", self.name, error)
        with self._lock:
            if self._waiting.pop(frame.track, None) is None or item is None:
                return  # the object has gone meanwhile
            before = self._answers.get(frame.track)
            self._answers[frame.track] = _Answer(item, frame.worth)
            if before is None or before.item.label != item.label:
                told = {"label": item.label, "score": round(item.score, 4)}
                self._news.append({"event": "is", "track": frame.track, "time": frame.captured_at, **told})
