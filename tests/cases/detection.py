"""Detection post-processing."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases.base import (
    Case,
    Net,
    Q,
    make,
)
from edgerun.formats import flexbuffer


def detection(
    kind: str = "float32", n: int = 40, classes: int = 5, background: int = 1, **options: Any
) -> bytes:
    """TFLite_Detection_PostProcess over n anchors on a grid, of boxes and scores of one kind of element."""
    net = Net()
    settings = {
        "max_detections": 8,
        "max_classes_per_detection": 1,
        "detections_per_class": 4,
        "use_regular_nms": False,
        "nms_score_threshold": 0.3,
        "nms_iou_threshold": 0.4,
        "num_classes": classes,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    } | options
    shapes = (1, n, 4), (1, n, classes + background)
    if kind == "float32":
        boxes, scores = (net.tensor(f, s, kind) for f, s in zip(("boxes", "scores"), shapes, strict=True))
    else:
        zero = 0 if kind == "uint8" else -128
        boxes = net.q("boxes", shapes[0], Q(0.09, zero + 128, kind))
        scores = net.q("scores", shapes[1], Q(1 / 256, zero, kind))
    centres = net.rng.uniform(0.1, 0.9, (n, 2))
    sides = net.rng.uniform(0.1, 0.5, (n, 2))
    anchors = np.concatenate([centres, sides], axis=1).astype(np.float32)
    inputs = [boxes, scores, net.tensor("anchors", (n, 4), "float32", data=anchors)]
    if kind != "float32":
        q = Q(1 / 200, 0, "uint8") if kind == "uint8" else Q(1 / 200, -100, "int8")
        quanta = np.rint(anchors / q.scale + q.zero).astype(q.dtype)
        inputs[2] = net.tensor("q_anchors", (n, 4), q.dtype, scale=q.scale, zero_point=q.zero, data=quanta)
    m = settings["max_detections"] * settings["max_classes_per_detection"]
    shapes_out = ((1, m, 4), (1, m), (1, m), (1,))
    names = ("found", "labels", "confidences", "count")
    outputs = [net.tensor(f, s, "float32") for f, s in zip(names, shapes_out, strict=True)]
    net.operator("TFLite_Detection_PostProcess", inputs, outputs, custom_options=flexbuffer.write(settings))
    return net.finish(inputs[:2], outputs)


CASES: list[Case] = [
    *make(
        "DetectionPostProcess",
        detection,
        *({"kind": k, "use_regular_nms": r} for k in ("float32", "uint8") for r in (False, True)),
        {"max_classes_per_detection": 3},
        {"max_classes_per_detection": 3, "classes": 2},
        {"background": 0, "nms_score_threshold": 2.0},
        {"nms_score_threshold": 100.0},
        {"use_regular_nms": True, "max_detections": 30, "nms_iou_threshold": 1.0},
    ),
    *make(
        "DetectionPostProcess",
        detection,
        *({"kind": "int8", "use_regular_nms": r} for r in (False, True)),
        litert=False,
    ),
]
