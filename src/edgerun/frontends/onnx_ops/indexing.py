"""What moves elements to or from where indices say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer, axis_of, refuse
from edgerun.ir.along import GatherElements, ScatterElements
from edgerun.ir.arithmetic import FloorMod
from edgerun.ir.comparison import Less, Select
from edgerun.ir.elementwise import Add
from edgerun.ir.gather import Gather, GatherNd, OneHot, ReverseSequence
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Cast
from edgerun.ir.scatter import UpdateNd
from edgerun.ir.shape import Broadcast, Reshape, Slice
from edgerun.ir.types import INT64


def from_start(task: Import, indices: Value, sizes: int | Sequence[int]) -> Value:
    """Indices that may count from the end of dimensions of `sizes`, counted from their start.

    Raises FormatError where indices that are known leave their dimension.
    """
    data = indices.data
    if data is not None and data.size and ((data < np.negative(sizes)) | (data >= np.asarray(sizes))).any():
        raise FormatError(f"its indices leave dimensions of {sizes}")
    zero, whole = (task.const(np.asarray(n, indices.type.dtype)) for n in (0, sizes))
    from_end = task.emit(Add(indices.type.element), indices, whole)
    return task.emit(Select(), task.emit(Less(), indices, zero), from_end, indices)


def _gather_elements(task: Import) -> Value:
    x = task.value(0)
    axis = axis_of(int(task.get("axis", 0)), len(x.type.shape))
    return task.emit(GatherElements(axis), x, from_start(task, task.value(1), x.type.shape[axis]))


def _gather_nd(task: Import) -> Value:
    x, indices, b = task.value(0), task.value(1), int(task.get("batch_dims", 0))
    depth = indices.type.shape[-1]
    return task.emit(GatherNd(b), x, from_start(task, indices, x.type.shape[b : b + depth]))


def _scatter_elements(task: Import) -> Value:
    x = task.value(0)
    axis = axis_of(int(task.get("axis", 0)), len(x.type.shape))
    indices = from_start(task, task.value(1), x.type.shape[axis])
    return task.emit(ScatterElements(axis, str(task.get("reduction", "none"))), x, indices, task.value(2))


def _scatter_nd(task: Import) -> Value:
    x, indices = task.value(0), task.value(1)
    indices = from_start(task, indices, x.type.shape[: indices.type.shape[-1]])
    return task.emit(UpdateNd(str(task.get("reduction", "none"))), x, indices, task.value(2))


def _tensor_scatter(task: Import) -> Value:
    """The update goes to each sample's own place along the axis, which may go round its end."""
    x, update = task.value(0), task.value(1)
    shape = update.type.shape
    axis = axis_of(int(task.get("axis", -2)), len(shape))
    if axis == 0:
        raise FormatError("its axis is that of the batch")
    mode = task.get("mode", "linear")
    if mode not in ("linear", "circular"):
        raise refuse(f"its mode is {mode}")
    task.afford(8 * shape[axis])
    steps = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    places = task.const(steps, np.int64)
    if task.has(2):
        first = task.emit(Reshape((shape[0], *(1,) * (len(shape) - 1))), task.value(2))
        places = task.emit(Add(places.type.element), first, places)
    if mode == "circular":
        whole = task.const(x.type.shape[axis], np.int64)
        places = task.emit(FloorMod(places.type.element), places, whole)
    return task.emit(ScatterElements(axis), x, task.emit(Broadcast(shape), places), update)


def _compress(task: Import) -> Value:
    """What a condition chooses, which may be shorter than what it chooses from."""
    x = task.value(0)
    chosen = np.flatnonzero(task.constant(1, "condition"))
    axis = 0
    if "axis" in task.attributes:
        axis = axis_of(int(task.attributes["axis"]), len(x.type.shape))
    else:
        x = task.emit(Reshape((x.type.size,)), x)
    if len(chosen) and chosen[-1] >= x.type.shape[axis]:
        raise FormatError(f"its condition does not fit {x.type}")
    return task.emit(Gather(axis), x, task.const(chosen, np.int64))


def _one_hot(task: Import) -> Value:
    indices, values = task.value(0), task.value(2)
    depth = task.integers(1, "depth")[0]
    rank = len(indices.type.shape)
    axis = axis_of(int(task.get("axis", -1)), rank + 1)
    if indices.type.dtype != INT64:
        indices = task.emit(Cast(INT64), indices)
    # Not from_start: an index that leaves the depth has only the value `off`.
    zero, whole = (task.const(n, np.int64) for n in (0, depth))
    from_end = task.emit(Add(indices.type.element), indices, whole)
    indices = task.emit(Select(), task.emit(Less(), indices, zero), from_end, indices)
    off, on = (task.emit(Slice((i,), (1,), (1,)), values) for i in (0, 1))
    return task.emit(OneHot(axis, depth), indices, on, off)


def _reverse_sequence(task: Import) -> Value:
    op = ReverseSequence(int(task.get("time_axis", 0)), int(task.get("batch_axis", 1)))
    return task.emit(op, task.value(0), task.value(1))


IMPORTERS: dict[str, Importer] = {
    "Compress": _compress,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "OneHot": _one_hot,
    "ReverseSequence": _reverse_sequence,
    "Scatter": _scatter_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TensorScatter": _tensor_scatter,
}
