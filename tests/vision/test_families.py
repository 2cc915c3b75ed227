"""Every family of models: recognised by its outputs, and read as its authors read it.

The outputs are written here from objects that are known; what is read must be these objects.
"""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.ir.types import FLOAT32, INT8, INT64, UINT8, Quantization, TensorInfo
from edgerun.vision.card import DECODERS
from edgerun.vision.coco import BONES, COCO, FINGERS, JOINTS
from edgerun.vision.decoders import FAMILIES, make_decoder, recognise
from edgerun.vision.detections import Detections, Keypoints, Mask
from edgerun.vision.metrics import overlaps
from edgerun.vision.preprocess import Preprocessor

PICTURE = (640, 480)
# Class, score, box in pixels of the picture. The second hides behind the first for no decoder: another class.
OBJECTS = [(2, 0.9, (100, 100, 260, 220)), (16, 0.8, (110, 110, 250, 230)), (0, 0.7, (400, 200, 500, 420))]


def tensors(**shapes: tuple[int, ...]) -> list[TensorInfo]:
    return [TensorInfo(name, shape, FLOAT32, None) for name, shape in shapes.items()]


class Net:
    """A model of a family: its card, where the picture goes, and its decoder."""

    def __init__(self, inputs: tuple[int, ...], outputs: list[TensorInfo], dtype=FLOAT32, **card) -> None:
        info = TensorInfo("image", inputs, dtype, None)
        self.card = recognise([info], outputs, ("Conv2d",))
        for key, value in card.items():
            object.__setattr__(self.card, key, value)
        self.outputs = outputs
        preprocessor = Preprocessor(self.card.input, info)
        self.placement = preprocessor.place(*PICTURE)
        self.size = np.array([preprocessor.width, preprocessor.height], float)
        self.decoder = make_decoder(self.card, outputs, [info])

    def placed(self, *points: float) -> np.ndarray:
        """Points x, y, x, y ... of the picture in pixels of the input."""
        p = self.placement
        where = np.array(points, float).reshape(-1, 2)
        scale = np.array(p.place[2:]) / np.array(p.crop[2:])
        return ((where - p.crop[:2]) * scale + p.place[:2]).ravel()

    def __call__(self, *arrays: np.ndarray):
        given = {info.name: a.astype(info.dtype) for info, a in zip(self.outputs, arrays, strict=True)}
        return self.decoder(given, self.placement)


def check(found: Detections, expected: list, atol: float = 1.0) -> None:
    assert isinstance(found, Detections)
    assert [d.index for d in found.items] == [index for index, _, _ in expected]
    np.testing.assert_allclose([d.score for d in found.items], [s for _, s, _ in expected], atol=0.02)
    np.testing.assert_allclose([d.box for d in found.items], [b for _, _, b in expected], atol=atol)


def middles(boxes: np.ndarray) -> np.ndarray:
    """Corners as centres and sides."""
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)


def test_the_table_is_complete() -> None:
    assert {family.name for family in FAMILIES} == set(DECODERS)
    assert len(COCO.names) == 80 and len(JOINTS) == 17
    assert max(max(bone) for bone in BONES) == 16
    assert sorted(b for _, b in FINGERS) == list(range(1, 21))


# -- YOLO --


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_yolov8(parts: bool, transposed: bool) -> None:
    rows = 52 * 52 + 26 * 26 + 13 * 13
    shape = (1, 84, rows)
    net = Net((1, 416, 416, 3), tensors(y=shape))
    assert net.card.decoder == "yolov8" and net.card.labels is COCO
    table = np.zeros((rows, 84), np.float32)
    table[:, :4] = [200, 200, 10, 10]
    for k, (index, score, box) in enumerate(OBJECTS):
        for row, less in ((50 * k + 9, 0.0), (50 * k + 10, 0.1)):  # and a worse one beside it
            table[row, :4] = middles(net.placed(*box)[None] + 20 * less)[0]
            table[row, 4 + index] = score - less
    if parts:
        table[:, :4] /= 416
    check(net(table.T[None]), OBJECTS)


