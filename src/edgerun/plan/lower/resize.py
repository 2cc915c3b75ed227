"""Resizing of images: the verbs resize and resize_f32."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor
from edgerun.ir.types import INT8
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Attribute


@lowers(ResizeBilinear, ResizeNearestNeighbor)
def _resize(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, ResizeBilinear | ResizeNearestNeighbor)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    centres: dict[str, Attribute] = {
        "align_corners": int(op.align_corners),
        "half_pixel_centers": int(op.half_pixel_centers),
    }
    if isinstance(op, ResizeBilinear) and node.types()[0].is_float:
        lo.step("resize_f32", (x,), (y,), centres)
        return
    kind = "nearest"
    if isinstance(op, ResizeBilinear):
        kind = "bilinear_q10" if node.types()[0].dtype == INT8 else "bilinear"
    lo.step("resize", (x,), (y,), {"kind": kind, **centres})
