"""The process that a camera is read in: opened by process.py as a script, which ends it too.

OpenCV opens one network stream at a time in each process and a driver may hang for ever: here, that
holds up nobody else. Imports the standard library, numpy and cv2 alone, to start fast and small.

Messages are JSON, over a SOCK_SEQPACKET socket whose descriptor is the one argument:
    in   {"spec", "backend", "options",     once: what cv2.VideoCapture is to open, what to say where it
          "refusal", "transport"}           cannot, and how RTSP comes
    out  {"opening"}                        cv2 is there, which takes its time on a small machine
    out  {"shape"} and a descriptor         shared memory for _SLOTS pictures of that shape
    out  {"slot", "ns", "at", "skipped"}    a picture lies in the slot
    in   {"free"}                           the slot has been read
    out  {"error"}                          the last message
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import sys
import time
from typing import Any

_SLOTS = 2
_OLDEST_NS = 2_000_000_000  # what a driver may say; others count on another clock


def main(descriptor: int) -> None:
    """Reads the camera until it fails or until nobody listens any more."""
    # The parent ends this process; a Ctrl-C or SIGTERM for the whole group is for the parent.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as parent:
        try:
            request = json.loads(parent.recv(1 << 16))
            try:
                trouble = _capture(request, _Slots(parent))
            except Exception as error:
                trouble = f"cannot be read: {type(error).__name__}: {error}"
            parent.send(json.dumps({"error": trouble}).encode())
            # To close with messages unread would reset the connection before that one arrives.
            while parent.recv(1 << 10):
                pass
        except OSError:
            return


def _capture(request: dict[str, Any], slots: _Slots) -> str:
    """Gives pictures until there are no more, and says why."""
    # Read by OpenCV: FFmpeg's usual look at a stream, to learn its frame rate, takes seconds.
    os.environ.setdefault(
        "OPENCV_FFMPEG_CAPTURE_OPTIONS",
        f"rtsp_transport;{request.get('transport', 'tcp')}|analyzeduration;500000",
    )
    import cv2

    cv2.setNumThreads(1)
    slots.send({"opening": True})
    capture = cv2.VideoCapture(request["spec"], request["backend"], request["options"])
    if not capture.isOpened():
        return str(request["refusal"])
    skipped = 0
    while capture.grab():
        ns, at = _taken(capture, cv2, request["backend"])
        slot = slots.free()
        if slot is None:
            skipped += 1
            continue
        there, image = capture.retrieve()
        if not there:
            break
        slots.give(slot, image, {"ns": ns, "at": at, "skipped": skipped})
        skipped = 0
    return "gives no more pictures"


def _taken(capture: Any, cv2: Any, backend: int) -> tuple[int, float]:
    """When the picture was taken, on the clock of time.monotonic_ns() and in seconds since 1970: as
    V4L2's driver says, whose clock that is, or now."""
    ns, at = time.monotonic_ns(), time.time()
    if backend == cv2.CAP_V4L2:
        said = int(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if 0 <= ns - said < _OLDEST_NS:
            return said, at - (ns - said) / 1e9
    return ns, at


class _Slots:
    """Shared memory for pictures, of which the parent says when it has read one."""

    def __init__(self, parent: socket.socket) -> None:
        self._parent = parent
        self._shape: tuple[int, ...] = ()
        self._views: list[Any] = []
        self._free = list(range(_SLOTS))

    def free(self) -> int | None:
        """A slot to write, or None while the parent has all of them to read."""
        while True:
            try:
                said = self._parent.recv(1 << 10, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self._free[0] if self._free else None
            if not said:
                raise ConnectionError("the parent has gone")
            self._free.append(json.loads(said)["free"])

    def give(self, slot: int, image: Any, message: dict[str, Any]) -> None:
        if image.shape != self._shape:
            self._allocate(image.shape)
        self._views[slot][...] = image
        self._free.remove(slot)
        self.send({"slot": slot, **message})

    def send(self, message: dict[str, Any], *descriptors: int) -> None:
        socket.send_fds(self._parent, [json.dumps(message).encode()], list(descriptors))

    def _allocate(self, shape: tuple[int, ...]) -> None:
        import numpy as np

        size = int(np.prod(shape))
        memory = os.memfd_create("edgerun-camera")
        os.ftruncate(memory, _SLOTS * size)
        pages = mmap.mmap(memory, _SLOTS * size)
        pixels = np.frombuffer(pages, np.uint8)
        self._views = list(pixels.reshape(_SLOTS, *shape))
        self._shape = shape
        self.send({"shape": shape}, memory)
        os.close(memory)


if __name__ == "__main__":
    main(int(sys.argv[1]))
