"""One camera through one model, and its pictures for those who watch.

    grabbing thread: source -> rate limit -> dispatcher
    a worker:        prepare -> infer -> decode -> results, sinks, in the order of the frames
    drawing thread:  a result, while somebody watches -> draw -> JPEG -> pictures

The dispatcher's scheduler decides which frame runs when, on how many cores, and which does not. Pictures
keep only the newest, so that nothing waits for what is slower.

What becomes of a frame without a result is counted by reason: `skipped` (the camera was faster than it
could be read), `rate` (above the camera's rate), `newer_frame` (replaced while it waited), `full` (the
oldest of a queue that has no room), `late` (it could not have been in time), `still` (nothing moves),
`error` (the model failed on it).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from edgerun.errors import EdgerunError
from edgerun.serve.broadcast import Broadcast
from edgerun.serve.crew import Crew
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.mailbox import Mailbox
from edgerun.serve.metrics import Metrics
from edgerun.serve.rate import RateLimit
from edgerun.serve.scheduler import Rule
from edgerun.serve.second import SecondStage
from edgerun.serve.sources import Interruption, Source
from edgerun.serve.stats import Stats
from edgerun.vision.detections import Detections, Prediction
from edgerun.vision.draw import draw
from edgerun.vision.draw_places import Trails, draw_places
from edgerun.vision.follow import Follower
from edgerun.vision.frame import Frame
from edgerun.vision.metrics import PrecisionRecall
from edgerun.vision.model import Model
from edgerun.vision.motion import MotionGate
from edgerun.vision.opencv import opencv

_log = logging.getLogger(__name__)

_JPEG_QUALITY = 80
_MAX_PICTURE_SIDE = 1280
_DRAWING_NICENESS = 10
_STALLED_SECONDS = 10.0

# starting: no frame yet; reconnecting: a live camera is away; ended: a file is over;
# failed: for good; stopped: by us.
State = Literal["starting", "running", "reconnecting", "ended", "failed", "stopped"]


@dataclass(frozen=True, eq=False)
class Result:
    """A frame with its predictions; `age` in seconds from capture, seconds by stage.

    events: what objects did, as dictionaries whose `time` is seconds since 1970.
    """

    frame: Frame
    prediction: Prediction
    age: float
    stages: dict[str, float]
    events: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        happened = {"events": list(self.events)} if self.events else {}
        return {
            "camera": self.frame.camera,
            "frame": self.frame.number,
            "captured_at": round(self.frame.captured_at, 3),
            "age_ms": round(self.age * 1e3, 3),
            **self.prediction.to_dict(),
            **happened,
        }


class Sink(Protocol):
    """Takes every result."""

    def offer(self, result: Result) -> None:
        """Never waits and never raises; called by several threads."""


class Stream:
    """A camera that runs. `source` is open; it is closed here, by the thread that reads it.

    rule: how the dispatcher treats it; the policy `all` makes the source wait, and nothing is dropped.
    rate: at most so many frames a second are looked at. follower: follows its objects; without one only
    boxes with a score of at least `threshold` are shown. gate: says which frames are worth a look.
    """

    def __init__(
        self,
        rule: Rule,
        source: Source,
        crew: Crew,
        dispatcher: Dispatcher,
        metrics: Metrics,
        *,
        rate: float | None = None,
        sinks: Sequence[Sink] = (),
        follower: Follower | None = None,
        threshold: float = 0.0,
        gate: MotionGate | None = None,
        second: SecondStage | None = None,
    ) -> None:
        self.name = rule.name
        self.model = crew.model
        self.stats = Stats(metrics.of(rule.name))
        self.results: Broadcast[Result] = Broadcast()
        self.pictures: Broadcast[bytes] = Broadcast()
        self.state: State = "starting"
        self._rule = rule
        self._dispatcher = dispatcher
        self._camera_error = ""
        self._model_error = ""
        self._source = source
        self._limit = RateLimit(rate) if rate is not None else None
        self._patience_seconds = max(_STALLED_SECONDS, 3 / rate if rate is not None else 0.0)
        self._sinks = tuple(sinks)
        self.follower = follower
        self._threshold = threshold
        self._gate = gate
        self._second = second
        self._next_number = 0
        self._accuracy = PrecisionRecall()  # counts only frames whose truth is known
        self._begun: deque[int] = deque()  # numbers of frames that are worked on, in their order
        self._done: dict[int, Result | None] = {}  # what waits for a frame before it
        self._publishing = threading.Lock()
        self._to_draw: Mailbox[Result] = Mailbox()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=f"{self.name}-{job}", daemon=True)
            for job, run in (("grab", self._grab), ("draw", self._draw))
        ]
        dispatcher.add(rule, crew, self)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Ends the threads and the subscriptions. A camera that hangs is left behind."""
        self.begin_stop()
        until = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(until - time.monotonic(), 0.0))

    def begin_stop(self) -> None:
        """Asks the threads to end and ends the subscriptions; waits for nothing."""
        self._stop.set()
        self._dispatcher.wake()
        self._to_draw.close()
        self.results.close()
        self.pictures.close()

    def show(self) -> None:
        """Somebody begins to watch: draw the newest result although it is already past."""
        result = self.results.latest
        if result is not None:
            self._to_draw.put(result)

    @property
    def idle(self) -> bool:
        """Whether no frame waits or is worked on."""
        if self._dispatcher.waits(self.name):
            return False
        with self._publishing:
            return not self._begun

    @property
    def trouble(self) -> str:
        """Why this stream is not well, or an empty string."""
        if self._camera_error or self._model_error:
            return self._camera_error or self._model_error
        silent = self.stats.silent_seconds()
        if self.state in ("starting", "running") and silent > self._patience_seconds:
            return f"No result for {silent:.0f} seconds."
        return ""

    def status(self) -> dict[str, Any]:
        """State, figures and the newest predictions, for the API."""
        latest = self.results.latest
        return {
            "camera": self.name,
            "state": self.state,
            "trouble": self.trouble,
            "model": {"name": self.model.name, "task": self.model.card.task},
            "accuracy": self._accuracy.to_dict() if self._accuracy.frames else None,
            **self.stats.to_dict(),
            "zones": None if self.follower is None else self.follower.watch.to_dict(),
            "latest": None if latest is None else latest.to_dict(),
        }

    def _grab(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    frame = self._source.read(self._stop)
                except Interruption as error:
                    self._interrupted(error)
                    continue
                if frame is None:
                    break
                self._arrived(frame)
            self.state = "stopped" if self._stop.is_set() else "ended"
        except Exception as error:
            self.state = "failed"
            self._camera_error = str(error)
            self._log_failure(error)
        finally:
            self._source.close()

    def _interrupted(self, error: Interruption) -> None:
        # Told when it begins and when the reason changes, not at every attempt.
        if str(error) != self._camera_error and not self._stop.is_set():
            _log.warning("%s: %s It is tried again until it is back.", self.name, error)
        self._camera_error = str(error)
        self.state = "reconnecting"

    def _arrived(self, frame: Frame) -> None:
        if self.state == "reconnecting":
            _log.info("%s: The camera is back.", self.name)
        self._camera_error = ""
        self.state = "running"
        while self._next_number < frame.number:
            self._next_number += 1
            self.stats.captured()
            self.stats.dropped("skipped")
        self._next_number = frame.number + 1
        self.stats.captured()
        if self._limit is not None and not self._limit.allows(frame.captured_ns):
            self.stats.dropped("rate")
        elif self._gate is not None and not self._gate.update(frame.image, frame.seconds):
            self.stats.dropped("still")
        else:
            self._dispatcher.offer(self.name, frame, self._stop.is_set)

    # -- what the dispatcher asks of it --

    def begun(self, frame: Frame) -> None:
        """The frame's turn to be published is after those that began before it."""
        self._begun.append(frame.number)

    def dropped(self, frame: Frame, reason: str) -> None:
        """The frame has no result."""
        self.stats.dropped(reason)
        if reason == "late":
            self.stats.missed()

    def work(self, frame: Frame, model: Model) -> None:
        """From the frame to its result, on a worker."""
        result = None
        try:
            result = self._process(frame, model)
            self._model_error = ""
        except Exception as error:
            self.stats.dropped("error")
            if str(error) != self._model_error:
                self._model_error = str(error)
                self._log_failure(error)
        with self._publishing:
            self._done[frame.number] = result
            while self._begun and self._begun[0] in self._done:
                ready = self._done.pop(self._begun.popleft())
                if ready is not None:
                    self._publish(ready)

    def _publish(self, result: Result) -> None:
        result = self._followed(result)
        frame = result.frame
        if frame.truth is not None and isinstance(result.prediction, Detections):
            self._accuracy.update(frame.truth, result.prediction.items)
        self.stats.finished(result.age, result.stages)
        if result.age > self._rule.target:
            self.stats.missed()
        self.results.publish(result)
        for sink in self._sinks:
            sink.offer(result)
        if self.pictures.watched:
            self._to_draw.put(result)

    def _followed(self, result: Result) -> Result:
        """The result with objects and events instead of all boxes that a tracker has a use for."""
        prediction, frame = result.prediction, result.frame
        if not isinstance(prediction, Detections):
            return result
        if self.follower is None:
            shown = tuple(d for d in prediction.items if d.score >= self._threshold)
            return replace(result, prediction=replace(prediction, items=shown))
        began = time.monotonic_ns()
        followed = self.follower.update(prediction, frame.seconds, frame.image)
        past = frame.captured_at - frame.seconds  # from one clock to the other
        events = [e | {"time": round(e["time"] + past, 3)} for e in followed.happenings()]
        objects = followed.objects
        if self._second is not None:
            objects, news = self._second.look(frame, objects, [e.track.id for e in followed.ended])
            events += [e | {"time": round(e["time"], 3)} for e in news]
        for event in events:
            self.stats.event(event["event"], event.get("place", ""))
        took = (time.monotonic_ns() - began) / 1e9
        return replace(
            result,
            prediction=objects,
            age=result.age + took,
            stages={**result.stages, "track": took},
            events=tuple(events),
        )

    def _process(self, frame: Frame, model: Model) -> Result:
        taken = time.monotonic_ns()
        placement = model.prepare(frame.image)
        prepared = time.monotonic_ns()
        outputs = model.infer()
        inferred = time.monotonic_ns()
        prediction = model.decode(outputs, placement)
        done = time.monotonic_ns()
        stages = {
            "wait": taken - frame.captured_ns,
            "preprocess": prepared - taken,
            "infer": inferred - prepared,
            "decode": done - inferred,
        }
        return Result(
            frame,
            prediction,
            (done - frame.captured_ns) / 1e9,
            {stage: nanoseconds / 1e9 for stage, nanoseconds in stages.items()},
        )

    def _draw(self) -> None:
        cv2 = opencv()
        if hasattr(os, "setpriority"):
            # On Linux a thread has a niceness of its own: pictures wait for predictions.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _DRAWING_NICENESS)
        trails = Trails()
        while (result := self._to_draw.take()) is not None:
            picture = result.frame.image
            if self.follower is not None and isinstance(result.prediction, Detections):
                picture = picture.copy()
                draw_places(picture, self.follower.watch)
                trails.draw(picture, result.prediction)
            picture = draw(picture, result.prediction)
            side = max(picture.shape[:2])
            if side > _MAX_PICTURE_SIDE:
                zoom = _MAX_PICTURE_SIDE / side
                picture = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
            encoded, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
            if encoded:
                self.pictures.publish(data.tobytes())

    def _log_failure(self, error: Exception) -> None:
        unexpected = not isinstance(error, EdgerunError)
        _log.error("%s: %s", self.name, error, exc_info=error if unexpected else None)
