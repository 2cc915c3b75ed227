"""Files beside a model that say what cannot be, or what would cost too much: a sentence, and nothing else."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.errors import ConfigError, InputError
from edgerun.vision.card import Card, InputCard
from edgerun.vision.card_toml import apply_toml
from edgerun.vision.labels import Labels
from edgerun.vision.media import decode_image, read_image
from edgerun.vision.picture_file import inspect_picture
from edgerun.vision.text_file import parse_toml

CARD = Card("classification", InputCard())


def encoded(suffix: str, *flags: int) -> bytes:
    picture = (np.arange(40 * 30 * 3) * 37 % 251).astype(np.uint8).reshape(30, 40, 3)
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


FILES = {
    "bmp": encoded(".bmp"),
    "jpeg": encoded(".jpg"),
    "progressive jpeg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "png": encoded(".png"),
    "pnm": encoded(".ppm"),
    "tiff": encoded(".tiff"),
    "webp": encoded(".webp"),
    "lossless webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}


def png_of(width: int, height: int) -> bytes:
    """A file of some 60 bytes; that its data are missing is found out only after memory was taken."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("name", FILES)
def test_format_and_size_are_read_before_a_decoder_is_asked(name: str) -> None:
    info = inspect_picture(FILES[name])
    assert (info.format, info.width, info.height) == (name.split()[-1], 40, 30)
    assert decode_image(FILES[name], "The file").shape == (30, 40, 3)


@pytest.mark.parametrize("name", FILES)
def test_a_picture_cut_off_anywhere_is_a_picture_or_an_input_error(name: str) -> None:
    for end in range(0, len(FILES[name]), 7):
        try:
            assert decode_image(FILES[name][:end], "The file").shape == (30, 40, 3)
        except InputError as error:
            assert str(error).startswith("The file is ")  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    "data",
    [
        png_of(100_000, 100_000),
        png_of(1 << 31, 1),
        b"P5 100000 100000 255\n",
        b"P6 # wide\n999999999 9 255\n",
        b"BM" + bytes(12) + struct.pack("<Iii", 40, 50_000, -50_000) + bytes(28),
        b"II*\0" + struct.pack("<IHHHIIHHII", 8, 2, 256, 4, 1, 1 << 30, 257, 3, 1, 9) + bytes(4),
    ],
)
def test_a_small_file_that_claims_a_large_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"megapixels that EDGERUN_MAX_PICTURE_MP allows\.$"):
        decode_image(data, "The file")


def test_the_limit_is_a_knob(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_PICTURE_MP", "1")
    data = cv2.imencode(".png", np.zeros((1000, 1001, 3), np.uint8))[1].tobytes()
    with pytest.raises(InputError, match="has 1001x1000 pixels, which is more than the 1 megapixels"):
        decode_image(data, "The file")


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a" + bytes(9), b"\x76\x2f\x31\x01" + bytes(9), b"#?RADIANCE\n\n-Y 9 +X 9\n", b"P7\nWIDTH 4"],
)
def test_formats_that_are_rarely_used_are_not_decoded(data: bytes) -> None:
    with pytest.raises(InputError, match=r"is no picture of a format that is read \(BMP, JPEG, PNG"):
        decode_image(data, "The file")


def test_a_png_whose_chunk_is_longer_than_the_file() -> None:
    """OpenCV took 4 GB, and six seconds, for a file of 400 bytes."""
    data = FILES["png"]
    at = data.index(b"IDAT") - 4
    with pytest.raises(InputError, match="is a damaged PNG file"):
        decode_image(data[:at] + b"\xff\xff\xff\x64" + data[at + 4 :], "The file")


def test_an_empty_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a PNG file of 0x7 pixels"):
        decode_image(png_of(0, 7), "The file")


def test_what_is_no_file_is_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_PICTURE_MP", "1")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_image(tmp_path)
    with pytest.raises(InputError, match="too large for a picture: more than 8000000 bytes"):
        read_image(Path("/dev/zero"))
    with pytest.raises(InputError, match="does not exist"):
        read_image(Path("a\0.png"))


# -- TOML --


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "{b=" * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "out of range"),
        ("a = 0001-02-30", "out of range|no TOML"),
        ("x = [1, {y = 9223372036854775808}]", "no more than 64 bits"),
        ("x = 1\n" + "a." * 40_000 + "b = 1", ":2: a key must have no more than 32 parts"),
        ("x = 1\n['" + "'.'".join("ab" * 40) + "']", ":2: a key must have no more than 32 parts"),
        ("a = " + "x" * 5000, "no TOML"),
    ],
)
def test_toml_that_would_cost_too_much(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as info:
        parse_toml(text, "card.toml")
    assert str(info.value).startswith("card.toml")
    assert len(str(info.value)) < 300


def test_toml_that_is_long_is_read() -> None:
    assert parse_toml(f"a = 'x.y'\nb = {2**63 - 1}", "x") == {"a": "x.y", "b": 2**63 - 1}
    assert parse_toml("a = '''\r\nb\r\nc'''\r\n", "x") == {"a": "b\nc"}


@pytest.mark.parametrize("value", ["nan", "inf", "[1.0, -inf, 2.0]", "true", "[1, 2]", "'x'", "[[1]]"])
def test_a_card_with_numbers_that_are_none(tmp_path: Path, value: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(f"[input]\nscale = {value}\n")
    with pytest.raises(ConfigError, match=r"card\.toml: input\.scale must be a number or a list of three"):
        apply_toml(path, CARD)


@pytest.mark.parametrize("value", ["[]", "{}", "['ssd']", "1", "nan"])
def test_a_card_with_a_choice_of_another_kind(tmp_path: Path, value: str) -> None:
    path = tmp_path / "card.toml"
    path.write_text(f"decoder = {value}\n")
    with pytest.raises(ConfigError, match="decoder must be one of"):
        apply_toml(path, CARD)


def test_messages_do_not_repeat_a_long_value(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(f"task = '{'x' * 100_000}'\n")
    with pytest.raises(ConfigError, match="…") as info:
        apply_toml(path, CARD)
    assert len(str(info.value)) < len(str(path)) + 300


def test_a_card_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="the model card must be no larger than 1048576 bytes"):
        apply_toml(path, CARD)


# -- labels --


def test_labels_without_end_are_not_read(tmp_path: Path) -> None:
    link = tmp_path / "labels.txt"
    link.symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="the labels must be no larger than 8388608 bytes"):
        Labels.read(link)


def test_numbers_that_no_class_has(tmp_path: Path) -> None:
    long = "9" * 5000
    assert Labels.parse(f"{long} a\n", "x").names == {0: f"{long} a"}  # no number, then: a name
    with pytest.raises(ConfigError, match="x:1: the item needs an id, a whole number"):
        Labels.parse(f"item {{ id: {long} name: 'a' }}", "x", label_map=True)
    with pytest.raises(ConfigError, match="x:1: the item needs an id, a whole number"):
        Labels.parse("item { id: '٣' name: 'a' }", "x", label_map=True)


def test_a_long_label_map_takes_a_time_that_grows_with_its_length() -> None:
    """Lines were counted from the beginning for each word: this one took an hour."""
    text = "\n".join(f"item {{\n id: {i}\n name: 'n{i}'\n}}" for i in range(60_000))
    assert len(Labels.parse(text, "x", label_map=True).names) == 60_000
    with pytest.raises(ConfigError, match="x:240001: cannot read"):
        Labels.parse(text + "\n\\", "x", label_map=True)
