"""Transposed convolution: TensorFlow's, and MediaPipe's custom operator with a bias."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from edgerun.errors import FormatError
from edgerun.frontends.tflite_ops.task import ACTIVATIONS, Import, Importer
from edgerun.ir.conv import Pair
from edgerun.ir.op import NO_CLAMP, Op, expect
from edgerun.ir.sums import is_hybrid
from edgerun.ir.transpose_conv import TransposeConv
from edgerun.ir.types import TensorType


def transpose_conv(task: Import) -> Op:
    """Inputs of the file: the output's shape, weights, x, optional bias."""
    size = task.constant(0, "output shape")
    expect(
        size.size == 4 and size.dtype.kind in "iu",
        f"An output shape of four dimensions is needed, got {size.tolist()}.",
    )
    weights, x, *bias = task.inputs[1:]
    task.inputs[:] = [x, weights, *(b for b in bias if b is not None)]
    strides = task.options["stride_h"], task.options["stride_w"]
    out = int(size.reshape(-1)[1]), int(size.reshape(-1)[2])
    padding = _padding(task.type(0), task.type(1), strides, out, task.options["padding"])
    clamp = ACTIVATIONS.get(task.options.get("fused_activation_function", "none"), NO_CLAMP)
    return TransposeConv(task.out, out, strides, padding, clamp, is_hybrid(task.type(0), task.type(1)))


def convolution_2d_transpose_bias(task: Import) -> Op:
    """Its options are three integers: padding (1 SAME, 2 VALID), stride along x, stride along y."""
    options = bytes(task.operator.custom_options)
    if len(options) != 12:
        raise FormatError(f"Convolution2DTransposeBias needs 12 bytes of options, got {len(options)}.")
    kind, stride_w, stride_h = struct.unpack("<3i", options)
    expect(kind in (1, 2), f"Convolution2DTransposeBias: padding {kind} is neither SAME nor VALID.")
    x, w, strides = task.type(0), task.type(1), (stride_h, stride_w)
    expect(len(x.shape) == 4 and len(w.shape) == 4, f"4-D tensors are needed, got {x} and {w}.")
    if kind == 1:
        out = x.shape[1] * stride_h, x.shape[2] * stride_w
    else:
        out = (x.shape[1] - 1) * stride_h + w.shape[1], (x.shape[2] - 1) * stride_w + w.shape[2]
    return TransposeConv(task.out, out, strides, _padding(x, w, strides, out, "same"))


def _padding(x: TensorType, w: TensorType, strides: Pair, out: Pair, padding: str) -> Pair:
    """Top and left of TensorFlow's padding: half of what the kernels cover beyond the output."""
    expect(len(x.shape) == 4 and len(w.shape) == 4, f"4-D tensors are needed, got {x} and {w}.")
    if padding == "valid":
        return 0, 0
    covered = ((x.shape[i + 1] - 1) * strides[i] + w.shape[i + 1] for i in range(2))
    top, left = (max(c - size, 0) // 2 for c, size in zip(covered, out, strict=True))
    return top, left


IMPORTERS: Mapping[str, Importer] = {
    "Convolution2DTransposeBias": convolution_2d_transpose_bias,
    "TRANSPOSE_CONV": transpose_conv,
}
