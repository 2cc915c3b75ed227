"""Where frames come from: cameras of this machine and of the network, videos, pictures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal, Protocol

from edgerun.errors import CameraError
from edgerun.serve.sources.address import is_address, knock, masked
from edgerun.serve.sources.csi import CsiCapture, csi_of, has_program
from edgerun.serve.sources.files import PictureSource, VideoSource
from edgerun.serve.sources.live import Interruption, LiveSource
from edgerun.serve.sources.mjpeg import open_http
from edgerun.serve.sources.options import CaptureOptions
from edgerun.serve.sources.process import device_of, open_device, open_rtsp
from edgerun.vision.frame import Frame
from edgerun.vision.media import is_image

__all__ = ["CaptureOptions", "Interruption", "Pace", "Source", "is_address", "is_file", "open_source"]

Pace = Literal["real", "fast"]
_AS_IT_IS = CaptureOptions()


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
    return device_of(spec) is None and csi_of(spec) is None and "://" not in spec and spec != "demo"


def open_source(
    spec: str,
    name: str,
    loop: bool = True,
    pace: Pace = "real",
    options: CaptureOptions = _AS_IT_IS,
) -> Source:
    """The source that `spec` means.

    spec: 0 | /dev/video0 | csi:0 | rtsp://... | http://... | file.mp4 | picture.jpg | folder/ | demo.
    Live cameras are connected by the first read(), so that one that is away may come later. loop: files
    begin again at their end. pace: files come in real time, or as fast as they are read. options: of
    live cameras. Raises CameraError for a file that cannot be opened, ConfigError for a login that is
    not there.
    """
    device = device_of(spec)
    if device is not None:
        return LiveSource(name, lambda: open_device(device, options), lambda: Path(device).exists())
    csi = csi_of(spec)
    if csi is not None:
        return LiveSource(name, lambda: CsiCapture(csi, options), has_program)
    if is_address(spec):
        url = options.with_login(spec)
        rtsp = spec.lower().startswith("rtsp")
        return LiveSource(
            name,
            lambda: open_rtsp(url, options) if rtsp else open_http(url, options),
            lambda: not knock(url),
        )
    if spec == "demo":
        from edgerun.serve.demo import DemoSource

        return DemoSource(name)
    path = Path(spec)
    if not path.exists():
        raise CameraError(
            f"There is no camera or file {masked(spec)!r}: a camera is a number such as 0, a device such "
            "as /dev/video0, csi:0, an address (rtsp:// or http://), a video, a picture or a folder of "
            "pictures."
        )
    if path.is_dir() or is_image(path):
        return PictureSource(path, name, loop, pace == "fast")
    return VideoSource(path, name, loop, pace == "fast")
