"""Regions of images: the verbs roi_align and suppress_overlaps."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.regions import MOST_SAMPLES, RoiAlign
from edgerun.ir.suppression import SuppressOverlaps
from edgerun.ir.types import INT32, INT64
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Attribute


@lowers(RoiAlign)
def _roi_align(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, RoiAlign)
    if node.types()[2].dtype not in (INT32, INT64):
        lo.host(node)  # rare
        return
    x, regions, images = map(lo.tensor, node.inputs)
    attributes: dict[str, Attribute] = {
        "kind": "largest" if op.largest else "mean",
        "half_pixel": int(op.half_pixel),
        "samples": op.samples,
        "most": MOST_SAMPLES,
        "scale": op.scale,
    }
    lo.step("roi_align", (x, regions, images), (lo.tensor(node.outputs[0]),), attributes)


@lowers(SuppressOverlaps)
def _suppress_overlaps(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, SuppressOverlaps)
    if not node.outputs[0].type.size:
        lo.host(node)  # nothing to select
        return
    boxes, scores = map(lo.tensor, node.inputs)
    selected, count = map(lo.tensor, node.outputs)
    attributes: dict[str, Attribute] = {
        "centred": int(op.centred),
        "iou_threshold": op.iou_threshold,
        "score_threshold": op.score_threshold,
    }
    lo.step("suppress_overlaps", (boxes, scores), (selected, count), attributes)
