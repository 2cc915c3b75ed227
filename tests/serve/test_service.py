"""A whole service in this process: what starts, what is refused, what it leaves behind."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgerun.errors import CameraError, ConfigError
from edgerun.serve import service as service_module
from edgerun.serve.config import CameraConfig, JsonLinesConfig, ModelConfig, ServeConfig
from edgerun.serve.service import Service

TOKEN = "0123456789abcdef"


@pytest.fixture
def config(tmp_path, clip, model, monkeypatch) -> ServeConfig:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"net")
    monkeypatch.setattr(service_module, "load", lambda *a, **k: model)
    return ServeConfig((CameraConfig("clip", str(clip)),), ModelConfig(path), port=0)


@pytest.fixture
def run(eventually) -> Iterator[Callable[[ServeConfig], int]]:
    """Runs a service in a thread; its port."""
    started: list[tuple[Service, threading.Thread]] = []

    def start(config: ServeConfig) -> int:
        service = Service(config)
        thread = threading.Thread(target=service.run)
        thread.start()
        started.append((service, thread))
        port = int(service.url.rpartition(":")[2])
        eventually(lambda: get(port, "/healthz")[0] in (200, 503))
        return port

    yield start
    for service, thread in started:
        service.stop()
        thread.join(20)
        assert not thread.is_alive()


def get(port: int, path: str, token: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def streams(port: int) -> dict[str, dict]:
    return {s["camera"]: s for s in json.loads(get(port, "/api/streams")[1])["streams"]}


def test_with_tokens_every_address_is_served_and_nothing_told_without_one(config, run):
    port = run(replace(config, host="0.0.0.0", tokens=(TOKEN,)))
    assert get(port, "/api/streams")[0] == 401
    assert get(port, "/")[0] == 401
    assert get(port, "/api/streams", TOKEN)[0] == 200
    assert get(port, "/healthz")[0] == 200


def test_a_camera_that_is_away_does_not_keep_the_others(config, run, eventually):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"rtsp://me:hunter2@127.0.0.1:{free.getsockname()[1]}/cam"
    port = run(replace(config, cameras=(CameraConfig("away", address), *config.cameras)))
    eventually(lambda: streams(port)["away"]["state"] == "reconnecting")
    eventually(lambda: streams(port)["clip"]["frames"]["processed"] > 5)
    assert streams(port)["away"]["trouble"].endswith("/cam cannot be reached: connection refused.")
    status, body = get(port, "/healthz")
    assert status == 200
    assert json.loads(body)["status"] == "degraded"
    assert set(json.loads(body)["trouble"]) == {"away"}
    for path in ("/api/streams", "/metrics", "/healthz"):
        assert b"hunter2" not in get(port, path)[1]


def test_a_clip_without_loss_and_its_events(config, run, tmp_path, eventually):
    events = tmp_path / "events.jsonl"
    camera = replace(config.cameras[0], loop=False, pace="fast")
    wanted = replace(config, cameras=(camera,), events=JsonLinesConfig(str(events)))
    port = run(wanted)
    eventually(lambda: len(events.read_text().splitlines()) == 10)
    assert [json.loads(line)["frame"] for line in events.read_text().splitlines()] == [*range(10)]
    eventually(lambda: streams(port)["clip"]["state"] == "ended")
    assert streams(port)["clip"]["frames"] == {"captured": 10, "processed": 10, "dropped": {}}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"events": JsonLinesConfig("none/events.jsonl")}, ConfigError),
        ({"cameras": (CameraConfig("a", "none.mp4"),)}, CameraError),
        ({"cameras": ()}, ConfigError),
        ({"host": "0.0.0.0"}, ConfigError),
        ({"host": "no.such.host.invalid", "insecure": True}, ConfigError),
    ],
)
def test_what_is_refused_leaves_nothing_behind(config, monkeypatch, change, error):
    monkeypatch.chdir(Path(config.model.path).parent)
    bound: list[socket.socket] = []
    bind = service_module._bind
    monkeypatch.setattr(service_module, "_bind", lambda *a: bound.append(bind(*a)) or bound[0])
    with pytest.raises(error):
        Service(replace(config, **change))
    assert all(listener.fileno() == -1 for listener in bound)
    assert not [t for t in threading.enumerate() if t.name.startswith(("jsonl", "clip-"))]
