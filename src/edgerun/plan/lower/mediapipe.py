"""MediaPipe's crops around landmarks: the verbs landmarks_matrix, transform_landmarks and resample."""

from __future__ import annotations

from edgerun.ir.graph import Node
from edgerun.ir.mediapipe import (
    LandmarksToTransformMatrix,
    Resampler,
    TransformLandmarks,
    TransformTensorBilinear,
)
from edgerun.plan.lower.lowering import Lowering, lowers
from edgerun.plan.plan import Attribute


@lowers(LandmarksToTransformMatrix)
def _landmarks_matrix(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, LandmarksToTransformMatrix)
    attributes: dict[str, Attribute] = {
        "left": op.left,
        "right": op.right,
        "subset": op.subset,
        "size": op.size,
        "scale_x": op.scale[0],
        "scale_y": op.scale[1],
        "rotation": op.rotation,
    }
    _step(lo, node, "landmarks_matrix", attributes)


@lowers(TransformLandmarks)
def _transform_landmarks(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, TransformLandmarks)
    _step(lo, node, "transform_landmarks", {"dimensions": op.dimensions, "scale": op.scale})


@lowers(TransformTensorBilinear)
def _transform_tensor(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, TransformTensorBilinear)
    _step(lo, node, "resample", {"kind": "half_pixel_matrix" if op.half_pixel else "matrix"})


@lowers(Resampler)
def _resampler(lo: Lowering, node: Node) -> None:
    _step(lo, node, "resample", {"kind": "positions"})


def _step(lo: Lowering, node: Node, verb: str, attributes: dict[str, Attribute]) -> None:
    inputs, outputs = (tuple(map(lo.tensor, values)) for values in (node.inputs, node.outputs))
    lo.step(verb, inputs, outputs, attributes)
