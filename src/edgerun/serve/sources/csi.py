"""Cameras on the ribbon of a Raspberry Pi, `csi:N`, through its program rpicam-vid.

It writes I420 pictures to a pipe, one after the other. Their rows are padded to 64 bytes, so that only
widths that are multiples of 64 are asked for. Older systems call it libcamera-vid.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import threading
import time

import numpy as np

from edgerun.errors import CameraError
from edgerun.serve.sources.live import Picture
from edgerun.serve.sources.options import CaptureOptions
from edgerun.vision.opencv import opencv

_PROGRAMS = ("rpicam-vid", "libcamera-vid")
_SIZE, _FPS = (1280, 720), 30.0
_START_SECONDS, _READ_SECONDS, _POLL_SECONDS = 15.0, 5.0, 0.2
_CHUNK = 1 << 20


def csi_of(spec: str) -> int | None:
    """N of `csi:N`, None for anything else."""
    found = re.fullmatch(r"csi:(\d{1,2})", spec)
    return int(found[1]) if found else None


def has_program() -> bool:
    """Whether rpicam-vid is installed."""
    return any(map(shutil.which, _PROGRAMS))


class CsiCapture:
    """A Capture over rpicam-vid. Raises CameraError."""

    def __init__(self, number: int, options: CaptureOptions) -> None:
        self._who = f"The camera csi:{number}"
        program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
        if program is None:
            raise CameraError(f"{self._who} needs rpicam-vid: install Debian's package rpicam-apps.")
        width, self._height = options.size or _SIZE
        self._width = max(width // 64 * 64, 64)
        command = [program, "--camera", str(number), "--codec", "yuv420", "--timeout", "0", "--nopreview"]
        command += ["--width", str(self._width), "--height", str(self._height)]
        command += ["--framerate", f"{options.fps or _FPS:g}", "--flush", "--output", "-"]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise CameraError(f"{self._who} cannot be read: {error.strerror}.") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._process.stderr.fileno(), False)
        self._waiting = select.poll()
        self._waiting.register(self._pipe, select.POLLIN)
        self._begun = bytearray()  # of the next picture
        self._seconds = _START_SECONDS

    def read(self, stop: threading.Event) -> Picture | None:
        cv2 = opencv()
        size = self._width * self._height * 3 // 2
        due = time.monotonic() + self._seconds
        newest, skipped = None, -1
        while not stop.is_set():
            # All that is there, so that no picture is old.
            while (data := self._piece()) is not None:
                self._begun += data
                while len(self._begun) >= size:
                    newest, skipped = bytes(self._begun[:size]), skipped + 1
                    del self._begun[:size]
            if newest is not None:
                ns, at = time.monotonic_ns(), time.time()
                self._seconds = _READ_SECONDS
                rows = np.frombuffer(newest, np.uint8).reshape(self._height * 3 // 2, self._width)
                return Picture(cv2.cvtColor(rows, cv2.COLOR_YUV2BGR_I420), ns, at, skipped)
            if self._process.poll() is not None:
                raise CameraError(f"{self._who} was lost: {self._last_words()}.")
            if time.monotonic() > due:
                raise CameraError(f"{self._who} has given no picture for {self._seconds:.0f} seconds.")
            self._waiting.poll(_POLL_SECONDS * 1000)
        return None

    def close(self) -> None:
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _piece(self) -> bytes | None:
        """What has come, None where there is nothing."""
        try:
            return os.read(self._pipe, _CHUNK) or None
        except BlockingIOError:
            return None

    def _last_words(self) -> str:
        """The last line that the program said, in which the reason is."""
        assert self._process.stderr is not None
        said = (self._process.stderr.read() or b"").decode("utf-8", "replace").strip().splitlines()
        if not said:
            return f"rpicam-vid ended with code {self._process.returncode}"
        return said[-1][:200].rstrip(".")
