"""What the models say about real pictures is what LiteRT's reference kernels say."""

from __future__ import annotations

import agreement
import numpy as np
import pytest
from agreement import compare_labels, imagenet_files, picture, reference
from numpy.typing import NDArray

import edgerun
from shared_material import FOLDER, needs_shared, shared

pytestmark = needs_shared


@pytest.mark.parametrize("name", agreement.IMAGENET)
def test_classifiers_give_the_label_of_the_reference(name: str) -> None:
    # bench/agreement.py --full compares all 200, of which 1 % may differ.
    labels = compare_labels(shared(f"models/{name}.tflite"), imagenet_files(FOLDER)[::5])
    assert labels.pictures == 40
    assert len(labels.differ) <= 1, labels.differ
    # Rounding differences grow from layer to layer; LiteRT's own fast kernels are the measure of how far.
    assert labels.error <= 1.1 * labels.xnnpack_error


@pytest.mark.parametrize("name", agreement.IMAGENET)
def test_classifiers_are_right_about_the_cat(name: str) -> None:
    path = shared(f"models/{name}.tflite")
    session = edgerun.Session(path)
    (scores,) = session.run(picture(shared("media/images/cat.bmp"), session.inputs[0])).values()
    names = shared("labels/imagenet_labels.txt").read_text().splitlines()
    assert any("cat" in names[i] for i in np.argsort(-scores[0].astype(int))[:3])


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of two boxes (top, left, bottom, right)."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.maximum(sides, 0).prod())
    return common / (float((a[2:] - a[:2]).prod()) + float((b[2:] - b[:2]).prod()) - common)


def test_the_pets_detector_finds_the_boxes_of_the_reference() -> None:
    path = shared("models/detection/ssd_mobilenet_v1_0.75_pets_uint8.tflite")
    session = edgerun.Session(path)
    feeds = {session.inputs[0].name: picture(shared("media/images/pets.jpg"), session.inputs[0])}
    boxes, classes, scores, _ = (a[0] for a in session.run(feeds).values())
    true_boxes, true_classes, true_scores, _ = (a[0] for a in reference(path).run(feeds))
    found, true = np.flatnonzero(scores > 0.3), np.flatnonzero(true_scores > 0.3)
    assert len(found) == len(true) > 0
    for mine, theirs in zip(found, true, strict=True):
        assert classes[mine] == true_classes[theirs]
        assert abs(scores[mine] - true_scores[theirs]) < 0.05
        assert iou(boxes[mine], true_boxes[theirs]) >= 0.9


@pytest.mark.parametrize(("image", "has_face"), [("face.jpg", True), ("cat.bmp", False)])
def test_fomo_finds_the_faces_of_the_reference(image: str, has_face: bool) -> None:
    path = shared("models/face/openmv_fomo_face_detection.tflite")
    session = edgerun.Session(path)
    feeds = {session.inputs[0].name: picture(shared(f"media/images/{image}"), session.inputs[0])}
    (mine,) = session.run(feeds).values()
    (theirs,) = reference(path).run(feeds)
    cells, true_cells = mine[0, ..., 1] > 0, theirs[0, ..., 1] > 0  # probability above one half
    assert true_cells.any() == has_face
    unsure = np.abs(theirs[0, ..., 1].astype(int)) <= 10
    np.testing.assert_array_equal(cells | unsure, true_cells | unsure)


@pytest.mark.parametrize("image", ["tflm_person.bmp", "tflm_no_person.bmp"])
def test_person_detection_gives_the_label_of_tflite_micro(image: str) -> None:
    pytest.importorskip("tflite_micro")
    path = shared("models/vww/person_detect_int8.tflite")
    session = edgerun.Session(path)
    name = session.inputs[0].name
    pixels = picture(shared(f"media/images/{image}"), session.inputs[0])
    truth = reference(path)
    (mine,) = session.run({name: pixels}).values()
    (theirs,) = truth.run({name: pixels})
    assert mine.argmax() == theirs.argmax()
    # TFLite Micro's own example feeds the bytes of its two pictures as they are, without moving the zero.
    plain = (pixels.view(np.uint8) ^ 0x80).view(np.int8)
    (mine,) = session.run({name: plain}).values()
    (theirs,) = truth.run({name: plain})
    assert mine.argmax() == theirs.argmax() == int(image == "tflm_person.bmp")


@pytest.mark.parametrize("image", ["tflm_person.bmp", "tflm_no_person.bmp", "grace_hopper.bmp", "face.jpg"])
def test_visual_wake_words_gives_the_label_of_the_reference(image: str) -> None:
    path = shared("models/vww/vww_96_int8.tflite")
    session = edgerun.Session(path)
    feeds = {session.inputs[0].name: picture(shared(f"media/images/{image}"), session.inputs[0])}
    (mine,) = session.run(feeds).values()
    (theirs,) = reference(path).run(feeds)
    assert mine.argmax() == theirs.argmax()
