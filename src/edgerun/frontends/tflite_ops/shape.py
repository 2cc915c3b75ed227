"""Operators that move data and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.errors import UnsupportedOperatorError
from edgerun.frontends.tflite_ops.task import Import, Importer, axes
from edgerun.ir.op import NO_CLAMP, Op, expect, quantization_of, supported
from edgerun.ir.shape import Concat, Cumsum, Pad, Reshape, Slice, Transpose


def reshape(task: Import) -> Op:
    if len(task.inputs) > 1:
        shape = task.integers("shape")
    else:
        shape = tuple(int(d) for d in task.options["new_shape"])
    size = task.type(0).size
    if shape.count(-1) == 1:
        rest = -int(np.prod(shape, dtype=object))
        expect(rest > 0 and size % rest == 0, f"{task.type(0)} does not fit into {shape}.")
        shape = tuple(size // rest if d == -1 else d for d in shape)
    expect(min(shape, default=0) >= 0, f"The shape {shape} has a negative dimension.")
    rest = int(np.prod(shape[1:], dtype=object))
    if task.resized and shape and rest and size % rest == 0:
        shape = (size // rest, *shape[1:])  # the file's constant has the batch of its own inputs
    return Reshape(shape)


def pad(task: Import) -> Op:
    x = task.type(0)
    fill = 0 if x.quantization is None else quantization_of(x).zero
    names = ("paddings", "fill")[: len(task.inputs) - 1]
    constants = task.constants(*names)
    paddings = constants[0]
    expect(paddings.shape == (len(x.shape), 2), f"Paddings of shape {paddings.shape} do not fit {x}.")
    if len(constants) == 2:
        expect(constants[1].size == 1, "The fill must be one value.")
        supported(x.dtype.kind in "iu" or not constants[1].any(), f"padding {x} with {constants[1]}")
        fill = int(constants[1].reshape(-1)[0])
    return Pad(tuple(map(int, paddings[:, 0])), tuple(map(int, paddings[:, 1])), fill)


def concatenation(task: Import) -> Op:
    (axis,) = axes((task.options["axis"],), len(task.outputs[0].type.shape))
    if task.clamp != NO_CLAMP:
        raise UnsupportedOperatorError("a fused activation of CONCATENATION is not supported")
    task.requantize_inputs()
    return Concat(axis)


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


def cumsum(task: Import) -> Op:
    (axis,) = axes(task.integers("axis"), len(task.type(0).shape))
    return Cumsum(axis, bool(task.options["exclusive"]), bool(task.options["reverse"]))


def densify(task: Import) -> Op:
    return Reshape(task.type(0).shape)  # constants are dense in the graph


IMPORTERS: Mapping[str, Importer] = {
    "CONCATENATION": concatenation,
    "CUMSUM": cumsum,
    "DENSIFY": densify,
    "PAD": pad,
    "PADV2": pad,
    "RESHAPE": reshape,
    "SLICE": slice_,
    "TRANSPOSE": transpose,
}
