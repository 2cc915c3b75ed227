"""`edgerun serve` as a process: it serves a real model on a real video, and ends when told."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys

import pytest


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
        assert viewers[1].readline().startswith(b"event: ")
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
