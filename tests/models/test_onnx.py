"""The shared .onnx models against ONNX Runtime without its optimisations."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import edgerun
from edgerun.session import fixed_inputs
from shared_material import needs_shared, shared

pytestmark = needs_shared

# Shapes for the models that mean nothing with their open dimensions at 1.
SHAPES = {
    "ocr/ppocr_cls_mobile_v2": {"x": (1, 3, 48, 192)},
    "ocr/ppocrv6_tiny_det": {"x": (1, 3, 320, 320)},
    "ocr/ppocrv6_tiny_rec": {"x": (1, 3, 48, 320)},
}
# How far apart whole models may be, of the largest value of an output: some four times what is measured. The
# contract's 1e-5 is for one operator; where rounding grows from layer to layer, more.
APART = {
    "detection/yolox_nano_float32": 3e-4,
    "detection/fastestdet": 4e-5,
    "ocr/ppocrv6_tiny_det": 4e-4,
    "ocr/ppocrv6_tiny_rec": 2e-4,
}
FLOATS = (
    "audio/dnsmos_model_v8",
    "audio/st_yamnet_256_tl",
    "classification/mnist_ms",
    "classification/st_mobilenet_v2_0.35_128",
    "classification/tinycnn_esp_float32",
    "detection/fastestdet",
    "detection/nanodet_2022nov_float32",
    "detection/st_ssd_mobilenet_v1_025_256",
    "detection/yolox_nano_float32",
    "face/ultraface_rfb_320",
    "ocr/ppocr_cls_mobile_v2",
    "ocr/ppocrv6_tiny_det",
    "ocr/ppocrv6_tiny_rec",
)


@pytest.mark.parametrize("name", FLOATS)
def test_floats_agree(name: str) -> None:
    path = shared(f"models/{name}.onnx")
    session = edgerun.Session(path, shapes=SHAPES.get(name))
    assert session.summary().host_steps == 0
    feeds = fixed_inputs(session.inputs)
    wanted = edgerun.Session(path, backend="onnxruntime", optimized=False).run(feeds)
    for output, array in session.run(feeds).items():
        largest = max(float(np.abs(wanted[output]).max()), 1e-6)
        np.testing.assert_allclose(array, wanted[output], rtol=0, atol=APART.get(name, 2e-5) * largest)


def photograph(name: str) -> NDArray[np.float32]:
    """The centre of a picture, 224 x 224, as torchvision's models want it."""
    image = cv2.cvtColor(cv2.imread(name), cv2.COLOR_BGR2RGB)
    height, width = image.shape[:2]
    side = int(min(height, width) * 0.875)
    top, left = (height - side) // 2, (width - side) // 2
    crop = cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    real = (crop / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return np.ascontiguousarray(real.transpose(2, 0, 1)[None].astype(np.float32))


def test_a_qdq_classifier_gives_the_label_of_the_reference() -> None:
    """The file is badly calibrated: often the reference's best two labels tie, and one of them will do."""
    path = shared("models/classification/mobilenet_v2_int8_a.onnx")
    session = edgerun.Session(path)
    reference = edgerun.Session(path, backend="onnxruntime", optimized=False)
    files = sorted(shared("datasets/imagenet200").rglob("*.JPEG"))[::5]
    assert len(files) == 40
    assert session.summary().host_steps == 0
    assert sum(step.verb.endswith("_f32") for step in session._program.plan.steps) == 0
    tied = 0
    for file in files:
        image = photograph(str(file))
        (mine,), (theirs,) = session(image).values(), reference(image).values()
        tied += theirs[0, mine[0].argmax()] == theirs.max()
    assert tied >= 38


def test_dynamic_quantisation_gives_the_label_of_onnx_runtime() -> None:
    path = shared("models/classification/mobilenet_v2_int8_b.onnx")
    session = edgerun.Session(path)
    reference = edgerun.Session(path, backend="onnxruntime", optimized=False)
    files = sorted(shared("datasets/imagenet200").rglob("*.JPEG"))
    assert len(files) == 200
    assert session.summary().host_steps == 0
    same = 0
    for file in files:
        image = photograph(str(file))
        (mine,), (theirs,) = session(image).values(), reference(image).values()
        same += mine[0].argmax() == theirs[0].argmax()
    assert same >= 198


def test_a_detector_of_dynamic_quanta_agrees_with_onnx_runtime() -> None:
    """The last bit of a sigmoid moves a quantum, and that some of every layer behind it: by as much as ONNX
    Runtime's own scores move when its input is 1e-6 larger."""
    path = shared("models/detection/yolov8n_int8_c.onnx")
    session = edgerun.Session(path)
    assert session.summary().host_steps == 0
    reference = edgerun.Session(path, backend="onnxruntime", optimized=False)
    for file in sorted(shared("datasets/coco8").rglob("*.jpg")):
        image = cv2.resize(cv2.imread(str(file)), (320, 320))[:, :, ::-1].transpose(2, 0, 1)[None]
        feed = np.ascontiguousarray(image.astype(np.float32) / 255)
        (mine,), (theirs,) = session(feed).values(), reference(feed).values()
        sure = theirs[0, 4:].max(axis=0) > 0.3
        assert np.abs(mine[0, 4:] - theirs[0, 4:]).max() < 0.25
        assert (mine[0, 4:, sure].argmax(axis=1) == theirs[0, 4:, sure].argmax(axis=1)).all()
        assert overlaps(mine[0, :4, sure], theirs[0, :4, sure]).min(initial=1) > 0.9


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of boxes [n, 4]: centre, width and height."""
    low = np.maximum(a[:, :2] - a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2)
    high = np.minimum(a[:, :2] + a[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2)
    both = np.maximum(high - low, 0).prod(axis=1)
    union: NDArray[np.float32] = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - both
    return both / union


def test_silero_hears_as_onnx_runtime_does_over_frames() -> None:
    path = shared("models/audio/silero_vad_16k_op15.onnx")
    ours, theirs = edgerun.Session(path), edgerun.Session(path, backend="onnxruntime", optimized=False)
    assert ours.in_stages
    rng = np.random.default_rng(0)
    states = [np.zeros((2, 1, 128), np.float32)] * 2
    for _ in range(8):
        frame = (rng.standard_normal((1, 576)) * 0.3).astype(np.float32)
        fed = {"input": frame, "sr": np.array(16000)}
        got, want = ours.run(fed | {"state": states[0]}), theirs.run(fed | {"state": states[1]})
        for name, array in got.items():
            np.testing.assert_allclose(array, want[name], rtol=0, atol=2e-5)
        states = [got["stateN"], want["stateN"]]


def test_the_first_run_tells_open_dimensions() -> None:
    path = shared("models/ocr/ppocrv6_tiny_rec.onnx")
    session, theirs = edgerun.Session(path), edgerun.Session(path, backend="onnxruntime", optimized=False)
    for width in (320, 160):
        feeds = {"x": np.random.default_rng(width).random((1, 3, 48, width), np.float32)}
        want = theirs.run(feeds)
        for name, array in session.run(feeds).items():
            np.testing.assert_allclose(array, want[name], rtol=0, atol=2e-4 * np.abs(want[name]).max())
