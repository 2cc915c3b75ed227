"""A picture and where and when it was taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgerun.errors import InputError

Image = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
PixelFormat = Literal["grey", "bgr", "rgb", "nv12", "i420", "yuyv"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class TrueObject:
    """An object that is known to be in a picture.

    label, index: its class, by name and number.
    box: (left, top, right, bottom) in pixels, of the whole object inside the picture.
    visible: the share of the object's pixels that are not hidden by another thing or by the edge.
    ignored: too little of it can be seen to ask for it: finding it is neither right nor wrong.
    """

    label: str
    index: int
    box: Box
    visible: float = 1.0
    ignored: bool = False


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a camera.

    image: uint8 [height, width, 3], blue first, as OpenCV reads it. Nobody writes into it.
    camera, number: the source's name and its count of frames, from 0.
    captured_ns: time.monotonic_ns() when the picture was taken; ages are counted from it.
    captured_at: the same moment in seconds since 1970, for people and for events.
    truth: what is in the picture, where the camera knows it (the demo camera does).
    media_seconds: of a file, since its beginning: the time in which things in it move.
    """

    image: Image
    camera: str = ""
    number: int = 0
    captured_ns: int = field(default_factory=time.monotonic_ns)
    captured_at: float = field(default_factory=time.time)
    truth: tuple[TrueObject, ...] | None = None
    media_seconds: float | None = None

    @property
    def seconds(self) -> float:
        """The time of the picture for what looks at movement: a file's own, otherwise when it was taken."""
        return self.captured_ns / 1e9 if self.media_seconds is None else self.media_seconds


def planes_of(pixels: Pixels, format: PixelFormat) -> tuple[tuple[Pixels, ...], int, int]:
    """The planes of a picture as _vision takes them, its width and its height.

    pixels: uint8; "grey": [h, w]; "bgr", "rgb": [h, w, 3]; "nv12", "i420": [3 h / 2, w], the brightness and
    below it the colours, as OpenCV and V4L2 lay them out; "yuyv": [h, w, 2] or [h, 2 w]. Raises InputError.
    """
    ends = {"grey": (), "bgr": (3,), "rgb": (3,), "nv12": (), "i420": (), "yuyv": (2,)}
    if format not in ends:
        raise InputError(f"There is no pixel format {format!r}; expected one of {', '.join(ends)}.")
    flat = format == "yuyv" and pixels.ndim == 2 and pixels.shape[1] % 2 == 0
    if pixels.dtype != np.uint8 or (not flat and (pixels.ndim < 2 or pixels.shape[2:] != ends[format])):
        expected = ", ".join(["height", "width", *map(str, ends[format])])
        raise InputError(
            f"A picture must be uint8 of shape [{expected}], or [height, width] if it is grey, "
            f"got {pixels.dtype} of shape {list(pixels.shape)}."
        )
    if min(pixels.shape) < 1:
        raise InputError(f"A picture of shape {list(pixels.shape)} has no pixels.")
    if pixels.strides[1:] != np.empty((1, *pixels.shape[1:]), np.uint8).strides[1:]:
        pixels = np.ascontiguousarray(pixels)
    rows, width = pixels.shape[:2]
    if flat:
        return (pixels,), width // 2, rows
    if format not in ("nv12", "i420"):
        return (pixels,), width, rows
    height = rows * 2 // 3
    if rows % 3 or height % 2 or width % 2:
        raise InputError(f"A picture in {format} must have even sides, got an array of {rows}x{width}.")
    if format == "nv12":
        return (pixels[:height], pixels[height:]), width, height
    colours = np.ascontiguousarray(pixels[height:]).reshape(2, height // 2, width // 2)
    return (pixels[:height], colours[0], colours[1]), width, height
