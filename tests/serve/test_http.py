"""The routes over a real server in this process, on a port of its own."""

from __future__ import annotations

import http.client
import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import uvicorn

from colours import write_colours_model
from edgerun.errors import CameraError, ConfigError
from edgerun.serve import service as service_module
from edgerun.serve.config import CameraConfig, ModelConfig, ServeConfig
from edgerun.serve.http import make_app
from edgerun.serve.service import Service
from edgerun.session import Session
from edgerun.vision.model import load


class Server:
    """An application on a port of this machine, until the block ends."""

    def __init__(self, app, eventually) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@pytest.fixture
def port(stream, dispatcher, metrics, eventually) -> Iterator[int]:
    server = Server(make_app([stream], dispatcher, metrics), eventually)
    yield server.port
    stream.results.close()
    stream.pictures.close()
    server.stop()


def get(port: int, path: str, method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path)
    return connection.getresponse()


def unpack(body: bytes) -> list[tuple[str, int, bytes]]:
    """(camera, number, JPEG) of each picture of /api/pictures."""
    end = 4 + int.from_bytes(body[:4], "big")
    pictures = []
    for item in json.loads(body[4:end]):
        pictures.append((item["camera"], item["number"], body[end : end + item["bytes"]]))
        end += item["bytes"]
    assert end == len(body)
    return pictures


