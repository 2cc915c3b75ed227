"""Logins, snapshots and what is asked of cameras."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click.testing
import cv2
import numpy as np
import pytest

from edgerun.cli import cli
from edgerun.errors import ConfigError
from edgerun.serve.config_file import read_config
from edgerun.serve.sources import Interruption, open_source
from edgerun.serve.sources.options import CaptureOptions


def test_a_login_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YARD", "me:p@ss/word")
    (tmp_path / "login").write_text("you:x\n")
    url = "rtsp://old:user@10.0.0.7:554/cam?x=1"
    assert CaptureOptions(login="env:YARD").with_login(url) == "rtsp://me:p%40ss%2Fword@10.0.0.7:554/cam?x=1"
    assert (
        CaptureOptions(login=f"file:{tmp_path}/login").with_login(url) == "rtsp://you:x@10.0.0.7:554/cam?x=1"
    )
    assert CaptureOptions().with_login(url) == url
    for login in ("env:NOTHING_LIKE_IT", f"file:{tmp_path}/none", "me:secret"):
        with pytest.raises(ConfigError) as error:
            CaptureOptions(login=login).with_login(url)
        assert "secret" not in str(error.value)


def test_the_configuration_has_them(tmp_path: Path) -> None:
    path = tmp_path / "edgerun.toml"
    path.write_text(
        '[[camera]]\nsource = "0"\nsize = [1280, 720]\nfps = 15\nformat = "MJPG"\n'
        '[[camera]]\nsource = "rtsp://10.0.0.7/cam"\ntransport = "udp"\nlogin = "file:yard.login"\n'
    )
    first, second = (camera.options for camera in read_config(path, {}, {}).cameras)
    assert first == CaptureOptions((1280, 720), 15, "MJPG")
    assert second == CaptureOptions(transport="udp", login=f"file:{tmp_path}/yard.login")
    path.write_text('[[camera]]\nsource = "0"\nsize = [1280]\n')
    with pytest.raises(ConfigError, match=r":3: camera\.size"):
        read_config(path, {}, {})


class Snapshots(BaseHTTPRequestHandler):
    """A picture for each request, ever brighter; the fourth is none."""

    asked = 0

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked += 1
        picture = np.full((48, 64, 3), 30 * kind.asked, np.uint8)
        data = b"broken" if kind.asked == 5 else cv2.imencode(".png", picture)[1].tobytes()
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def snapshots():
    Snapshots.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Snapshots)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://me:secret@127.0.0.1:{server.server_address[1]}/snap.png"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_camera_of_single_pictures_is_asked_again(snapshots: str) -> None:
    source, stop = open_source(snapshots, "snap", options=CaptureOptions(fps=50)), threading.Event()
    shades = [int(source.read(stop).image[0, 0, 0]) for _ in range(3)]
    assert shades == [60, 90, 120]  # the first answer told only what kind it is
    with pytest.raises(Interruption, match="is no picture") as error:
        source.read(stop)
    assert "secret" not in str(error.value)
    assert source.read(stop) is not None
    source.close()


def test_cameras_probes_with_a_picture(snapshots: str, tmp_path: Path) -> None:
    result = click.testing.CliRunner().invoke(cli, ["cameras", "demo", "--save", str(tmp_path / "seen")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:2] == ["demo", "512x384"]
    assert cv2.imread(str(tmp_path / "seen" / "demo.jpg")).shape == (384, 512, 3)
    result = click.testing.CliRunner().invoke(cli, ["cameras", "http://127.0.0.1:9/x", "no.mp4", "--json"])
    assert result.exit_code == 3
    assert "cannot be reached" in result.stdout and "There is no camera or file" in result.stdout
