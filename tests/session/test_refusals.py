"""Models that are refused, with a sentence; and memory that is given back."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pytest

import edgerun
from edgerun.errors import ConfigError, EdgerunError, FormatError, ModelError, UnsupportedOperatorError
from edgerun.formats.tflite_writer import ModelBuilder
from shared_material import needs_shared, shared


def test_all_unsupported_operators_are_listed_at_once():
    net = ModelBuilder()
    x, y, z, out = (net.tensor(name, [1, 4], "float32") for name in ("x", "y", "z", "out"))
    net.operator("MyOther", [x], [y], custom_options=b"\2")
    net.operator("SKIP_GRAM", [y], [z])
    net.operator("MyOwnOperator", [z], [out], custom_options=b"\1")
    with pytest.raises(UnsupportedOperatorError) as caught:
        edgerun.Session(net.finish([x], [out]))
    assert str(caught.value) == (
        "<bytes>: 3 of 3 operators are not supported:\n"
        "  operator 0: MyOther version 1 (float32[1, 4] -> float32[1, 4]): there is no importer for it\n"
        "  operator 1: SKIP_GRAM version 1 (float32[1, 4] -> float32[1, 4]): there is no importer for it\n"
        "  operator 2: MyOwnOperator version 1 (float32[1, 4] -> float32[1, 4]): there is no importer for it"
    )
    assert isinstance(caught.value, ModelError)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(
        ModelError, match=r"none\.tflite: the model cannot be read: No such file or directory\.$"
    ):
        edgerun.Session(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="the model cannot be read"):
        edgerun.Session(tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "looks like a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "looks like a JPEG image"),
        (b"no: model\r\nat all\n", "begins with the text 'no: model'"),
        (b"\x0a\x07\x12\x07pytorch", "begins with the bytes 0a 07 12 07 70 79 74 6f"),
        ("größer".encode(), "begins with the bytes 67 72 c3 b6 c3 9f 65 72"),
    ],
)
def test_a_file_of_another_format_is_described(data, sentence):
    with pytest.raises(FormatError) as caught:
        edgerun.Session(data)
    assert str(caught.value) == (
        "<bytes>: not a model that edgerun knows: a .tflite file has 'TFL3' at byte 4, an .onnx file is an"
        f" ONNX protobuf, this one {sentence}."
    )


def test_truncated_files_are_refused(classifier):
    for length in range(0, len(classifier) - 4, 97):  # the last bytes may be padding
        with pytest.raises(EdgerunError):
            edgerun.Session(classifier[:length])
    with pytest.raises(FormatError):
        edgerun.Session(classifier[: len(classifier) // 2])


def test_damaged_files_never_crash(classifier):
    rng = np.random.default_rng(5)
    for _ in range(300):
        damaged = bytearray(classifier)
        for at in rng.integers(8, len(damaged), rng.integers(1, 4)):
            damaged[at] = rng.integers(0, 256)
        try:
            session = edgerun.Session(bytes(damaged), threads=1)
            session.run(np.zeros(session.inputs[0].shape, session.inputs[0].dtype))
        except EdgerunError:
            pass


@pytest.mark.parametrize("name", [pytest.param("models/invalid", marks=needs_shared)])
def test_invalid_models_are_refused(name):
    paths = list(shared(name).iterdir())
    assert paths
    for path in paths:
        with pytest.raises(ModelError) as caught:
            edgerun.Session(path)
        assert str(path) in str(caught.value)


def test_the_arena_has_a_limit(make_classifier, monkeypatch):
    large = make_classifier(side=256)
    monkeypatch.setenv("EDGERUN_MAX_ARENA_MB", "4")
    with pytest.raises(ModelError) as caught:
        edgerun.Session(large)
    assert str(caught.value) == "<bytes>: the activations need 6.2 MB, EDGERUN_MAX_ARENA_MB allows 4."
    monkeypatch.setenv("EDGERUN_MAX_ARENA_MB", "7")
    edgerun.Session(large)
    monkeypatch.setenv("EDGERUN_MAX_ARENA_MB", "none")
    with pytest.raises(
        ConfigError, match=r"^EDGERUN_MAX_ARENA_MB must be a whole number of at least 1, got 'none'\.$"
    ):
        edgerun.Session(large)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_dropped_sessions_give_their_memory_back(classifier, images):
    (x,) = images(1)

    def use(count: int) -> int:
        for _ in range(count):
            session = edgerun.Session(classifier, threads=2)
            session.run(x)
            session.input("image")
            session.twin().run(x)
        gc.collect()
        return resident_bytes()

    settled = use(200)
    # A leak of one arena per session alone would be 44 MB.
    assert use(800) - settled < 12 << 20
