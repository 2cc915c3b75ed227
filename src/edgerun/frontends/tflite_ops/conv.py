"""Convolutions and the fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgerun.errors import UnsupportedOperatorError
from edgerun.frontends.tflite_ops.task import Import, Importer, padding_of
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.op import Op, expect


def _windowed(task: Import) -> dict[str, Any]:
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
    }


def _drop_absent_bias(task: Import) -> None:
    _constant_operands(task)
    if len(task.inputs) == 3 and task.inputs[2] is None:
        del task.inputs[2]


def _constant_operands(task: Import) -> None:
    for value in task.inputs[1:]:
        if value is not None and task.known.array(value) is None:
            raise UnsupportedOperatorError("its weights are computed at run time")


def conv_2d(task: Import) -> Op:
    return Conv2d(**_windowed(task))


def depthwise_conv_2d(task: Import) -> Op:
    return DepthwiseConv2d(**_windowed(task))


def fully_connected(task: Import) -> Op:
    if task.options["weights_format"] not in (0, "default"):
        raise UnsupportedOperatorError("shuffled weights are not supported")
    _drop_absent_bias(task)
    return FullyConnected(task.out, bool(task.options["keep_num_dims"]), task.clamp)


IMPORTERS: Mapping[str, Importer] = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
}
