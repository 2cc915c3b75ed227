"""Videos and pictures on disk: as if they were live, or as fast as they can be had."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from edgerun.errors import CameraError, InputError
from edgerun.vision.frame import Frame
from edgerun.vision.media import VideoReader, list_images, read_image

_SECONDS_PER_PICTURE = 1.0


class VideoSource:
    """A video file. hurry: each frame comes at once; otherwise when it is due."""

    def __init__(self, path: Path, name: str, loop: bool, hurry: bool) -> None:
        self._reader = VideoReader(path)
        self._path = path
        self._name = name
        self._loop = loop
        self._hurry = hurry
        self._number = 0
        self._played = 0  # frames since the file's beginning
        self._due = time.monotonic()

    def read(self, stop: threading.Event) -> Frame | None:
        image = self._reader.read()
        if image is None and self._loop and self._number > 0:
            self._reader.close()
            self._reader = VideoReader(self._path)
            self._played = 0
            image = self._reader.read()
        if image is None:
            if self._number == 0:
                raise CameraError(f"The video {str(self._path)!r} has no frames.")
            return None
        if stop.is_set() or (not self._hurry and self._wait(stop)):
            return None
        frame = Frame(image, self._name, self._number, media_seconds=self._played / self._reader.fps)
        self._number += 1
        self._played += 1
        return frame

    def close(self) -> None:
        self._reader.close()

    def _wait(self, stop: threading.Event) -> bool:
        """Until the frame is due; True if `stop` came first."""
        now = time.monotonic()
        self._due += 1 / self._reader.fps
        if self._due < now - 1.0:
            # Too slow to catch up: go on from here rather than rush.
            self._due = now
        return stop.wait(max(self._due - now, 0.0))


class PictureSource:
    """A picture, or the pictures of a folder by name: one each second, or at once (hurry)."""

    def __init__(self, path: Path, name: str, loop: bool, hurry: bool) -> None:
        try:
            self._paths = list_images(path) if path.is_dir() else [path]
            self._first = read_image(self._paths[0])
        except InputError as error:
            raise CameraError(str(error)) from error
        self._name = name
        self._loop = loop
        self._pause = 0.0 if hurry else _SECONDS_PER_PICTURE
        self._number = 0

    def read(self, stop: threading.Event) -> Frame | None:
        if self._number >= len(self._paths) and not self._loop:
            return None
        if self._number > 0 and stop.wait(self._pause):
            return None
        path = self._paths[self._number % len(self._paths)]
        try:
            image = self._first if self._number == 0 else read_image(path)
        except InputError as error:
            raise CameraError(str(error)) from error
        frame = Frame(image, self._name, self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        pass
