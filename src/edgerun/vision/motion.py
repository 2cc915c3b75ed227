"""Whether anything moves: still scenes need no model.

The picture is brought to 96x54 greys, by area. A cell has moved where it differs by more than
`threshold` from the picture of up to a second ago or from that of a second before, which slow things
differ from; what the whole picture changed by is taken off, so that a lamp or a cloud is no motion.
From `share` of all cells on there is motion, and it is said to last for `hold` seconds more.
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
_AGO_SECONDS = 1.0


@dataclass
class MotionGate:
    """The memory of one camera. threshold: grey values, 0 to 255; share: of the picture; hold:
    seconds."""

    threshold: float = 12.0
    share: float = 0.002
    hold: float = 2.0

    def __post_init__(self) -> None:
        info = TensorInfo("motion", (1, _HEIGHT, _WIDTH, 1), UINT8, None)
        self._shrink = Preprocessor(InputCard(colour="grey", filter="area"), info)
        self._cells = self._shrink.empty()
        self._ago: list[npt.NDArray[np.float32]] = []  # newest first
        self._taken = 0.0
        self._time = 0.0
        self._until = 0.0

    def update(self, image: Pixels, time: float, format: PixelFormat | None = None) -> bool:
        """Whether the picture, taken at `time` in seconds, is worth a look. The first one is."""
        self._shrink(image, self._cells, format)
        now = self._cells[0, :, :, 0].astype(np.float32)
        if not self._ago or time < self._time:
            self._ago, self._taken, self._time, self._until = [now], time, time, time + self.hold
            return True
        if any(self._differs(now, then) for then in self._ago):
            self._until = time + self.hold
        if time - self._taken >= _AGO_SECONDS:
            self._ago, self._taken = [now, self._ago[0]], time
        self._time = time
        return time <= self._until

    def _differs(self, now: npt.NDArray[np.float32], then: npt.NDArray[np.float32]) -> bool:
        change = now - then
        change -= np.median(change)
        return bool(np.count_nonzero(np.abs(change) > self.threshold) >= max(1.0, self.share * change.size))
