"""Whether anything moves: still scenes need no model.

The picture is brought to 96x54 greys, by area. Where it differs from a slowly following background by
more than `threshold` (and more than the whole picture's change, so that a lamp or a cloud is no motion)
a cell has moved; from `share` of all cells on there is motion, and it is said to last for `hold` seconds
more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.types import UINT8, TensorInfo
from edgerun.vision.card import InputCard
from edgerun.vision.frame import PixelFormat, Pixels
from edgerun.vision.preprocess import Preprocessor

_WIDTH, _HEIGHT = 96, 54
_FOLLOW_SECONDS = 4.0  # in which a new background is taken over, but for a third


@dataclass
class MotionGate:
    """The memory of one camera. threshold: grey values, 0 to 255; share: of the picture; hold: seconds."""

    threshold: float = 12.0
    share: float = 0.001
    hold: float = 2.0

    def __post_init__(self) -> None:
        info = TensorInfo("motion", (1, _HEIGHT, _WIDTH, 1), UINT8, None)
        self._shrink = Preprocessor(InputCard(colour="grey", filter="area"), info)
        self._cells = self._shrink.empty()
        self._background: npt.NDArray[np.float32] | None = None
        self._time = 0.0
        self._until = 0.0

    def update(self, image: Pixels, time: float, format: PixelFormat | None = None) -> bool:
        """Whether the picture, taken at `time` in seconds, is worth a look. The first one is."""
        self._shrink(image, self._cells, format)
        now = self._cells[0, :, :, 0].astype(np.float32)
        if self._background is None or time < self._time:
            self._background, self._time, self._until = now, time, time + self.hold
            return True
        change = now - self._background
        change -= np.median(change)
        moved = np.abs(change) > self.threshold
        if np.count_nonzero(moved) >= max(1.0, self.share * moved.size):
            self._until = time + self.hold
        followed = 1 - np.exp((self._time - time) / _FOLLOW_SECONDS)
        self._background += (now - self._background) * followed
        self._time = time
        return time <= self._until
