"""TFLite_Detection_PostProcess: anchors, box decoding, non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, Array, TensorType


@dataclass(frozen=True)
class DetectionPostProcess(Op):
    """boxes [1, n, 4], scores [1, n, classes (+ background first)], anchors [n, 4] (y, x, h, w centres) ->
    boxes [1, m, 4] (ymin, xmin, ymax, xmax), classes [1, m], scores [1, m], count [1], all float32.

    m = max_detections * max_classes_per_detection; places beyond the count are 0.
    """

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
                kind.is_8bit or kind.dtype == FLOAT32, f"{self.name} needs 8-bit or float32 tensors, got {kind}."
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
            and 0 < self.max_classes_per_detection
            and self.detections_per_class > 0
            and 0 < self.iou_threshold <= 1
            and min(self.scales) > 0,
            f"{self} has a parameter out of range.",
        )
        m = self.max_detections * self.max_classes_per_detection
        return tuple(TensorType(s, FLOAT32) for s in ((1, m, 4), (1, m), (1, m), (1,)))

    @staticmethod
    def real(array: Array, kind: TensorType) -> npt.NDArray[np.float32]:
        """The values of an operand as float32."""
        if kind.quantization is None:
            return np.ascontiguousarray(array, np.float32)
        q = kind.quantization
        return (array.astype(np.int32) - q.zero).astype(np.float32) * q.scale[0]  # type: ignore[no-any-return]

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        raise NotImplementedError
