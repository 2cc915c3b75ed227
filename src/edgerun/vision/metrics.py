"""How well detections agree with the truth: matching, precision and recall, mean average precision.

A detection is *right* when its class and an object's are the same and their boxes share at least
half of their union (IoU 0.5). Detections choose in falling order of score, each the unclaimed object it
overlaps most. One that finds no object to claim but fits an ignored one is not counted at all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.vision.detections import Detection, best_first
from edgerun.vision.frame import TrueObject

Array = npt.NDArray[np.float64]


def overlaps(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """IoU of each box of `first` [n, 4] with each of `second` [m, 4]: float64 [n, m]. Boxes are
    (left, top, right, bottom)."""
    a = np.asarray(first, np.float64).reshape(-1, 1, 4)
    b = np.asarray(second, np.float64).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(-1)
    areas = [np.clip(x[..., 2:] - x[..., :2], 0, None).prod(-1) for x in (a, b)]
    union: Array = areas[0] + areas[1] - shared
    result: Array = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    return result


@dataclass(frozen=True)
class Match:
    """The outcome for one frame.

    detections: best first, each with True (right), False (wrong) or None (not counted).
    objects: how many of each class there were to be found, by class index.
    """

    detections: tuple[tuple[Detection, bool | None], ...]
    objects: dict[int, int]

    @property
    def right(self) -> int:
        return sum(verdict is True for _, verdict in self.detections)

    @property
    def wrong(self) -> int:
        return sum(verdict is False for _, verdict in self.detections)


def match(
    truth: Sequence[TrueObject], detections: Iterable[Detection], least_overlap: float = 0.5
) -> Match:
    """Which detections are right."""
    ordered = best_first(detections)
    table = overlaps([item.box for item in ordered], [item.box for item in truth])
    free = [not item.ignored for item in truth]
    verdicts: list[tuple[Detection, bool | None]] = []
    for detection, row in zip(ordered, table, strict=True):
        fits = [
            k
            for k, item in enumerate(truth)
            if item.index == detection.index and row[k] >= least_overlap
        ]
        claimable = [k for k in fits if free[k]]
        verdict: bool | None = bool(claimable)
        if claimable:
            free[max(claimable, key=lambda k: float(row[k]))] = False
        elif any(truth[k].ignored for k in fits):
            verdict = None
        verdicts.append((detection, verdict))
    objects: dict[int, int] = {}
    for item in truth:
        if not item.ignored:
            objects[item.index] = objects.get(item.index, 0) + 1
    return Match(tuple(verdicts), objects)


class PrecisionRecall:
    """Precision and recall over the last `window` frames of one camera.

    One thread updates; any may read.

    precision: the share of what was shown that was right; 1 where nothing was shown.
    recall: the share of the objects that was found; 1 where there were none.
    """

    def __init__(self, window: int = 200) -> None:
        self._counts: deque[tuple[int, int, int]] = deque(maxlen=window)
        self.frames, self.precision, self.recall = 0, 1.0, 1.0

    def update(
        self, truth: Sequence[TrueObject], detections: Iterable[Detection]
    ) -> tuple[float, float]:
        """Adds a frame; detections are those shown, so above the card's threshold. Returns
        precision and recall, 0 to 1."""
        found = match(truth, detections)
        self._counts.append((found.right, found.wrong, sum(found.objects.values())))
        right, wrong, objects = (sum(column) for column in zip(*self._counts, strict=True))
        self.frames = len(self._counts)
        self.precision = right / (right + wrong) if right + wrong else 1.0
        self.recall = right / objects if objects else 1.0
        return self.precision, self.recall

    def to_dict(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
        }


@dataclass(frozen=True)
class AveragePrecision:
    """Mean average precision and that of each class, by name, 0 to 1."""

    mean: float
    classes: dict[str, float]


def average_precision(
    frames: Iterable[tuple[Sequence[TrueObject], Iterable[Detection]]], least_overlap: float = 0.5
) -> AveragePrecision:
    """Of (truth, detections) by frame; give detections down to a low score, some 0.05.

    The area under the precision-recall curve, with the precision at each recall the best at that
    recall or above (all points, as VOC since 2010). Classes without an object do not count.
    """
    names: dict[int, str] = {}
    objects: dict[int, int] = {}
    verdicts: dict[int, list[tuple[float, bool]]] = {}
    for truth, detections in frames:
        found = match(truth, detections, least_overlap)
        names |= {item.index: item.label for item in truth}
        for index, count in found.objects.items():
            objects[index] = objects.get(index, 0) + count
        for detection, verdict in found.detections:
            if verdict is not None:
                verdicts.setdefault(detection.index, []).append((detection.score, verdict))
    classes = {
        names[index]: _area(verdicts.get(index, []), count)
        for index, count in sorted(objects.items())
    }
    return AveragePrecision(float(np.mean(list(classes.values()))) if classes else 0.0, classes)


def _area(verdicts: list[tuple[float, bool]], objects: int) -> float:
    ordered = sorted(verdicts, key=lambda item: -item[0])
    right = np.cumsum([verdict for _, verdict in ordered])
    precision = right / np.arange(1, len(ordered) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    recall_steps = np.diff(right, prepend=0) / objects
    return float((best * recall_steps).sum())
