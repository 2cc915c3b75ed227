"""MJPEG over HTTP from a server in this process: good, broken, refusing, silent, vanishing."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from edgerun.errors import CameraError
from edgerun.serve.sources import Interruption, mjpeg, open_source
from edgerun.serve.sources.mjpeg import MjpegCapture

BOUNDARY = "next"


def jpeg(value: int) -> bytes:
    return cv2.imencode(".jpg", np.full((48, 64, 3), value, np.uint8))[1].tobytes()


def part(data: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data + b"\r\n"


class Camera(http.server.ThreadingHTTPServer):
    """Answers every GET with `script(handler)`."""

    daemon_threads = True

    def __init__(self, script: Callable[[http.server.BaseHTTPRequestHandler], None]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script(self)

            def log_message(self, *words: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/video.mjpg"


def begin(handler, kind: str = f"multipart/x-mixed-replace; boundary={BOUNDARY}") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.end_headers()


@pytest.fixture
def camera() -> Iterator[Callable[..., Camera]]:
    servers = []

    def start(script) -> Camera:
        servers.append(Camera(script))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_pictures_come_one_after_the_other(camera):
    go = threading.Semaphore(1)

    def script(handler) -> None:
        begin(handler)
        for value in (10, 90, 200):
            go.acquire(timeout=20)
            handler.wfile.write(part(jpeg(value)))

    source = open_source(camera(script).url, "door")
    stop = threading.Event()
    seen = []
    for _ in range(3):
        frame = source.read(stop)
        seen.append((frame.camera, frame.number, frame.image.shape, round(frame.image.mean())))
        go.release()
    assert seen == [("door", i, (48, 64, 3), v) for i, v in enumerate((10, 90, 200))]
    with pytest.raises(Interruption, match=r"video\.mjpg has ended\."):
        source.read(stop)
    source.close()


def test_of_a_backlog_only_the_newest_is_shown_and_the_rest_counted(camera):
    def script(handler) -> None:
        begin(handler)
        handler.wfile.write(b"".join(part(jpeg(value)) for value in range(0, 200, 10)))
        handler.rfile.read(1)

    capture = MjpegCapture(camera(script).url)
    pictures = [capture.read(threading.Event())]
    while sum(1 + p.skipped for p in pictures) < 20:
        pictures.append(capture.read(threading.Event()))
    assert round(pictures[-1].image.mean()) == 190
    assert len(pictures) < 20
    capture.close()


def test_broken_pictures_are_passed_over(camera):
    def script(handler) -> None:
        begin(handler)
        rubbish = b"\xff\xd8" + b"rubbish" * 20 + b"\xff\xd9"
        handler.wfile.write(part(jpeg(10)[:-50]) + part(rubbish))
        handler.wfile.write(part(jpeg(200)))
        handler.rfile.read(1)

    capture = MjpegCapture(camera(script).url)
    assert round(capture.read(threading.Event()).image.mean()) == 200
    capture.close()


def test_a_connection_that_is_cut_within_a_picture(camera):
    def script(handler) -> None:
        begin(handler)
        handler.wfile.write(part(jpeg(10))[:100])

    capture = MjpegCapture(camera(script).url)
    with pytest.raises(CameraError, match="has ended"):
        capture.read(threading.Event())
    capture.close()


def test_a_camera_that_falls_silent(camera, monkeypatch):
    monkeypatch.setattr(mjpeg, "_TIMEOUT_SECONDS", 0.2)
    silent = threading.Event()

    def script(handler) -> None:
        begin(handler)
        handler.wfile.write(part(jpeg(10)))
        silent.wait(20)

    capture = MjpegCapture(camera(script).url)
    assert capture.read(threading.Event()) is not None
    with pytest.raises(CameraError, match="was lost: no answer"):
        capture.read(threading.Event())
    silent.set()
    capture.close()


def test_a_camera_that_trickles(camera, monkeypatch):
    monkeypatch.setattr(mjpeg, "_TIMEOUT_SECONDS", 0.3)
    over = threading.Event()

    def script(handler) -> None:
        begin(handler)
        while not over.wait(0.01):
            handler.wfile.write(b"x")

    capture = MjpegCapture(camera(script).url)
    with pytest.raises(CameraError, match="has given no picture"):
        capture.read(threading.Event())
    over.set()
    capture.close()


def test_what_is_no_stream_of_pictures(camera):
    page = camera(lambda handler: begin(handler, "text/html"))
    with pytest.raises(CameraError, match="is text/html, expected multipart"):
        MjpegCapture(page.url)
    with pytest.raises(CameraError, match="answers 404"):
        MjpegCapture(camera(lambda handler: handler.send_error(404)).url)


def test_a_server_that_speaks_no_http(camera):
    odd = camera(lambda handler: handler.wfile.write(b"\x00\x01 hello\r\n\r\n"))
    with pytest.raises(CameraError, match="cannot be reached: badstatusline"):
        MjpegCapture(odd.url)


def test_the_password_is_used_and_never_told(camera):
    def script(handler) -> None:
        given = handler.headers["Authorization"] or ""
        if given == "Basic " + base64.b64encode(b"me:p@ss").decode():
            begin(handler)
            handler.wfile.write(part(jpeg(200)))
        else:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
            handler.end_headers()

    url = camera(script).url
    capture = MjpegCapture(url.replace("http://", "http://me:p%40ss@"))
    assert capture.read(threading.Event()) is not None
    capture.close()
    with pytest.raises(CameraError) as caught:
        MjpegCapture(url.replace("http://", "http://me:wrong@") + "?key=wrong")
    assert "answers 401" in str(caught.value)
    assert "wrong" not in str(caught.value)


def test_a_camera_that_returns_is_connected_again(camera, monkeypatch):
    monkeypatch.setattr("edgerun.serve.sources.live._FIRST_SECONDS", 0.01)
    visits = []

    def script(handler) -> None:
        visits.append(1)
        if len(visits) == 2:
            handler.send_error(503)
            return
        begin(handler)
        handler.wfile.write(part(jpeg(50)))

    source = open_source(camera(script).url, "door")
    stop = threading.Event()
    assert source.read(stop).number == 0
    for reason in ("has ended", "answers 503"):
        with pytest.raises(Interruption, match=reason):
            source.read(stop)
    assert source.read(stop).number == 1
    source.close()
