"""Resize and Upsample.

Every dimension is resized by itself: its output entries lie at coordinates between its input entries. Where
TFLite's kernels for images do the same, they do it; else nearest takes entries by a list of indices, and all
other modes are a product with a matrix of weights per dimension.
"""

from __future__ import annotations

import math

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.conv import on_channels_last
from edgerun.frontends.onnx_ops.coordinates import Indices, Line, Reals, matrix, nearest
from edgerun.frontends.onnx_ops.task import FLOAT, Import, Importer, axis_of, refuse
from edgerun.ir.comparison import Select
from edgerun.ir.conv import FullyConnected
from edgerun.ir.elementwise import Clip
from edgerun.ir.gather import Gather
from edgerun.ir.graph import Value
from edgerun.ir.quantize import Cast, Quanta
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor
from edgerun.ir.types import FLOAT32, INT64, Element


def _lines(task: Import, old: bool) -> dict[int, Line]:
    """The dimensions that are resized, and how."""
    shape, scales_at = task.type(0).shape, 1 if old else 2
    axes = [axis_of(int(a), len(shape)) for a in task.get("axes", range(len(shape)))]
    if not old and task.has(3) and task.type(3).size:
        sizes = task.integers(3, "sizes")
        _expect_entries("sizes", len(sizes), len(axes))
        scales = [size / max(shape[a], 1) for size, a in zip(sizes, axes, strict=True)]
        policy = task.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            scale = min(scales) if policy == "not_larger" else max(scales)
            scales = [scale] * len(axes)
            sizes = tuple(math.floor(scale * shape[a] + 0.5) for a in axes)
    else:
        given = task.constant(scales_at, "scales") if task.has(scales_at) else task.get("scales", ())
        singles = np.asarray(given, np.float32).reshape(-1)
        _expect_entries("scales", singles.size, len(axes))
        sizes = tuple(int(s * np.float32(shape[a])) for s, a in zip(singles, axes, strict=True))
        scales = [float(s) for s in singles]
    if min(sizes, default=1) < 1 or min(scales, default=1.0) <= 0:
        raise FormatError(f"{task.type(0)} does not get the sizes {sizes} by the scales {scales}")
    crops = [(0.0, 1.0)] * len(axes)
    if task.get("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        roi = task.constant(1, "roi").astype(np.float64).reshape(-1)
        _expect_entries("roi", roi.size, 2 * len(axes))
        crops = list(zip(roi[: len(axes)].tolist(), roi[len(axes) :].tolist(), strict=True))
    lines = {}
    for axis, size, scale, crop in zip(axes, sizes, scales, crops, strict=True):
        line = Line(shape[axis], size, scale, *crop)
        if not line.same:
            lines[axis] = line
    return lines


def _expect_entries(name: str, got: int, wanted: int) -> None:
    if got != wanted:
        raise FormatError(f"its {name} have {got} entries, expected {wanted}")


def _resize(task: Import) -> Value:
    old = task.opset < 11 or task.operator == "Upsample"
    x, lines = task.value(0), _lines(task, old)
    mode = task.get("mode", "nearest")
    where = "asymmetric" if old else task.get("coordinate_transformation_mode", "half_pixel")
    task.afford(32 * sum(line.out for line in lines.values()))
    places = {axis: line.coordinates(where) for axis, line in lines.items()}
    if mode == "nearest":
        how = task.get("nearest_mode", "round_prefer_floor")
        indices = {}
        for axis, line in lines.items():
            # Before opset 11 what shrinks is read at the next entry: ONNX Runtime does it so.
            how = how if not old else "ceil" if line.scale < 1 else "floor"
            indices[axis] = nearest(places[axis], line.size, how)
        y = _nearest(task, x, indices)
    elif mode in ("linear", "bilinear", "cubic"):
        mode = "cubic" if mode == "cubic" else "linear"
        native = x.type.is_float
        if not native and (x.type.dtype.kind not in "iu" or x.type.dtype.itemsize >= 4):
            raise refuse(f"it is {mode} of {x.type}")
        y = x if native else task.emit(Cast(FLOAT32), x)
        y = _blended(task, y, mode, where, lines)
        if not native:
            low, high = Element(x.type.dtype).limits
            # What is between two integers is truncated, as ONNX Runtime does it.
            y = task.emit(Clip(FLOAT, (float(low), float(high))), y)
            y = task.emit(Cast(x.type.dtype), y)
            y = y if x.type.is_plain_integer else task.emit(Quanta(x.type.element), y)
    else:
        raise refuse(f"its mode is {mode}")
    if where == "tf_crop_and_resize":
        y = _outside(task, y, lines, places)
    return y


def _nearest(task: Import, x: Value, indices: dict[int, Indices]) -> Value:
    if len(x.type.shape) == 4 and indices and set(indices) <= {2, 3}:
        shape = x.type.shape
        wanted = [indices.get(axis, np.arange(shape[axis])) for axis in (2, 3)]
        size = wanted[0].size, wanted[1].size
        for corners, half in ((False, False), (False, True), (True, False)):
            op = ResizeNearestNeighbor(size, corners, half)
            if all(map(np.array_equal, map(op.pixels, shape[2:], size), wanted)):
                return on_channels_last(task, op, x)
    for axis, entries in indices.items():
        x = task.emit(Gather(axis), x, task.const(entries, INT64))
    return x


def _blended(task: Import, x: Value, mode: str, where: str, lines: dict[int, Line]) -> Value:
    antialias = bool(task.get("antialias", 0))
    ratios = all(line.of_sizes for line in lines.values())
    if (
        (mode, antialias, ratios, len(x.type.shape)) == ("linear", False, True, 4)
        and where in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
        and lines
        and set(lines) <= {2, 3}
        and not task.get("exclude_outside", 0)
        and not (where == "pytorch_half_pixel" and any(line.out == 1 for line in lines.values()))
    ):
        height, width = (lines[a].out if a in lines else x.type.shape[a] for a in (2, 3))
        op = ResizeBilinear((height, width), where == "align_corners", "half_pixel" in where)
        return on_channels_last(task, op, x)
    for axis, line in lines.items():
        task.afford(8 * line.out * line.size)
        weights = matrix(
            line.coordinates(where),
            line.size,
            mode,
            scale=min(line.scale, 1.0) if antialias else 1.0,
            cubic=float(task.get("cubic_coeff_a", -0.75)),
            exclude_outside=bool(task.get("exclude_outside", 0)),
        )
        order = list(range(len(x.type.shape)))
        order[axis], order[-1] = order[-1], order[axis]
        last = task.transpose(x, tuple(order))
        last = task.emit(FullyConnected(FLOAT, keep_dims=True), last, task.const(weights, np.float32))
        x = task.transpose(last, tuple(order))
    return x


def _outside(task: Import, y: Value, lines: dict[int, Line], places: dict[int, Reals]) -> Value:
    """`extrapolation_value` where a coordinate lies outside of the input."""
    rank, mask = len(y.type.shape), np.zeros((1,) * len(y.type.shape), bool)
    for axis, at in places.items():
        beyond = (at < 0) | (at > lines[axis].size - 1)
        mask = mask | beyond.reshape([-1 if i == axis else 1 for i in range(rank)])
    if not mask.any():
        return y
    value = task.const(task.get("extrapolation_value", 0.0), y.type.dtype)
    return task.emit(Select(), task.const(mask), value, y)


IMPORTERS: dict[str, Importer] = {"Resize": _resize, "Upsample": _resize}
