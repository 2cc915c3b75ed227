"""The custom operators of MediaPipe's models; their transposed convolution is in transpose_conv."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from edgerun.errors import FormatError
from edgerun.formats import flexbuffer
from edgerun.frontends.tflite_ops.task import ACTIVATIONS, Import, Importer, same_padding
from edgerun.ir.conv import Pair
from edgerun.ir.mediapipe import (
    LandmarksToTransformMatrix,
    MaxPoolWithArgmax,
    MaxUnpool,
    Resampler,
    TransformLandmarks,
    TransformTensorBilinear,
)
from edgerun.ir.op import Clamp, Op, expect, supported


class _Options:
    """The options of a custom operator: a FlexBuffer with a map, or nothing."""

    def __init__(self, task: Import) -> None:
        self._name = task.operator.name
        data = task.operator.custom_options
        self._values = flexbuffer.read(data, place=f"{self._name}: custom options") if len(data) else {}
        if not isinstance(self._values, dict):
            raise FormatError(f"The options of {self._name} are not a map.")

    def number(self, key: str, default: float | None = None) -> float:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, "a number", value)
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        return int(self.number(key, default))

    def integers(self, key: str) -> tuple[int, ...]:
        value = self._values.get(key)
        if not isinstance(value, list) or not all(type(v) is int for v in value):
            raise self._wrong(key, "a list of integers", value)
        return tuple(value)

    def _wrong(self, key: str, wanted: str, value: Any) -> FormatError:
        return FormatError(f"The option {key!r} of {self._name} must be {wanted}, got {value!r}.")


def landmarks_to_transform_matrix(task: Import) -> Op:
    version = task.operator.version
    supported(version == 2, f"version {version} of it is not supported, version 2 is")
    options = _Options(task)
    return LandmarksToTransformMatrix(
        left=options.integer("left_rotation_idx"),
        right=options.integer("right_rotation_idx"),
        subset=options.integers("subset_idxs"),
        size=(options.integer("output_height"), options.integer("output_width")),
        scale=(options.number("scale_x"), options.number("scale_y")),
        rotation=options.number("target_rotation_radians"),
    )


def transform_landmarks(task: Import) -> Op:
    """Version 1 says how many dimensions a landmark has, and scales the shift; in version 2 a landmark is
    the last dimension of the tensor."""
    if task.operator.version == 1:
        options = _Options(task)
        return TransformLandmarks(options.integer("dimensions", 3), options.number("scale", 1.0))
    shape = task.type(0).shape
    return TransformLandmarks(shape[-1] if shape else 0)


def transform_tensor_bilinear(task: Import) -> Op:
    """Version 1 has pixels at whole coordinates, version 2 at halves."""
    options = _Options(task)
    if task.operator.version == 1:
        size = options.integers("output_size")
        expect(len(size) == 2, f"{task.operator.name}: an output size of two numbers is needed, got {size}.")
        return TransformTensorBilinear((size[0], size[1]), half_pixel=False)
    return TransformTensorBilinear((options.integer("output_height"), options.integer("output_width")))


# Of the C struct TfLitePoolParams.
_PADDINGS = {1: "same", 2: "valid"}
_ACTIVATIONS = dict(enumerate(("none", "relu", "relu_n1_to_1", "relu6")))


def _pool_options(task: Import) -> tuple[str, Pair, Pair, Clamp]:
    """Padding, kernel, strides and range of the activation: TfLitePoolParams, as it lies in memory."""
    options = bytes(task.operator.custom_options)
    name = task.operator.name
    if len(options) < 24:
        raise FormatError(f"{name} needs 24 bytes of options, got {len(options)}.")
    padding, stride_w, stride_h, width, height, activation = struct.unpack_from("<6i", options)
    expect(padding in _PADDINGS, f"{name}: padding {padding} is neither SAME nor VALID.")
    supported(activation in _ACTIVATIONS, f"the fused activation {activation} is not supported")
    clamp = ACTIVATIONS[_ACTIVATIONS[activation]]
    return _PADDINGS[padding], (height, width), (stride_h, stride_w), clamp


def max_pooling_with_argmax(task: Import) -> Op:
    padding, kernel, strides, clamp = _pool_options(task)
    x = task.type(0)
    expect(len(x.shape) == 4, f"A 4-D input is needed, got {x}.")
    pads = same_padding(x, kernel, strides, (1, 1)) if padding == "same" else (0, 0, 0, 0)
    return MaxPoolWithArgmax(kernel, strides, pads, clamp)


def max_unpooling(task: Import) -> Op:
    _, kernel, strides, _ = _pool_options(task)
    return MaxUnpool(kernel, strides)


IMPORTERS: Mapping[str, Importer] = {
    "Landmarks2TransformMatrix": landmarks_to_transform_matrix,
    "MaxPoolingWithArgmax2D": max_pooling_with_argmax,
    "MaxUnpooling2D": max_unpooling,
    "Resampler": lambda task: Resampler(),
    "TransformLandmarks": transform_landmarks,
    "TransformTensor": transform_tensor_bilinear,
    "TransformTensorBilinear": transform_tensor_bilinear,
}
