"""Shapes, and what moves elements without changing them."""

from __future__ import annotations

import math

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer, axes_of, axis_of, refuse
from edgerun.ir.comparison import Less, Select
from edgerun.ir.elementwise import Add
from edgerun.ir.gather import Gather
from edgerun.ir.graph import Value
from edgerun.ir.op import expect
from edgerun.ir.shape import Broadcast, Concat, MirrorPad, Pad, Reshape, Slice, Split, Tile
from edgerun.ir.types import INT64, Array, Shape


def _identity(task: Import) -> Value:
    return task.value(0)


def _dropout(task: Import) -> Value | list[Value]:
    """At inference nothing is dropped, and the mask says so."""
    if task.has(2) and task.constant(2, "training mode").any():
        raise refuse("it trains")
    x = task.value(0)
    if len(task.outputs) == 1:
        return x
    # Before opset 10, the mask has the dtype of the input.
    dtype = np.dtype(bool) if task.opset >= 10 else x.type.dtype
    task.afford(math.prod(x.type.shape) * dtype.itemsize)
    return [x, task.const(np.ones(x.type.shape, dtype))]


def _constant(task: Import) -> Value:
    attributes = task.attributes
    for name, dtype in (("value", None), ("value_float", np.float32), ("value_floats", np.float32)):
        if name in attributes:
            return task.const(attributes[name], dtype)
    for name in ("value_int", "value_ints"):
        if name in attributes:
            return task.const(attributes[name], np.int64)
    raise refuse(f"its value is one of {sorted(attributes)}")


def _constant_of_shape(task: Import) -> Value:
    value = np.asarray(task.get("value", np.zeros(1, np.float32))).reshape(())
    return task.emit(Broadcast(task.integers(0, "shape")), task.const(value))


def _shape(task: Import) -> Value:
    shape = task.type(0).shape
    rank = len(shape)
    start, end = int(task.get("start", 0)), int(task.get("end", rank))
    return task.const(np.array(shape[slice(start, end)], np.int64))


def _size(task: Import) -> Value:
    return task.const(np.array(task.type(0).size, np.int64))


def _reshape(task: Import) -> Value:
    x = task.value(0)
    shape = task.moved_integers(1, "shape") or ()
    zero = not task.get("allowzero", 0)
    sizes = [x.type.shape[i] if d == 0 and zero and i < len(x.type.shape) else d for i, d in enumerate(shape)]
    if -1 in sizes:
        known = math.prod(d for d in sizes if d != -1)
        if sizes.count(-1) > 1 or known == 0 or x.type.size % known:
            raise FormatError(f"{x.type} does not fit the shape {shape}")
        sizes[sizes.index(-1)] = x.type.size // known
    return task.emit(Reshape(tuple(sizes)), x)


