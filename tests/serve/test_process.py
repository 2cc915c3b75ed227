"""`edgerun serve` as a process: it serves a real model on a real video, and ends when told."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys

import pytest

from colours import write_colours_model


def get(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection.getresponse()


@pytest.mark.shared
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_it_is_told_to_end(shared, eventually, ending):
    words = [
        "serve",
        "--camera",
        shared / "media/video/car-detection.mp4",
        "--model",
        shared / "models/classification/mobilenet_v1_0.25_128_quant.tflite",
        "--labels",
        shared / "labels/imagenet_labels.txt",
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "edgerun", *map(str, words)], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (address := re.search(r"on http://127\.0\.0\.1:(\d+)", said)):
            line = process.stderr.readline()
            assert line, f"serve ended early: {said}"
            said += line
        port = int(address[1])
        viewers = [get(port, "/stream/car-detection.mjpg"), get(port, "/api/events")]
        assert viewers[0].readline().startswith(b"--")
        assert any(line.startswith(b"event: ") for line in viewers[1])
        eventually(lambda: json.load(get(port, "/api/streams"))["streams"][0]["latest"])
        (stream,) = json.load(get(port, "/api/streams"))["streams"]
        assert 1 <= len(stream["latest"]["predictions"]) <= 5
        assert json.load(get(port, "/healthz"))["status"] == "ok"
        assert b"edgerun_model_info{" in get(port, "/metrics").read()
        process.send_signal(ending)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()


def test_serve_ends_while_a_camera_holds_its_answer_back(tmp_path):
    model = write_colours_model(tmp_path / "colours.tflite")
    with socket.create_server(("127.0.0.1", 0)) as camera:
        address = f"http://127.0.0.1:{camera.getsockname()[1]}/video.mjpg"
        words = ["serve", "--camera", address, "--model", str(model), "--port", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "edgerun", *words], stderr=subprocess.PIPE, text=True
        )
        try:
            camera.settimeout(60)
            connection, _ = camera.accept()
            assert connection.recv(1 << 10).startswith(b"GET /video.mjpg")
            process.terminate()
            _, said = process.communicate(timeout=30)
            assert process.returncode == 0
            assert "Traceback" not in said
            connection.close()
        finally:
            process.kill()
            process.wait()
