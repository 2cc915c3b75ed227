"""A camera of this machine, real or virtual (the kernel's driver vivid makes one)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from edgerun.serve.devices import list_cameras
from edgerun.serve.sources import Interruption, Source, open_source
from edgerun.vision.frame import Frame

CAMERAS = [camera.device for camera in list_cameras() if camera.readable]

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not CAMERAS, reason="needs a V4L2 camera that this user may read"),
]


@pytest.fixture
def source() -> Iterator[Source]:
    opened = open_source(CAMERAS[0], "cam")
    yield opened
    opened.close()


def frames(source: Source, count: int) -> list[Frame]:
    found = [source.read(threading.Event()) for _ in range(count)]
    return [frame for frame in found if frame is not None]


def test_pictures_come_in_order_with_their_times(source):
    got = frames(source, 10)
    assert len(got) == 10
    assert len({frame.image.shape for frame in got}) == 1
    assert got[0].image.shape[2] == 3
    taken = [frame.captured_ns for frame in got]
    assert taken == sorted(taken) and len(set(taken)) == 10


def test_whoever_comes_second_is_told_that_the_camera_is_in_use(source):
    frames(source, 1)
    second = open_source(CAMERAS[0], "again")
    with pytest.raises(Interruption, match="another program may use it"):
        second.read(threading.Event())
    second.close()


def test_a_reader_that_hangs_is_replaced(source):
    before = frames(source, 3)[-1].number
    os.kill(source._capture._process.pid, signal.SIGSTOP)
    with pytest.raises(Interruption, match="has given no picture for 5 seconds"):
        frames(source, 100)
    after = frames(source, 3)
    assert after[0].number > before


def test_a_device_by_its_number():
    number = CAMERAS[0].removeprefix("/dev/video")
    source = open_source(number, "cam")
    assert len(frames(source, 2)) == 2
    source.close()
