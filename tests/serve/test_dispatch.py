"""The dispatcher with models that wait to be let go: order, cores, priorities, what waits."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from edgerun.serve.crew import Crew
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.scheduler import Rule
from edgerun.vision.frame import Frame


class Model:
    """Takes as long as it is told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.twins = 0

    def warm_up(self) -> None:
        time.sleep(self.seconds)

    def twin(self) -> Model:
        self.twins += 1
        return Model(self.seconds)


class Consumer:
    def __init__(self) -> None:
        self.began: list[int] = []
        self.done: list[int] = []
        self.lost: list[tuple[int, str]] = []
        self.gate = threading.Event()
        self.gate.set()

    def begun(self, frame: Frame) -> None:
        self.began.append(frame.number)

    def work(self, frame: Frame, model: Model) -> None:
        self.gate.wait(20)
        time.sleep(model.seconds)
        self.done.append(frame.number)

    def dropped(self, frame: Frame, reason: str) -> None:
        self.lost.append((frame.number, reason))


def frame(number: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), "c", number)


@pytest.fixture
def two():
    made = Dispatcher(2)
    made.start()
    yield made
    made.stop(10)


def test_two_cameras_run_on_two_cores_at_the_same_time(two, eventually):
    crew, consumers = Crew({1: Model()}, 2), [Consumer(), Consumer()]
    for i, consumer in enumerate(consumers):
        consumer.gate.clear()
        two.add(Rule(f"c{i}", "m", 3600.0), crew, consumer)
    for i in range(2):
        two.offer(f"c{i}", frame(i))
    eventually(lambda: all(c.began for c in consumers))
    for consumer in consumers:
        consumer.gate.set()
    eventually(lambda: all(c.done for c in consumers))
    assert crew.model.twins == 1  # one instance for each worker, the first included


def test_a_frame_that_cannot_be_in_time_is_dropped_as_late(two, eventually):
    consumer = Consumer()
    two.add(Rule("c", "m", 0.2), Crew({1: Model(0.02)}, 2), consumer)
    old = Frame(np.zeros((2, 2, 3), np.uint8), "c", 7, captured_ns=time.monotonic_ns() - 10**9)
    two.offer("c", old)
    eventually(lambda: consumer.lost == [(7, "late")])
    assert consumer.began == []


def test_who_must_lose_nothing_waits_for_room_and_gives_up_when_told(two, eventually):
    consumer, stop = Consumer(), threading.Event()
    consumer.gate.clear()
    two.add(Rule("c", "m", 3600.0, policy="all", depth=2), Crew({1: Model()}, 2), consumer)

    def push() -> None:
        for number in range(10):
            two.offer("c", frame(number), stop.is_set)

    pushing = threading.Thread(target=push)
    pushing.start()
    eventually(lambda: len(consumer.began) == 2)
    eventually(lambda: two.to_dict()["streams"][0]["waiting"] == 2)
    assert pushing.is_alive()
    stop.set()
    two.wake()
    pushing.join(20)
    assert not pushing.is_alive()
    consumer.gate.set()
    eventually(lambda: len(consumer.done) == 4)
    assert (consumer.began, consumer.lost) == ([0, 1, 2, 3], [])


def test_an_idle_dispatcher_asks_nothing(two, monkeypatch):
    two.add(Rule("c", "m", 3600.0), Crew({1: Model()}, 2), Consumer())
    asked = []
    decide = two._scheduler.decide
    monkeypatch.setattr(two._scheduler, "decide", lambda now: asked.append(now) or decide(now))
    time.sleep(0.3)
    assert len(asked) <= 2  # each worker's first, should it begin only now


def test_what_was_decided_is_remembered(two, eventually):
    consumer = Consumer()
    two.add(Rule("c", "m", 3600.0), Crew({1: Model(0.001), 2: Model(0.001)}, 2), consumer)
    for number in range(100):
        two.offer("c", frame(number))
        eventually(lambda number=number: consumer.done[-1:] == [number])
    eventually(lambda: len(two.to_dict()["decided"]) == 64)
    shown = two.to_dict()
    assert {row["threads"] for row in shown["costs"]["runs"]} == {1, 2}
    assert shown["decided"][0]["predicted_ms"] > 0


def test_two_streams_of_one_name_are_refused(two):
    two.add(Rule("c", "m"), Crew({1: Model()}, 2), Consumer())
    with pytest.raises(ValueError, match="'c' already"):
        two.add(Rule("c", "m"), Crew({1: Model()}, 2), Consumer())


def test_a_moment_that_is_named_beside_a_job_is_waited_for(two, monkeypatch, eventually):
    """The worker that takes the job cannot; another one does."""
    busy, later = Consumer(), Consumer()
    busy.gate.clear()
    crew = Crew({1: Model()}, 2)
    two.add(Rule("busy", "m", 3600.0), crew, busy)
    two.add(Rule("later", "m", 3600.0), crew, later)
    decide, held = two._scheduler.decide, []

    def hold_back(now):
        """Leaves `later` out of the first decision, and names the moment for it."""
        stream = two._scheduler._streams["later"]
        frames = list(stream.frames)
        if held or not frames:
            return decide(now)
        held.append(now)
        stream.frames.clear()
        decision = decide(now)
        stream.frames.extend(frames)
        decision.wake_at = now + 0.05
        return decision

    monkeypatch.setattr(two._scheduler, "decide", hold_back)
    with two._lock:  # both are there when the first worker looks
        for name in ("busy", "later"):
            now = time.monotonic()
            two._scheduler.offer(name, now, now, frame(1))
        two._work.notify()
    eventually(lambda: busy.began and later.done)
    assert busy.done == []
    busy.gate.set()
