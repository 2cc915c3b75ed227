"""TFLite_Detection_PostProcess: anchors, box decoding, non-maximum suppression.

The custom operator of TFLite's kernels/detection_postprocess.cc (DecodeCenterSizeBoxes,
NonMaxSuppressionMultiClassFastHelper, NonMaxSuppressionMultiClassRegularHelper). Equal scores come in the
order of their index. csrc/ops/detection_postprocess.cc has the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, Array, TensorType

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DetectionPostProcess(Op):
    """boxes [1, n, 4], scores [1, n, classes (+ background first)], anchors [n, 4] (y, x, h, w centres) ->
    boxes [1, m, 4] (ymin, xmin, ymax, xmax), classes [1, m], scores [1, m], count [1], all float32.

    m = max_detections * max_classes_per_detection; places beyond the count are 0.
    """

    folds = False
    max_detections: int
    num_classes: int
    scales: tuple[float, float, float, float]  # of y, x, h, w
    score_threshold: float
    iou_threshold: float
    max_classes_per_detection: int = 1
    detections_per_class: int = 100
    regular_nms: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        boxes, scores, anchors = types
        for kind in types:
            supported(
                kind.is_8bit or kind.dtype == FLOAT32,
                f"{self.name} needs 8-bit or float32 tensors, got {kind}.",
            )
        n = anchors.shape[0] if anchors.shape else 0
        expect(
            boxes.shape == (1, n, 4)
            and anchors.shape == (n, 4)
            and scores.shape in ((1, n, self.num_classes), (1, n, self.num_classes + 1)),
            f"{self.name}: {boxes}, {scores} and {anchors} do not fit {self.num_classes} classes.",
        )
        expect(
            self.max_detections > 0
            and self.num_classes > 0
            and self.max_classes_per_detection > 0
            and (self.detections_per_class > 0 or not self.regular_nms)
            and 0 < self.iou_threshold <= 1
            and min(self.scales) > 0,
            f"{self} has a parameter out of range.",
        )
        m = self.max_detections * self.max_classes_per_detection
        return tuple(TensorType(s, FLOAT32) for s in ((1, m, 4), (1, m), (1, m), (1,)))

    @staticmethod
    def real(array: Array, kind: TensorType) -> Floats:
        """The values of an operand as float32."""
        if kind.quantization is None:
            return np.ascontiguousarray(array, np.float32)
        q = kind.quantization
        return (array.astype(np.int32) - q.zero).astype(np.float32) * q.scale[0]  # type: ignore[no-any-return]

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        boxes, scores, anchors = (self.real(a, t) for a, t in zip(arrays, types, strict=True))
        corners = self._decode(boxes[0], anchors)
        scores = np.where(np.isnan(scores), -np.inf, scores)[0, :, -self.num_classes :].astype(np.float32)
        if self.regular_nms:
            slots, chosen, labels = self._regular(corners, scores)
            count = len(chosen)
        else:
            slots, chosen, labels, count = self._fast(corners, scores)
        results = [np.zeros(t.shape, np.float32) for t in self.infer(*types)]
        results[0][0, slots] = corners[chosen]
        results[1][0, slots] = labels
        results[2][0, slots] = scores[chosen, labels]
        results[3][0] = count
        return tuple(results)

    def _decode(self, boxes: Floats, anchors: Floats) -> Floats:
        """(ymin, xmin, ymax, xmax) [n, 4]: centre = t / scale * anchor size + anchor centre,
        half = e^(t / scale) * anchor size / 2, in float64, each rounded to float32 before their sum."""
        t, a = boxes.astype(np.float64) / np.array(self.scales, np.float64), anchors.astype(np.float64)
        centre = (t[:, :2] * a[:, 2:] + a[:, :2]).astype(np.float32)
        half = (0.5 * elementary.exp(t[:, 2:]) * a[:, 2:]).astype(np.float32)
        return np.concatenate([centre - half, centre + half], axis=1)

    def _suppress(self, corners: Floats, scores: Floats, limit: int) -> Indices:
        """The best boxes, at most `limit`, of which none overlaps a better one by more than the threshold."""
        order = np.argsort(-scores, kind="stable")
        kept: list[int] = []
        for i in order[scores[order] >= np.float32(self.score_threshold)]:
            if len(kept) == limit:
                break
            if not (_overlaps(corners[kept], corners[i]) > np.float32(self.iou_threshold)).any():
                kept.append(int(i))
        return np.array(kept, np.int64)

    def _fast(self, corners: Floats, scores: Floats) -> tuple[Indices, Indices, Indices, int]:
        """One suppression by the best class of each box, then the best classes of each box kept."""
        kept = self._suppress(corners, scores.max(axis=1), self.max_detections)
        labels = np.argsort(-scores[kept], axis=1, kind="stable")[:, : self.max_classes_per_detection]
        slots = np.arange(len(kept))[:, None] * self.max_classes_per_detection + np.arange(labels.shape[1])
        return slots.reshape(-1), np.repeat(kept, labels.shape[1]), labels.reshape(-1), len(kept)

    def _regular(self, corners: Floats, scores: Floats) -> tuple[Indices, Indices, Indices]:
        """A suppression per class; the best `max_detections` of all, earlier classes first among equals."""
        limit = min(self.detections_per_class, self.max_detections)
        kept = [self._suppress(corners, scores[:, c], limit) for c in range(self.num_classes)]
        labels = np.repeat(np.arange(self.num_classes), [len(k) for k in kept])
        chosen = np.concatenate(kept)
        best = np.argsort(-scores[chosen, labels], kind="stable")[: self.max_detections]
        return np.arange(len(best)), chosen[best], labels[best]


def _overlaps(boxes: Floats, box: Floats) -> Floats:
    """Intersection over union of each of `boxes` with `box`; 0 where one is empty."""
    areas, area = ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (boxes, box))
    sides = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    common = np.maximum(sides[:, 0], 0) * np.maximum(sides[:, 1], 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = common / (areas + area - common)
    return np.where((areas <= 0) | (area <= 0), np.float32(0), overlap)
