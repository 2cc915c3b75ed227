"""A camera whose objects are followed: zones from a file and from the page, events, still scenes."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from colours import write_colours_model
from edgerun.errors import ConfigError
from edgerun.serve.config_file import read_config
from edgerun.serve.service import Service
from edgerun.vision.media import VideoWriter
from edgerun.vision.zones import Line, Zone
from edgerun.vision.zones_toml import read_zones

ALL = {"name": "all", "points": [[0, 0], [1, 0], [1, 1], [0, 1]]}
GATE = {"name": 'the "gate"', "start": [0.5, 0], "end": [0.5, 1], "labels": ["cup"]}


class Running:
    """A service on a port of its own."""

    def __init__(self, path: Path) -> None:
        self.service = Service(read_config(path, {}, {}))
        self.port = int(self.service.url.rpartition(":")[2])
        self.thread = threading.Thread(target=self.service.run)
        self.thread.start()

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def text(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        return connection.getresponse().read().decode()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    running: list[Running] = []

    def start(camera: str, more: str = "") -> Running:
        path = tmp_path / "edgerun.toml"
        path.write_text(f"[server]\nport = 0\n{more}\n[[camera]]\n{camera}\n")
        running.append(Running(path))
        return running[-1]

    yield start
    for one in running:
        while not hasattr(one.service, "_server"):
            time.sleep(0.01)
        one.service.stop()
        one.thread.join()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_zones_are_drawn_kept_and_events_counted(serve, tmp_path: Path) -> None:
    running = serve('source = "demo"\nname = "yard"\nzones = "yard.toml"')
    file = tmp_path / "yard.toml"
    status, places = running.ask("/api/zones?camera=yard")
    assert (status, places) == (200, {"zone": [], "line": []})
    status, places = running.ask("/api/zones?camera=yard", "PUT", {"zone": [ALL], "line": [GATE]})
    assert status == 200, places
    assert places["zone"][0]["name"] == "all" and places["line"][0]["in"] == 0
    watch = read_zones(file)
    assert watch.zones == [Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)))]
    assert watch.lines == [Line('the "gate"', (0.5, 0.0), (0.5, 1.0), ("cup",))]

    def entered() -> bool:
        return 'edgerun_events_total{camera="yard",event="enter",place="all"}' in running.text("/metrics")

    until(entered)
    (stream,) = running.ask("/api/streams")[1]["streams"]
    assert stream["zones"]["zone"][0]["count"] >= 0
    assert "track" in stream["stages_ms"]
    until(
        lambda: any(
            "track" in p for p in running.ask("/api/streams")[1]["streams"][0]["latest"]["predictions"]
        )
    )
    # What the page shows it may send back as it is; without zones there is no file.
    assert running.ask("/api/zones", "PUT", running.ask("/api/zones")[1])[0] == 200
    assert running.ask("/api/zones", "PUT", {"zone": [], "line": []})[0] == 200
    assert not file.exists()


@pytest.mark.parametrize(
    ("body", "headers", "status", "sentence"),
    [
        (b"{", {}, 400, "no JSON"),
        (b"[" * 60_000, {}, 400, "no JSON"),
        ([], {}, 400, "The zones are"),
        ({"zones": []}, {}, 400, "zones is not known; expected zone, line"),
        ({"zone": [{"name": "a"}]}, {}, 400, "zone 1: points is missing"),
        ({"zone": [ALL, ALL]}, {}, 400, "Two zones or lines have the name 'all'"),
        ({"zone": [{**ALL, "points": [[0, 0], [1, 1], [2, 0]]}]}, {}, 400, "parts of width and height"),
        (b" " * 100_000, {}, 413, "no more than 65536 bytes"),
        ({"zone": [ALL]}, {"Content_Type": "text/plain"}, 415, "application/json"),
        ({"zone": [ALL]}, {"Origin": "http://elsewhere.example"}, 403, "not of this server"),
    ],
)
def test_what_is_no_zone_changes_nothing(serve, tmp_path: Path, body, headers, status, sentence) -> None:
    running = serve('source = "demo"\nzones = "z.toml"')
    got, answer = running.ask("/api/zones", "PUT", body, **headers)
    assert got == status and sentence in answer["error"]
    assert not (tmp_path / "z.toml").exists()


def test_a_camera_without_a_file_says_what_to_do(serve) -> None:
    running = serve('source = "demo"\ntrack = true')
    status, answer = running.ask("/api/zones", "PUT", {"zone": [ALL]})
    assert status == 409 and 'zones = "zones.toml"' in answer["error"]
    assert running.ask("/api/zones")[0] == 200


def test_a_camera_that_follows_nothing_has_no_zones(serve) -> None:
    running = serve('source = "demo"')
    status, answer = running.ask("/api/zones")
    assert status == 404 and "does not follow objects" in answer["error"]
    assert running.ask("/api/zones", "PUT", {"zone": [ALL]})[0] == 409


def test_still_frames_are_passed_over(serve, tmp_path: Path) -> None:
    with_stillness = tmp_path / "still.avi"
    writer = VideoWriter(with_stillness, 10)
    for _ in range(80):
        writer.write(np.full((120, 160, 3), 90, np.uint8))
    writer.close()
    running = serve('source = "still.avi"\nmotion = true')
    until(lambda: running.ask("/api/streams")[1]["streams"][0]["frames"]["dropped"].get("still", 0) > 3)


def test_what_cannot_be_followed_is_refused_at_the_start(serve, tmp_path: Path) -> None:
    write_colours_model(tmp_path / "colours.tflite")
    with pytest.raises(ConfigError, match="is to follow objects, and colours finds none"):
        serve('source = "demo"\ntrack = true', '[model]\npath = "colours.tflite"')
    (tmp_path / "z.toml").write_text("")
    with pytest.raises(ConfigError, match=r"z\.toml: there is no \[\[zone\]\]"):
        serve('source = "demo"\nzones = "z.toml"')
    with pytest.raises(ConfigError, match="each needs a file of its own"):
        serve('source = "demo"\nzones = "y.toml"\n[[camera]]\nsource = "demo"\nzones = "y.toml"')
