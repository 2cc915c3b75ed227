"""Where frames come from: cameras of this machine and of the network, videos, pictures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal, Protocol

from edgerun.errors import CameraError
from edgerun.serve.sources.address import is_address, knock, masked
from edgerun.serve.sources.files import PictureSource, VideoSource
from edgerun.serve.sources.live import Interruption, LiveSource
from edgerun.serve.sources.mjpeg import MjpegCapture
from edgerun.serve.sources.process import device_of, open_device, open_rtsp
from edgerun.vision.frame import Frame
from edgerun.vision.media import is_image

__all__ = ["Interruption", "Pace", "Source", "is_address", "is_file", "open_source"]

Pace = Literal["real", "fast"]


class Source(Protocol):
    """Frames of one camera, read by one thread."""

    def read(self, stop: threading.Event) -> Frame | None:
        """The next frame, waited for. None at the end, or soon after `stop` is set.

        Frame numbers have gaps where pictures were skipped. Raises Interruption when a live camera
        fails, and may then be read again; any other CameraError is final.
        """

    def close(self) -> None:
        """Gives the device or file back; called by the thread that reads."""


def is_file(spec: str) -> bool:
    """Whether `spec` is the path of a video, a picture or a folder."""
    return device_of(spec) is None and "://" not in spec and spec != "demo"


def open_source(spec: str, name: str, loop: bool = True, pace: Pace = "real") -> Source:
    """The source that `spec` means.

    spec: 0 | /dev/video0 | rtsp://... | http://... | file.mp4 | picture.jpg | folder/ | demo. Live
    cameras are connected by the first read(), so that one that is away may come later.
    loop: files begin again at their end. pace: files come in real time, or as fast as they are
    read. Raises CameraError for a file that cannot be opened.
    """
    device = device_of(spec)
    if device is not None:
        return LiveSource(name, lambda: open_device(device), lambda: Path(device).exists())
    if is_address(spec):
        connect = open_rtsp if spec.lower().startswith("rtsp") else MjpegCapture
        return LiveSource(name, lambda: connect(spec), lambda: not knock(spec))
    if spec == "demo":
        from edgerun.serve.demo import DemoSource

        return DemoSource(name)
    path = Path(spec)
    if not path.exists():
        raise CameraError(
            f"There is no camera or file {masked(spec)!r}: a camera is a number such as 0, a device such "
            "as /dev/video0, an address (rtsp:// or http://), a video, a picture or a folder of "
            "pictures."
        )
    if path.is_dir() or is_image(path):
        return PictureSource(path, name, loop, pace == "fast")
    return VideoSource(path, name, loop, pace == "fast")
