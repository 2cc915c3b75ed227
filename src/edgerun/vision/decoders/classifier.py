"""Classifiers: one output [1, C] or [1, 1, 1, C], probabilities or what a softmax makes such of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgerun.vision.card import Card, class_count
from edgerun.vision.decoders.base import Decoder, Family, Io, Outputs, real, refuse
from edgerun.vision.detections import Classification, Classifications
from edgerun.vision.preprocess import Placement

_SOFTMAX_LIKE = ("softmax", "logistic", "sigmoid")
_TRAILING = ("reshape", "squeeze", "quantize", "requantize", "dequantize", "cast")


def _fits(io: Io) -> bool:
    return class_count(io.outputs) is not None


def _card(io: Io, so_far: Card) -> Card:
    classes = class_count(io.outputs)
    notes = so_far.notes
    if io.operators and not _ends_in_probabilities(io.operators):
        notes += (
            "the model ends without softmax: its outputs are shown as they are, "
            'unless a card says scores = "logits"',
        )
    crop = 0.875 if classes in (1000, 1001) else 1.0
    return replace(so_far, input=replace(so_far.input, resize="crop", crop=crop), notes=notes)


def _ends_in_probabilities(operators: Sequence[str]) -> bool:
    for name in reversed(operators):
        plain = name.replace("_", "").lower()
        if plain not in _TRAILING:
            return plain in _SOFTMAX_LIKE
    return False


def _make(card: Card, io: Io) -> Decoder:
    classes = class_count(io.outputs)
    if classes is None:
        raise refuse(card, io, "a classifier has one output [1, classes]")
    info = io.outputs[0]
    if card.labels is not None:
        names = card.labels.for_classifier(classes)
    else:
        names = tuple(f"class {i}" for i in range(classes))
    top = min(card.top, classes)

    def decode(outputs: Outputs, placement: Placement) -> Classifications:
        scores = real(outputs[info.name], info).reshape(classes)
        if card.scores == "logits":
            powers = np.exp(scores.astype(np.float64) - scores.max())
            scores = powers / powers.sum()
        best = np.argsort(-scores, kind="stable")[:top]
        if scores.any() and scores.min() == 0:
            # A quantised softmax is exactly 0 for most classes: none of those is an answer.
            best = best[scores[best] > 0]
        return Classifications(tuple(Classification(names[i], int(i), float(scores[i])) for i in best))

    return decode


FAMILIES = (Family("classifier", "classifiers", _fits, _card, _make),)
