"""Resizing of NHWC images, with the coordinates of TFLite's reference kernels.

An output index o lies at o * scale of the input, or at (o + 0.5) * scale - 0.5 with half-pixel centres, where
scale = in / out, or (in - 1) / (out - 1) when the corners are aligned and out > 1. csrc/ops/resize.cc has the
same arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.elementwise import Reals
from edgerun.ir.op import Op, expect, flushed, rounded, supported
from edgerun.ir.types import BOOL, FLOAT32, INT8, INT16, INT32, INT64, Array, TensorType

Indices = npt.NDArray[np.int64]
_ONE = 2048  # a weight of 1


@dataclass(frozen=True)
class _Resize(Op, abstract=True):
    """NHWC to `size` = (height, width); the quantisation stays."""

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(self._takes(x), f"{self.name} does not take {x}.")
        expect(len(x.shape) == 4 and min(self.size) > 0, f"{self.name} needs NHWC, got {x}.")
        return (x.with_shape((x.shape[0], *self.size, x.shape[3])),)

    def _takes(self, kind: TensorType) -> bool:
        return kind.is_8bit or kind.is_int16 or kind.dtype == FLOAT32

    def _scale(self, size: int, out: int) -> tuple[int, int]:
        """Numerator and denominator of the input pixels per output pixel."""
        return (size - 1, out - 1) if self.align_corners and out > 1 else (size, out)


@dataclass(frozen=True)
class ResizeNearestNeighbor(_Resize):
    """Each output pixel is one input pixel: reference_ops::ResizeNearestNeighbor with GetNearestNeighbor,
    in float32 as there. With half-pixel centres the pixel is floor((o + 0.5) * scale)."""

    def _takes(self, kind: TensorType) -> bool:
        return super()._takes(kind) or kind.dtype in (BOOL, INT32, INT64)

    def pixels(self, size: int, out: int) -> Indices:
        """The input index of each of `out` output indices along a side of `size`."""
        numerator, denominator = self._scale(size, out)
        scale = np.float32(numerator) / np.float32(denominator)
        position = (np.arange(out, dtype=np.float32) + np.float32(0.5 * self.half_pixel_centers)) * scale
        nearest = np.floor(position.astype(np.float64) + 0.5 * self.align_corners)
        return np.clip(nearest.astype(np.int64), 0, size - 1)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        rows, columns = map(self.pixels, arrays[0].shape[1:3], self.size)
        return (arrays[0][:, rows][:, :, columns],)


@dataclass(frozen=True)
class ResizeBilinear(_Resize):
    """Each output pixel is a mean of 2 x 2 input pixels with integer weights of sum 2048 per axis.

    uint8: exact positions, as reference_ops::ResizeBilinear. int8, int16: positions in 1/1024 of a pixel
    from a scale that is itself rounded to 1/1024, as reference_ops::ResizeBilinearInteger; on a wide
    output they drift. float32: positions in float32, weights that are what they are beyond the first pixel.
    """

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(
            not (self.align_corners and self.half_pixel_centers),
            f"{self.name}: align_corners and half_pixel_centers exclude each other.",
        )
        return super().infer(*types)

    def _positions(self, size: int, out: int, dtype: np.dtype[np.generic]) -> Indices:
        """In 1/2048 of an input pixel."""
        numerator, denominator = self._scale(size, out)
        o = np.arange(out)
        if dtype in (INT8, INT16):
            scale = (1024 * numerator + denominator // 2) // denominator
            position = 2 * (o * scale + (scale // 2 - 512 if self.half_pixel_centers else 0))
        else:
            ratio = numerator / denominator
            exact = (o + 0.5) * ratio - 0.5 if self.half_pixel_centers else o * ratio
            position = np.floor(exact * _ONE + 0.5).astype(np.int64)
        return np.clip(position, 0, (size - 1) * _ONE)

    def _blend(self, x: Reals) -> Reals:
        for axis in (1, 2):
            size, out = x.shape[axis], self.size[axis - 1]
            numerator, denominator = self._scale(size, out)
            half = np.float32(0.5 * self.half_pixel_centers)
            scale = np.float32(numerator) / np.float32(denominator)
            position = (np.arange(out, dtype=np.float32) + half) * scale - half
            first, second = (
                np.clip(p.astype(np.int64), 0, size - 1) for p in (np.floor(position), np.ceil(position))
            )
            weight = np.where(second > first, position - first.astype(np.float32), np.float32(0))
            weight = weight.astype(np.float64).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
            x = x.take(first, axis) * (1.0 - weight) + x.take(second, axis) * weight
        return x

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self._blend(np.abs(arrays[0].astype(np.float64))),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_float:
            return (rounded(self._blend(flushed(arrays[0]))),)
        y: Indices = arrays[0].astype(np.int64)
        for axis in (1, 2):
            size = y.shape[axis]
            position = self._positions(size, self.size[axis - 1], types[0].dtype)
            first = position // _ONE
            weight = (position % _ONE).reshape((-1, 1, 1) if axis == 1 else (-1, 1))
            second = np.minimum(first + 1, size - 1)
            y = y.take(first, axis) * (_ONE - weight) + y.take(second, axis) * weight
        half = np.int64(1 << 21)
        if types[0].is_int16:  # halves away from zero
            return ((np.sign(y) * ((np.abs(y) + half) >> 22)).astype(np.int16),)
        return (((y + half) >> 22).astype(types[0].dtype),)
