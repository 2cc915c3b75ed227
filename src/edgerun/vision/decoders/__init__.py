"""From output tensors to meaning: one file per kind of model, and the table of all families.

The first family that fits is taken where no card names another: those that look at more come first.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.ir.types import TensorInfo
from edgerun.vision.card import DECODERS, Card, InputCard
from edgerun.vision.decoders import (
    anchors,
    centres,
    classifier,
    faces,
    grids,
    masks,
    poses,
    ssd,
    tensors,
    yolo,
)
from edgerun.vision.decoders.base import Decoder, Family, Io

FAMILIES: tuple[Family, ...] = (
    *ssd.FAMILIES,
    *centres.FAMILIES,
    *faces.FAMILIES,
    *anchors.FAMILIES,
    *grids.FAMILIES,
    *yolo.FAMILIES,
    *poses.FAMILIES,
    *classifier.FAMILIES,
    *masks.FAMILIES,
    *tensors.FAMILIES,
)
_BY_NAME = {family.name: family for family in FAMILIES}


def recognise(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo], operators: Sequence[str]) -> Card:
    """A card from shapes and operators alone."""
    io = Io(inputs, outputs, operators)
    family = next(family for family in FAMILIES if family.fits(io))
    grey = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].shape[-1] == 1
    source = "recognised from shapes and operators"
    if family.name not in ("classifier", "ssd", "tensors"):
        source += f" as {family.about}"
    picture = InputCard(colour="grey" if grey else "rgb")
    return family.card(io, Card(DECODERS[family.name], picture, decoder=family.name, source=source))


def make_decoder(card: Card, outputs: Sequence[TensorInfo], inputs: Sequence[TensorInfo] = ()) -> Decoder:
    """The decoder that the card asks for, checked against the outputs. Raises ConfigError."""
    return _BY_NAME[card.decoder].make(card, Io(inputs, outputs))