def _flatten(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    axis = int(task.get("axis", 1))
    axis = axis + rank if axis < 0 else axis
    return task.emit(Reshape((math.prod(x.type.shape[:axis]), math.prod(x.type.shape[axis:]))), x)


def _squeeze(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    given = task.moved_integers(1, "axes")
    axes = axes_of(given, rank) if given is not None else [i for i, d in enumerate(x.type.shape) if d == 1]
    return task.emit(Reshape(tuple(d for i, d in enumerate(x.type.shape) if i not in axes)), x)


def _unsqueeze(task: Import) -> Value:
    x, given = task.value(0), task.moved_integers(1, "axes") or ()
    axes = axes_of(given, len(x.type.shape) + len(given))
    sizes = iter(x.type.shape)
    rank = len(x.type.shape) + len(axes)
    return task.emit(Reshape(tuple(1 if i in axes else next(sizes) for i in range(rank))), x)


def _transpose(task: Import) -> Value:
    rank = len(task.type(0).shape)
    perm = tuple(int(p) for p in task.get("perm", range(rank)[::-1]))
    if sorted(perm) != list(range(rank)):
        raise FormatError(f"the permutation {perm} does not fit {task.type(0)}")
    return task.transpose(task.value(0), perm)


def _concat(task: Import) -> Value:
    values = [v for v in task.inputs if v is not None]
    axis = axis_of(int(task.get("axis", 1)), len(task.type(0).shape))
    return values[0] if len(values) == 1 else task.emit(Concat(axis), *values)


def _slice(task: Import) -> Value:
    x = task.value(0)
    starts, ends = task.moved_integers(1, "starts") or (), task.moved_integers(2, "ends") or ()
    axes = task.moved_integers(3, "axes") or tuple(range(len(starts)))
    steps = task.integers(4, "steps") if task.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise FormatError(f"its starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit")
    first, count, by = [0] * len(x.type.shape), list(x.type.shape), [1] * len(x.type.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        i = axis_of(axis, len(first))
        chosen = range(x.type.shape[i])[start:end:step]
        first[i], count[i], by[i] = (chosen[0] if chosen else 0), len(chosen), step
    return task.emit(Slice(tuple(first), tuple(count), tuple(by)), x)


def _split(task: Import) -> list[Value]:
    x = task.value(0)
    axis = axis_of(int(task.get("axis", 0)), len(x.type.shape))
    sizes = task.moved_integers(1, "split")
    if sizes is None:
        parts, total = len(task.outputs), x.type.shape[axis]
        size = -(-total // parts)
        sizes = tuple(min(size, total - k * size) for k in range(parts))
    if sum(sizes) != x.type.shape[axis] or min(sizes) < 0:
        raise FormatError(f"the parts {sizes} do not fit {x.type} along axis {axis}")
    return task.emit_all(Split(axis, tuple(sizes)), x)


def _pad(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    pads = task.moved_integers(1, "pads") or (0,) * (2 * rank)
    axes = task.integers(3, "axes") if task.has(3) else tuple(range(rank))
    before, after = [0] * rank, [0] * rank
    for k, axis in enumerate(axes):
        i = axis_of(axis, rank)
        before[i], after[i] = pads[k], pads[k + len(axes)]
    if min(*before, *after, 0) < 0:
        keep = [max(0, -b) for b in before]
        size = [d - k - max(0, -a) for d, k, a in zip(x.type.shape, keep, after, strict=True)]
        x = task.emit(Slice(tuple(keep), tuple(size), (1,) * rank), x)
        before, after = [max(0, b) for b in before], [max(0, a) for a in after]
    mode = task.get("mode", "constant")
    if mode == "reflect" and all(max(p) < d for *p, d in zip(before, after, x.type.shape, strict=True)):
        return task.emit(MirrorPad(tuple(before), tuple(after)), x)
    if mode != "constant":
        for axis, (less, more) in enumerate(zip(before, after, strict=True)):
            if less or more:
                task.afford(32 * (less + x.type.shape[axis] + more))
                indices = _beyond(mode, np.arange(-less, x.type.shape[axis] + more), x.type.shape[axis])
                x = task.emit(Gather(axis), x, task.const(indices, INT64))
        return x
    fill = task.constant(2, "value").reshape(-1)[0] if task.has(2) else task.get("value", 0.0)
    number = float(fill) if x.type.is_float else int(fill)
    return task.emit(Pad(tuple(before), tuple(after), number), x)


def _beyond(mode: str, places: Array, size: int) -> Array:
    """Which of `size` entries there is at each place, also before the first and behind the last one."""
    if size == 0:
        raise FormatError("it pads a dimension without entries")
    if mode == "edge":
        return np.clip(places, 0, size - 1)
    if mode == "wrap":
        return np.mod(places, size)
    if mode != "reflect":
        raise refuse(f"its mode is {mode}")
    last = size - 1
    return np.asarray(last - np.abs(last - np.mod(places, max(2 * last, 1))))


def _expand(task: Import) -> Value:
    x = task.value(0)
    shape = tuple(np.broadcast_shapes(x.type.shape, task.integers(1, "shape")))
    return x if shape == x.type.shape else task.emit(Broadcast(shape), x)


def _tile(task: Import) -> Value:
    return task.emit(Tile(task.integers(1, "repeats")), task.value(0))


def _gather(task: Import) -> Value:
    x, indices = task.value(0), task.value(1)
    axis = axis_of(int(task.get("axis", 0)), len(x.type.shape))
    size = x.type.shape[axis]
    if indices.data is None:
        # They may count from the end.
        zero, whole = (task.const(n, indices.type.dtype) for n in (0, size))
        from_end = task.emit(Add(indices.type.element), indices, whole)
        below = task.emit(Less(), indices, zero)
        return task.emit(Gather(axis), x, task.emit(Select(), below, from_end, indices))
    data = indices.data.astype(np.int64)
    if data.size and not (-size <= data.min() and data.max() < size):
        raise FormatError(f"its indices do not fit {x.type} along axis {axis}")
    data = np.where(data < 0, data + size, data)
    flat = data.reshape(-1)
    steps = set(np.diff(flat).tolist())
    if x.data is None and (flat.size == 1 or (flat.size > 1 and len(steps) == 1 and 0 not in steps)):
        # Every k-th of them: that is a slice.
        rank = len(x.type.shape)
        step = int(flat[1] - flat[0]) if flat.size > 1 else 1
        start = tuple(int(flat[0]) if i == axis else 0 for i in range(rank))
        count = tuple(flat.size if i == axis else d for i, d in enumerate(x.type.shape))
        part = task.emit(Slice(start, count, tuple(step if i == axis else 1 for i in range(rank))), x)
        shape: Shape = (*x.type.shape[:axis], *data.shape, *x.type.shape[axis + 1 :])
        return task.emit(Reshape(shape), part)
    return task.emit(Gather(axis), x, task.const(data, INT64))


def _depth_to_space(task: Import) -> Value:
    x, block = task.value(0), int(task.get("blocksize", 1))
    n, c, h, w = x.type.shape
    less = c // (block * block)
    if task.get("mode", "DCR") == "CRD":
        split, perm = (n, less, block, block, h, w), (0, 1, 4, 2, 5, 3)
    else:
        split, perm = (n, block, block, less, h, w), (0, 3, 4, 1, 5, 2)
    moved = task.transpose(task.emit(Reshape(split), x), perm)
    return task.emit(Reshape((n, less, h * block, w * block)), moved)


def _space_to_depth(task: Import) -> Value:
    x, block = task.value(0), int(task.get("blocksize", 1))
    n, c, h, w = x.type.shape
    split = task.emit(Reshape((n, c, h // block, block, w // block, block)), x)
    columns_last = task.get("mode", "DCR") == "CRD"
    moved = task.transpose(split, (0, 1, 3, 5, 2, 4) if columns_last else (0, 3, 5, 1, 2, 4))
    return task.emit(Reshape((n, c * block * block, h // block, w // block)), moved)


def _range(task: Import) -> Value:
    start, limit, delta = (task.constant(i, n).reshape(()) for i, n in enumerate(("start", "limit", "delta")))
    expect(bool(delta), "Range in steps of 0.")
    count = max(0, math.ceil((limit.item() - start.item()) / delta.item()))
    task.afford(8 * count)
    return task.const((start + np.arange(count) * delta).astype(start.dtype))


IMPORTERS: dict[str, Importer] = {
    "Identity": _identity,
    "Dropout": _dropout,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Shape": _shape,
    "Size": _size,
    "Range": _range,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Gather": _gather,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