def test_yolov8_of_one_quantisation_for_all() -> None:
    """int8 with the steps of boxes and scores together: comparisons are made on what is stored."""
    rows = 40 * 40 + 20 * 20 + 10 * 10
    quantization = Quantization.of(np.float32(0.0047), -128)
    net = Net((1, 320, 320, 3), [TensorInfo("y", (1, 84, rows), INT8, quantization)])
    table = np.zeros((rows, 84), np.float32)
    for k, (index, score, box) in enumerate(OBJECTS):
        table[k, :4] = middles(net.placed(*box)[None])[0] / 320
        table[k, 4 + index] = score
    stored = np.clip(np.rint(table.T / 0.0047) - 128, -128, 127)
    check(net(stored[None]), OBJECTS, atol=3)


def test_yolov8_pose() -> None:
    rows = 40 * 40 + 20 * 20 + 10 * 10
    net = Net((1, 3, 320, 320), tensors(y=(1, 56, rows)))
    assert (net.card.task, net.card.decoder) == ("keypoints", "yolov8-pose")
    table = np.zeros((rows, 56), np.float32)
    joints = np.stack([np.linspace(110, 250, 17), np.linspace(110, 210, 17)], 1)
    table[7, :4], table[7, 4] = middles(net.placed(100, 100, 260, 220)[None])[0], 0.9
    table[7, 5:] = np.concatenate(
        [net.placed(*joints.ravel()).reshape(-1, 2), np.full((17, 1), 0.5)], 1
    ).ravel()
    table[8] = table[7]
    table[8, 4] = 0.6
    found = net(table.T[None])
    assert isinstance(found, Keypoints)
    (person,) = found.items
    assert person.score == pytest.approx(0.9)
    np.testing.assert_allclose(person.box, (100, 100, 260, 220), atol=0.5)
    np.testing.assert_allclose(np.array(person.points)[:, :2], joints, atol=0.5)
    coco = found.to_coco(7)[0]
    assert len(coco["keypoints"]) == 51 and coco["image_id"] == 7


def test_yolov5() -> None:
    rows = 3 * (40 * 40 + 20 * 20 + 10 * 10)
    quantization = Quantization.of(np.float32(1 / 250), 3)
    net = Net((1, 320, 320, 3), [TensorInfo("y", (1, rows, 85), UINT8, quantization)])
    assert net.card.decoder == "yolov5"
    table = np.zeros((rows, 85), np.float32)
    for k, (index, score, box) in enumerate(OBJECTS):
        table[5 * k, :4] = middles(net.placed(*box)[None])[0] / 320
        table[5 * k, 4] = 0.95
        table[5 * k, 5 + index] = score / 0.95
    table[700, 4] = 1.0  # something, of no class
    check(net(np.clip(np.rint(table * 250) + 3, 0, 255)[None]), OBJECTS, atol=3)


