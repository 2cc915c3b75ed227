"""Operators that move data and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from edgerun import knobs
from edgerun.frontends.tflite_ops.task import Import, Importer, axes, axis_of
from edgerun.ir.graph import Value
from edgerun.ir.op import NO_CLAMP, Op, expect, quantization_of, supported
from edgerun.ir.shape import (
    Broadcast,
    BroadcastArgs,
    Concat,
    Cumsum,
    MatrixDiag,
    MatrixSetDiag,
    MirrorPad,
    Pad,
    Reshape,
    Slice,
    Split,
    Tile,
    Transpose,
    Unpack,
)
from edgerun.ir.types import Array, TensorType


def reshape(task: Import) -> Op:
    of_file = len(task.inputs) == 1 or task.value(1).data is not None
    if len(task.inputs) > 1:
        shape = task.integers("shape")
    else:
        shape = tuple(int(d) for d in task.options["new_shape"])
    batched = (shape[0] * task.batch, *shape[1:]) if shape and shape[0] > 0 else shape
    if task.batch > 1 and of_file and task.value(0).data is None:
        # The file's constant has the batch of its own inputs.
        return Reshape(_filled(task.type(0), batched if -1 in shape or not _fits(task, shape) else shape))
    return Reshape(_filled(task.type(0), shape))


def _fits(task: Import, shape: tuple[int, ...]) -> bool:
    return int(np.prod(shape, dtype=object)) == task.type(0).size


def _filled(x: TensorType, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with what is left of x in the place of -1."""
    if shape.count(-1) == 1:
        rest = -int(np.prod(shape, dtype=object))
        expect(rest > 0 and x.size % rest == 0, f"{x} does not fit into {shape}.")
        shape = tuple(x.size // rest if d == -1 else d for d in shape)
    expect(min(shape, default=0) >= 0, f"The shape {shape} has a negative dimension.")
    return shape


def pad(task: Import) -> Op:
    x = task.type(0)
    fill: int | float = 0 if x.quantization is None else quantization_of(x).zero
    names = ("paddings", "fill")[: len(task.inputs) - 1]
    constants = task.constants(*names)
    before, after = _paddings(x, constants[0])
    if len(constants) == 2:
        expect(constants[1].size == 1, "The fill must be one value.")
        fill = constants[1].reshape(()).item()
    return Pad(before, after, fill)


def mirror_pad(task: Import) -> Op:
    before, after = _paddings(task.type(0), task.constants("paddings")[0])
    return MirrorPad(before, after, task.options["mode"] == "symmetric")


def _paddings(x: TensorType, paddings: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    expect(paddings.shape == (len(x.shape), 2), f"Paddings of shape {paddings.shape} do not fit {x}.")
    before, after = (tuple(map(int, column)) for column in paddings.T)
    return before, after


def concatenation(task: Import) -> Op:
    axis = axis_of(task.options["axis"], len(task.outputs[0].type.shape or task.type(0).shape))
    # LiteRT, too, has none.
    supported(task.clamp == NO_CLAMP, "a fused activation of CONCATENATION is not supported")
    task.requantize_inputs()
    return Concat(axis)


def pack(task: Import) -> Op:
    shape = task.type(0).shape
    axis = axis_of(task.options["axis"], len(shape) + 1)
    task.requantize_inputs()
    for i in range(len(task.inputs)):
        expect(task.type(i).shape == shape, f"PACK of {task.type(0)} and {task.type(i)}.")
        task.apply(Reshape((*shape[:axis], 1, *shape[axis:])), i)
    return Concat(axis)


def unpack(task: Import) -> Op:
    shape = task.type(0).shape
    axis = axis_of(task.options["axis"], len(shape))
    expect(shape[axis] == len(task.outputs), f"{shape[axis]} entries for {len(task.outputs)} outputs.")
    return Unpack(axis)


def split(task: Import) -> Op:
    x = task.type(1)
    axis = axis_of(task.constant(0, "axis").item(), len(x.shape))
    del task.inputs[0]
    count = len(task.outputs)
    expect(x.shape[axis] % count == 0, f"{x} has no {count} equal parts along axis {axis}.")
    return Split(axis, (x.shape[axis] // count,) * count)


def split_v(task: Import) -> Op:
    x = task.type(0)
    parts, axis_array = task.constants("sizes", "axis")
    axis = axis_of(axis_array.item(), len(x.shape))
    sizes = [int(size) for size in parts.reshape(-1)]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(sizes) - 1
    return Split(axis, tuple(sizes))


def transpose(task: Import) -> Op:
    rank = len(task.type(0).shape)
    perm = task.integers("permutation")
    expect(all(-rank <= p < rank for p in perm), f"The permutation {perm} does not fit {task.type(0)}.")
    return Transpose(tuple(p % rank for p in perm))


def slice_(task: Import) -> Op:
    shape = task.type(0).shape
    starts, sizes = (tuple(map(int, a.reshape(-1))) for a in task.constants("begin", "size"))
    expect(len(starts) == len(sizes) == len(shape), f"begin and size do not fit {shape}.")
    sizes = tuple(d - b if s == -1 else s for d, b, s in zip(shape, starts, sizes, strict=True))
    return Slice(starts, sizes, (1,) * len(shape))


def strided_slice(task: Import) -> Op:
    """A slice, and behind it a reshape where axes come or go."""
    x = task.type(0)
    begin, end, strides = (tuple(map(int, a.reshape(-1))) for a in task.constants("begin", "end", "strides"))
    expect(len(begin) == len(end) == len(strides), "begin, end and strides differ in length.")
    masks = {name: int(task.options[name]) for name in _MASKS}
    masks["new_axis_mask"] &= ~masks["ellipsis_mask"]
    new = sum(masks["new_axis_mask"] >> i & 1 for i in range(len(begin)))
    starts, sizes, steps, shape = [], [], [], []

    def take(start: int, size: int, step: int) -> None:
        starts.append(start)
        sizes.append(size)
        steps.append(step if size > 1 else 1)

    def whole(count: int) -> None:
        for d in x.shape[len(starts) : len(starts) + count]:
            take(0, d, 1)
            shape.append(d)

    for i, (b, e, step) in enumerate(zip(begin, end, strides, strict=True)):
        has = {name: bool(mask >> i & 1) for name, mask in masks.items()}
        if has["ellipsis_mask"]:
            whole(len(x.shape) - (len(begin) - 1 - new))
            continue
        if has["new_axis_mask"]:
            shape.append(1)
            continue
        expect(len(starts) < len(x.shape), f"begin, end and strides do not fit {x}.")
        expect(step != 0, "A stride is 0.")
        d = x.shape[len(starts)]
        low, high = (0, d) if step > 0 else (-1, d - 1)  # the ends of a walk in the stride's direction
        b_in = low if step > 0 else high
        if not has["begin_mask"]:
            b_in = min(max(b + d if b < 0 else b, low), high)
        if has["shrink_axis_mask"]:
            expect(0 <= b_in < d, f"Index {b} of a dimension of {d}.")
            take(b_in, 1, 1)
            continue
        e_in = high if step > 0 else low
        if not has["end_mask"]:
            e = e + b_in if task.options["offset"] else e + d if e < 0 else e
            e_in = min(max(e, low), high)
        size = max(0, -((b_in - e_in) // step))
        take(b_in, size, step)
        shape.append(size)
    whole(len(x.shape) - len(starts))
    sliced = Slice(tuple(starts), tuple(sizes), tuple(steps))
    if tuple(shape) == sliced.sizes:
        return sliced
    if sliced.sizes != x.shape or set(steps) != {1}:
        task.apply(sliced)
    return Reshape(tuple(shape))


_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def reverse(task: Import) -> Op:
    shape = task.type(0).shape
    back = axes(task.integers("axis"), len(shape))
    starts = tuple(d - 1 if i in back else 0 for i, d in enumerate(shape))
    return Slice(starts, shape, tuple(-1 if i in back else 1 for i in range(len(shape))))


def squeeze(task: Import) -> Op:
    shape = task.type(0).shape
    gone = axes(tuple(int(a) for a in task.options["squeeze_dims"]), len(shape))
    gone = gone or tuple(i for i, d in enumerate(shape) if d == 1)
    expect(all(shape[i] == 1 for i in gone), f"SQUEEZE of {task.type(0)} along {gone}.")
    return Reshape(tuple(d for i, d in enumerate(shape) if i not in gone))


def expand_dims(task: Import) -> Op:
    shape = task.type(0).shape
    axis = axis_of(task.constants("axis")[0].item(), len(shape) + 1)
    return Reshape((*shape[:axis], 1, *shape[axis:]))


def space_to_depth(task: Import) -> Op:
    n, h, w, c = _image(task)
    b = _block(task)
    expect(h % b == w % b == 0, f"Blocks of {b} x {b} do not divide {task.type(0)}.")
    task.apply(Reshape((n, h // b, b, w // b, b, c)))
    task.apply(Transpose((0, 1, 3, 2, 4, 5)))
    return Reshape((n, h // b, w // b, b * b * c))


def depth_to_space(task: Import) -> Op:
    n, h, w, c = _image(task)
    b = _block(task)
    expect(c % (b * b) == 0, f"Blocks of {b} x {b} do not divide the channels of {task.type(0)}.")
    task.apply(Reshape((n, h, w, b, b, c // (b * b))))
    task.apply(Transpose((0, 1, 3, 2, 4, 5)))
    return Reshape((n, h * b, w * b, c // (b * b)))


def _image(task: Import) -> tuple[int, int, int, int]:
    expect(len(task.type(0).shape) == 4, f"A 4-D input is needed, got {task.type(0)}.")
    n, h, w, c = task.type(0).shape
    return n, h, w, c


def _block(task: Import) -> int:
    block = int(task.options["block_size"])
    expect(block >= 1, f"The block size is {block}.")
    return block


def space_to_batch(task: Import) -> Op:
    """Each of the block's positions becomes a batch of its own."""
    x = task.type(0)
    blocks, paddings = _blocks(task, "paddings")
    zero = 0 if x.quantization is None else quantization_of(x).zero
    m = len(blocks)
    others = (0,) * (len(x.shape) - 1 - m)
    task.apply(Pad((0, *paddings[0], *others), (0, *paddings[1], *others), zero))
    n, *dims = task.type(0).shape
    space, rest = dims[:m], dims[m:]
    expect(
        all(d % b == 0 for d, b in zip(space, blocks, strict=True)), f"Blocks of {blocks} do not divide {x}."
    )
    outside = [d // b for d, b in zip(space, blocks, strict=True)]
    pairs = [d for pair in zip(outside, blocks, strict=True) for d in pair]
    task.apply(Reshape((n, *pairs, *rest)))
    moved = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m + 1, 2)]
    task.apply(Transpose((*moved, *range(2 * m + 1, 2 * m + 1 + len(rest)))))
    return Reshape((n * math.prod(blocks), *outside, *rest))


def batch_to_space(task: Import) -> Op:
    """The inverse of space_to_batch: batches are interleaved, then the borders are cropped."""
    blocks, crops = _blocks(task, "crops")
    n, *dims = task.type(0).shape
    m, positions = len(blocks), math.prod(blocks)
    space, rest = dims[:m], dims[m:]
    expect(n % positions == 0, f"{n} batches are no multiple of the block {blocks}.")
    task.apply(Reshape((*blocks, n // positions, *space, *rest)))
    pairs = [i for d in range(m) for i in (m + 1 + d, d)]
    task.apply(Transpose((m, *pairs, *range(2 * m + 1, 2 * m + 1 + len(rest)))))
    whole = [d * b for d, b in zip(space, blocks, strict=True)]
    task.apply(Reshape((n // positions, *whole, *rest)))
    sizes = [d - low - high for d, low, high in zip(whole, *crops, strict=True)]
    starts = (0, *crops[0], *(0 for _ in rest))
    return Slice(starts, (n // positions, *sizes, *rest), (1,) * len(starts))


def _blocks(task: Import, name: str) -> tuple[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]:
    """The block shape, and what is added or taken off before and after each of its dimensions."""
    block, pairs = task.constants("block shape", name)
    blocks = tuple(int(b) for b in block.reshape(-1))
    expect(
        pairs.shape == (len(blocks), 2)
        and len(task.type(0).shape) > len(blocks) > 0
        and min(blocks) >= 1
        and int(pairs.min()) >= 0,
        f"A block of {blocks} and {name} of shape {pairs.shape} do not fit {task.type(0)}.",
    )
    before, after = (tuple(map(int, column)) for column in pairs.T)
    return blocks, (before, after)


def tile(task: Import) -> Op:
    return Tile(task.integers("multiples"))


def broadcast_to(task: Import) -> Op:
    return Broadcast(task.integers("shape"))


def fill(task: Import) -> Op:
    shape = tuple(int(d) for d in task.constant(0, "shape").reshape(-1))
    expect(task.type(1).size == 1, f"FILL with {task.type(1)}, which is not one value.")
    del task.inputs[0]
    return Broadcast(shape)


def zeros_like(task: Import) -> Op:
    x = task.type(0)
    zero = np.zeros((), x.dtype)  # as stored, also where it stands for another number: so does TFLite
    task.inputs[:] = [Value(f"{task.outputs[0].name}/zero", x.with_shape(()), data=zero)]
    return Broadcast(x.shape)


def shape_(task: Import) -> Op:
    return task.give(np.array(task.type(0).shape, task.out.dtype))


def rank(task: Import) -> Op:
    return task.give(np.array(len(task.type(0).shape), task.out.dtype))


def range_(task: Import) -> Op:
    start, limit, delta = (
        task.constant(i, name).reshape(()) for i, name in enumerate(("start", "limit", "delta"))
    )
    expect(bool(delta) and start.dtype == limit.dtype == delta.dtype, f"RANGE in steps of {delta}.")
    dtype = start.dtype
    if dtype.kind == "f":
        count = math.ceil(float((limit - start) / delta))  # type: ignore[operator]
    else:
        count = -((int(start) - int(limit)) // int(delta))
    expect(count * dtype.itemsize <= knobs.max_fold_bytes(), f"RANGE of {count} entries is too long.")
    steps = np.full(max(count, 0), delta, dtype)
    steps[:1] = start
    return task.give(np.add.accumulate(steps, dtype=dtype))  # one rounding per step, as TFLite


def matrix_diag(task: Import) -> Op:
    return MatrixDiag()


def matrix_set_diag(task: Import) -> Op:
    return MatrixSetDiag()


def broadcast_args(task: Import) -> Op:
    return BroadcastArgs()


def cumsum(task: Import) -> Op:
    axis = axis_of(task.constants("axis")[0].item(), len(task.type(0).shape))
    return Cumsum(axis, bool(task.options["exclusive"]), bool(task.options["reverse"]))


def densify(task: Import) -> Op:
    return Reshape(task.type(0).shape)  # constants are dense in the graph


IMPORTERS: Mapping[str, Importer] = {
    "BATCH_TO_SPACE_ND": batch_to_space,
    "BROADCAST_ARGS": broadcast_args,
    "BROADCAST_TO": broadcast_to,
    "CONCATENATION": concatenation,
    "CUMSUM": cumsum,
    "DENSIFY": densify,
    "DEPTH_TO_SPACE": depth_to_space,
    "EXPAND_DIMS": expand_dims,
    "FILL": fill,
    "MATRIX_DIAG": matrix_diag,
    "MATRIX_SET_DIAG": matrix_set_diag,
    "MIRROR_PAD": mirror_pad,
    "PACK": pack,
    "PAD": pad,
    "PADV2": pad,
    "RANGE": range_,
    "RANK": rank,
    "RESHAPE": reshape,
    "REVERSE_V2": reverse,
    "SHAPE": shape_,
    "SLICE": slice_,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "SPACE_TO_DEPTH": space_to_depth,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "SQUEEZE": squeeze,
    "STRIDED_SLICE": strided_slice,
    "TILE": tile,
    "TRANSPOSE": transpose,
    "UNPACK": unpack,
    "ZEROS_LIKE": zeros_like,
}
