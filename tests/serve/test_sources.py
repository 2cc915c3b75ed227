"""Where frames come from."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from edgerun.errors import CameraError, ConfigError
from edgerun.serve.config import CameraConfig, ModelConfig, ServeConfig, name_cameras
from edgerun.serve.devices import CameraDevice, list_cameras
from edgerun.serve.sources import Interruption, open_source


def brightness(source, stop: threading.Event, count: int) -> list[int]:
    values = []
    for _ in range(count):
        frame = source.read(stop)
        values.append(-1 if frame is None else round(float(frame.image.mean())))
    source.close()
    return values


def test_a_video_ends_or_begins_again(clip):
    stop = threading.Event()
    once = brightness(open_source(str(clip), "a", loop=False), stop, 12)
    assert once[10:] == [-1, -1]
    assert -1 not in once[:10]
    looped = brightness(open_source(str(clip), "a", loop=True), stop, 23)
    assert looped[:10] == looped[10:20] == once[:10]
    assert looped[20:] == once[:3]


def test_frames_of_a_video_are_numbered_and_come_at_its_pace(clip):
    source = open_source(str(clip), "yard")
    frames = [source.read(threading.Event()) for _ in range(5)]
    source.close()
    assert [(frame.camera, frame.number) for frame in frames] == [("yard", i) for i in range(5)]
    taken = [frame.captured_ns for frame in frames]
    assert taken[4] - taken[0] > 3.5 * 0.02e9


def test_a_stopped_source_gives_up_its_wait(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    source = open_source(str(tmp_path), "a")
    stop = threading.Event()
    assert source.read(stop) is not None
    stop.set()
    assert source.read(stop) is None


def test_pictures_of_a_folder_come_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr("edgerun.serve.sources.files._SECONDS_PER_PICTURE", 0.0)
    for name, value in (("b.png", 90), ("a.png", 10), ("c.png", 200)):
        cv2.imwrite(str(tmp_path / name), np.full((4, 4, 3), value, np.uint8))
    stop = threading.Event()
    assert brightness(open_source(str(tmp_path), "a", loop=False), stop, 4) == [10, 90, 200, -1]
    one = brightness(open_source(str(tmp_path / "c.png"), "a", loop=True), stop, 2)
    assert one == [200, 200]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("/dev/video987", "no camera /dev/video987"),
        ("987", "no camera /dev/video987"),
        ("rtsp://127.0.0.1:9/cam", "connection refused"),
        ("http://127.0.0.1:9/cam.mjpg", "connection refused"),
    ],
)
def test_a_live_camera_that_is_not_there_may_come_later(spec, reason):
    source = open_source(spec, "a")
    with pytest.raises(Interruption, match=reason):
        source.read(threading.Event())
    source.close()


def test_a_file_that_is_not_there_is_an_error_at_once():
    with pytest.raises(CameraError, match=r"no camera or file 'nowhere\.mp4'"):
        open_source("nowhere.mp4", "a")
    with pytest.raises(CameraError, match=r"no camera or file 'ftp://\*\*\*@h/a\.mp4'"):
        open_source("ftp://me:secret@h/a.mp4", "a")


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CameraError, match="no video that OpenCV can read"):
        open_source(str(tmp_path / "a.mp4"), "a")
    with pytest.raises(CameraError, match="no picture of a format that is read"):
        open_source(str(tmp_path / "b.png"), "a")
    with pytest.raises(CameraError, match="has no pictures"):
        open_source(str(tmp_path / "empty"), "a")


def test_a_hurried_file_comes_at_once(clip, tmp_path):
    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert not timeout, "nothing is waited for"
            return False

    video = open_source(str(clip), "a", loop=False, pace="fast")
    assert brightness(video, Stop(), 11)[10] == -1
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    picture = open_source(str(tmp_path / "a.png"), "a", pace="fast")
    assert brightness(picture, Stop(), 3) == [0, 0, 0]


def test_no_name_tells_a_secret():
    specs = [
        "rtsp://me:secret@10.0.0.7/cam/yard",
        "rtsp://me:secret@10.0.0.7",
        "http://h/video.mjpg?user=me&pwd=secret",
        "http://h?pwd=secret",
    ]
    assert name_cameras(specs) == ["yard", "10-0-0-7", "video", "h"]


def test_names_are_short_unique_words():
    specs = ["0", "/dev/video0", "a/yard.mp4", "b/yard.avi", "odd name?.mp4", "12"]
    assert name_cameras(specs) == ["camera0", "video0", "yard", "yard-2", "odd-name-", "camera12"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_this_machine_is_served_without_further_ado(host, tmp_path):
    config = ServeConfig((CameraConfig("a", "0"),), ModelConfig(tmp_path), host=host)
    config.check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_other_addresses_need_the_word_insecure(host, tmp_path):
    config = ServeConfig((CameraConfig("a", "0"),), ModelConfig(tmp_path), host=host)
    with pytest.raises(ConfigError, match="--insecure"):
        config.check()
    ServeConfig(config.cameras, config.model, host=host, insecure=True).check()


def test_cameras_are_listed_from_sys(tmp_path):
    for name, index, label in [
        ("video10", "0", "Late"),
        ("video2", "0", "Eye"),
        ("video3", "1", "x"),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "index").write_text(f"{index}\n")
        (tmp_path / name / "name").write_text(f"{label}\n")
    found = list_cameras(tmp_path)
    assert [(camera.device, camera.name) for camera in found] == [
        ("/dev/video2", "Eye"),
        ("/dev/video10", "Late"),
    ]
    assert list_cameras(tmp_path / "none") == []
    assert isinstance(found[0], CameraDevice)
