"""MoveNet, PoseNet and MediaPipe's hand landmarks.

MoveNet   [1, 1, 17, 3]: y, x, score of each joint, parts of the input
PoseNet   heatmaps [1, h, w, 17] before the sigmoid, offsets [1, h, w, 34] in pixels, the way along each of
          16 bones, forth and back [1, h, w, 64]; a cell each 16 pixels, the first at pixel 0
hands     points [1, 63] in pixels of the input, score [1, 1], left or right [1, 1], points in metres [1, 63]

Sources: TensorFlow's MoveNet model card; G. Papandreou et al., "PersonLab", 2018, and
google-coral/project-posenet; MediaPipe's hand_landmark graph.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.ir.types import TensorInfo
from edgerun.vision.card import Card
from edgerun.vision.coco import JOINTS
from edgerun.vision.decoders.base import Array, Decoder, Family, Io, Outputs, points_of, real, refuse, sigmoid
from edgerun.vision.detections import Instance, Keypoints
from edgerun.vision.preprocess import Placement

_JOINTS = len(JOINTS)
_HAND = 21
# From joint to joint, from the nose on: the order of PoseNet's ways.
_WAYS = (
    *((0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15), (0, 6), (6, 8)),
    *((8, 10), (6, 12), (12, 14), (14, 16)),
)
_NEAR = 20.0  # pixels within which two joints are those of one person
_MOST_PEOPLE = 20


def _is_movenet(io: Io) -> bool:
    return io.size() is not None and io.shapes() == [(1, 1, _JOINTS, 3)]


def _movenet_card(io: Io, so_far: Card) -> Card:
    raw = replace(so_far.input, colour="rgb", resize="letterbox", fill=0.0, mean=(0.0,), scale=(1.0,))
    return replace(so_far, input=raw, threshold=0.2)


def _make_movenet(card: Card, io: Io) -> Decoder:
    if not _is_movenet(io):
        raise refuse(card, io, "a MoveNet has one output [1, 1, 17, 3]")
    info = io.outputs[0]

    def decode(outputs: Outputs, placement: Placement) -> Keypoints:
        found = real(outputs[info.name], info).reshape(_JOINTS, 3)
        score = float(found[:, 2].mean())
        points = points_of(found[:, [1, 0, 2]], placement)
        people = (Instance("person", score, points),) if score >= card.threshold else ()
        return Keypoints(people, *placement.source)

    return decode


def _pose(io: Io) -> list[TensorInfo] | None:
    """Heatmaps, offsets, ways."""
    shapes = io.shapes()
    if io.size() is None or len(shapes) not in (3, 4) or any(len(shape) != 4 for shape in shapes):
        return None
    found = []
    for last in (_JOINTS, 2 * _JOINTS, 4 * len(_WAYS)):
        fits = [
            info
            for info, s in zip(io.outputs, shapes, strict=True)
            if s[3] == last and s[:3] == shapes[0][:3]
        ]
        if len(fits) != 1:
            return None
        found += fits
    return found


def _pose_card(io: Io, so_far: Card) -> Card:
    picture = replace(so_far.input, colour="rgb", resize="letterbox", fill=0.0)
    return replace(so_far, input=picture, threshold=0.3)


def _make_pose(card: Card, io: Io) -> Decoder:
    found, size = _pose(io), io.size()
    if found is None or size is None:
        raise refuse(
            card, io, "a PoseNet has heatmaps [1, h, w, 17], offsets [1, h, w, 34] and ways [1, h, w, 64]"
        )
    heat_at, offsets_at, ways_at = found
    rows, columns = (int(s) for s in heat_at.shape[1:3])
    stride = np.array([(size[1] - 1) / max(rows - 1, 1), (size[0] - 1) / max(columns - 1, 1)])

    def decode(outputs: Outputs, placement: Placement) -> Keypoints:
        heat = sigmoid(real(outputs[heat_at.name], heat_at).reshape(rows, columns, _JOINTS))
        offsets = real(outputs[offsets_at.name], offsets_at).reshape(rows, columns, 2, _JOINTS)
        ways = real(outputs[ways_at.name], ways_at).reshape(rows, columns, 2, 2, len(_WAYS))
        people = _people(heat, offsets, ways, stride, card.threshold)
        instances = [
            Instance("person", score, points_of(joints[:, [1, 0, 2]] / [size[0], size[1], 1], placement))
            for score, joints in people
        ]
        return Keypoints(tuple(sorted(instances, key=lambda p: -p.score)), *placement.source)

    return decode


def _people(
    heat: Array, offsets: Array, ways: Array, stride: Array, threshold: float
) -> list[tuple[float, Array]]:
    """Score and [17, 3] joints (y, x in pixels of the input, score) of each: from each joint that is
    a peak, the best first, along the bones to the others."""
    last = np.array(heat.shape[:2]) - 1
    peaks = _peaks(heat, threshold)
    found: list[tuple[float, Array]] = []

    def refined(at: Array, joint: int) -> tuple[Array, float]:
        cell = np.clip(np.round(at / stride), 0, last).astype(int)
        return cell * stride + offsets[cell[0], cell[1], :, joint], float(heat[cell[0], cell[1], joint])

    for row, column, joint in peaks:
        if len(found) >= _MOST_PEOPLE:
            break
        at, score = refined(np.array([row, column]) * stride, joint)
        if any(np.hypot(*(joints[joint, :2] - at)) < _NEAR for _, joints in found):
            continue  # of somebody who is known
        joints = np.full((_JOINTS, 3), -1.0)
        joints[joint] = (*at, score)
        ends = [joint]
        while ends:
            here = ends.pop()
            for way, (a, b) in enumerate(_WAYS):
                for begin, end, direction in ((a, b, 0), (b, a, 1)):
                    if begin == here and joints[end, 2] < 0:
                        cell = np.clip(np.round(joints[here, :2] / stride), 0, last).astype(int)
                        there = joints[here, :2] + ways[cell[0], cell[1], direction, :, way]
                        at, score = refined(there, end)
                        joints[end] = (*at, score)
                        ends.append(end)
        own = np.ones(_JOINTS, bool)  # joints that nobody before has
        for _, others in found:
            own &= np.hypot(*(joints[:, :2] - others[:, :2]).T) >= _NEAR
        mean = float((joints[:, 2] * own).mean())
        if mean >= threshold:
            found.append((mean, joints))
    return found


def _peaks(heat: Array, threshold: float) -> list[tuple[int, int, int]]:
    """(row, column, joint) of the highest of their 3x3 neighbours, the best first."""
    padded = np.pad(heat, ((1, 1), (1, 1), (0, 0)))
    rows, columns = heat.shape[:2]
    around = np.stack([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)])
    at = np.argwhere((heat >= max(threshold, 0.5)) & (heat >= around.max(axis=0)))
    order = np.argsort(-heat[tuple(at.T)], kind="stable")
    return [(int(r), int(c), int(k)) for r, c, k in at[order]]


def _hand(io: Io) -> tuple[TensorInfo, TensorInfo] | None:
    """Points in pixels and score: of two outputs of one shape the first one."""
    shapes = io.shapes()
    if io.size() is None or sorted(shapes) not in ([(1, 1), (1, 1), (1, 63), (1, 63)], [(1, 1), (1, 63)]):
        return None
    points = [i for s, i in zip(shapes, io.outputs, strict=True) if s == (1, 3 * _HAND)]
    scores = [i for s, i in zip(shapes, io.outputs, strict=True) if s == (1, 1)]
    # Exporters number the outputs: points in pixels, score, side, points in metres.
    return min(points, key=_number), min(scores, key=_number)


def _number(info: TensorInfo) -> tuple[int, str]:
    digits = "".join(c if c.isdigit() else " " for c in info.name.split(":")[0]).split()
    return (int(digits[-1]) if digits else 0, info.name)


def _hand_card(io: Io, so_far: Card) -> Card:
    return replace(
        so_far, input=replace(so_far.input, colour="rgb", resize="letterbox", fill=0.0), threshold=0.5
    )


def _make_hand(card: Card, io: Io) -> Decoder:
    found, size = _hand(io), io.size()
    if found is None or size is None:
        raise refuse(card, io, "hand landmarks have points [1, 63] and a score [1, 1], twice or once")
    points_at, score_at = found

    def decode(outputs: Outputs, placement: Placement) -> Keypoints:
        score = float(real(outputs[score_at.name], score_at).reshape(-1)[0])
        if not 0 <= score <= 1:  # some exports leave the sigmoid out
            score = float(sigmoid(np.array([score]))[0])
        if score < card.threshold:
            return Keypoints((), *placement.source)
        points = real(outputs[points_at.name], points_at).reshape(_HAND, 3)[:, :2] / np.array(
            size, np.float32
        )
        return Keypoints((Instance("hand", score, points_of(points, placement)),), *placement.source)

    return decode


FAMILIES = (
    Family("movenet", "MoveNet, one person", _is_movenet, _movenet_card, _make_movenet),
    Family("posenet", "PoseNet", lambda io: _pose(io) is not None, _pose_card, _make_pose),
    Family(
        "hand-landmarks",
        "MediaPipe's hand landmarks",
        lambda io: _hand(io) is not None,
        _hand_card,
        _make_hand,
    ),
)
