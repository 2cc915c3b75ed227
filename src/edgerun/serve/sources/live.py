"""A camera that comes back: connects, and after a failure connects anew, ever more patiently."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgerun.errors import CameraError
from edgerun.vision.frame import Frame, Image

_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 10.0
_KNOCK_EVERY_SECONDS = 1.0
_STEADY_NS = 5_000_000_000


class Interruption(CameraError):
    """A live camera failed for now: the next read() waits a while and connects again."""


@dataclass(frozen=True, eq=False)
class Picture:
    """uint8 [height, width, 3], blue first, when it was taken, and how many were skipped before.

    captured_ns: on the clock of time.monotonic_ns(); captured_at: in seconds since 1970.
    """

    image: Image
    captured_ns: int
    captured_at: float
    skipped: int = 0


class Capture(Protocol):
    """One open connection to a camera."""

    def read(self, stop: threading.Event) -> Picture | None:
        """The next picture, waited for no longer than a time-out; None once `stop` is set.

        Raises CameraError when the connection is of no more use.
        """

    def close(self) -> None:
        """Ends the connection; never waits for the camera."""


class Backoff:
    """Waiting times in seconds that double up to a limit; jitter takes up to half of each away."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._seconds = _FIRST_SECONDS

    def next(self) -> float:
        seconds = self._seconds * (1 - self._jitter() / 2)
        self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)
        return seconds

    def reset(self) -> None:
        self._seconds = _FIRST_SECONDS


class LiveSource:
    """A Source over connections: read() raises Interruption, and may be called again.

    connect opens a connection or raises CameraError; reachable says cheaply whether anybody
    answers there, so that a camera that returns is not kept waiting.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Capture],
        reachable: Callable[[], bool],
        backoff: Backoff | None = None,
    ) -> None:
        self._name = name
        self._connect = connect
        self._reachable = reachable
        self._backoff = backoff or Backoff()
        self._capture: Capture | None = None
        self._failed = False
        self._number = 0
        self._since_ns: int | None = None

    def read(self, stop: threading.Event) -> Frame | None:
        """The next frame; numbers have gaps where the camera was too fast to be read.

        Raises Interruption; None only once `stop` is set.
        """
        if self._failed:
            self._wait(stop)
        if stop.is_set():
            return None
        try:
            if self._capture is None:
                self._capture = self._connect()
            picture = self._capture.read(stop)
        except CameraError as error:
            self.close()
            self._failed = True
            raise Interruption(str(error)) from error
        self._failed = False
        if picture is None:
            return None
        self._steady(picture.captured_ns)
        self._number += picture.skipped
        frame = Frame(
            picture.image, self._name, self._number, picture.captured_ns, picture.captured_at
        )
        self._number += 1
        return frame

    def close(self) -> None:
        if self._capture is not None:
            self._capture.close()
        self._capture = None
        self._since_ns = None

    def _steady(self, now_ns: int) -> None:
        # A camera that fails after its first picture, again and again, must not be hammered.
        if self._since_ns is None:
            self._since_ns = now_ns
        elif now_ns - self._since_ns > _STEADY_NS:
            self._backoff.reset()

    def _wait(self, stop: threading.Event) -> None:
        """Backs off; the wait is over at once when a camera that was away answers again."""
        remaining = self._backoff.next()
        there = self._reachable()
        while remaining > 0 and not stop.wait(min(remaining, _KNOCK_EVERY_SECONDS)):
            remaining -= _KNOCK_EVERY_SECONDS
            was_there, there = there, self._reachable()
            if there and not was_there:
                self._backoff.reset()
                return
