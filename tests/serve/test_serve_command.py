"""The words of `edgerun serve`, as the configuration that they make."""

from __future__ import annotations

from pathlib import Path

import click.testing
import pytest

from edgerun.cli import cli
from edgerun.serve import service
from edgerun.serve.config import CameraConfig, JsonLinesConfig, ServeConfig

FILE = """
[server]
port = 9000
[model]
path = "net.tflite"
[[camera]]
source = "rtsp://10.0.0.7/cam"
rate = 5
"""


@pytest.fixture
def serve(monkeypatch, tmp_path):
    """Calls `edgerun serve` with these words in a folder with a model; what it would serve."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGERUN_TOKENS_FILE", raising=False)
    Path("net.tflite").write_bytes(b"net")
    Path("edgerun.toml").write_text(FILE)
    served: list[ServeConfig] = []

    class Service:
        def __init__(self, config: ServeConfig) -> None:
            served.append(config)

        def run(self) -> None:
            pass

    monkeypatch.setattr(service, "Service", Service)

    def call(*words: str) -> ServeConfig:
        result = click.testing.CliRunner().invoke(cli, ["serve", *words])
        assert result.exit_code == 0, result.output
        return served.pop()

    return call


def test_words_without_a_file(serve):
    config = serve("--model", "net.tflite", "--camera", "0", "--camera", "rtsp://h/yard", "--once")
    assert config.cameras == (
        CameraConfig("camera0", "0", loop=False),
        CameraConfig("yard", "rtsp://h/yard", loop=False),
    )
    assert (config.host, config.port, config.insecure, config.events) == (
        "127.0.0.1",
        8000,
        False,
        None,
    )


def test_every_word_arrives(serve):
    words = "--model net.tflite --camera demo --labels n.txt --threshold 0.5 --threads 2 --rate 2"
    more = "--backend litert --events - --host ::1 --port 0 --insecure --loop --pace real"
    config = serve(*words.split(), *more.split())
    assert config.cameras == (CameraConfig("demo", "demo", True, 2.0, "real"),)
    assert (config.model.labels, config.model.threshold) == (Path("n.txt"), 0.5)
    assert (config.model.threads, config.model.backend) == (2, "litert")
    assert (config.host, config.port, config.insecure) == ("::1", 0, True)
    assert config.events == JsonLinesConfig("-")


def test_a_file_and_words_before_it(serve, tmp_path):
    config = serve("edgerun.toml")
    assert config.cameras == (CameraConfig("cam", "rtsp://10.0.0.7/cam", rate=5.0),)
    assert (config.port, config.model.path) == (9000, Path("net.tflite"))
    config = serve("edgerun.toml", "--port", "1", "--rate", "3", "--threshold", "0.25")
    assert (config.port, config.cameras[0].rate, config.model.threshold) == (1, 3.0, 0.25)
    assert serve("edgerun.toml", "--camera", "0").cameras == (CameraConfig("camera0", "0"),)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["none.toml"], 4, "edgerun: none.toml: the configuration cannot be read: No such file"),
        (["--model", "none.tflite"], 1, "There is no file or folder 'none.tflite'."),
        (["edgerun.toml", "--host", "0.0.0.0"], 4, "edgerun: Serving on 0.0.0.0 shows the cameras"),
        (["--model", "net.tflite", "--rate", "1", "--pace", "fast"], 4, "has a rate and pace"),
        (["--rate", "0"], 2, "'--rate'"),
    ],
)
def test_what_is_refused(serve, words, code, sentence):
    result = click.testing.CliRunner().invoke(cli, ["serve", *words])
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
