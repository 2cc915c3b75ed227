"""Where a model's card comes from. What a source leaves out is taken from the next, field by field:

1. MODEL.toml beside the model (`card_toml`);
2. TFLite metadata, a buffer in the model, and the files of the archive behind it (`card_metadata`);
3. shapes and operators (`card`). What is only assumed is said aloud in the card's notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgerun.ir.types import FLOAT32, TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.card_metadata import apply_metadata
from edgerun.vision.card_toml import apply_toml
from edgerun.vision.decoders import recognise


def resolve_card(
    path: Path | None,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
    operators: Sequence[str],
    metadata: Mapping[str, bytes | memoryview] | None = None,
) -> Card:
    """The card of the model at `path` (None: from bytes) with these tensors, operators and raw metadata.

    Raises ConfigError for a card file with a wrong key or value, with file and key.
    """
    card = recognise(inputs, outputs, operators)
    card = apply_metadata(metadata or {}, card, inputs, outputs)
    beside = path.with_suffix(".toml") if path is not None else None
    if beside is not None and beside.is_file():
        card = apply_toml(beside, card)
    if _range_is_assumed(card, inputs):
        note = "nothing says what range of values its float input was trained on: pixels become 0 to 1"
        card = replace(card, notes=(*card.notes, note))
    return card


def _range_is_assumed(card: Card, inputs: Sequence[TensorInfo]) -> bool:
    picture = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].dtype == FLOAT32
    return picture and card.input.mean is None and card.input.scale is None
