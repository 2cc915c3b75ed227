"""Pictures and videos on disk, through OpenCV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np

from edgerun import knobs
from edgerun.errors import CameraError, InputError
from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv
from edgerun.vision.picture_file import inspect_picture

_IMAGES = frozenset(("bmp", "jpeg", "jpg", "pgm", "png", "ppm", "tif", "tiff", "webp"))
_BYTES_PER_PIXEL = 8  # of the largest files: four channels of 16 bits, not compressed
# By name, because FFmpeg takes any text file for a video of a terminal.
_VIDEOS = frozenset(
    (
        "3gp",
        "avi",
        "flv",
        "gif",
        "m4v",
        "mjpeg",
        "mjpg",
        "mkv",
        "mov",
        "mp4",
        "mpeg",
        "mpg",
        "ogv",
        "ts",
        "webm",
        "wmv",
    )
)
# What is written, by suffix: codecs that every build of OpenCV has.
_CODECS = {".avi": "MJPG", ".mp4": "mp4v", ".mkv": "mp4v", ".mov": "mp4v"}


def is_image(path: Path) -> bool:
    return path.suffix.lower()[1:] in _IMAGES


def read_image(path: Path) -> Image:
    """uint8 [height, width, 3], blue first, turned as the file says. Raises InputError."""
    return decode_image(read_bytes(path), f"The file {str(path)!r}")


def read_bytes(path: Path) -> bytes:
    """A picture file's bytes, undecoded. Raises InputError for what is none, or is too large for one."""
    most = knobs.max_picture_pixels() * _BYTES_PER_PIXEL
    if not os.path.exists(path):
        raise InputError(f"The file {str(path)!r} does not exist.")
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputError(f"The file {str(path)!r} cannot be read: {error.strerror}.") from error
    if len(data) > most:
        raise InputError(f"The file {str(path)!r} is too large for a picture: more than {most} bytes.")
    return data


def decode_image(data: bytes, what: str) -> Image:
    """uint8 [height, width, 3], blue first, turned as the file says, from a picture file's bytes.

    what: begins the message of the InputError for what is no picture, is damaged or is too large.
    """
    return decode_reduced(data, what, lambda width, height: 1)[0]


def decode_reduced(
    data: bytes, what: str, reduction: Callable[[int, int], int]
) -> tuple[Image, tuple[int, int]]:
    """`decode_image`, and width and height of the whole picture: a JPEG is decoded at a part of its size.

    reduction: of width and height, into 1, 2, 4 or 8: by how much the sides may be smaller.
    """
    cv2 = opencv()
    try:
        info = inspect_picture(data)
        by = 1
        if info.format == "jpeg":  # which may be turned when it is decoded
            by = min(reduction(info.width, info.height), reduction(info.height, info.width))
        how = cv2.IMREAD_COLOR if by == 1 else getattr(cv2, f"IMREAD_REDUCED_COLOR_{by}")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except InputError as error:
        raise InputError(f"{what} {error}.") from error.__cause__
    except cv2.error as error:
        raise InputError(f"{what} is no picture that OpenCV can read.") from error
    if image is None:
        raise InputError(f"{what} is no picture that OpenCV can read.")
    turned = image.shape[:2] == (-(-info.width // by), -(-info.height // by)) and info.width != info.height
    size = (info.height, info.width) if turned else (info.width, info.height)
    return cast(Image, image), size


def write_image(path: Path, image: Image) -> None:
    """Writes in the format of the suffix. Raises InputError."""
    cv2 = opencv()
    try:
        written = cv2.imwrite(str(path), image)
    except cv2.error as error:
        raise InputError(
            f"No picture format has the suffix {path.suffix!r}: cannot write {str(path)!r}."
        ) from error
    if not written:
        raise InputError(f"The picture {str(path)!r} cannot be written.")


def list_images(folder: Path) -> list[Path]:
    """The pictures of a folder by name. Raises InputError where there is none."""
    found = sorted(path for path in folder.iterdir() if path.is_file() and is_image(path))
    if not found:
        raise InputError(f"The folder {str(folder)!r} has no pictures.")
    return found


class VideoReader:
    """The frames of a video file, one after the other.

    fps: frames per second (25 where the file does not say); count: how many frames the file claims
    to have, 0 where it does not say. Raises CameraError where the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        cv2 = opencv()
        if not path.exists():
            raise CameraError(f"The file {str(path)!r} does not exist.")
        if path.suffix.lower()[1:] not in _VIDEOS:
            raise CameraError(
                f"The file {str(path)!r} is neither a picture nor a video by its suffix."
            )
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise CameraError(f"The file {str(path)!r} is no video that OpenCV can read.")
        width, height = (
            int(self._capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if width * height > knobs.max_picture_pixels():
            self._capture.release()
            raise CameraError(
                f"The file {str(path)!r} has frames of {width}x{height} pixels, more than "
                "EDGERUN_MAX_PICTURE_MP allows."
            )
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0.1 <= fps <= 1000 else 25.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if 0 < count < 1 << 53 else 0

    def read(self) -> Image | None:
        """The next frame, uint8 [height, width, 3] blue first, or None at the end.

        Raises CameraError for what cannot be decoded.
        """
        try:
            there, image = self._capture.read()
        except opencv().error as error:
            raise CameraError(f"The file {str(self.path)!r} is damaged: {error}.") from error
        return cast(Image, image) if there else None

    def close(self) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Image]:
        while (image := self.read()) is not None:
            yield image

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class VideoWriter:
    """Writes frames of one size to a video file; the first frame decides the size.

    Raises InputError for a suffix of no format that is written here.
    """

    def __init__(self, path: Path, fps: float) -> None:
        if path.suffix.lower() not in _CODECS:
            raise InputError(
                f"The video {str(path)!r} cannot be written: its suffix must be one of "
                f"{', '.join(_CODECS)}."
            )
        self.path = path
        self.fps = fps
        self._writer: Any = None

    def write(self, image: Image) -> None:
        """Appends a frame. Raises InputError where the file cannot be made."""
        if self._writer is None:
            cv2 = opencv()
            codec = _CODECS[self.path.suffix.lower()]
            size = (image.shape[1], image.shape[0])
            fourcc = cv2.VideoWriter.fourcc(*codec)
            self._writer = cv2.VideoWriter(str(self.path), fourcc, self.fps, size)
            if not self._writer.isOpened():
                raise InputError(f"The video {str(self.path)!r} cannot be written.")
        self._writer.write(image)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()
