"""The readers of files that lie beside or within a model, and those of models without what comes after.

Each is a function of bytes: it may return or raise an EdgerunError, and do nothing else. `python -m fuzz
--format card` changes sound files of its kind; `python -m fuzz.guided card` looks for files that reach new
code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

import metadata_files
from edgerun import artifact
from edgerun.errors import EdgerunError
from edgerun.formats import flexbuffer, tflite_metadata, tflite_reader
from edgerun.formats.archive import appended_archive
from edgerun.frontends.onnx import OnnxFile
from edgerun.serve.config_file import read_config
from edgerun.vision.card import Card, InputCard
from edgerun.vision.card_toml import apply_toml
from edgerun.vision.labels import Labels
from edgerun.vision.media import VideoReader, decode_image
from fuzz import seeds

_LONGEST = 8000  # characters of a message
_FRAMES = 4  # of a video that is read


class Reader(NamedTuple):
    """suffix: of the file that `read` is given; sound(): files that it takes."""

    suffix: str
    read: Callable[[Path], object]
    sound: Callable[[], list[bytes]]

    def attempt(self, path: Path) -> str:
        """ "ran" or "refused"; anything else comes out as an exception."""
        try:
            self.read(path)
        except EdgerunError as error:
            message = str(error)
        else:
            return "ran"
        assert len(message) < _LONGEST, "A message is for people."
        return "refused"


_CARD = b"""# a card
task = "classification"
scores = "logits"
threshold = 0.4
overlap = 5e-1
top = 5
[input]
colour = "rgb"
resize = "crop"
crop = 0.875
fill = 114
mean = [123.675, 116.28, 103.53]
scale = [0.0171, 0.0175, 0.0174]
"""
_CARDS = [_CARD, b'task = "detection"\ninput = {mean = 0, scale = 0x1, colour = \'bgr\'}\ndecoder = "ssd"\n']
_LABELS = [
    b"cat\ndog\n\nbird\n",
    b"0 cat\n1: dog\n2,bird\n",
    "\ufeff???\r\nFüße\r\n".encode(),
    b"1  a\n0:\tb\n",
]
_LABEL_MAPS = [
    b"item {\n  id: 1\n  name: 'cat'\n}\n"
    b'item {\n  id: 2\n  display_name: "d\\"og"\n  keypoints { id: 3 }\n}\n',
    b'# map\nitem: { name: "/m/1", id: 7; display_name: "x" }\n',
]
_CONFIGS = [
    b"""[model]
path = "m.tflite"
labels = "l.txt"
[[camera]]
source = "demo"
name = "door"
rate = 5.5
priority = 2
[[camera]]
source = "rtsp://u:p@10.0.0.7/live"
policy = "latest"
[server]
host = "127.0.0.1"
port = 8001
insecure = false
tokens = ["0123456789abcdef0123456789abcdef"]
[sinks.jsonl]
path = "events.jsonl"
""",
    b'model = {path = "m.onnx"}\ncamera = [{source = "0"}, {source = "a.mp4", "rate" = 1}]\n',
]


def _texts() -> list[bytes]:
    labels = metadata_files.labels_file
    full = metadata_files.about(
        input=metadata_files.image(colour=2, mean=(127.5,), std=(127.5,)),
        output={"name": "y", "associated_files": [labels("l.txt"), labels("m.txt", locale="en")]},
        associated_files=[labels("l.txt")],
        author="a",
    )
    return [metadata_files.write_metadata(full), metadata_files.write_metadata(metadata_files.about())]


def _archives() -> list[bytes]:
    files = {"labels.txt": b"a\nb\n" * 20, "x/y.txt": b"1", "z.json": b"{}"}
    return [b"model" * 9 + metadata_files.archive(files, method) for method in (0, 8)]


def _flexbuffers() -> list[bytes]:
    values = ({"a": 1, "b": [1, 2.5, "x"], "c": {"d": True, "e": None}}, [1, 2, 300000, -5], {"s": "t" * 40})
    return [flexbuffer.write(value) for value in values]


def _pictures() -> list[bytes]:
    picture = (np.arange(24 * 17 * 3) * 37 % 251).astype(np.uint8).reshape(24, 17, 3)
    found = []
    for suffix, flags in (
        (".png", ()),
        (".jpg", ()),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".bmp", ()),
        (".ppm", ()),
        (".pgm", ()),
        (".tiff", ()),
        (".tiff", (cv2.IMWRITE_TIFF_COMPRESSION, 1)),
        (".webp", ()),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    ):
        image = picture[..., 0] if suffix == ".pgm" else picture
        found.append(cv2.imencode(suffix, image, flags)[1].tobytes())
    return found


def _videos() -> list[bytes]:
    import tempfile

    found = []
    picture = (np.arange(48 * 64 * 3) * 37 % 251).astype(np.uint8).reshape(48, 64, 3)
    with tempfile.TemporaryDirectory() as folder:
        for name, codec in (("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "mp4v")):
            path = str(Path(folder, name))
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
            for i in range(_FRAMES):
                writer.write(np.roll(picture, i, 0))
            writer.release()
            found.append(Path(path).read_bytes())
    return found


def _models(format: str) -> list[bytes]:
    found = [build() for _, build in seeds.seeds(format)[::7]]
    return [data for data in found if data is not None]


def _read_video(path: Path) -> None:
    with VideoReader(path) as video:
        for _ in range(_FRAMES):
            video.read()


def _read_config(path: Path) -> None:
    read_config(path, {}, {})


READERS = {
    "card": Reader(
        ".toml", lambda path: apply_toml(path, Card("classification", InputCard())), lambda: _CARDS
    ),
    "labels": Reader(".txt", Labels.read, lambda: _LABELS),
    "label-map": Reader(".pbtxt", Labels.read, lambda: _LABEL_MAPS),
    "config": Reader(".toml", _read_config, lambda: _CONFIGS),
    "metadata": Reader(".bin", lambda p: tflite_metadata.read_metadata(p.read_bytes()), _texts),
    "archive": Reader(".zip", lambda p: appended_archive(p.read_bytes()), _archives),
    "flexbuffer": Reader(".bin", lambda p: flexbuffer.read(p.read_bytes()), _flexbuffers),
    "picture": Reader(".jpg", lambda p: decode_image(p.read_bytes(), "The file"), _pictures),
    "video": Reader(".avi", _read_video, _videos),
    "tflite-reader": Reader(
        ".tflite",
        lambda p: tflite_reader.read_model(p.read_bytes()),
        functools.partial(_models, "tflite"),
    ),
    "onnx-reader": Reader(
        ".onnx",
        lambda p: OnnxFile(p.read_bytes(), "<bytes>"),
        functools.partial(_models, "onnx"),
    ),
    "edgerun-reader": Reader(
        ".edgerun",
        lambda p: artifact.read_artifact(p.read_bytes(), "<bytes>"),
        functools.partial(_models, "edgerun"),
    ),
}
BESIDE = ("card", "labels", "label-map", "config", "metadata", "archive", "flexbuffer", "picture", "video")
