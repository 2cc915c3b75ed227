"""Convolutions over volumes."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.conv3d import Conv3d, Conv3dTranspose, Triple
from edgerun.ir.op import Op, expect


def _triple(task: Import, before: str, behind: str = "") -> Triple:
    d, h, w = (int(task.options[f"{before}{axis}{behind}"]) for axis in "dhw")
    return d, h, w


def conv_3d(task: Import) -> Op:
    x, w = task.type(0), task.type(1)
    expect(len(x.shape) == len(w.shape) == 5, f"5-D tensors are needed, got {x} and {w}.")
    strides, dilations = _triple(task, "stride_"), _triple(task, "dilation_", "_factor")
    expect(min(strides) > 0, "Strides start at 1.")
    sizes, paddings = [], []
    for size, k, stride, dilation in zip(x.shape[1:4], w.shape[:3], strides, dilations, strict=True):
        extent = (k - 1) * dilation + 1
        valid = task.options["padding"] == "valid"
        sizes.append(-(-(size - extent + 1 if valid else size) // stride))
        paddings.append(max((sizes[-1] - 1) * stride + extent - size, 0) // 2)
    del task.inputs[3:]
    if len(task.inputs) == 3 and task.inputs[2] is None:
        del task.inputs[2]
    return Conv3d(strides, dilations, _three(paddings), _three(sizes), task.clamp)


def conv_3d_transpose(task: Import) -> Op:
    """Inputs of the file: the output's shape, weights, x, optional bias."""
    shape = [int(d) for d in task.constant(0, "output shape").reshape(-1)]
    expect(len(shape) == 5, f"An output shape of five dimensions is needed, got {shape}.")
    weights, x, *bias = task.inputs[1:]
    task.inputs[:] = [x, weights, *(b for b in bias if b is not None)]
    strides, dilations = _triple(task, "stride_"), _triple(task, "dilation_", "_factor")
    paddings = [0, 0, 0]
    if task.options["padding"] == "same":
        axes = zip(
            shape[1:4], task.type(1).shape[:3], task.type(0).shape[1:4], strides, dilations, strict=True
        )
        paddings = [max((n - 1) * s + (k - 1) * d + 1 - size, 0) // 2 for size, k, n, s, d in axes]
    return Conv3dTranspose(strides, dilations, _three(paddings), _three(shape[1:4]), task.clamp)


def _three(values: list[int]) -> Triple:
    a, b, c = values
    return a, b, c


IMPORTERS: Mapping[str, Importer] = {
    "CONV_3D": conv_3d,
    "CONV_3D_TRANSPOSE": conv_3d_transpose,
}
