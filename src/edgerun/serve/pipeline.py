"""One camera through one model, and its pictures for those who watch.

    grabbing thread: source -> mailbox
    working thread:  mailbox -> prepare -> infer -> decode -> results
    drawing thread:  a result, while somebody watches -> draw -> JPEG -> pictures

Each arrow between threads keeps only the newest item, so nothing waits for what is slower, and the
age of a frame is bounded by about two runs of the working thread.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Literal

from edgerun.errors import EdgerunError
from edgerun.serve.broadcast import Broadcast
from edgerun.serve.mailbox import Mailbox
from edgerun.serve.metrics import Metrics
from edgerun.serve.sources import Source
from edgerun.serve.stats import Stats
from edgerun.vision.detections import Prediction
from edgerun.vision.draw import draw
from edgerun.vision.frame import Frame
from edgerun.vision.model import Model
from edgerun.vision.opencv import opencv

_log = logging.getLogger(__name__)

_JPEG_QUALITY = 80
_MAX_PICTURE_SIDE = 1280
_DRAWING_NICENESS = 10
_STALLED_SECONDS = 10.0

State = Literal["starting", "running", "ended", "failed", "stopped"]


@dataclass(frozen=True, eq=False)
class Result:
    """A frame with its predictions; `age` in seconds from capture, seconds by stage."""

    frame: Frame
    prediction: Prediction
    age: float
    stages: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return {
            "camera": self.frame.camera,
            "frame": self.frame.number,
            "captured_at": round(self.frame.captured_at, 3),
            "age_ms": round(self.age * 1e3, 3),
            **self.prediction.to_dict(),
        }


class Stream:
    """A camera that runs. `source` is open; it is closed here, by the thread that reads it."""

    def __init__(self, name: str, source: Source, model: Model, metrics: Metrics) -> None:
        self.name = name
        self.model = model
        self.stats = Stats(metrics.of(name))
        self.results: Broadcast[Result] = Broadcast()
        self.pictures: Broadcast[bytes] = Broadcast()
        self.state: State = "starting"
        self._camera_error = ""
        self._model_error = ""
        self._source = source
        self._frames: Mailbox[Frame] = Mailbox()
        self._to_draw: Mailbox[Result] = Mailbox()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run, name=f"{name}-{job}", daemon=True)
            for job, run in (("grab", self._grab), ("work", self._work), ("draw", self._draw))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Ends the threads and the subscriptions. A camera that hangs is left behind."""
        self._stop.set()
        self._frames.close()
        self._to_draw.close()
        self.results.close()
        self.pictures.close()
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def show(self) -> None:
        """Somebody begins to watch: draw the newest result although it is already past."""
        result = self.results.latest
        if result is not None:
            self._to_draw.put(result)

    @property
    def trouble(self) -> str:
        """Why this stream is not well, or an empty string. A model may recover, a camera not."""
        if self._camera_error or self._model_error:
            return self._camera_error or self._model_error
        silent = self.stats.silent_seconds()
        if self.state in ("starting", "running") and silent > _STALLED_SECONDS:
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
            **self.stats.to_dict(),
            "latest": None if latest is None else latest.to_dict(),
        }

    def _grab(self) -> None:
        try:
            while not self._stop.is_set():
                frame = self._source.read(self._stop)
                if frame is None:
                    break
                self.state = "running"
                self.stats.captured()
                if self._frames.put(frame):
                    self.stats.dropped("newer_frame")
            self.state = "stopped" if self._stop.is_set() else "ended"
        except Exception as error:
            self.state = "failed"
            self._camera_error = str(error)
            self._log_failure(error)
        finally:
            self._frames.close()
            self._source.close()

    def _work(self) -> None:
        while (frame := self._frames.take()) is not None:
            try:
                result = self._process(frame)
            except Exception as error:
                self.stats.dropped("error")
                if str(error) != self._model_error:
                    self._model_error = str(error)
                    self._log_failure(error)
                continue
            self._model_error = ""
            self.stats.finished(result.age, result.stages)
            self.results.publish(result)
            if self.pictures.watched:
                self._to_draw.put(result)

    def _process(self, frame: Frame) -> Result:
        taken = time.monotonic_ns()
        placement = self.model.prepare(frame.image)
        prepared = time.monotonic_ns()
        outputs = self.model.infer()
        inferred = time.monotonic_ns()
        prediction = self.model.decode(outputs, placement)
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
        while (result := self._to_draw.take()) is not None:
            picture = draw(result.frame.image, result.prediction)
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
