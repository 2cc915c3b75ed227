"""Detection post-processing: the verb detection_postprocess."""

from __future__ import annotations

from edgerun.ir.detection import DetectionPostProcess
from edgerun.ir.graph import Node
from edgerun.plan.lower.lowering import Lowering, constant, lowers
from edgerun.plan.plan import Attribute, Quantum


@lowers(DetectionPostProcess)
def _detection(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DetectionPostProcess)
    boxes, scores = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1])
    attributes: dict[str, Attribute] = {
        "anchors": op.real(constant(node, 2), node.types()[2]),
        "max_detections": op.max_detections,
        "max_classes_per_detection": op.max_classes_per_detection,
        "detections_per_class": op.detections_per_class,
        "num_classes": op.num_classes,
        "use_regular_nms": int(op.regular_nms),
        "nms_score_threshold": op.score_threshold,
        "nms_iou_threshold": op.iou_threshold,
        **dict(zip(("y_scale", "x_scale", "h_scale", "w_scale"), map(float, op.scales), strict=True)),
    }
    for name, tensor, kind in zip(("box", "score"), (boxes, scores), node.types(), strict=False):
        q = kind.quantization
        attributes[f"{name}_scale"] = 1.0 if q is None else q.step
        attributes[f"{name}_zero_point"] = 0 if q is None else Quantum(q.zero, tensor)
    lo.step("detection_postprocess", (boxes, scores), tuple(map(lo.tensor, node.outputs)), attributes)
