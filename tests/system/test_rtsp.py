"""A real RTSP camera: served, killed, stalled, returned; and a camera beside it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.serve.crew import Crew
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Stream
from edgerun.serve.scheduler import Rule
from edgerun.serve.sources import Interruption, open_source, process
from edgerun.vision.detections import Detections

DEBIAN_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDED = "import gi; gi.require_version('GstRtspServer', '1.0'); import gi.repository.GstRtspServer"
HINT = (
    "needs GStreamer's RTSP server (Debian's packages python3-gi, gir1.2-gst-rtsp-server-1.0, "
    "gstreamer1.0-plugins-base, -good, -bad and -ugly)"
)


def has_gstreamer() -> bool:
    if not os.access(DEBIAN_PYTHON, os.X_OK):
        return False
    return subprocess.run([DEBIAN_PYTHON, "-c", NEEDED], capture_output=True).returncode == 0


pytestmark = [pytest.mark.system, pytest.mark.skipif(not has_gstreamer(), reason=HINT)]


class RtspCamera:
    """A server in a process of its own, always on the same port."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/cam"
        self.start()

    def start(self) -> None:
        words = [DEBIAN_PYTHON, str(SERVER), str(self.port)]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    made = RtspCamera()
    yield made
    made.kill()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for _ in range(40):
        writer.write(np.full((48, 64, 3), 90, np.uint8))
    writer.release()
    return path


class Blank:
    """A model that sees nothing."""

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image

    def infer(self) -> dict[str, np.ndarray]:
        return {}

    def warm_up(self) -> None:
        pass

    def decode(self, outputs: dict[str, np.ndarray], image: np.ndarray) -> Detections:
        return Detections((), image.shape[1], image.shape[0])


@pytest.fixture
def serve() -> Iterator[Callable[[str, str], Stream]]:
    """Starts a stream on a source."""
    streams: list[Stream] = []
    dispatchers: list[Dispatcher] = []

    def start(spec: str, name: str) -> Stream:
        source = open_source(spec, name)
        dispatchers.append(Dispatcher(1))
        dispatchers[-1].start()
        crew = Crew({1: Blank()}, 1)  # type: ignore[dict-item]
        streams.append(Stream(Rule(name, "blank", 10.0), source, crew, dispatchers[-1], Metrics()))
        streams[-1].start()
        return streams[-1]

    yield start
    for stream in streams:
        stream.stop(timeout=10)
    for dispatcher in dispatchers:
        dispatcher.stop(timeout=10)


def eventually(condition: Callable[[], object]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("the condition never held")


def processed(stream: Stream) -> int:
    count = stream.stats.to_dict()["frames"]["processed"]
    assert isinstance(count, int)
    return count


def goes_on(stream: Stream, frames: int = 5) -> None:
    before = processed(stream)
    eventually(lambda: processed(stream) >= before + frames)


def test_pictures_of_a_real_stream_move_and_are_new(camera):
    source = open_source(camera.url, "cam")
    frames = [source.read(threading.Event()) for _ in range(20)]
    source.close()
    assert {frame.image.shape for frame in frames} == {(240, 320, 3)}
    assert any((a.image != b.image).any() for a, b in itertools.pairwise(frames))
    taken = [frame.captured_ns for frame in frames]
    assert taken == sorted(taken)


def test_a_server_that_is_killed_and_returns(camera, serve, clip):
    stream, beside = serve(camera.url, "cam"), serve(str(clip), "clip")
    goes_on(stream)
    camera.kill()
    eventually(lambda: stream.state == "reconnecting")
    eventually(lambda: "connection refused" in stream.trouble)
    goes_on(beside, 20)
    assert stream.state == "reconnecting"
    camera.start()
    eventually(lambda: stream.state == "running")
    assert stream.trouble == ""
    goes_on(stream)
    assert (beside.state, beside.trouble) == ("running", "")


def test_a_server_that_stalls_and_goes_on(camera, serve, clip, monkeypatch):
    monkeypatch.setattr(process, "_READ_SECONDS", 0.5)
    stream, beside = serve(camera.url, "cam"), serve(str(clip), "clip")
    goes_on(stream)
    camera.process.send_signal(signal.SIGSTOP)
    eventually(lambda: stream.state == "reconnecting")
    assert "has given no picture" in stream.trouble
    # The loop of the file opens it anew again and again: that a camera hangs must not matter.
    goes_on(beside, 60)
    camera.process.send_signal(signal.SIGCONT)
    eventually(lambda: stream.state == "running")
    goes_on(stream)


def test_a_stalled_camera_does_not_hold_up_the_end(camera, serve):
    stream = serve(camera.url, "cam")
    goes_on(stream)
    camera.process.send_signal(signal.SIGSTOP)
    stream.stop(timeout=10)
    assert not any(thread.name.startswith("cam-") for thread in threading.enumerate())
    assert stream.state == "stopped"


def test_a_path_that_the_server_does_not_have(camera):
    source = open_source(f"rtsp://me:secret@127.0.0.1:{camera.port}/none", "cam")
    with pytest.raises(Interruption, match="cannot be opened: its path") as caught:
        source.read(threading.Event())
    source.close()
    assert "secret" not in str(caught.value)


def test_serve_as_a_process_ends_while_its_camera_hangs(camera, tmp_path):
    words = ["serve", "--camera", camera.url, "--port", "0", "--events", str(tmp_path / "events")]
    model = tmp_path / "mean.tflite"
    model.write_bytes(mean_model())
    serving = subprocess.Popen(
        [sys.executable, "-m", "edgerun", *words, "--model", str(model)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        events = tmp_path / "events"
        eventually(lambda: events.exists() and events.read_text().count("\n") > 3)
        camera.process.send_signal(signal.SIGSTOP)
        serving.send_signal(signal.SIGTERM)
        _, said = serving.communicate(timeout=30)
        assert serving.returncode == 0
        assert "Traceback" not in said
    finally:
        serving.kill()
        serving.wait()


def mean_model() -> bytes:
    """The mean colour of a picture, as a model of three classes."""
    from edgerun.formats.tflite_writer import ModelBuilder

    b = ModelBuilder()
    shade = {"scale": 1 / 255}
    pixels = b.tensor("pixels", (1, 16, 16, 3), "uint8", **shade)
    mean = b.tensor("mean", (1, 1, 1, 3), "uint8", **shade)
    window = {"stride_w": 16, "stride_h": 16, "filter_width": 16, "filter_height": 16}
    b.operator("AVERAGE_POOL_2D", [pixels], [mean], {"padding": "valid", **window})
    return b.finish([pixels], [mean])
