"""The configuration file: what it says, what goes before it, what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.errors import ConfigError
from edgerun.serve.config import CameraConfig, JsonLinesConfig, ServeConfig
from edgerun.serve.config_file import read_config

TOKEN = "0123456789abcdef"

WHOLE = f"""
[server]
host = "0.0.0.0"
port = 9000
tokens = ["{TOKEN}"]

[model]
path = "net.tflite"
labels = "names.txt"
threshold = 0.5
threads = 2
backend = "litert"

[[camera]]
name = "yard"
source = "rtsp://me:secret@10.0.0.7/cam"
rate = 5

[[camera]]
source = "clips/gate.mp4"
pace = "fast"
loop = false

[sinks.jsonl]
path = "events.jsonl"
only = "changes"
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGERUN_TOKENS_FILE", raising=False)

    def make(text: str) -> Path:
        path = tmp_path / "edgerun.toml"
        path.write_text(text)
        return path

    return make


NET = {"model": {"path": "net.tflite"}}


def read(path: Path | None, given: dict | None = None, each: dict | None = None) -> ServeConfig:
    return read_config(path, given or {}, each or {})


def test_a_whole_file(write, tmp_path):
    config = read(write(WHOLE))
    assert (config.host, config.port, config.tokens) == ("0.0.0.0", 9000, (TOKEN,))
    assert (config.model.path, config.model.labels) == (
        tmp_path / "net.tflite",
        tmp_path / "names.txt",
    )
    assert (config.model.threshold, config.model.threads, config.model.backend) == (
        0.5,
        2,
        "litert",
    )
    assert config.cameras == (
        CameraConfig("yard", "rtsp://me:secret@10.0.0.7/cam", rate=5.0),
        CameraConfig("gate", str(tmp_path / "clips/gate.mp4"), loop=False, pace="fast"),
    )
    assert config.events == JsonLinesConfig(str(tmp_path / "events.jsonl"), "changes")
    assert "secret" not in repr(config)
    assert TOKEN not in repr(config)


def test_the_command_line_goes_before_the_file(write, tmp_path):
    given = {
        "camera": [{"source": "0"}, {"source": "b.mp4"}],
        "server": {"port": 1},
        "model": {"threshold": 0.25},
        "sinks": {"jsonl": {"path": "-"}},
    }
    config = read(write(WHOLE), given, {"rate": 2.0})
    assert [(c.name, c.source, c.rate) for c in config.cameras] == [
        ("camera0", "0", 2.0),
        ("b", "b.mp4", 2.0),
    ]
    assert (config.host, config.port) == ("0.0.0.0", 1)
    assert (config.model.path, config.model.threshold) == (tmp_path / "net.tflite", 0.25)
    assert config.events == JsonLinesConfig("-", "changes")


def test_without_anything_the_demo_is_served(write):
    config = read(None, NET)
    assert config.model.path == Path("net.tflite")
    assert config == ServeConfig(config.cameras, config.model)
    assert [(c.name, c.source) for c in config.cameras] == [("demo", "demo")]
    assert (config.host, config.port, config.tokens, config.events) == ("127.0.0.1", 8000, (), None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[server]\nport = "x"', ":2: server.port: input should be a valid integer, got 'x'."),
        ("[server]\nport = 70000", ":2: server.port: input should be less than or equal to 65535"),
        (
            "\n[server]\nprot = 1",
            ":3: server.prot is not known; expected one of host, port, insecure,",
        ),
        ('[server]\n"a.b" = 1', ":2: server.a.b is not known; expected one of host, port, insecure,"),
        ("servers = 1", ":1: servers is not known; expected one of model, camera, server, sinks, second."),
        ('[[camera]]\nname = "a"', ":1: camera.source is missing."),
        ("[[camera]]\nsource = 0", ":2: camera.source: input should be a valid string, got 0."),
        (
            '[[camera]]\nsource = "0"\n[[camera]]\nsource = "1"\nrate = 0',
            ":5: camera.rate: input should",
        ),
        ('[[camera]]\nsource = "0"\npace = "slow"', ":3: camera.pace: input should be 'real'"),
        ('[[camera]]\nsource = "0"\nname = "a b"', ":3: camera.name: string should match pattern"),
        ('[camera]\nsource = "0"', ":1: camera: input should be a valid"),
        (
            "[model]\nthreshold = 2",
            ":2: model.threshold: input should be less than or equal to 1, got 2.",
        ),
        ('model = "net"', ":1: model: input should be"),
        ('[sinks.jsonl]\nonly = "all"', ":1: sinks.jsonl.path is missing."),
        ("[server", ": this is no TOML: "),
        ('[[camera]]\nsource = "0"\nrate = 1\npace = "fast"', "camera0' has a rate and pace"),
        (
            '[[camera]]\nsource = "0"\nname = "a"\n[[camera]]\nsource = "1"\nname = "a"',
            "the name 'a'",
        ),
        ('[[camera]]\nsource = "0"\npolicy = "all"', "camera0' has policy = \"all\", but a live"),
        ('[[camera]]\nsource = "a.mp4"\npolicy = "queue"\npace = "fast"', 'has policy = "queue" and pace'),
        ('[[camera]]\nsource = "0"\npriority = 0', ":3: camera.priority: input should be greater than 0"),
        ('[[camera]]\nsource = "0"\nlatency = 0', ":3: camera.latency: input should be greater than 0"),
        ('[[camera]]\nsource = "0"\ndepth = 65', ":3: camera.depth: input should be less than or equal"),
        ("camera = []", "no camera"),
        ('[server]\nhost = "0.0.0.0"', "Serving on 0.0.0.0 shows the cameras to everybody"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(write, text, sentence):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        read(path, NET)
    assert sentence in str(caught.value)
    if sentence[0] == ":":
        assert str(caught.value).startswith(f"{path}{sentence[:2]}")


def test_every_error_is_told_in_order_of_lines(write):
    with pytest.raises(ConfigError) as caught:
        read(write("a = 1\n[server]\nport = -1\nhost = 3\n[model]\nthreads = 0"), NET)
    lines = [line.split(":")[1] for line in str(caught.value).splitlines()]
    assert lines == ["1", "3", "4", "6"][: len(lines)] and len(lines) == 4


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: the configuration cannot be read: No such"):
        read(tmp_path / "none.toml")


def test_no_error_tells_a_secret(write):
    text = '[server]\ntokens = ["hunter2", 7]\n[[camera]]\nsource = "rtsp://me:hunter2@h"\nname = 1'
    with pytest.raises(ConfigError) as caught:
        read(write(text), NET)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="token 1 must have 16 to 256") as caught:
        read(write('[server]\ntokens = ["hunter2"]'), NET)
    assert "hunter2" not in str(caught.value)


def test_tokens_come_from_the_file_of_the_configuration_and_that_of_the_environment(
    write, tmp_path, monkeypatch
):
    (tmp_path / "tokens").write_text(f"# mine\n\n{TOKEN}1\n{TOKEN}2\n")
    monkeypatch.setenv("EDGERUN_TOKENS_FILE", str(tmp_path / "more"))
    (tmp_path / "more").write_text(f"{TOKEN}3")
    config = read(
        write(f'[server]\nhost = "::"\ntokens = ["{TOKEN}0"]\ntokens_file = "tokens"'), NET
    )
    assert config.tokens == tuple(f"{TOKEN}{i}" for i in range(4))
    (tmp_path / "more").write_text("# none\n")
    with pytest.raises(ConfigError, match=r"more: there is no token"):
        read(None, NET)
