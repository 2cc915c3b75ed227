"""Movement of data by computed indices."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer, axis_of
from edgerun.ir.gather import (
    DynamicUpdateSlice,
    Gather,
    GatherNd,
    OneHot,
    ReverseSequence,
    ScatterNd,
    SegmentSum,
)
from edgerun.ir.op import Op, expect, supported


def gather(task: Import) -> Op:
    rank, batches = len(task.type(1).shape), int(task.options["batch_dims"])
    axis = axis_of(task.options["axis"], len(task.type(0).shape))
    return Gather(axis, batches + rank if batches < 0 else batches)


def embedding_lookup(task: Import) -> Op:
    """Rows of the second input, a table, by the numbers in the first."""
    task.inputs.reverse()
    supported(task.type(0).element == task.out, f"EMBEDDING_LOOKUP of {task.type(0)} to {task.out}")
    return Gather(0)


def scatter_nd(task: Import) -> Op:
    shape = tuple(int(d) for d in task.constant(2, "shape").reshape(-1))
    del task.inputs[2]
    return ScatterNd(shape)


def one_hot(task: Import) -> Op:
    depth = int(task.constant(1, "depth").item())
    del task.inputs[1]
    return OneHot(axis_of(task.options["axis"], len(task.type(0).shape) + 1), depth)


def reverse_sequence(task: Import) -> Op:
    return ReverseSequence(int(task.options["seq_dim"]), int(task.options["batch_dim"]))


def segment_sum(task: Import) -> Op:
    segments = task.constant(1, "segment numbers")
    expect(segments.size > 0, "SEGMENT_SUM of nothing.")
    return SegmentSum(int(segments[-1]) + 1)


IMPORTERS: Mapping[str, Importer] = {
    "DYNAMIC_UPDATE_SLICE": lambda task: DynamicUpdateSlice(),
    "EMBEDDING_LOOKUP": embedding_lookup,
    "GATHER": gather,
    "GATHER_ND": lambda task: GatherNd(),
    "ONE_HOT": one_hot,
    "REVERSE_SEQUENCE": reverse_sequence,
    "SCATTER_ND": scatter_nd,
    "SEGMENT_SUM": segment_sum,
}
