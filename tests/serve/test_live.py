"""A camera that fails and comes back: waiting, knocking, numbering. No clock runs here."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from edgerun.errors import CameraError
from edgerun.serve.sources.live import Backoff, Interruption, LiveSource, Picture

SECOND_NS = 1_000_000_000


class Camera:
    """Connections by script: each is a list of pictures, of errors, or None for "stopped"."""

    def __init__(self, *connections: list | CameraError) -> None:
        self.connections = list(connections)
        self.closed = 0

    def connect(self) -> Camera:
        script = self.connections.pop(0)
        if isinstance(script, CameraError):
            raise script
        self.script = script
        return self

    def read(self, stop: threading.Event) -> Picture | None:
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


class Stop(threading.Event):
    """Never waits; writes down how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        return self.is_set()


def picture(second: float = 0.0, skipped: int = 0) -> Picture:
    return Picture(np.zeros((2, 2, 3), np.uint8), int(second * SECOND_NS), 1e9 + second, skipped)


def live(camera: Camera, reachable: bool = True) -> LiveSource:
    return LiveSource("gate", camera.connect, lambda: reachable, Backoff(jitter=lambda: 0.0))


def test_the_waits_double_up_to_ten_seconds_and_jitter_shortens_them():
    assert [Backoff(lambda: 0.0).next() for _ in range(2)] == [0.5, 0.5]
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next() == 0.5
    assert Backoff(lambda: 1.0).next() == 0.25


def test_frames_carry_the_camera_its_times_and_numbers_with_gaps_for_what_was_skipped():
    source = live(Camera([picture(1.5), picture(2.5, skipped=3), picture(3)]))
    frames = [source.read(Stop()) for _ in range(3)]
    assert [frame.number for frame in frames] == [0, 4, 5]
    assert [frame.captured_ns for frame in frames] == [1_500_000_000, 2_500_000_000, 3_000_000_000]
    assert (frames[1].camera, frames[1].captured_at) == ("gate", 1e9 + 2.5)


def test_a_failure_is_told_and_the_next_read_waits_and_connects_again():
    camera = Camera([picture(), CameraError("Gone.")], CameraError("Away."), [picture()])
    source, stop = live(camera), Stop()
    assert source.read(stop).number == 0
    with pytest.raises(Interruption, match=r"Gone\."):
        source.read(stop)
    assert camera.closed == 1
    assert stop.waits == []
    with pytest.raises(Interruption, match=r"Away\."):
        source.read(stop)
    assert source.read(stop).number == 1
    assert stop.waits == [0.5, 1.0]


def test_a_camera_that_answers_again_is_not_kept_waiting():
    camera = Camera(*[CameraError("Away.")] * 6, [picture()])
    doors = iter([False] * 1 + [False, True] + [True] * 99)
    source = LiveSource("gate", camera.connect, lambda: next(doors), Backoff(lambda: 0.0))
    source._backoff._seconds = 8.0
    stop = Stop()
    for _ in range(2):
        with pytest.raises(Interruption):
            source.read(stop)
    # Of eight seconds, the door was shut for one, and open after the second.
    assert stop.waits == [1.0, 1.0]
    with pytest.raises(Interruption):
        source.read(stop)
    assert stop.waits == [1.0, 1.0, 0.5]


def test_waits_grow_on_while_a_camera_gives_a_picture_and_fails():
    broken = CameraError("Broken.")
    camera = Camera(*([picture(i), broken] for i in range(4)))
    source, stop = live(camera), Stop()
    for _ in range(4):
        assert source.read(stop) is not None
        with pytest.raises(Interruption):
            source.read(stop)
    assert stop.waits == [0.5, 1.0, 1.0, 1.0]


def test_a_camera_that_ran_well_is_tried_again_soon():
    gone = CameraError("Gone.")
    camera = Camera(gone, gone, [picture(0), picture(6), gone], [picture(7)])
    source, stop = live(camera), Stop()
    for _ in range(2):
        with pytest.raises(Interruption):
            source.read(stop)
    assert source.read(stop) and source.read(stop)
    with pytest.raises(Interruption):
        source.read(stop)
    assert source.read(stop) is not None
    assert stop.waits == [0.5, 1.0, 0.5]


def test_stop_ends_the_wait_and_nothing_is_connected_any_more():
    camera = Camera(CameraError("Away."))
    source, stop = live(camera), Stop()
    with pytest.raises(Interruption):
        source.read(stop)
    stop.set()
    assert source.read(stop) is None
    assert stop.waits == [0.5]
