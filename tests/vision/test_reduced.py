"""JPEGs decoded at a part of their size: what is found lies where it lies in the whole picture."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.ir.types import UINT8, TensorInfo
from edgerun.vision.card import InputCard
from edgerun.vision.media import decode_reduced, read_image
from edgerun.vision.preprocess import Preprocessor


def preprocessor(card: InputCard | None = None, size: tuple[int, int] = (60, 90)) -> Preprocessor:
    return Preprocessor(card or InputCard(), TensorInfo("image", (1, *size, 3), UINT8, None))


def photo(width: int, height: int, orientation: int = 1) -> bytes:
    """A smooth picture; EXIF says how it is turned."""
    small = np.random.default_rng(1).integers(60, 200, (5, 7, 3), np.uint8)
    picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, 98))[1].tobytes()
    entry = struct.pack("<HHII", 0x112, 3, 1, orientation)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    segment = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


@pytest.mark.parametrize(
    ("card", "size", "expected"),
    [
        (InputCard(), (90, 60), 1),
        (InputCard(), (179, 121), 1),
        (InputCard(), (180, 120), 2),
        (InputCard(), (800, 479), 4),
        (InputCard(), (8000, 6000), 8),
        (InputCard(resize="letterbox"), (360, 100), 4),
        (InputCard(resize="crop", crop=0.5), (360, 240), 2),
        (InputCard(filter="bilinear"), (8000, 6000), 1),
    ],
)
def test_no_pixel_of_the_input_lacks_one_of_the_picture(card, size, expected) -> None:
    assert preprocessor(card).reduction(*size) == expected


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("card", [InputCard(), InputCard(resize="letterbox"), InputCard(resize="crop")])
def test_it_is_the_same_picture(tmp_path: Path, card: InputCard, orientation: int) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(1203, 802, orientation))
    whole, made = read_image(path), preprocessor(card)
    reduced, size = decode_reduced(path.read_bytes(), "The file", made.reduction)
    assert size == whole.shape[1::-1] == ((802, 1203) if orientation == 6 else (1203, 802))
    assert reduced.shape[0] < whole.shape[0] / 3.9
    expected, got = made.empty(), made.empty()
    place = made(whole, expected)
    assert np.abs(got.astype(int) - expected).max() > 10  # nothing is there yet
    mine = made(reduced, got).of_whole(*size)
    apart = np.abs(got.astype(int) - expected)
    assert apart.max() <= 8 and apart.mean() < 1.5
    assert mine.source == place.source and mine.size == place.size
    np.testing.assert_allclose(mine.crop, place.crop, atol=9)
    np.testing.assert_allclose(mine.place, place.place, atol=1)
    np.testing.assert_allclose(mine.to_source(0.5, 0.5), place.to_source(0.5, 0.5), atol=9)


def test_other_formats_are_decoded_whole() -> None:
    data = cv2.imencode(".png", np.zeros((800, 1200, 3), np.uint8))[1].tobytes()
    image, size = decode_reduced(data, "The file", preprocessor().reduction)
    assert (image.shape, size) == ((800, 1200, 3), (1200, 800))
