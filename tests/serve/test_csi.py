"""`csi:N` through a program that behaves like rpicam-vid."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.errors import CameraError
from edgerun.serve.sources import Interruption, is_file, open_source
from edgerun.serve.sources.csi import CsiCapture
from edgerun.serve.sources.options import CaptureOptions

# Writes I420 pictures whose brightness is their number, as the real one does with these words.
STAND_IN = """#!{python}
import argparse, sys, time
p = argparse.ArgumentParser()
for word in ("camera", "width", "height", "timeout"):
    p.add_argument("--" + word, type=int)
p.add_argument("--framerate", type=float)
p.add_argument("--codec"); p.add_argument("--output")
p.add_argument("--nopreview", action="store_true"); p.add_argument("--flush", action="store_true")
a = p.parse_args()
assert (a.codec, a.output, a.timeout) == ("yuv420", "-", 0)
if a.camera == 7:
    print("ERROR: *** no cameras available ***", file=sys.stderr)
    sys.exit(255)
for number in range({frames}):
    y = bytes([50 + number]) * (a.width * a.height)
    sys.stdout.buffer.write(y + bytes([128]) * (a.width * a.height // 2))
    sys.stdout.buffer.flush()
    time.sleep(1 / a.framerate)
if a.camera == 8:
    time.sleep(60)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rpicam-vid"
    path.write_text(STAND_IN.format(python=sys.executable, frames=8))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_frames_come_in_colour_and_in_order(program) -> None:
    source = open_source("csi:0", "ribbon", options=CaptureOptions(size=(130, 96), fps=20))
    stop = threading.Event()
    frames = [source.read(stop) for _ in range(3)]
    source.close()
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers))
    for frame in frames:
        assert frame.image.shape == (96, 128, 3)  # rows of 64 bytes
        y = np.full((144, 128), 128, np.uint8)
        y[:96] = 50 + frame.number
        np.testing.assert_array_equal(frame.image, cv2.cvtColor(y, cv2.COLOR_YUV2BGR_I420))


def test_a_camera_that_ends_or_is_not_there_says_why(program) -> None:
    stop = threading.Event()
    source = open_source("csi:7", "ribbon")
    with pytest.raises(Interruption, match=r"csi:7 was lost: ERROR: \*\*\* no cameras available \*\*\*"):
        source.read(stop)
    source.close()
    capture = CsiCapture(0, CaptureOptions(size=(64, 64), fps=200))
    with pytest.raises(CameraError, match="rpicam-vid ended with code 0"):
        list(iter(lambda: capture.read(stop), None))
    capture.close()


def test_a_reader_that_is_asked_to_stop_does(program) -> None:
    capture = CsiCapture(8, CaptureOptions(size=(64, 64), fps=200))
    stop = threading.Event()
    assert capture.read(stop) is not None
    stop.set()
    while capture.read(stop) is not None:
        pass
    capture.close()


def test_without_the_program_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CameraError, match="needs rpicam-vid: install Debian's package rpicam-apps"):
        CsiCapture(0, CaptureOptions())
    assert not is_file("csi:0") and is_file("csi:x")
