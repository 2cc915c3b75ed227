"""Drawn pictures: the pixels where a box and its label must be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgerun.vision.detections import (
    Classification,
    Classifications,
    Detection,
    Detections,
    Tensors,
    TensorSummary,
)
from edgerun.vision.draw import colour_of, draw


def detections(*boxes: tuple[float, float, float, float]) -> Detections:
    items = tuple(Detection("cat", i, 0.9, box) for i, box in enumerate(boxes))
    return Detections(items, 400, 300)


def test_a_box_is_on_its_edge_and_the_picture_stays_as_it_was():
    image = np.zeros((300, 400, 3), np.uint8)
    drawn = draw(image, detections((100.0, 80.0, 300.0, 200.0)))
    assert not image.any()
    assert drawn.shape == image.shape
    for x, y in [(100, 140), (300, 140), (200, 200)]:
        assert tuple(drawn[y, x]) == colour_of(0)
    assert not drawn[100:190, 110:290].any()
    assert not drawn[:, :90].any()
    assert not drawn[210:].any()


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 399.0, 299.0), (390.0, 0.0, 400.0, 10.0), (0.0, 290.0, 5.0, 300.0)]
)
def test_the_label_stays_inside_the_picture(box):
    drawn = draw(np.zeros((300, 400, 3), np.uint8), detections(box))
    ground = (drawn == colour_of(0)).all(axis=2)
    assert ground.sum() > 300


def test_neighbouring_classes_have_different_strong_colours():
    colours = [np.array(colour_of(i)) for i in range(20)]
    assert all(colour.max() > 200 for colour in colours)
    assert all(np.abs(a - b).sum() > 100 for a, b in itertools.pairwise(colours))


@pytest.mark.parametrize("shape", [(28, 28), (96, 96, 3), (1, 1, 3), (1080, 1920, 3)])
def test_text_is_drawn_at_any_size(shape):
    prediction = Classifications((Classification("tabby", 1, 0.5), Classification("pug", 2, 0.4)))
    drawn = draw(np.full(shape, 128, np.uint8), prediction)
    assert min(drawn.shape[:2]) >= 240
    assert drawn.shape[2] == 3
    assert (drawn > 230).any()
    assert (drawn < 25).any()


def test_a_long_label_is_cut_to_the_picture():
    image = np.full((300, 400, 3), 128, np.uint8)
    drawn = draw(image, Classifications((Classification("very " * 30, 1, 0.5),)))
    # Its ground ends inside the picture, behind the dots.
    assert (drawn[-2, -30:] == 128).all(axis=1).any()
    assert (drawn[-2, :300] == 0).all()


def test_the_lines_of_text_are_of_one_height():
    image = np.full((300, 400, 3), 128, np.uint8)
    flat, deep = (
        draw(image, Classifications((Classification(label, 1, 0.5),))) for label in ("nun", "gypsy")
    )
    np.testing.assert_array_equal((flat[:, 3] == 0).any(axis=1), (deep[:, 3] == 0).any(axis=1))


def test_tensors_and_empty_predictions():
    image = np.full((300, 400, 3), 128, np.uint8)
    some = Tensors((TensorSummary("y", (1, 3), "int8", -1.0, 1.0, 0.0),))
    assert (draw(image, some) != image).any()
    np.testing.assert_array_equal(draw(image, detections()), image)
