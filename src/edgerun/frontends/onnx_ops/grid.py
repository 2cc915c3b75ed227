"""Samples at computed positions: GridSample and DeformConv.

Bilinear samples of images that are 0 outside are edgerun's Resampler; a grid is brought to its positions
first. The deformable convolution is one sample per tap of the kernel, and a product with the weights.
"""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import TO_FIRST, TO_LAST
from edgerun.frontends.onnx_ops.sides import attribute
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, refuse
from edgerun.ir.arithmetic import Maximum, Minimum
from edgerun.ir.conv import Conv2d
from edgerun.ir.elementwise import Add, Mul, Sub
from edgerun.ir.functions import Round
from edgerun.ir.graph import Value
from edgerun.ir.grid_sample import GridSample
from edgerun.ir.mediapipe import Resampler
from edgerun.ir.shape import Concat, Reshape, Slice
from edgerun.ir.types import FLOAT32

_OLD_MODES = {"bilinear": "linear", "bicubic": "cubic"}  # before opset 20


def _grid_sample(task: Import) -> Value:
    x, grid = task.value(0), task.value(1)
    mode = task.get("mode", "linear")
    op = GridSample(
        _OLD_MODES.get(mode, mode), task.get("padding_mode", "zeros"), bool(task.get("align_corners", 0))
    )
    op.infer(x.type, grid.type)
    native = len(x.type.shape) == 4 and x.type.dtype == grid.type.dtype == FLOAT32
    if not native or op.mode == "cubic" or op.padding == "reflection":
        return task.emit(op, x, grid)
    last = np.array([x.type.shape[3] - 1, x.type.shape[2] - 1], np.float32)
    at = task.emit(Add(FLOAT), grid, task.const(1, np.float32))
    at = task.emit(Mul(FLOAT), at, task.const(last if op.align_corners else last + 1))
    if not op.align_corners:
        at = task.emit(Sub(FLOAT), at, task.const(1, np.float32))
    at = task.emit(Mul(FLOAT), at, task.const(0.5, np.float32))
    if op.mode == "nearest":
        at = task.emit(Round(FLOAT), at)
    if op.padding == "border":
        at = task.emit(Maximum(FLOAT), at, task.const(0, np.float32))
        at = task.emit(Minimum(FLOAT), at, task.const(last))
    return task.transpose(task.emit(Resampler(), task.transpose(x, TO_LAST), at), TO_FIRST)


def _part(task: Import, x: Value, first: int, count: int, step: int = 1) -> Value:
    """So many of the last dimension's entries."""
    rest = x.type.shape[:-1]
    none, ones = (0,) * len(rest), (1,) * len(rest)
    return task.emit(Slice((*none, first), (*rest, count), (*ones, step)), x)


def _deform_conv(task: Import) -> Value:
    x, w = task.value(0), task.value(1)
    if len(x.type.shape) != 4 or len(w.type.shape) != 4:
        raise refuse(f"it works on {x.type}, edgerun on images")
    group, fields = int(task.get("group", 1)), int(task.get("offset_group", 1))
    strides, dilations = attribute(task, "strides", 2), attribute(task, "dilations", 2)
    pads = attribute(task, "pads", 4, default=0)
    channels, (outputs, depth, kh, kw) = x.type.shape[1], w.type.shape
    size = task.type(2).shape[2:]
    taps = kh * kw
    if (
        min(group, fields) < 1
        or channels != group * depth
        or channels % fields
        or outputs % group
        or task.type(2).shape != (x.type.shape[0], 2 * fields * taps, *size)
        or (task.has(4) and task.type(4).shape != (x.type.shape[0], fields * taps, *size))
    ):
        raise FormatError(f"{x.type}, {w.type} and its offsets {task.type(2)} do not fit each other")
    image, offsets = task.transpose(x, TO_LAST), task.transpose(task.value(2), TO_LAST)
    mask = task.transpose(task.value(4), TO_LAST) if task.has(4) else None
    each, rows, columns = channels // fields, np.arange(size[0]), np.arange(size[1])
    samples = []
    for tap in range(taps):
        y = strides[0] * rows - pads[0] + tap // kw * dilations[0]
        x_ = strides[1] * columns - pads[1] + tap % kw * dilations[1]
        where = task.const(np.stack(np.meshgrid(x_, y), axis=-1)[None], np.float32)
        parts = []
        for field in range(fields):
            # An offset is (y, x), a position (x, y).
            k = field * taps + tap
            at = task.emit(Add(FLOAT), _part(task, offsets, 2 * k + 1, 2, -1), where)
            part = task.emit(Resampler(), _part(task, image, field * each, each), at)
            if mask is not None:
                part = task.emit(Mul(FLOAT), part, _part(task, mask, k, 1))
            parts.append(part)
        samples.append(parts[0] if fields == 1 else task.emit(Concat(3), *parts))
    weights = task.emit(Reshape((outputs, 1, 1, taps * depth)), task.transpose(w, (0, 2, 3, 1)))
    bias, results, many = task.value(3) if task.has(3) else None, [], outputs // group
    for g in range(group):
        mine = [_part(task, s, g * depth, depth) for s in samples]
        read = mine[0] if taps == 1 else task.emit(Concat(3), *mine)
        own = task.emit(Slice((g * many, 0, 0, 0), (many, 1, 1, taps * depth), (1,) * 4), weights)
        some = None if bias is None else _part(task, bias, g * many, many)
        results.append(task.emit(Conv2d(FLOAT), read, own, some))
    return task.transpose(results[0] if group == 1 else task.emit(Concat(3), *results), TO_FIRST)


IMPORTERS: dict[str, Importer] = {"DeformConv": _deform_conv, "GridSample": _grid_sample}
