"""Detectors that end in TFLite_Detection_PostProcess: boxes, classes, scores and their count."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.decoders.base import Decoder, Family, Io, Outputs, real, refuse
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


FAMILIES = (Family("ssd", "SSD with its post-processing", _fits, lambda io, card: card, _make),)
