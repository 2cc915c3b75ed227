"""Where frames come from: a camera, a video in real time, pictures one by one."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Protocol, cast

from edgerun.errors import CameraError, InputError
from edgerun.vision.frame import Frame, Image
from edgerun.vision.media import VideoReader, is_image, list_images, read_image
from edgerun.vision.opencv import opencv

_SECONDS_PER_PICTURE = 1.0


class Source(Protocol):
    """Frames of one camera, read by one thread."""

    def read(self, stop: threading.Event) -> Frame | None:
        """The next frame, waited for. None at the end, or soon after `stop` is set.

        Raises CameraError when the camera fails.
        """

    def close(self) -> None:
        """Gives the device or file back; called by the thread that reads."""


def open_source(spec: str, name: str, loop: bool = True) -> Source:
    """The source that `spec` means: 0 | /dev/video0 | file.mp4 | picture.jpg | folder/.

    loop: files begin again at their end. Raises CameraError for what cannot be opened.
    """
    if spec.isdecimal() or re.fullmatch(r"/dev/video\d+", spec):
        return V4l2Source(spec, name)
    path = Path(spec)
    if not path.exists():
        raise CameraError(
            f"There is no camera or file {spec!r}: a camera is a number such as 0, a device such "
            "as /dev/video0, a video, a picture or a folder of pictures."
        )
    if path.is_dir() or is_image(path):
        return PictureSource(path, name, loop)
    return VideoSource(path, name, loop)


class V4l2Source:
    """A camera of this machine. The driver's queue is kept at one picture, so that none is old."""

    def __init__(self, spec: str, name: str) -> None:
        cv2 = opencv()
        self._device = f"/dev/video{spec}" if spec.isdecimal() else spec
        if not Path(self._device).exists():
            raise CameraError(
                f"There is no camera {self._device}: `edgerun cameras` lists those of this machine."
            )
        self._capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraError(
                f"The camera {self._device} cannot be opened: another program may use it, or this "
                "user may not (group video)."
            )
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._name = name
        self._number = 0

    def read(self, stop: threading.Event) -> Frame | None:
        there, image = self._capture.read()
        if not there:
            raise CameraError(f"The camera {self._device} gives no more pictures.")
        frame = Frame(cast(Image, image), self._name, self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        self._capture.release()


class VideoSource:
    """A video file as if it were live: each frame comes when it is due."""

    def __init__(self, path: Path, name: str, loop: bool) -> None:
        self._reader = VideoReader(path)
        self._path = path
        self._name = name
        self._loop = loop
        self._number = 0
        self._due = time.monotonic()

    def read(self, stop: threading.Event) -> Frame | None:
        image = self._reader.read()
        if image is None and self._loop and self._number > 0:
            self._reader.close()
            self._reader = VideoReader(self._path)
            image = self._reader.read()
        if image is None:
            if self._number == 0:
                raise CameraError(f"The video {str(self._path)!r} has no frames.")
            return None
        now = time.monotonic()
        self._due += 1 / self._reader.fps
        if self._due < now - 1.0:
            # Too slow to catch up: go on from here rather than rush.
            self._due = now
        if stop.wait(max(self._due - now, 0.0)):
            return None
        frame = Frame(image, self._name, self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        self._reader.close()


class PictureSource:
    """A picture, or the pictures of a folder by name, one each second."""

    def __init__(self, path: Path, name: str, loop: bool) -> None:
        try:
            self._paths = list_images(path) if path.is_dir() else [path]
            self._first = read_image(self._paths[0])
        except InputError as error:
            raise CameraError(str(error)) from error
        self._name = name
        self._loop = loop
        self._number = 0

    def read(self, stop: threading.Event) -> Frame | None:
        if self._number >= len(self._paths) and not self._loop:
            return None
        if self._number > 0 and stop.wait(_SECONDS_PER_PICTURE):
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
