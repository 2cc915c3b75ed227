"""A camera that is read in a process of its own, which can hang or crash and be ended."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgerun.errors import CameraError
from edgerun.serve.sources.address import knock, masked
from edgerun.serve.sources.live import Picture
from edgerun.serve.sources.options import CaptureOptions
from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv

_WORKER = Path(__file__).with_name("worker.py")
# Until the worker has imported cv2, until the camera gives its first picture, until the next one.
_START_SECONDS = 60.0
_OPEN_SECONDS = 10.0
_READ_SECONDS = 5.0
_POLL_SECONDS = 0.2
# OpenCV's own time-outs only end a worker whose parent was killed.
_ORPHAN_MS = 15_000


def device_of(spec: str) -> str | None:
    """/dev/videoN for `N` and for itself, None for anything else."""
    if spec.isascii() and spec.isdecimal():
        return f"/dev/video{spec}"
    return spec if re.fullmatch(r"/dev/video\d+", spec) else None


def open_device(device: str, wanted: CaptureOptions) -> ProcessCapture:
    """A V4L2 camera; the driver keeps one picture, so that none is old. Raises CameraError."""
    cv2 = opencv()
    if not Path(device).exists():
        raise CameraError(
            f"There is no camera {device}: `edgerun cameras` lists those of this machine."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(f"The camera {device} may not be opened by this user (group video).")
    options = [cv2.CAP_PROP_BUFFERSIZE, 1]
    if wanted.fourcc:  # first: sizes and rates depend on it
        options += [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted.fourcc)]
    if wanted.size is not None:
        options += [cv2.CAP_PROP_FRAME_WIDTH, wanted.size[0], cv2.CAP_PROP_FRAME_HEIGHT, wanted.size[1]]
    if wanted.fps is not None:
        options += [cv2.CAP_PROP_FPS, round(wanted.fps)]
    refusal = "cannot be opened: another program may use it, or it gives no video"
    return ProcessCapture(f"The camera {device}", device, cv2.CAP_V4L2, options, refusal)


def open_rtsp(url: str, wanted: CaptureOptions) -> ProcessCapture:
    """An RTSP stream, over TCP or UDP. Raises CameraError."""
    cv2 = opencv()
    who = f"The stream {masked(url)}"
    if reason := knock(url):
        raise CameraError(f"{who} cannot be reached: {reason}.")
    options = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _ORPHAN_MS),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, _ORPHAN_MS),
        # With more, FFmpeg holds back a frame for each.
        *(cv2.CAP_PROP_N_THREADS, 1),
    ]
    refusal = "cannot be opened: its path, user, password or kind of video is not right"
    return ProcessCapture(who, url, cv2.CAP_FFMPEG, options, refusal, wanted.transport)


class ProcessCapture:
    """A Capture over cv2.VideoCapture(spec, backend, options) in a process of its own.

    who: the beginning of every message; refusal: the rest of it where OpenCV cannot open the
    camera, for which it gives no reason. Pictures come through shared memory.
    """

    def __init__(
        self,
        who: str,
        spec: str,
        backend: int,
        options: Sequence[int],
        refusal: str,
        transport: str = "tcp",
    ) -> None:
        self._who = who
        self._pictures: Image | None = None
        try:
            self._socket, self._process = _start()
        except OSError as error:
            raise CameraError(f"{who} cannot be read in a process: {error.strerror}.") from error
        self._socket.settimeout(_POLL_SECONDS)
        self._send(
            {
                "spec": spec,
                "backend": backend,
                "options": list(options),
                "refusal": refusal,
                "transport": transport,
            }
        )

    def read(self, stop: threading.Event) -> Picture | None:
        seconds = _START_SECONDS if self._pictures is None else _READ_SECONDS
        due = time.monotonic() + seconds
        while not stop.is_set():
            try:
                said, memory, _, _ = socket.recv_fds(self._socket, 1 << 16, 1)
            except TimeoutError:
                if time.monotonic() > due:
                    raise CameraError(
                        f"{self._who} has given no picture for {seconds:.0f} seconds."
                    ) from None
                continue
            except OSError as error:
                raise CameraError(f"{self._who} was lost: {error}.") from error
            if not said:
                raise CameraError(f"{self._who} was lost: the process that read it ended.")
            message = json.loads(said)
            if "opening" in message:
                seconds = _OPEN_SECONDS
                due = time.monotonic() + seconds
                continue
            picture = self._receive(message, memory)
            if picture is not None:
                return picture
        return None

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        # A process that waits for a broken driver cannot even be killed: leave it behind.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)

    def _receive(self, message: dict[str, Any], memory: list[int]) -> Picture | None:
        if "error" in message:
            raise CameraError(f"{self._who} {message['error']}.")
        if "shape" in message:
            pages = mmap.mmap(memory[0], 0, prot=mmap.PROT_READ)
            os.close(memory[0])
            self._pictures = np.frombuffer(pages, np.uint8).reshape(-1, *message["shape"])
            return None
        assert self._pictures is not None, "the worker tells the shape first"
        image = self._pictures[message["slot"]].copy()
        self._send({"free": message["slot"]})
        return Picture(image, message["ns"], message["at"], message["skipped"])

    def _send(self, message: dict[str, Any]) -> None:
        # Where nobody listens any more, the next read says so.
        with contextlib.suppress(OSError):
            self._socket.send(json.dumps(message).encode())


def _start() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A new worker and the socket to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            # Not in the group of the terminal: a Ctrl-C is for the parent alone. What FFmpeg says
            # on stderr may hold passwords; the request goes by socket for the same reason.
            process = subprocess.Popen(
                [sys.executable, "-P", str(_WORKER), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return ours, process
