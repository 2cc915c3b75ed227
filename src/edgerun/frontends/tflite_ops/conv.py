"""Convolutions and the fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.errors import UnsupportedOperatorError
from edgerun.frontends.tflite_ops.task import Import, Importer, padding_of
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.graph import Value
from edgerun.ir.op import Op, expect, quantization_of
from edgerun.ir.sums import is_hybrid
from edgerun.ir.types import FLOAT32, INT8, UINT8, Quantization, TensorType


def _windowed(task: Import, hybrid_asymmetric: bool) -> dict[str, Any]:
    weights = task.type(1)
    expect(len(weights.shape) == 4, f"4-D weights are needed, got {weights}.")
    strides = task.options["stride_h"], task.options["stride_w"]
    dilations = task.options["dilation_h_factor"], task.options["dilation_w_factor"]
    _drop_absent_bias(task)
    return {
        "out": task.out,
        "strides": strides,
        "dilations": dilations,
        "padding": padding_of(task, (weights.shape[1], weights.shape[2]), strides, dilations),
        "clamp": task.clamp,
        "asymmetric": is_hybrid(task.type(0), weights) and hybrid_asymmetric,
    }


def _drop_absent_bias(task: Import) -> None:
    if len(task.inputs) == 3 and task.inputs[2] is None:
        del task.inputs[2]


def _signed_weights(task: Import) -> None:
    """The first files with float activations and 8-bit weights call these uint8, though they are int8 with
    zero point 0: so TFLite reads them."""
    w = task.value(1)
    if task.type(0).dtype == FLOAT32 and w.type.dtype == UINT8 and w.data is not None:
        q = quantization_of(w.type)
        kind = TensorType(w.type.shape, INT8, Quantization(q.scale, np.zeros_like(q.zero_point), q.axis))
        task.inputs[1] = Value(f"{w.name}/signed", kind, data=w.data.view(np.int8))


def conv_2d(task: Import) -> Op:
    _signed_weights(task)
    # TFLite's hybrid convolution is asymmetric where the channels have different scales.
    quantization = task.type(1).quantization
    per_channel = quantization is not None and np.unique(quantization.scale).size > 1
    return Conv2d(**_windowed(task, per_channel))


def depthwise_conv_2d(task: Import) -> Op:
    return DepthwiseConv2d(**_windowed(task, True))


def fully_connected(task: Import) -> Op:
    if task.options["weights_format"] not in (0, "default"):
        raise UnsupportedOperatorError("shuffled weights are not supported")
    _signed_weights(task)
    _drop_absent_bias(task)
    asymmetric = is_hybrid(task.type(0), task.type(1)) and bool(task.options["asymmetric_quantize_inputs"])
    return FullyConnected(task.out, bool(task.options["keep_num_dims"]), task.clamp, asymmetric)


IMPORTERS: Mapping[str, Importer] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
}
