"""The demo camera: the scene of vision/scene.py in real time, with its truth."""

from __future__ import annotations

import threading
import time

from edgerun.vision.frame import Frame
from edgerun.vision.scene import Scene

FPS = 20.0


class DemoSource:
    """Frames of the scene when they are due; where drawing is too slow, the scene goes slower."""

    def __init__(self, name: str, seed: int = 3) -> None:
        self._scene = Scene(seed)
        self._name = name
        self._number = 0
        self._due = time.monotonic()

    def read(self, stop: threading.Event) -> Frame | None:
        image, truth = self._scene.render(self._number)
        now = time.monotonic()
        self._due = max(self._due + 1 / FPS, now)
        if stop.wait(self._due - now):
            return None
        # Captured now, when it is due: the time it took to draw is not the frame's age.
        frame = Frame(image, self._name, self._number, truth=truth)
        self._number += 1
        return frame

    def close(self) -> None:
        pass
