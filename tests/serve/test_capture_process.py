"""A camera in a process of its own: a file stands for the camera, programs for its ills."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import pytest

from edgerun.errors import CameraError
from edgerun.serve.sources import process
from edgerun.serve.sources.process import ProcessCapture, device_of


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Puts a program in the worker's place."""

    def replace(program: str) -> None:
        path = tmp_path / "program.py"
        path.write_text(program)
        monkeypatch.setattr(process, "_WORKER", path)

    return replace


def test_pictures_of_the_process_are_those_of_opencv(clip):
    capture = ProcessCapture("The camera", str(clip), cv2.CAP_FFMPEG, [], "is shut")
    truth = cv2.VideoCapture(str(clip))
    pictures = []

    def read_all() -> None:
        while True:
            pictures.append(capture.read(threading.Event()))

    with pytest.raises(CameraError, match="The camera gives no more pictures"):
        read_all()
    assert pictures
    for picture in pictures:
        assert all(truth.grab() for _ in range(picture.skipped))
        assert (picture.image == truth.read()[1]).all()
    capture.close()
    assert capture._process.returncode is not None


def test_what_cannot_be_opened(tmp_path):
    capture = ProcessCapture(
        "The camera", str(tmp_path / "none.avi"), cv2.CAP_FFMPEG, [], "is shut"
    )
    with pytest.raises(CameraError, match="The camera is shut"):
        capture.read(threading.Event())
    capture.close()


OPENING = """
import socket, sys
parent = socket.socket(fileno=int(sys.argv[1]))
parent.send(b'{"opening": true}')
"""


@pytest.mark.parametrize(("said", "seconds"), [("", "_START_SECONDS"), (OPENING, "_OPEN_SECONDS")])
def test_a_camera_that_hangs_is_given_up_and_its_process_ended(worker, monkeypatch, said, seconds):
    worker(said + "import time\ntime.sleep(600)")
    monkeypatch.setattr(process, seconds, 0.1)
    capture = ProcessCapture("The camera", "0", 0, [], "is shut")
    with pytest.raises(CameraError, match="The camera has given no picture"):
        capture.read(threading.Event())
    capture.close()
    assert capture._process.returncode is not None


def test_a_stop_is_heard_while_a_camera_hangs(worker):
    worker("import time\ntime.sleep(600)")
    capture = ProcessCapture("The camera", "0", 0, [], "is shut")
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert capture.read(stop) is None
    capture.close()
    assert capture._process.returncode is not None


def test_a_process_that_crashes_is_an_error_of_the_camera(worker):
    worker("import os\nos.abort()")
    capture = ProcessCapture("The camera", "0", 0, [], "is shut")
    with pytest.raises(CameraError, match="The camera was lost"):
        capture.read(threading.Event())
    capture.close()


def test_the_address_is_no_argument_of_the_process(worker):
    worker("import time\ntime.sleep(600)")
    capture = ProcessCapture("The camera", "rtsp://me:secret@h/", 0, [], "")
    words = Path(f"/proc/{capture._process.pid}/cmdline").read_bytes()
    assert b"secret" not in words
    capture.close()


def test_devices_by_number_or_path():
    assert device_of("0") == "/dev/video0"
    assert device_of("/dev/video12") == "/dev/video12"
    assert device_of("/dev/videos") is None
    assert device_of("²") is None
    assert device_of("yard.mp4") is None
