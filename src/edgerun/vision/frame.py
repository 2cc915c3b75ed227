"""A picture and where and when it was taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a camera.

    image: uint8 [height, width, 3], blue first, as OpenCV reads it. Nobody writes into it.
    camera, number: the source's name and its count of frames, from 0.
    captured_ns: time.monotonic_ns() when the picture was taken; ages are counted from it.
    captured_at: the same moment in seconds since 1970, for people and for events.
    """

    image: Image
    camera: str = ""
    number: int = 0
    captured_ns: int = field(default_factory=time.monotonic_ns)
    captured_at: float = field(default_factory=time.time)
