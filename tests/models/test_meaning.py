"""What real models say about real pictures, decoded: bench/meaning.py measures, here are its lower limits."""

from __future__ import annotations

import cv2
import meaning
import numpy as np
import pytest

import edgerun
from edgerun.vision import Detections, Keypoints
from shared_material import needs_shared, shared

pytestmark = needs_shared


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("fastestdet.onnx", 0.55),
        ("nanodet_2022nov_float32.onnx", 0.7),
        ("nanodet_2022nov_int8_qoperator.onnx", 0.68),
        ("yolov5n_int8.tflite", 0.58),
        ("yolov8n_full_integer_quant_416.tflite", 0.7),
        ("yolov8n_int8_c.onnx", 0.58),
        ("yolox_nano_dynamic_range.tflite", 0.68),
        ("yolox_nano_float32.onnx", 0.68),
    ],
)
def test_boxes_are_those_of_coco8(name: str, least: float) -> None:
    assert meaning.detector(edgerun.load(shared(f"models/detection/{name}"))) >= least


@pytest.mark.parametrize(
    ("name", "least"),
    [("movenet_single_pose_lightning_ptq", 0.62), ("posenet_mobilenet_v1_075_353_481_quant", 0.37)],
)
def test_joints_are_those_of_coco8_pose(name: str, least: float) -> None:
    assert meaning.joints(edgerun.load(shared(f"models/pose/{name}.tflite"))) >= least


def test_posenet_is_corals() -> None:
    model = edgerun.load(shared("models/pose/posenet_mobilenet_v1_075_353_481_quant.tflite"))
    image = cv2.imread(str(shared("media/images/posenet_test_image.bmp")))
    found = model(image)
    known = np.loadtxt(
        shared("goldens/coral/posenet_mobilenet_v1_075_353_481_16_quant_decoder_reference.csv"),
        delimiter=",",
        skiprows=1,
    ).reshape(2, 17, 6)
    assert isinstance(found, Keypoints) and len(found.items) == 2
    for person, theirs in zip(found.items, known, strict=True):
        mine = np.array(person.points) / [*image.shape[1::-1], 1]
        likely = theirs[:, 3] > 0.5
        np.testing.assert_allclose(mine[likely, :2], theirs[likely, 4:6], atol=0.04)
        assert abs(person.score - theirs[0, 1]) < 0.04


def test_the_bird_is_cut_out_by_its_name() -> None:
    model = edgerun.load(
        shared("models/segmentation/deeplabv3_mnv2_dm05_pascal_quant.tflite"),
        labels=shared("labels/pascal_voc_segmentation_labels.txt"),
    )
    assert meaning.bird(model) > 0.8
    found = model(cv2.imread(str(shared("media/images/bird_segmentation.bmp"))))
    assert [item.label for item in found.items[:2]] == ["background", "bird"]


@pytest.mark.parametrize(
    "name",
    [
        "mp_face_detection_short_range_f16.tflite",
        "openmv_blazeface_front_128.tflite",
        "openmv_fomo_face_detection.tflite",
        "ultraface_rfb_320.onnx",
        "ultraface_slim_320_float32.tflite",
    ],
)
def test_two_faces_are_where_they_are(name: str) -> None:
    found = edgerun.load(shared(f"models/face/{name}"))(cv2.imread(str(shared("media/images/face.jpg"))))
    assert isinstance(found, Detections)
    for x, y in ((180, 150), (305, 120)):
        assert any(d.box[0] < x < d.box[2] and d.box[1] < y < d.box[3] for d in found.items), (x, y)
