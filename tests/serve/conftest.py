"""A model without an engine, clips and pictures made on the spot, and a running stream."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edgerun.serve.crew import Crew
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Stream
from edgerun.serve.scheduler import Rule
from edgerun.vision.detections import Detection, Detections
from edgerun.vision.frame import Frame


class FakeModel:
    """Finds one box in every picture. `gate` holds infer() up, `failure` makes it fail."""

    name = "fake"
    card = SimpleNamespace(task="detection", threshold=0.0)

    def __init__(self) -> None:
        self.gate: threading.Semaphore | None = None
        self.failure: Exception | None = None
        self.prepared: list[np.ndarray] = []

    def prepare(self, image: np.ndarray) -> tuple[int, int]:
        self.prepared.append(image)
        return image.shape[1], image.shape[0]

    def infer(self) -> dict[str, np.ndarray]:
        if self.gate is not None:
            self.gate.acquire()
        if self.failure is not None:
            raise self.failure
        return {}

    def decode(self, outputs: dict[str, np.ndarray], placement: tuple[int, int]) -> Detections:
        width, height = placement
        box = (width * 0.25, height * 0.25, width * 0.75, height * 0.75)
        return Detections((Detection("thing", 0, 0.875, box),), width, height)

    def warm_up(self) -> None:
        pass

    def twin(self) -> FakeModel:
        return FakeModel()


class FakeSource:
    """Gives frames as they are pushed; None ends it, an exception fails it."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._changed = threading.Condition()
        self.closed = threading.Event()
        self.number = 0

    def push(self, item: Any = "frame") -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def read(self, stop: threading.Event) -> Frame | None:
        with self._changed:
            while not self._items and not stop.is_set():
                self._changed.wait(0.02)
            item = self._items.pop(0) if self._items else None
        if isinstance(item, Exception):
            raise item
        if item is None:
            return None
        frame = Frame(np.full((240, 320, 3), 60, np.uint8), "front", self.number)
        self.number += 1
        return frame

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """One worker, that runs."""
    made = Dispatcher(1)
    made.start()
    yield made
    made.stop(timeout=10)


@pytest.fixture
def make_stream(
    metrics: Metrics, dispatcher: Dispatcher
) -> Iterator[Callable[..., Stream]]:
    """A stream over a source and a model, not started; ended after the test."""
    made: list[tuple[Stream, FakeModel]] = []

    def make(name: str, source: FakeSource, model: FakeModel, rate: Any = None, sinks: Any = (), **rule: Any):
        # A test waits as long as it likes.
        full = Rule(name, f"model of {name}", **{"target": 3600.0, **rule})
        crew = Crew({1: model}, 1)  # type: ignore[dict-item]
        stream = Stream(full, source, crew, dispatcher, metrics, rate=rate, sinks=sinks)
        made.append((stream, model))
        return stream

    yield make
    for stream, model in made:
        if gate := getattr(model, "gate", None):
            gate.release(1000)
        stream.stop(timeout=10)


@pytest.fixture
def stream(model: FakeModel, source: FakeSource, make_stream: Callable[..., Stream]) -> Stream:
    """A stream "front" that runs on the fake source and model."""
    made = make_stream("front", source, model)
    made.start()
    return made


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], None]:
    """Waits until a condition holds; fails after a time that only a broken build needs."""

    def wait(condition: Callable[[], Any]) -> None:
        pause = threading.Event()
        for _ in range(2000):
            if condition():
                return
            pause.wait(0.01)
        raise AssertionError("the condition never held")

    return wait


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 50 frames a second, 64 x 48, each a little brighter."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50, (64, 48))
    for i in range(10):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def shared() -> Path:
    """The folder of shared models and media; skips the test where it is absent."""
    beside = Path(__file__).resolve().parents[2] / ".." / "shared"
    folder = Path(os.environ.get("EDGERUN_SHARED") or beside).resolve()
    if not folder.is_dir():
        pytest.skip(f"EDGERUN_SHARED is not set and there is no {folder}")
    return folder
