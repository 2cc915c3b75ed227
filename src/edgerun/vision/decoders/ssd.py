"""SSD: detectors that end in TFLite_Detection_PostProcess, and those that hand over their anchors.

with its post-processing   boxes, classes, scores and their count
with its anchors           scores [1, N, 1 + C] after the softmax, the background first; corners [1, N, 4]
                           as offsets from those of the anchor, in its sides; anchors [1, N, 4], corners
                           from 0 to 1 (STMicroelectronics' model zoo; found by trying it on labelled
                           pictures)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.decoders.base import Decoder, Family, Io, Outputs, real, refuse, to_detections
from edgerun.vision.detections import Detection, Detections, best_first
from edgerun.vision.preprocess import Placement


def _fits(io: Io) -> bool:
    named = any(name.replace("_", "").lower().endswith("detectionpostprocess") for name in io.operators)
    return (named or not io.operators) and _has_the_shapes(io.outputs)


def _has_the_shapes(outputs: Sequence[TensorInfo]) -> bool:
    boxes = [info for info in outputs if len(info.shape) == 3 and info.shape[2] == 4]
    return sorted(len(info.shape) for info in outputs) == [1, 2, 2, 3] and len(boxes) == 1


def _make(card: Card, io: Io) -> Decoder:
    outputs = io.outputs
    if not _has_the_shapes(outputs):
        expected = "a detector has boxes [1, N, 4], classes and scores [1, N] and a count [1]"
        raise refuse(card, io, f"{expected}, as TFLite_Detection_PostProcess writes them")
    names = card.labels.for_detector() if card.labels is not None else {}
    boxes_info = next(info for info in outputs if len(info.shape) == 3)
    count_info = next(info for info in outputs if len(info.shape) == 1)
    first, second = (info for info in outputs if len(info.shape) == 2)
    # The operator writes boxes, classes, scores, count; converters that reorder put scores first.
    in_order = outputs[0] is boxes_info
    classes_info, scores_info = (first, second) if in_order else (second, first)

    def decode(arrays: Outputs, placement: Placement) -> Detections:
        count = int(real(arrays[count_info.name], count_info)[0])
        boxes = real(arrays[boxes_info.name], boxes_info)[0, :count].tolist()
        classes = real(arrays[classes_info.name], classes_info)[0, :count].tolist()
        scores = real(arrays[scores_info.name], scores_info)[0, :count].tolist()
        found = []
        for (top, left, bottom, right), index, score in zip(boxes, classes, scores, strict=True):
            box = (*placement.to_source(left, top), *placement.to_source(right, bottom))
            if score >= card.threshold and box[0] < box[2] and box[1] < box[3]:
                label = names.get(int(index), f"class {int(index)}")
                found.append(Detection(label, int(index), float(score), box))
        return Detections(best_first(found), *placement.source)

    return decode


def _with_anchors(io: Io) -> tuple[TensorInfo, TensorInfo, TensorInfo] | None:
    """Scores, corners, anchors."""
    shapes = io.shapes()
    if io.size() is None or len(shapes) != 3 or any(len(s) != 3 or s[:2] != shapes[0][:2] for s in shapes):
        return None
    fours = [info for info, s in zip(io.outputs, shapes, strict=True) if s[2] == 4]
    scores = [info for info, s in zip(io.outputs, shapes, strict=True) if s[2] >= 2 and s[2] != 4]
    anchors = [info for info in fours if "anchor" in info.name.lower()]
    if len(scores) != 1 or len(fours) != 2 or len(anchors) != 1:
        return None
    return scores[0], next(info for info in fours if info is not anchors[0]), anchors[0]


def _make_with_anchors(card: Card, io: Io) -> Decoder:
    found = _with_anchors(io)
    if found is None:
        expected = (
            "an SSD with its anchors has scores [1, N, 1 + classes], corners [1, N, 4] and anchors [1, N, 4]"
        )
        raise refuse(card, io, expected)
    scores_info, boxes_info, anchors_info = found

    def decode(outputs: Outputs, placement: Placement) -> Detections:
        table = real(outputs[scores_info.name], scores_info)
        table = table.reshape(-1, table.shape[-1])[:, 1:]
        highest = table.max(axis=1)
        kept = np.flatnonzero(highest >= card.threshold)
        anchors = real(outputs[anchors_info.name], anchors_info).reshape(-1, 4)[kept]
        sides = np.tile(anchors[:, 2:] - anchors[:, :2], 2)
        boxes = anchors + real(outputs[boxes_info.name], boxes_info).reshape(-1, 4)[kept] * sides
        return to_detections(card, placement, boxes, highest[kept], table[kept].argmax(axis=1))

    return decode


FAMILIES = (
    Family("ssd", "SSD with its post-processing", _fits, lambda io, card: card, _make),
    Family(
        "ssd-anchors",
        "SSD with its anchors",
        lambda io: _with_anchors(io) is not None,
        lambda io, card: card,
        _make_with_anchors,
    ),
)
