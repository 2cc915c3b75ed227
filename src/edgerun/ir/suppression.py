"""Non-maximum suppression: TFLite's NON_MAX_SUPPRESSION_V4 and V5, and ONNX's of many classes."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, INT32, INT64, Array, TensorType

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NonMaxSuppression(Op):
    """Inputs: boxes [n, 4] of two opposite corners (y, x, y, x), scores [n], and one value each: IoU
    threshold, score threshold, sigma (0: boxes that overlap too much are dropped; above 0 their scores
    shrink). -> indices int32 [most], the best first; with_scores: scores float32 [most]; their number int32.

    Places beyond the number are 0. Equal scores come in the order of their index.
    """

    most: int
    with_scores: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        boxes, scores, *values = types
        supported(all(t.dtype == FLOAT32 for t in types), f"NonMaxSuppression of {boxes} and {scores}.")
        fits = boxes.shape == (*scores.shape, 4) and len(scores.shape) == 1 and self.most >= 0
        expect(fits and all(t.size == 1 for t in values), f"NonMaxSuppression: {boxes} and {scores}.")
        indices, kept = TensorType((self.most,), INT32), TensorType((self.most,), FLOAT32)
        count = TensorType((), INT32)
        return (indices, kept, count) if self.with_scores else (indices, count)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        boxes: Floats = arrays[0].astype(np.float32)
        scores: Floats = arrays[1].astype(np.float32)
        iou_threshold, score_threshold, sigma = (np.float32(a.reshape(())) for a in arrays[2:])
        indices, kept = np.zeros(self.most, np.int32), np.zeros(self.most, np.float32)
        # A candidate is (-score, index, how many of those selected it has been compared with).
        above = np.flatnonzero(scores > score_threshold)
        queue = [(-float(scores[i]), int(i), 0) for i in above]
        heapq.heapify(queue)
        count = 0
        while count < self.most and queue:
            negative, index, begin = heapq.heappop(queue)
            score = before = np.float32(-negative)
            dropped = False
            for chosen in indices[begin:count][::-1]:
                iou = _overlap(boxes[index], boxes[chosen])
                dropped = bool(iou >= iou_threshold)
                if dropped:
                    break
                if sigma > 0:
                    falloff = elementary.exp(np.array([-0.5 / float(sigma) * float(iou) ** 2]))
                    score = score * np.float32(falloff[0])
                    if score <= score_threshold:
                        break
            if dropped:
                continue
            if score == before:
                indices[count], kept[count] = index, score
                count += 1
            elif score > score_threshold:
                heapq.heappush(queue, (-float(score), index, count))
        number = np.array(count, np.int32)
        return (indices, kept, number) if self.with_scores else (indices, number)


def _overlap(a: Floats, b: Floats) -> np.float32:
    """Intersection over union."""
    low = np.maximum(np.minimum(a[:2], a[2:]), np.minimum(b[:2], b[2:]))
    high = np.minimum(np.maximum(a[:2], a[2:]), np.maximum(b[:2], b[2:]))
    areas = [np.float32(np.prod(np.abs(box[2:] - box[:2]))) for box in (a, b)]
    if min(areas) <= 0:
        return np.float32(0)
    common = np.float32(np.prod(np.maximum(high - low, np.float32(0))))
    return np.float32(common / (areas[0] + areas[1] - common))


@dataclass(frozen=True)
class SuppressOverlaps(Op):
    """Inputs: boxes float32 [b, n, 4], scores float32 [b, classes, n] -> of each batch and class the boxes
    above the score threshold, the best first, without those whose IoU with a better one is above the other
    threshold, at most `most` of them: int64 [b * classes * most, 3] of batch, class and box; their number
    int64. Places beyond the number are 0. Equal scores come in the order of their index.

    A box is two opposite corners (y, x, y, x), or `centred` the middle and the size (x, y, width, height).
    """

    most: int
    iou_threshold: float
    score_threshold: float
    centred: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        boxes, scores = types
        supported(boxes.dtype == scores.dtype == FLOAT32, f"SuppressOverlaps of {boxes} and {scores}.")
        b, classes, n = scores.shape if len(scores.shape) == 3 else (-1, -1, -1)
        expect(boxes.shape == (b, n, 4) and self.most >= 0, f"SuppressOverlaps: {boxes} and {scores}.")
        return TensorType((b * classes * self.most, 3), INT64), TensorType((), INT64)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        boxes: Floats = arrays[0].astype(np.float32)
        scores: Floats = arrays[1].astype(np.float32)
        corners = self._corners(boxes)
        found = [
            (b, c, i)
            for b, c in np.ndindex(scores.shape[:2])
            for i in self._selected(corners[b], scores[b, c])
        ]
        selected = np.zeros(self.infer(*types)[0].shape, np.int64)
        selected[: len(found)] = np.array(found, np.int64).reshape(-1, 3)
        return selected, np.array(len(found), np.int64)

    def _corners(self, boxes: Floats) -> Floats:
        """[b, n, 2, 2]: the lower and the upper end in both directions."""
        first, second = boxes[..., :2], boxes[..., 2:]
        if self.centred:
            half = second / np.float32(2)
            return np.stack([first - half, first + half], axis=-2)
        return np.stack([np.minimum(first, second), np.maximum(first, second)], axis=-2)

    def _selected(self, corners: Floats, scores: Floats) -> list[int]:
        above = np.flatnonzero(scores > np.float32(self.score_threshold))
        left = above[np.argsort(-scores[above], kind="stable")]
        selected: list[int] = []
        while left.size and len(selected) < self.most:
            best, left = int(left[0]), left[1:]
            selected.append(best)
            left = left[~self._overlaps(corners[best], corners[left])]
        return selected

    def _overlaps(self, one: Floats, others: Floats) -> npt.NDArray[np.bool_]:
        sides = np.minimum(one[1], others[:, 1]) - np.maximum(one[0], others[:, 0])
        common = sides[:, 0] * sides[:, 1]
        area = (one[1] - one[0]).prod()
        areas = (others[:, 1] - others[:, 0]).prod(axis=-1)
        union = area + areas - common
        real = (sides > 0).all(axis=-1) & (common > 0) & (area > 0) & (areas > 0) & (union > 0)
        overlaps: npt.NDArray[np.bool_] = real & (common / union > np.float32(self.iou_threshold))
        return overlaps
