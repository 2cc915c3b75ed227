"""A picture and where and when it was taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
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
    """

    image: Image
    camera: str = ""
    number: int = 0
    captured_ns: int = field(default_factory=time.monotonic_ns)
    captured_at: float = field(default_factory=time.time)
    truth: tuple[TrueObject, ...] | None = None
