"""Operators that put values to places which data or options say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op
from edgerun.ir.scatter import (
    Dilate,
    SparseToDense,
    UnsortedSegmentMax,
    UnsortedSegmentMin,
    UnsortedSegmentProd,
    UnsortedSegmentSum,
)

Segment = (
    type[UnsortedSegmentMax] | type[UnsortedSegmentMin] | type[UnsortedSegmentProd] | type[UnsortedSegmentSum]
)


def _segment(op: Segment) -> Callable[[Import], Op]:
    def segment(task: Import) -> Op:
        count = int(task.constant(2, "number of segments").item())
        del task.inputs[2]
        return op(count)

    return segment


def sparse_to_dense(task: Import) -> Op:
    shape = tuple(int(d) for d in task.constant(1, "shape").reshape(-1))
    del task.inputs[1]
    return SparseToDense(shape)


def dilate(task: Import) -> Op:
    steps = tuple(int(s) for s in task.constant(1, "dilations").reshape(-1))
    del task.inputs[1]
    return Dilate(steps)


IMPORTERS: Mapping[str, Importer] = {
    "DILATE": dilate,
    "SPARSE_TO_DENSE": sparse_to_dense,
    "UNSORTED_SEGMENT_MAX": _segment(UnsortedSegmentMax),
    "UNSORTED_SEGMENT_MIN": _segment(UnsortedSegmentMin),
    "UNSORTED_SEGMENT_PROD": _segment(UnsortedSegmentProd),
    "UNSORTED_SEGMENT_SUM": _segment(UnsortedSegmentSum),
}
