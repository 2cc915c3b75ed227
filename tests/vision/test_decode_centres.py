"""The decoder `centre-points` against boxes written into its grid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card, InputCard
from edgerun.vision.card_sources import resolve_card
from edgerun.vision.decoders import make_decoder
from edgerun.vision.detections import Detections
from edgerun.vision.labels import Labels
from edgerun.vision.model import Model

ROWS, COLUMNS, CLASSES = 12, 16, 3
# Of a picture of 160 x 120 pixels, ten for each cell.
CARD = Card(
    "detection",
    InputCard(),
    labels=Labels({0: "ant", 1: "bee", 2: "cow"}),
    decoder="centre-points",
    threshold=0.3,
)


def grid(*objects: tuple[float, int, tuple[int, int], tuple[float, ...]]) -> dict[str, np.ndarray]:
    """Outputs for (score, class, (row, column) of the cell that says so, box)."""
    scores = np.zeros((1, ROWS, COLUMNS, CLASSES), np.float32)
    boxes = np.zeros((1, ROWS, COLUMNS, 4), np.float32)
    for score, index, (row, column), (left, top, right, bottom) in objects:
        scores[0, row, column, index] = score
        x, y = (left + right) / 2 / 10 - column - 0.5, (top + bottom) / 2 / 10 - row - 0.5
        boxes[0, row, column] = x, y, np.log((right - left) / 40), np.log((bottom - top) / 40)
    return {"scores": scores, "boxes": boxes}


@pytest.fixture
def detect(
    make_session: Any, image_input: Callable[..., TensorInfo]
) -> Callable[..., Detections]:
    def run(card: Card, outputs: dict[str, np.ndarray]) -> Detections:
        session = make_session(image_input(np.uint8, (1, 60, 80, 3)), outputs)
        found = Model(session, card)(np.zeros((120, 160, 3), np.uint8))
        assert isinstance(found, Detections)
        return found

    return run


def test_boxes_come_back(detect: Any):
    found = detect(
        CARD,
        grid(
            (0.5, 0, (3, 4), (30.0, 20.0, 60.0, 50.0)),
            (0.9, 2, (8, 12), (100.0, 81.0, 143.0, 92.0)),
            (0.2, 1, (1, 1), (5.0, 5.0, 20.0, 20.0)),
        ),
    )
    assert [(item.label, item.index) for item in found.items] == [("cow", 2), ("ant", 0)]
    assert [item.score for item in found.items] == pytest.approx([0.9, 0.5])
    assert found.items[0].box == pytest.approx((100, 81, 143, 92), abs=1e-3)
    assert found.items[1].box == pytest.approx((30, 20, 60, 50), abs=1e-3)
    assert (found.width, found.height) == (160, 120)


def test_the_better_of_a_class_hides_the_other(detect: Any):
    outputs = grid(
        (0.6, 0, (3, 4), (30.0, 20.0, 60.0, 50.0)),
        (0.8, 0, (3, 5), (32.0, 20.0, 62.0, 50.0)),
        (0.7, 1, (4, 4), (31.0, 20.0, 61.0, 50.0)),
        (0.5, 0, (8, 8), (70.0, 70.0, 90.0, 90.0)),
    )
    assert [item.score for item in detect(CARD, outputs).items] == pytest.approx([0.8, 0.7, 0.5])


def test_boxes_are_cut_at_the_edge(detect: Any):
    (item,) = detect(CARD, grid((0.6, 0, (0, 0), (-10.0, -8.0, 20.0, 16.0)))).items
    assert item.box == pytest.approx((0, 0, 20, 16), abs=1e-3)


def test_nothing_is_found_in_nothing(detect: Any):
    assert detect(CARD, grid()).items == ()


def test_a_model_that_does_not_fit_is_refused():
    for shapes in (
        [(1, 12, 16, 3)],
        [(1, 12, 16, 3), (1, 6, 8, 4)],
        [(1, 12, 16, 3), (1, 12, 16, 5)],
        [(1, 10, 4), (1, 10), (1, 10), (1,)],
    ):
        infos = [TensorInfo(f"t{k}", s, np.dtype(np.float32), None) for k, s in enumerate(shapes)]
        with pytest.raises(ConfigError, match=r"scores \[1, rows, columns, classes\]"):
            make_decoder(CARD, infos)


def test_the_card_names_the_decoder(tmp_path: Any, image_input: Callable[..., TensorInfo]):
    (tmp_path / "m.toml").write_text(
        'task = "detection"\ndecoder = "centre-points"\noverlap = 0.7\nthreshold = 0.25\n'
    )
    card = resolve_card(tmp_path / "m.tflite", [image_input()], [], [])
    assert (card.decoder, card.overlap, card.threshold) == ("centre-points", 0.7, 0.25)
    (tmp_path / "m.toml").write_text('decoder = "yolo"\n')
    with pytest.raises(ConfigError, match="must be one of classifier, ssd, ssd-anchors, centre-points"):
        resolve_card(tmp_path / "m.tflite", [image_input()], [], [])
