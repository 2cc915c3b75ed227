"""The routes over a real server in this process, on a port of its own."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import uvicorn

from edgerun.errors import CameraError, ConfigError
from edgerun.serve import service as service_module
from edgerun.serve.config import CameraConfig, ModelConfig, ServeConfig
from edgerun.serve.http import make_app
from edgerun.serve.service import Service


@pytest.fixture
def port(stream, metrics, eventually) -> Iterator[int]:
    app = make_app([stream], metrics)
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
    )
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    eventually(lambda: server.started)
    yield listener.getsockname()[1]
    stream.results.close()
    stream.pictures.close()
    server.should_exit = True
    thread.join()
    listener.close()


def get(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection.getresponse()


def test_the_dashboard_is_one_page_without_outside_resources(port):
    response = get(port, "/")
    page = response.read().decode()
    assert response.status == 200
    assert "<!doctype html>" in page
    for reference in ('src="http', 'href="http', "@import", "//cdn"):
        assert reference not in page
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_streams_tell_state_figures_and_the_newest_predictions(port, stream, source, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    status = json.load(get(port, "/api/streams"))
    (front,) = status["streams"]
    assert (front["camera"], front["state"], front["trouble"]) == ("front", "running", "")
    assert front["model"] == {"name": "fake", "task": "detection"}
    assert front["frames"] == {"captured": 1, "processed": 1, "dropped": {}}
    assert front["latest"]["predictions"][0]["label"] == "thing"
    assert front["frame_age_ms"]["p50"] > 0


def test_events_carry_results_as_they_come(port, source):
    source.push()
    response = get(port, "/api/events")
    assert response.headers["Content-Type"].startswith("text/event-stream")
    seen: dict[str, dict] = {}
    while {"prediction", "status"} - set(seen):
        line = response.readline().decode().strip()
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
            seen[name] = json.loads(response.readline().decode().removeprefix("data: "))
    response.close()
    assert seen["prediction"]["predictions"][0]["label"] == "thing"
    assert seen["status"]["streams"][0]["camera"] == "front"


def test_the_live_picture_is_a_multipart_stream_of_jpegs(port, source, stream, eventually):
    source.push()
    response = get(port, "/stream/front.mjpg")
    boundary = response.headers["Content-Type"].partition("boundary=")[2]
    for number in (1, 2):
        assert response.readline().decode().strip() == f"--{boundary}"
        assert response.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(response.readline().decode().partition(": ")[2])
        assert response.readline() == b"\r\n"
        picture = response.read(length)
        assert picture.startswith(b"\xff\xd8")
        assert picture.endswith(b"\xff\xd9")
        assert response.readline() == b"\r\n"
        if number == 1:
            source.push()
    response.close()
    source.push()
    eventually(lambda: source.push() or not stream.pictures.watched)


def test_an_unknown_camera_is_404_with_the_names(port):
    response = get(port, "/stream/back.mjpg")
    assert response.status == 404
    assert "front" in json.load(response)["error"]


def test_metrics_are_prometheus_text(port, stream, source, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    response = get(port, "/metrics")
    text = response.read().decode()
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'edgerun_frames_captured_total{camera="front"} 1.0' in text
    assert 'edgerun_frame_age_seconds_count{camera="front"} 1.0' in text
    assert 'edgerun_stage_duration_seconds_count{camera="front",stage="infer"} 1.0' in text


def test_health_turns_with_the_camera(port, stream, source, eventually):
    assert json.load(get(port, "/healthz")) == {"status": "ok", "trouble": {}}
    source.push(CameraError("The camera is gone."))
    eventually(lambda: stream.trouble)
    response = get(port, "/healthz")
    assert response.status == 503
    assert json.load(response)["trouble"] == {"front": "The camera is gone."}


def reachable(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def config(tmp_path, clip, model, monkeypatch) -> ServeConfig:
    path = tmp_path / "net.tflite"
    path.write_bytes(b"net")
    monkeypatch.setattr(service_module, "load", lambda *a, **k: model)
    return ServeConfig((CameraConfig("clip", str(clip)),), ModelConfig(path), port=0)


def test_a_service_serves_and_stops_with_viewers_still_there(config, eventually):
    service = Service(config)
    thread = threading.Thread(target=service.run)
    thread.start()
    port = int(service.url.rpartition(":")[2])
    eventually(lambda: reachable(port))
    viewers = [get(port, "/stream/clip.mjpg"), get(port, "/api/events")]
    assert viewers[0].readline().startswith(b"--")
    service.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert not reachable(port)


def test_a_port_in_use_is_one_sentence(config):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = ServeConfig(config.cameras, config.model, port=port)
        with pytest.raises(
            ConfigError, match=f"Port {port} on 127.0.0.1 cannot be used: .* in use"
        ):
            Service(busy)


def test_a_camera_that_is_not_there_leaves_nothing_bound(config, monkeypatch):
    bound = []
    bind = service_module._bind
    monkeypatch.setattr(service_module, "_bind", lambda *a: bound.append(bind(*a)) or bound[0])
    missing = ServeConfig((CameraConfig("a", "nowhere.mp4"),), config.model, port=0)
    with pytest.raises(CameraError, match=r"nowhere\.mp4"):
        Service(missing)
    assert bound[0].fileno() == -1


def test_several_cameras_have_a_model_each(config, model, clip):
    twins = []
    model.twin = lambda: twins.append(SimpleNamespace(name="twin")) or twins[-1]
    cameras = (*config.cameras, CameraConfig("second", str(clip)))
    service = Service(ServeConfig(cameras, config.model, port=0))
    assert [stream.name for stream in service._streams] == ["clip", "second"]
    assert [stream.model for stream in service._streams] == [model, twins[0]]
    service._socket.close()
