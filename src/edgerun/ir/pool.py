"""Pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir import int16
from edgerun.ir.conv import Padding, Pair, window_size, windows
from edgerun.ir.elementwise import Reals
from edgerun.ir.op import (
    NO_CLAMP,
    Clamp,
    Op,
    centered,
    clamp_range,
    clamp_round,
    expect,
    flushed,
    quantization_of,
    rounded,
    supported,
    wrap32,
)
from edgerun.ir.types import FLOAT32, Array, Element, TensorType


@dataclass(frozen=True)
class _Pool2d(Op, abstract=True):
    """Windows over NHWC; positions outside of the image do not count."""

    folds = False
    out: Element
    kernel: Pair
    strides: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    clamp: Clamp = NO_CLAMP

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(
            len(x.shape) == 4 and (x.is_8bit or x.is_int16 or x.dtype == FLOAT32),
            f"{self.name} needs an 8-bit, int16 or float32 NHWC tensor, got {x}.",
        )
        supported(not x.is_int16 or x.element == self.out, f"{self.name} cannot requantise {x}.")
        expect(min(self.kernel) > 0 and min(self.strides) > 0, "Kernels and strides start at 1.")
        top, left, bottom, right = self.padding
        # A window that lay wholly in the padding would have no taps.
        expect(
            max(top, bottom) < self.kernel[0] and max(left, right) < self.kernel[1],
            f"{self.name}: padding {self.padding} is not smaller than the kernel {self.kernel}.",
        )
        h = window_size(x.shape[1], self.kernel[0], self.strides[0], 1, top, bottom)
        w = window_size(x.shape[2], self.kernel[1], self.strides[1], 1, left, right)
        expect(h > 0 and w > 0, f"{self.name}: no window of {self.kernel} fits into {x}.")
        shape = (x.shape[0], h, w, x.shape[3])
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def _windows(self, values: Array, fill: float, kind: TensorType) -> Array:
        top, left, bottom, right = self.padding
        padded = np.pad(
            values.astype(np.float64),
            ((0, 0), (top, bottom), (left, right), (0, 0)),
            constant_values=fill,
        )
        out = self.infer(kind)[0].shape
        return windows(padded, self.kernel, self.strides, (1, 1), (out[1], out[2]))


@dataclass(frozen=True)
class MaxPool2d(_Pool2d):
    """The largest value of each window; input and output have the same quantisation."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(types[0].element == self.out, f"MaxPool2d cannot requantise {types[0]} to {self.out}.")
        return super().infer(*types)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        best = self._windows(arrays[0], -np.inf, types[0]).max(axis=(3, 4))
        if types[0].is_float:
            return (rounded(best, self.clamp),)
        low, high = clamp_range(self.out, self.clamp)
        return (np.clip(best, low, high).astype(self.out.dtype),)


@dataclass(frozen=True)
class AveragePool2d(_Pool2d):
    """The mean of each window; of 8 bits the exact sum of q - zero_point times
    float32(s_in / s_out / taps)."""

    def _mean(self, kind: TensorType, x: Reals) -> Reals:
        total = self._windows(x, 0, kind).sum(axis=(3, 4))
        mean: Reals = total / self._windows(np.ones_like(x), 0, kind).sum(axis=(3, 4))
        return mean

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self._mean(types[0], np.abs(arrays[0].astype(np.float64))),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_float:
            return (rounded(self._mean(types[0], flushed(arrays[0])), self.clamp),)
        centred = centered(arrays[0], types[0])
        total = self._windows(centred, 0, types[0]).sum(axis=(3, 4))
        taps = self._windows(np.ones_like(centred), 0, types[0]).sum(axis=(3, 4))
        if types[0].is_int16:
            return (int16.average(total, taps, self.out, self.clamp),)
        ratio = quantization_of(types[0]).step / quantization_of(self.out).step
        p = wrap32(total.astype(np.int64)).astype(np.float32) * (ratio / taps).astype(np.float32)
        low, high = clamp_range(self.out, self.clamp)
        return (clamp_round(p, quantization_of(self.out).zero, low, high, self.out.dtype),)


@dataclass(frozen=True)
class L2Pool2d(_Pool2d):
    """The root of the mean square of each window, of floats."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        supported(types[0].dtype == FLOAT32, f"L2Pool2d needs float32, got {types[0]}.")
        return super().infer(*types)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        squares = flushed(arrays[0]) ** 2
        total = self._windows(squares, 0, types[0]).sum(axis=(3, 4))
        taps = self._windows(np.ones_like(squares), 0, types[0]).sum(axis=(3, 4))
        return (rounded(np.sqrt(total / taps), self.clamp),)
