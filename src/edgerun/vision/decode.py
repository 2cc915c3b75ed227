"""From output tensors to meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.errors import ConfigError
from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card, class_count, is_ssd
from edgerun.vision.decode_centres import find_centres
from edgerun.vision.detections import (
    Classification,
    Classifications,
    Detection,
    Detections,
    Prediction,
    Tensors,
    TensorSummary,
    best_first,
)
from edgerun.vision.preprocess import Placement

Array = npt.NDArray[Any]
Decoder = Callable[[Mapping[str, Array], Placement], Prediction]


def make_decoder(card: Card, outputs: Sequence[TensorInfo]) -> Decoder:
    """The decoder that the card asks for, checked against the outputs. Raises ConfigError."""
    if card.task == "classification":
        return _classifier(card, outputs)
    if card.task == "detection":
        return _ssd(card, outputs) if card.decoder == "ssd" else _centres(card, outputs)
    return _tensors(outputs)


def real(array: Array, info: TensorInfo) -> Array:
    """Real values of an output: integers through their quantisation, others as they are."""
    if info.quantization is None or not np.issubdtype(array.dtype, np.integer):
        return array
    q = info.quantization
    shape = [1] * array.ndim
    if not q.per_tensor:
        shape[q.axis] = -1
    steps = array.astype(np.int32) - q.zero_point.reshape(shape)
    return steps.astype(np.float32) * q.scale.reshape(shape)


def _classifier(card: Card, outputs: Sequence[TensorInfo]) -> Decoder:
    classes = class_count(outputs)
    if classes is None:
        shapes = ", ".join(str(list(info.shape)) for info in outputs)
        raise ConfigError(
            f"{card.source}: a classifier has one output [1, classes]; this model has {shapes}."
        )
    info = outputs[0]
    if card.labels is not None:
        names = card.labels.for_classifier(classes)
    else:
        names = tuple(f"class {i}" for i in range(classes))
    top = min(card.top, classes)

    def decode(arrays: Mapping[str, Array], placement: Placement) -> Classifications:
        scores = real(arrays[info.name], info).reshape(classes)
        if card.scores == "logits":
            powers = np.exp(scores.astype(np.float64) - scores.max())
            scores = powers / powers.sum()
        best = np.argsort(-scores, kind="stable")[:top]
        if scores.any() and scores.min() == 0:
            # A quantised softmax is exactly 0 for most classes: none of those is an answer.
            best = best[scores[best] > 0]
        return Classifications(
            tuple(Classification(names[i], int(i), float(scores[i])) for i in best)
        )

    return decode


def _ssd(card: Card, outputs: Sequence[TensorInfo]) -> Decoder:
    if not is_ssd(outputs, ()):
        shapes = ", ".join(str(list(info.shape)) for info in outputs)
        raise ConfigError(
            f"{card.source}: a detector has boxes [1, N, 4], classes and scores [1, N] and a "
            f"count [1], as TFLite_Detection_PostProcess writes them; this model has {shapes}."
        )
    names = card.labels.for_detector() if card.labels is not None else {}
    boxes_info = next(info for info in outputs if len(info.shape) == 3)
    count_info = next(info for info in outputs if len(info.shape) == 1)
    first, second = (info for info in outputs if len(info.shape) == 2)
    # The operator writes boxes, classes, scores, count; converters that reorder put scores first.
    in_order = outputs[0] is boxes_info
    classes_info, scores_info = (first, second) if in_order else (second, first)

    def decode(arrays: Mapping[str, Array], placement: Placement) -> Detections:
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


def _centres(card: Card, outputs: Sequence[TensorInfo]) -> Decoder:
    fits = len(outputs) == 2 and all(len(info.shape) == 4 for info in outputs)
    if not fits or outputs[0].shape[:3] != outputs[1].shape[:3] or outputs[1].shape[3] != 4:
        shapes = ", ".join(str(list(info.shape)) for info in outputs)
        raise ConfigError(
            f"{card.source}: a detector of centre points has scores [1, rows, columns, classes] "
            f"and boxes [1, rows, columns, 4]; this model has {shapes}."
        )
    scores_info, boxes_info = outputs
    names = card.labels.for_detector() if card.labels is not None else {}

    def decode(arrays: Mapping[str, Array], placement: Placement) -> Detections:
        scores = real(arrays[scores_info.name], scores_info)[0]
        boxes = real(arrays[boxes_info.name], boxes_info)[0]
        found = []
        for score, index, corners in find_centres(scores, boxes, card.threshold, card.overlap):
            left, top, right, bottom = corners
            box = (*placement.to_source(left, top), *placement.to_source(right, bottom))
            if box[0] < box[2] and box[1] < box[3]:
                found.append(Detection(names.get(index, f"class {index}"), index, score, box))
        return Detections(best_first(found), *placement.source)

    return decode


def _tensors(outputs: Sequence[TensorInfo]) -> Decoder:
    def decode(arrays: Mapping[str, Array], placement: Placement) -> Tensors:
        items = []
        for info in outputs:
            array = arrays[info.name]
            values = real(array, info).astype(np.float64)
            low, high, mean = (
                (float(values.min()), float(values.max()), float(values.mean()))
                if values.size
                else (0.0, 0.0, 0.0)
            )
            items.append(TensorSummary(info.name, array.shape, str(array.dtype), low, high, mean))
        return Tensors(tuple(items))

    return decode
