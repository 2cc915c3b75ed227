"""The best moment of each object: the crop in which it is sure, large and sharp.

The worth of a crop is score * sqrt(area) * sharpness / (sharpness + 100), sharpness being the variance
of the Laplacian (J. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000), and
half of that where the box touches the picture's edge: a part of the object is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgerun.vision.detections import Detection, Detections
from edgerun.vision.frame import Image
from edgerun.vision.opencv import opencv

_MARGIN = 0.1  # of the box's sides, around it
_MOST_SIDE = 320  # pixels of a crop that is kept
_ENOUGH = 100.0  # sharpness from which more hardly counts
_BETTER = 1.1  # times the worth that the kept one has, before it is replaced


@dataclass(frozen=True, eq=False)
class Crop:
    """A part of a picture: uint8 [height, width, 3], blue first; its detection; when; what it is worth."""

    image: Image
    detection: Detection
    time: float
    worth: float


@dataclass
class BestCrops:
    """One crop for each track that is alive, at most `most`. Not for several threads."""

    most: int = 200
    crops: dict[int, Crop] = field(default_factory=dict)

    def update(self, image: Image, objects: Detections, time: float) -> None:
        """Looks at the objects, which have tracks, of a picture."""
        height, width = image.shape[:2]
        for d in objects.items:
            known = self.crops.get(d.track) if d.track is not None else None
            if d.track is None or (known is None and len(self.crops) >= self.most):
                continue
            left, top, right, bottom = d.box
            whole = left > 1 and top > 1 and right < width - 1 and bottom < height - 1
            bound = d.score * max((right - left) * (bottom - top), 0.0) ** 0.5 * (1.0 if whole else 0.5)
            if known is not None and bound <= known.worth * _BETTER:
                continue  # not even if it were perfectly sharp
            part = _cut(image, d)
            if part.size == 0:
                continue
            sharp = _sharpness(part)
            worth = bound * sharp / (sharp + _ENOUGH)
            if known is None or worth > known.worth * _BETTER:
                self.crops[d.track] = Crop(_small(part), d, time, worth)

    def take(self, track: int) -> Crop | None:
        """The crop of a track that has ended; it is kept no longer."""
        return self.crops.pop(track, None)


def _cut(image: Image, detection: Detection) -> Image:
    height, width = image.shape[:2]
    left, top, right, bottom = detection.box
    x, y = (right - left) * _MARGIN, (bottom - top) * _MARGIN
    part: Image = image[
        int(max(top - y, 0)) : int(min(bottom + y, height)) + 1,
        int(max(left - x, 0)) : int(min(right + x, width)) + 1,
    ]
    return part


def _sharpness(part: Image) -> float:
    cv2 = opencv()
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY) if part.ndim == 3 else part
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _small(part: Image) -> Image:
    cv2 = opencv()
    zoom = _MOST_SIDE / max(part.shape[:2])
    if zoom >= 1:
        return part.copy()
    size = (max(round(part.shape[1] * zoom), 1), max(round(part.shape[0] * zoom), 1))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