def test_yolox() -> None:
    rows = 52 * 52 + 26 * 26 + 13 * 13
    net = Net((1, 3, 416, 416), tensors(y=(1, rows, 85)))
    assert (net.card.decoder, net.card.input.colour, net.card.input.scale) == ("yolox", "bgr", (1.0,))
    table = np.full((rows, 85), 0.01, np.float32)
    for index, score, box in OBJECTS:
        x, y, w, h = middles(net.placed(*box)[None])[0]
        column, row = int(x // 16), int(y // 16)
        k = 52 * 52 + 26 * row + column
        table[k, :4] = (x / 16 - column, y / 16 - row, np.log(w / 16), np.log(h / 16))
        table[k, 4], table[k, 5 + index] = 1.0, score
    check(net(table[None]), OBJECTS)


def test_ssd_with_its_anchors() -> None:
    net = Net((1, 256, 256, 3), tensors(s=(1, 50, 3), b=(1, 50, 4), the_anchors=(1, 50, 4)))
    assert net.card.decoder == "ssd-anchors"
    scores, boxes = np.zeros((1, 50, 3)), np.zeros((1, 50, 4))
    scores[..., 0] = 1.0
    anchors = np.tile([0.1, 0.2, 0.4, 0.7], (1, 50, 1)).astype(float)
    box = net.placed(200, 100, 320, 220) / np.tile(net.size, 2)
    boxes[0, 7] = (box - anchors[0, 7]) / np.tile(anchors[0, 7, 2:] - anchors[0, 7, :2], 2)
    scores[0, 7] = [0.1, 0.0, 0.9]
    check(net(scores, boxes, anchors), [(1, 0.9, (200, 100, 320, 220))])


# -- maps --


def test_nanodet() -> None:
    shapes = {f"c{i}": (1, n * n, 80) for i, n in enumerate((52, 26, 13))}
    shapes |= {f"b{i}": (1, n * n, 32) for i, n in enumerate((52, 26, 13))}
    net = Net((1, 3, 416, 416), tensors(**shapes))
    assert net.card.decoder == "nanodet"
    scores = [np.zeros((n * n, 80), np.float32) for n in (52, 26, 13)]
    boxes = [np.zeros((n * n, 32), np.float32) for n in (52, 26, 13)]
    for index, score, box in OBJECTS:
        left, top, right, bottom = net.placed(*box)
        column, row = int((left + right) / 2 // 16), int((top + bottom) / 2 // 16)
        x, y = 16 * column + 7.5, 16 * row + 7.5
        scores[1][26 * row + column, index] = score
        for side, away in enumerate(((x - left), (y - top), (right - x), (bottom - y))):
            step = away / 16  # between two whole steps, by how likely each is
            part = np.full(8, -50.0)
            part[int(step)] = np.log(1 - step % 1 + 1e-9)
            part[int(step) + 1] = np.log(step % 1 + 1e-9)
            boxes[1][26 * row + column, 8 * side : 8 * side + 8] = part
    check(net(*(a[None] for a in scores + boxes)), OBJECTS)


def test_fastestdet() -> None:
    net = Net((1, 3, 352, 352), tensors(y=(1, 85, 22, 22)))
    assert net.card.decoder == "fastestdet"
    table = np.full((85, 22, 22), 0.01, np.float32)
    for index, score, box in OBJECTS[::2]:  # the second has the cell of the first
        x, y, w, h = middles(net.placed(*box)[None])[0] / 352
        column, row = int(x * 22), int(y * 22)
        part = w, h
        table[:5, row, column] = [
            score,
            np.arctanh(x * 22 - column),
            np.arctanh(y * 22 - row),
            *(np.log(p / (1 - p)) for p in part),
        ]
        table[5 + index, row, column] = score
    check(net(table[None]), OBJECTS[::2])


def test_fomo() -> None:
    quantization = Quantization.of(np.float32(1 / 256), -128)
    net = Net((1, 96, 96, 3), [TensorInfo("y", (1, 12, 12, 3), INT8, quantization)], dtype=FLOAT32)
    assert net.card.decoder == "fomo"
    table = np.zeros((12, 12, 3), np.float32)
    table[..., 0] = 0.9
    table[2:4, 3, :] = [0.1, 0.8, 0.1]
    table[4, 4, :] = [0.05, 0.9, 0.05]  # corner to corner: the same one
    table[9, 9, :] = [0.2, 0.1, 0.7]
    found = net(np.rint(table * 256) - 128)
    # The middle square of the picture is the input: 480 pixels of 640, 40 for each cell.
    check(found, [(0, 0.9, (80 + 120, 80, 80 + 200, 200)), (1, 0.7, (80 + 360, 360, 80 + 400, 400))])


# -- faces and hands --


def test_blazeface_and_its_parts() -> None:
    whole = Net((1, 128, 128, 3), tensors(b=(1, 896, 16), s=(1, 896, 1)))
    parts = Net((1, 128, 128, 3), tensors(b2=(1, 384, 16), s=(1, 512, 1), b=(1, 512, 16), s2=(1, 384, 1)))
    assert whole.card.decoder == parts.card.decoder == "blazeface"
    boxes, scores = np.zeros((896, 16), np.float32), np.full((896, 1), -90.0, np.float32)
    box = whole.placed(200, 100, 320, 220)
    points = whole.placed(*np.linspace(210, 310, 12))
    x, y, w, h = middles(box[None])[0]
    for anchors, stride, begin, each in ((16, 8, 0, 2), (8, 16, 512, 6)):
        column, row = int(x // stride), int(y // stride)
        k = begin + each * (anchors * row + column) + 1
        at = (np.array([column, row]) + 0.5) * stride
        boxes[k] = [x - at[0], y - at[1], w, h, *(points.reshape(-1, 2) - at).ravel()]
        scores[k] = 3.0
    for found in (
        whole(boxes[None], scores[None]),
        parts(boxes[None, 512:], scores[None, :512], boxes[None, :512], scores[None, 512:]),
    ):
        check(found, [(0, 0.9526, (200, 100, 320, 220))])
        assert found.items[0].label == "face"
        np.testing.assert_allclose(
            np.array(found.items[0].points)[:, :2].ravel(), np.linspace(210, 310, 12), atol=0.5
        )


def test_palms() -> None:
    net = Net((1, 192, 192, 3), tensors(b=(1, 2016, 18), s=(1, 2016, 1)))
    scores = np.full((1, 2016, 1), -90.0)
    scores[0, 5] = 9
    boxes = np.full((1, 2016, 18), 20.0)
    (palm,) = net(boxes, scores).items
    assert palm.label == "palm" and len(palm.points) == 7


@pytest.mark.parametrize("scores_first", [True, False])
def test_ultraface(scores_first: bool) -> None:
    infos = tensors(s=(1, 4420, 2), b=(1, 4420, 4))
    net = Net((1, 240, 320, 3), infos if scores_first else infos[::-1])
    assert net.card.decoder == "ultraface"
    scores, boxes = np.zeros((1, 4420, 2)), np.zeros((1, 4420, 4))
    boxes[0, 3] = net.placed(200, 100, 320, 220) / np.tile(net.size, 2)
    scores[0, 3, 1] = 0.9
    check(net(scores, boxes) if scores_first else net(boxes, scores), [(0, 0.9, (200, 100, 320, 220))])


def test_ultraface_whose_last_step_is_left_to_us() -> None:
    net = Net((1, 240, 320, 3), tensors(s=(1, 4420, 2), b=(1, 4420, 4)))
    scores, boxes = np.zeros((1, 4420, 2)), np.random.default_rng(0).normal(0, 2, (1, 4420, 4))
    x, y, w, h = middles(net.placed(200, 100, 320, 220)[None])[0]
    column, row = int(x // 32), int(y // 32)
    k = 3 * 40 * 30 + 2 * 20 * 15 + 2 * (10 * row + column) + 1  # the anchor of 96 pixels
    at = (np.array([column, row]) + 0.5) * 32
    boxes[0, k] = [*((np.array([x, y]) - at) / 96 / 0.1), *(np.log(np.array([w, h]) / 96) / 0.2)]
    scores[0, k, 1] = 0.9
    check(net(scores, boxes), [(0, 0.9, (200, 100, 320, 220))])


def test_yunet() -> None:
    counts = [40 * 40, 20 * 20, 10 * 10]
    shapes = {
        f"{part}{i}": (1, n, w)
        for part, w in zip("cobk", (1, 1, 4, 10), strict=True)
        for i, n in enumerate(counts)
    }
    net = Net((1, 3, 320, 320), tensors(**shapes))
    assert net.card.decoder == "yunet"
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    box, points = net.placed(200, 100, 320, 220), net.placed(*np.linspace(210, 310, 10)).reshape(-1, 2)
    x, y, w, h = middles(box[None])[0]
    column, row = int(x // 16), int(y // 16)
    k = 20 * row + column
    arrays["c1"][0, k], arrays["o1"][0, k] = 0.9, 0.9
    arrays["b1"][0, k] = (x / 16 - column, y / 16 - row, np.log(w / 16), np.log(h / 16))
    arrays["k1"][0, k] = (points / 16 - [column, row]).ravel()
    found = net(*arrays.values())
    check(found, [(0, 0.9, (200, 100, 320, 220))])
    np.testing.assert_allclose(
        np.array(found.items[0].points)[:, :2].ravel(), np.linspace(210, 310, 10), atol=0.5
    )


def test_hand_landmarks() -> None:
    net = Net((1, 224, 224, 3), tensors(a2=(1, 1), a3=(1, 63), a1=(1, 1), a0=(1, 63)))
    assert net.card.decoder == "hand-landmarks"
    points = np.concatenate([net.placed(*np.linspace(100, 400, 42)).reshape(21, 2), np.ones((21, 1))], 1)
    (hand,) = net(np.zeros((1, 1)), np.zeros((1, 63)), np.array([[0.8]]), points.reshape(1, 63)).items
    assert hand.score == pytest.approx(0.8)
    np.testing.assert_allclose(np.array(hand.points)[:, :2].ravel(), np.linspace(100, 400, 42), atol=0.5)
    assert not net(np.ones((1, 1)), np.zeros((1, 63)), np.array([[0.2]]), points.reshape(1, 63)).items


# -- bodies --


def test_movenet() -> None:
    net = Net((1, 192, 192, 3), tensors(y=(1, 1, 17, 3)))
    assert net.card.decoder == "movenet"
    joints = np.stack([np.linspace(110, 250, 17), np.linspace(110, 210, 17)], 1)
    placed = net.placed(*joints.ravel()).reshape(-1, 2) / 192
    table = np.concatenate([placed[:, ::-1], np.full((17, 1), 0.6)], 1)[None, None]
    (person,) = net(table).items
    np.testing.assert_allclose(np.array(person.points)[:, :2], joints, atol=0.5)
    assert not net(table * [1, 1, 0.1]).items


def test_posenet_tells_two_people_apart() -> None:
    net = Net((1, 161, 241, 3), tensors(heat=(1, 11, 16, 17), off=(1, 11, 16, 34), mid=(1, 11, 16, 64)))
    assert net.card.decoder == "posenet"
    from edgerun.vision.decoders.poses import _WAYS

    rng = np.random.default_rng(4)
    people = [rng.uniform([20, 15], [90, 145], (17, 2)), rng.uniform([140, 15], [220, 145], (17, 2))]  # x, y
    heat, off, mid = np.full((11, 16, 17), -9.0), np.zeros((11, 16, 2, 17)), np.zeros((11, 16, 2, 2, 16))
    for joints in people:
        at = np.rint(joints / 16).astype(int)
        for k, (x, y) in enumerate(at):
            heat[y, x, k] = 4.0
            off[y, x, :, k] = (joints[k] - 16 * at[k])[::-1]
        for way, (a, b) in enumerate(_WAYS):
            for begin, end, direction in ((a, b, 0), (b, a, 1)):
                mid[at[begin][1], at[begin][0], direction, :, way] = (joints[end] - joints[begin])[::-1]
    found = net(heat[None], off.reshape(1, 11, 16, 34), mid.reshape(1, 11, 16, 64))
    assert len(found.items) == 2
    for person in found.items:
        got = np.array([net.placed(*point[:2]) for point in person.points])
        assert min(np.abs(got - joints).max() for joints in people) < 1
        assert person.score > 0.9


# -- masks --


def test_masks() -> None:
    truth = np.zeros((64, 64), int)
    truth[10:40, 20:60] = 3
    scores = np.eye(5)[truth]
    cases = [
        (TensorInfo("y", (1, 64, 64), INT64, None), truth[None]),
        (TensorInfo("y", (1, 64, 64, 5), FLOAT32, None), scores[None]),
        (TensorInfo("y", (1, 5, 64, 64), FLOAT32, None), scores.transpose(2, 0, 1)[None]),
        (
            TensorInfo("y", (1, 64, 64, 5), UINT8, Quantization.of(np.float32(0.01), 7)),
            100 * scores[None] + 7,
        ),
        (TensorInfo("y", (1, 64, 64, 1), FLOAT32, None), (truth == 3)[None, ..., None] * 0.9),
    ]
    for info, array in cases:
        net = Net((1, 64, 64, 3), [info])
        assert net.card.decoder == "segmentation"
        found = net(array)
        assert isinstance(found, Mask)
        index = 1 if info.shape[-1] == 1 else 3
        np.testing.assert_array_equal(found.classes, np.where(truth, index, 0))
        assert [(r.index, round(r.share, 3)) for r in found.items] == [(0, 0.707), (index, 0.293)]
        full = found.full()
        assert full.shape == (480, 640) and full[75, 200] == index and full[74, 200] == 0
        told = found.to_dict()
        runs = np.array(told["runs"]).reshape(-1, 2)
        np.testing.assert_array_equal(np.repeat(runs[:, 0], runs[:, 1]), found.classes.ravel())


def test_a_mask_is_of_the_picture_alone() -> None:
    from dataclasses import replace

    info = TensorInfo("y", (1, 64, 64), INT64, None)
    card = recognise([TensorInfo("image", (1, 64, 64, 3), FLOAT32, None)], [info], ())
    boxed = replace(card, input=replace(card.input, resize="letterbox"))
    inputs = [TensorInfo("image", (1, 64, 64, 3), FLOAT32, None)]
    place = Preprocessor(boxed.input, inputs[0]).place(*PICTURE)
    truth = np.full((1, 64, 64), 9)
    truth[0, 8:56] = 1
    found = make_decoder(boxed, [info], inputs)({"y": truth}, place)
    assert (found.classes == 1).all() and found.classes.shape == (48, 64)
    with pytest.raises(ConfigError, match="a mask is of the whole picture"):
        make_decoder(replace(card, input=replace(card.input, resize="crop")), [info], inputs)


# -- all of them --


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.name != "tensors"], ids=lambda f: f.name)
def test_outputs_of_others_are_refused(family) -> None:
    inputs, outputs = tensors(image=(1, 32, 32, 3)), tensors(a=(1, 2, 3, 4, 5))
    card = recognise(inputs, outputs, ())
    object.__setattr__(card, "decoder", family.name)
    with pytest.raises(ConfigError, match=r"this model has \[1, 2, 3, 4, 5\]"):
        make_decoder(card, outputs, inputs)


def test_nothing_found_is_nothing() -> None:
    for inputs, outputs in (
        ((1, 416, 416, 3), tensors(y=(1, 84, 3549))),
        ((1, 128, 128, 3), tensors(b=(1, 896, 16), s=(1, 896, 1))),
        ((1, 3, 352, 352), tensors(y=(1, 85, 22, 22))),
    ):
        net = Net(inputs, outputs)
        assert not net(*(np.full(info.shape, -50.0) for info in outputs)).items


def test_suppression_against_every_pair() -> None:
    from edgerun.vision.decoders.base import suppress

    rng = np.random.default_rng(0)
    for _ in range(30):
        low = rng.uniform(0, 1, (40, 2))
        boxes = np.concatenate([low, low + rng.uniform(0.1, 0.5, (40, 2))], 1)
        scores, classes = rng.random(40), rng.integers(0, 2, 40)
        kept: list[int] = []
        for k in np.argsort(-scores):
            if all(classes[k] != classes[j] or overlaps(boxes[k], boxes[j])[0, 0] <= 0.4 for j in kept):
                kept.append(int(k))
        assert suppress(boxes, scores, classes, 0.4) == kept


def test_suppression_takes_what_fits_alone() -> None:
    from edgerun._vision import suppress

    boxes, classes = np.zeros((3, 4), np.float32), np.zeros(3, np.int32)
    assert suppress(boxes, classes, 0.5) == [0, 1, 2]  # without an area nothing overlaps
    assert suppress(boxes[:0], classes[:0], 0.5) == []
    assert suppress(np.full((2, 4), np.nan, np.float32), classes[:2], 0.5) == [0, 1]
    for wrong in ((boxes[:, :3].copy(), classes), (boxes, classes[:2]), (boxes.astype(np.float64), classes)):
        with pytest.raises(ValueError):
            suppress(*wrong, 0.5)