class Events:
    """The events of a response, one after the other: name -> the data of its next one."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def next(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while line := self.response.readline().decode().rstrip("\n"):
            key, _, value = line.partition(": ")
            fields[key] = value
        return fields

    def wait_for(self, name: str) -> dict[str, str]:
        while (event := self.next()).get("event") != name:
            pass
        return event


def test_the_dashboard_comes_from_here_alone(port):
    response = get(port, "/")
    page = response.read().decode()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:src|href)="([^"#]+)"', page)
    files = {link for link in links if link.startswith("dashboard/")}
    assert {file.rpartition(".")[2] for file in files} == {"css", "js", "svg"}
    assert set(links) == files | {"metrics", "api/streams", "healthz"}
    while files:
        response = get(port, "/" + files.pop())
        text = response.read().decode()
        assert response.status == 200
        kind = response.headers["Content-Type"]
        assert kind.startswith(("text/css", "text/javascript", "image/svg"))
        assert "url(" not in text and "@import" not in text
        files |= {f"dashboard/{name}" for name in re.findall(r'from "\./([^"]+)"', text)}


@pytest.mark.parametrize("path", ["/", "/api/streams", "/healthz", "/metrics", "/nowhere"])
def test_browsers_are_told_to_keep_it_to_themselves(port, path):
    headers = get(port, path).headers
    parts = headers["Content-Security-Policy"].split(";")
    policy = dict(part.strip().split(" ", 1) for part in parts)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == ("no-cache" if path == "/" else "no-store")


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/nowhere", 404, "There is nothing at /nowhere."),
        ("GET", "/dashboard/nothing.js", 404, "There is nothing at /dashboard/nothing.js."),
        ("GET", "/stream/back.mjpg", 404, "There is no camera back, only front."),
        ("GET", "/stream/back.jpg", 404, "There is no camera back, only front."),
        ("GET", "/api/model?camera=back", 404, "There is no camera back, only front."),
        ("GET", "/api/pictures?back=0", 404, "There is no camera back, only front."),
        ("GET", "/api/pictures?front=x", 400, "Each camera has the number of a picture"),
        ("GET", "/api/pictures", 400, "Which cameras?"),
        ("GET", "/api/events?rate=nan", 400, "The rate is a number of events per second"),
        ("GET", "/api/events?rate=0", 400, "The rate is a number of events per second"),
        ("POST", "/metrics", 405, "/metrics can be read only: POST is not for it."),
    ],
)
def test_errors_are_sentences(port, method, path, status, sentence):
    response = get(port, path, method)
    assert response.status == status
    said = json.load(response)["error"]
    assert said.startswith(sentence)
    assert said.endswith((".", "?front=0&back=0."))


@pytest.mark.parametrize("path", ["/", "/stream/front.mjpg", "/api/events", "/metrics", "/healthz"])
def test_the_head_of_an_answer_ends(port, path):
    response = get(port, path, "HEAD")
    assert response.status == 200
    assert response.read() == b""


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
    events = Events(response)
    # Something at once, so that proxies and clients see the stream open.
    assert events.next()["retry"] == "2000"
    first = events.wait_for("prediction")
    assert first["id"] == "front:0"
    assert json.loads(first["data"])["predictions"][0]["label"] == "thing"
    source.push()
    assert events.wait_for("prediction")["id"] == "front:1"
    status = json.loads(events.wait_for("status")["data"])
    assert status["streams"][0]["camera"] == "front"
    assert status["process"]["memory_bytes"] > 1_000_000
    response.close()


def test_events_bring_the_points_of_the_charts_once(port, stream, monkeypatch, eventually):
    lists = {"fps": [10.0, 0.0], "age_p50_ms": [4.0, None]}
    asked = []

    def history(after):
        asked.append(after)
        return {"first": 7, **lists} if after is None else {"first": after + 1, "fps": []}

    monkeypatch.setattr(stream.stats, "history", history)
    response = get(port, "/api/events")
    events = Events(response)
    charts = json.loads(events.wait_for("history")["data"])
    assert charts == {"seconds": 2.0, "cameras": {"front": {"first": 7, **lists}}}
    events.wait_for("status")
    eventually(lambda: asked[1:] == [8])
    response.close()


def test_the_live_picture_is_a_multipart_stream_of_jpegs(
    port, source, stream, eventually, monkeypatch
):
    monkeypatch.setattr("edgerun.serve.gallery._LINGER_SECONDS", 0.2)
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


def test_a_single_picture_is_the_newest(port, source, stream, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    response = get(port, "/stream/front.jpg")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.read() == stream.pictures.latest


def test_without_a_picture_that_is_said(port, monkeypatch):
    monkeypatch.setattr("edgerun.serve.http._PICTURE_SECONDS", 0.01)
    response = get(port, "/stream/front.jpg")
    assert response.status == 503
    assert json.load(response)["error"] == "The camera front gives no picture at the moment."


def test_pictures_of_before_are_not_shown_to_who_comes_later(port, source, stream, eventually):
    source.push()
    eventually(lambda: stream.results.latest)
    stream.pictures.publish(b"an old picture")
    ((_, _, jpeg),) = unpack(get(port, "/api/pictures?front=0").read())
    assert jpeg.startswith(b"\xff\xd8")


def test_one_request_brings_what_is_new_of_every_camera(
    source, model, make_stream, dispatcher, metrics, eventually
):
    names = [f"camera{i}" for i in range(10)]
    sources = [type(source)() for _ in names]
    streams = [make_stream(*each, model) for each in zip(names, sources, strict=True)]
    for stream in streams:
        stream.start()
    server = Server(make_app(streams, dispatcher, metrics), eventually)
    try:
        seen = dict.fromkeys(names, 0)
        for turn in range(2):
            for each in sources:
                each.push()
            before = dict(seen)
            while any(seen[name] == before[name] for name in names):
                query = "&".join(f"{name}={number}" for name, number in seen.items())
                for name, number, jpeg in unpack(get(server.port, "/api/pictures?" + query).read()):
                    assert number > seen[name], turn
                    assert jpeg.startswith(b"\xff\xd8")
                    seen[name] = number
    finally:
        for stream in streams:
            stream.stop()
        server.stop()


def test_silence_is_an_empty_answer(port, source, stream, monkeypatch, eventually):
    monkeypatch.setattr("edgerun.serve.http._POLL_SECONDS", 0.05)
    assert unpack(get(port, "/api/pictures?front=0").read()) == []


def test_drawing_ends_after_the_last_viewer(port, source, stream, eventually, monkeypatch):
    monkeypatch.setattr("edgerun.serve.gallery._LINGER_SECONDS", 0.01)
    source.push()
    assert get(port, "/stream/front.jpg").status == 200
    eventually(lambda: not stream.pictures.watched)


@pytest.mark.parametrize("path", ["/stream/front.mjpg", "/api/events"])
def test_who_reads_nothing_holds_up_nobody(port, source, stream, eventually, path):
    with socket.socket() as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(("127.0.0.1", port))
        sleeper.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        number, pictures = 0, 0
        for count in range(1, 201):
            # More than the buffers of the system take.
            stream.pictures.publish(bytes(300_000))
            source.push()
            eventually(lambda n=count: stream.stats.to_dict()["frames"]["processed"] == n)
            if count % 20 == 0:
                found = unpack(get(port, f"/api/pictures?front={number}").read())
                number = found[0][1]
                pictures += 1
    assert stream.stats.to_dict()["frames"] == {"captured": 200, "processed": 200, "dropped": {}}
    assert pictures == 10


def test_the_scheduler_says_what_it_decided(port, source, stream, eventually):
    for _ in range(3):
        source.push()
    eventually(lambda: stream.results.latest)
    eventually(lambda: json.load(get(port, "/api/scheduler"))["decided"])
    found = json.load(get(port, "/api/scheduler"))
    assert found["cores"] == 1
    assert found["streams"][0]["name"] == "front"
    assert found["costs"]["runs"][0]["threads"] == 1
    assert found["decided"][0]["streams"] == ["front"]
    assert found["own_us_per_frame"] > 0


@pytest.fixture
def colours_port(tmp_path, source, make_stream, dispatcher, metrics, eventually) -> Iterator[int]:
    """A server of a real model; its camera does not run."""
    model = load(write_colours_model(tmp_path / "colours.tflite"), threads=1)
    stream = make_stream("front", source, model)
    server = Server(make_app([stream], dispatcher, metrics), eventually)
    yield server.port
    server.stop()


def test_the_model_says_what_it_is(colours_port, tmp_path):
    found = json.load(get(colours_port, "/api/model"))
    session = Session(tmp_path / "colours.tflite", threads=1)
    assert found["name"] == "colours"
    assert found["task"] == "classification"
    assert found["fingerprint"] == session.fingerprint()
    assert found["arena_bytes"] == session.summary().arena_bytes
    assert found["inputs"] == [{"name": "pixels", "shape": [1, 32, 32, 3], "dtype": "uint8"}]
    assert found["outputs"] == [{"name": "scores", "shape": [1, 3], "dtype": "uint8"}]


def test_a_profile_has_every_step(colours_port):
    found = json.load(get(colours_port, "/api/profile?camera=front"))
    assert [step["operator"] for step in found["steps"]] == ["AveragePool2d", "Softmax"]
    assert all(step["time_us"] > 0 and "/" in step["kernel"] for step in found["steps"])
    assert found["time_us"] == pytest.approx(sum(step["time_us"] for step in found["steps"]))
    assert sum(step["share"] for step in found["steps"]) == pytest.approx(1)


def test_another_engine_has_no_profile(port, stream):
    stream.model.session = object()
    response = get(port, "/api/profile")
    assert response.status == 404
    sentence = "The model fake runs on object, which has no profile."
    assert json.load(response)["error"] == sentence


def test_what_is_not_finite_is_null(port, stream, monkeypatch):
    odd = {"camera": "front", "v": [1.5, math.nan, -math.inf]}
    monkeypatch.setattr(stream, "status", lambda: odd)
    for text in (
        get(port, "/api/streams").read().decode(),
        Events(get(port, "/api/events")).wait_for("status")["data"],
    ):
        assert json.loads(text, parse_constant=pytest.fail)["streams"][0]["v"] == [1.5, None, None]


def test_a_bug_is_a_sentence_too(port, stream, monkeypatch):
    monkeypatch.setattr(stream, "status", lambda: 1 / 0)
    response = get(port, "/api/streams")
    assert response.status == 500
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert json.load(response) == {"error": "The server failed at this; its log says how."}


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


def test_several_cameras_share_the_models_of_one_crew(config, model, clip, monkeypatch):
    loaded = []
    monkeypatch.setattr(service_module, "load", lambda *a, **k: loaded.append(k["threads"]) or model)
    cameras = (*config.cameras, CameraConfig("second", str(clip), priority=2.0, policy="queue", depth=3))
    wanted = replace(config, cameras=cameras, model=replace(config.model, threads=2))
    service = Service(wanted)
    assert loaded == [2, 1]  # one frame over all cores, and a frame per core
    assert [stream.name for stream in service._streams] == ["clip", "second"]
    rules = service._dispatcher.to_dict()["streams"]
    assert [(r["policy"], r["priority"]) for r in rules] == [("latest", 1.0), ("queue", 2.0)]
    service._socket.close()
