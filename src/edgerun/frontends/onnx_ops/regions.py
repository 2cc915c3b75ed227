"""Parts of matrices and images: triangles, diagonals, windows, regions."""

from __future__ import annotations

import numpy as np

from edgerun.errors import FormatError
from edgerun.frontends.onnx_ops.task import Import, Importer, axis_of, refuse
from edgerun.ir.comparison import Select
from edgerun.ir.graph import Value
from edgerun.ir.regions import Col2Im, Det, RoiAlign
from edgerun.ir.shape import Pad, Slice


def _trilu(task: Import) -> Value:
    x = task.value(0)
    if len(x.type.shape) < 2:
        raise FormatError(f"{x.type} is no matrix")
    k = task.integers(1, "diagonal")[0] if task.has(1) else 0
    # Bounded, since a diagonal far outside is no different from one just outside.
    rows, columns = x.type.shape[-2:]
    k = max(-rows - 1, min(columns + 1, k))
    task.afford(2 * rows * columns)
    ones = np.ones((rows, columns), np.bool_)
    kept = np.triu(ones, k) if task.get("upper", 1) else np.tril(ones, k)
    return task.emit(Select(), task.const(kept), x, task.const(0, x.type.dtype))


def _eye_like(task: Import) -> Value:
    from onnx import helper

    x = task.type(0)
    if len(x.shape) != 2:
        raise FormatError(f"{x} is no matrix")
    given = task.get("dtype", None)
    dtype = x.dtype if given is None else np.dtype(helper.tensor_dtype_to_np_dtype(int(given)))
    rows, columns = x.shape
    k = max(-rows, min(columns, int(task.get("k", 0))))
    task.afford(8 * rows * columns)
    return task.const(np.eye(rows, columns, k).astype(dtype))


def _center_crop_pad(task: Import) -> Value:
    x, rank = task.value(0), len(task.type(0).shape)
    wanted = task.integers(1, "shape")
    axes = [axis_of(int(a), rank) for a in task.get("axes", range(rank))]
    if len(wanted) != len(axes):
        raise FormatError(f"its shape {wanted} does not fit its axes {axes}")
    start, size, before, after = [0] * rank, list(x.type.shape), [0] * rank, [0] * rank
    for axis, goal in zip(axes, wanted, strict=True):
        there = x.type.shape[axis]
        if goal < there:
            start[axis], size[axis] = (there - goal) // 2, goal
        else:
            before[axis] = (goal - there) // 2
            after[axis] = goal - there - before[axis]
    x = task.emit(Slice(tuple(start), tuple(size), (1,) * rank), x)
    return task.emit(Pad(tuple(before), tuple(after)), x)


def _col2im(task: Import) -> Value:
    image, block = task.integers(1, "image shape"), task.integers(2, "block shape")
    rank = len(image)
    strides, dilations = (tuple(task.get(name, (1,) * rank)) for name in ("strides", "dilations"))
    pads = tuple(task.get("pads", (0,) * (2 * rank)))
    return task.emit(Col2Im(image, block, strides, dilations, pads), task.value(0))


def _roi_align(task: Import) -> Value:
    mode = str(task.get("mode", "avg")).lower()
    shift = str(task.get("coordinate_transformation_mode", "half_pixel" if task.opset >= 16 else ""))
    if mode not in ("avg", "max"):
        raise refuse(f"its mode is {mode}")
    if shift not in ("half_pixel", "output_half_pixel", ""):
        raise refuse(f"its coordinate transformation mode is {shift}")
    op = RoiAlign(
        (int(task.get("output_height", 1)), int(task.get("output_width", 1))),
        int(task.get("sampling_ratio", 0)),
        float(task.get("spatial_scale", 1.0)),
        largest=mode == "max",
        half_pixel=shift == "half_pixel",
    )
    return task.emit(op, task.value(0), task.value(1), task.value(2))


def _det(task: Import) -> Value:
    return task.emit(Det(), task.value(0))


IMPORTERS: dict[str, Importer] = {
    "CenterCropPad": _center_crop_pad,
    "Col2Im": _col2im,
    "Det": _det,
    "EyeLike": _eye_like,
    "RoiAlign": _roi_align,
    "Trilu": _trilu,
}
