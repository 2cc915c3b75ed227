"""Outputs whose meaning is not known: what is in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.vision.card import Card
from edgerun.vision.decoders.base import Decoder, Family, Io, Outputs, real
from edgerun.vision.detections import Tensors, TensorSummary
from edgerun.vision.preprocess import Placement


def _card(io: Io, so_far: Card) -> Card:
    return replace(so_far, notes=(*so_far.notes, "no decoder knows these outputs: they are shown as tensors"))


def _make(card: Card, io: Io) -> Decoder:
    def decode(arrays: Outputs, placement: Placement) -> Tensors:
        items = []
        for info in io.outputs:
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


FAMILIES = (Family("tensors", "anything else", lambda io: True, _card, _make),)
