"""Convolutions and the fully connected layer: exact integer sums, one requantisation.

Weights are int8 or uint8, per tensor or per output channel; the bias is int32 at scale s_in * s_w.
Integer sums are float64 matrix products: every partial sum is an integer far below 2^53.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import int16
from edgerun.ir.op import (
    NO_CLAMP,
    Clamp,
    Op,
    centered,
    expect,
    output_multiplier,
    quantization_of,
    requantize,
    supported,
    wrap32,
)
from edgerun.ir.types import INT32, Array, Element, Shape, TensorType

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


def window_size(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """How many windows fit: floor((size + padding - extent) / stride) + 1."""
    return (size + before + after - ((kernel - 1) * dilation + 1)) // stride + 1


def windows(
    x: npt.NDArray[np.float64], kernel: Pair, strides: Pair, dilations: Pair, out: Shape
) -> npt.NDArray[np.float64]:
    """View of a padded NHWC array as [n, out_h, out_w, kernel_h, kernel_w, c]."""
    n, _, _, c = x.shape
    sn, sh, sw, sc = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (n, *out, *kernel, c),
        (sn, sh * strides[0], sw * strides[1], sh * dilations[0], sw * dilations[1], sc),
        writeable=False,
    )


@dataclass(frozen=True)
class _Windowed(Op, abstract=True):
    """What the two convolutions share."""

    out: Element
    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    clamp: Clamp = NO_CLAMP

    def _check(self, x: TensorType, w: TensorType, bias: TensorType | None, channels: int) -> None:
        expect(len(x.shape) == 4 and len(w.shape) == 4, f"{self.name} needs 4-D tensors, got {x} and {w}.")
        if x.is_int16:
            int16.check_sum(self.name, x, w, bias, self.out)
        else:
            supported(x.is_8bit and w.is_8bit, f"{self.name} needs 8-bit tensors, got {x} and {w}.")
        supported(quantization_of(x).per_tensor, f"{self.name} needs a per-tensor input, got {x}.")
        scales = quantization_of(w).scale.size
        expect(scales in (1, channels), f"{self.name} has {channels} channels and {scales} scales.")
        expect(min(self.strides) > 0 and min(self.dilations) > 0, "Strides and dilations start at 1.")
        expect(min(self.padding) >= 0, "Padding must not be negative.")
        if bias is not None:
            expect(
                (bias.dtype == INT32 or x.is_int16) and bias.size == channels,
                f"{self.name} needs an int32 bias of {channels} entries, got {bias}.",
            )

    def _spatial(self, x: TensorType, kernel: Pair) -> Pair:
        top, left, bottom, right = self.padding
        out = (
            window_size(x.shape[1], kernel[0], self.strides[0], self.dilations[0], top, bottom),
            window_size(x.shape[2], kernel[1], self.strides[1], self.dilations[1], left, right),
        )
        expect(min(out) > 0, f"{self.name}: no window of {kernel} fits into {x} padded by {self.padding}.")
        return out

    def _padded(self, x: Array, kind: TensorType) -> npt.NDArray[np.float64]:
        top, left, bottom, right = self.padding
        centred = centered(x, kind).astype(np.float64)  # padding with the zero point is padding with 0
        return np.pad(centred, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def _requantize(
        self, acc: Array, types: Sequence[TensorType], bias: Array | None
    ) -> tuple[Array, ...]:
        if types[0].is_int16:
            return (int16.finish_sum(acc, types[0], types[1], bias, self.out, self.clamp),)
        total = acc.astype(np.int64)
        if bias is not None:
            total = total + bias.astype(np.int64).reshape(-1)
        m = output_multiplier(
            quantization_of(types[0]), quantization_of(types[1]), quantization_of(self.out)
        )
        return (requantize(wrap32(total), m, self.out, self.clamp),)


@dataclass(frozen=True)
class Conv2d(_Windowed):
    """NHWC x OHWI -> NHWC. Inputs: x, weights, optional bias."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        self._check(x, w, rest[0] if rest else None, w.shape[0])
        expect(x.shape[3] == w.shape[3], f"Conv2d: {x} has other channels than the weights {w}.")
        out = self._spatial(x, (w.shape[1], w.shape[2]))
        shape = (x.shape[0], *out, w.shape[0])
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *rest = arrays
        (result,) = self.infer(*types)
        kernel = (w.shape[1], w.shape[2])
        patches = windows(
            self._padded(x, types[0]), kernel, self.strides, self.dilations, result.shape[1:3]
        )
        flat = patches.reshape(-1, kernel[0] * kernel[1] * x.shape[3])
        weights = centered(w, types[1]).astype(np.float64).reshape(w.shape[0], -1)
        acc = (flat @ weights.T).reshape(result.shape)
        return self._requantize(acc, types, rest[0] if rest else None)


@dataclass(frozen=True)
class DepthwiseConv2d(_Windowed):
    """NHWC x [1, kh, kw, c_in * multiplier] -> NHWC; output channel i reads input channel i // multiplier."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        self._check(x, w, rest[0] if rest else None, w.shape[3])
        expect(
            w.shape[0] == 1 and w.shape[3] % max(x.shape[3], 1) == 0,
            f"DepthwiseConv2d: the weights {w} do not fit the input {x}.",
        )
        out = self._spatial(x, (w.shape[1], w.shape[2]))
        shape = (x.shape[0], *out, w.shape[3])
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *rest = arrays
        (result,) = self.infer(*types)
        patches = windows(
            self._padded(np.repeat(x, w.shape[3] // x.shape[3], axis=3), types[0]),
            (w.shape[1], w.shape[2]),
            self.strides,
            self.dilations,
            result.shape[1:3],
        )
        acc = np.einsum("nhwijc,ijc->nhwc", patches, centered(w, types[1])[0].astype(np.float64))
        return self._requantize(acc, types, rest[0] if rest else None)


@dataclass(frozen=True)
class FullyConnected(Op):
    """[..., k] x [n, k] -> [rows, n] (or [..., n] with keep_dims). Inputs: x, weights, optional bias."""

    out: Element
    keep_dims: bool = False
    clamp: Clamp = NO_CLAMP

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        expect(len(w.shape) == 2, f"FullyConnected needs 2-D weights, got {w}.")
        if x.is_int16:
            int16.check_sum("FullyConnected", x, w, rest[0] if rest else None, self.out)
        else:
            supported(x.is_8bit and w.is_8bit, f"FullyConnected needs 8-bit tensors, got {x} and {w}.")
        n, k = w.shape
        expect(k > 0 and x.size % k == 0, f"FullyConnected: {x} is not made of rows of {k}.")
        scales = quantization_of(w).scale.size
        expect(scales in (1, n), f"FullyConnected has {n} outputs and {scales} scales.")
        supported(quantization_of(x).per_tensor, f"FullyConnected needs a per-tensor input, got {x}.")
        if rest and rest[0] is not None:
            expect(
                (rest[0].dtype == INT32 or x.is_int16) and rest[0].size == n,
                f"FullyConnected needs an int32 bias of {n} entries, got {rest[0]}.",
            )
        if self.keep_dims:
            expect(x.shape[-1:] == (k,), f"FullyConnected: the rows of {x} have not {k} entries.")
        shape = (*x.shape[:-1], n) if self.keep_dims else (x.size // k, n)
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *rest = arrays
        (result,) = self.infer(*types)
        rows = centered(x, types[0]).astype(np.float64).reshape(-1, w.shape[1])
        acc = (rows @ centered(w, types[1]).astype(np.float64).T).astype(np.int64)
        if types[0].is_int16:
            bias = rest[0] if rest else None
            y = int16.finish_sum(acc, types[0], types[1], bias, self.out, self.clamp)
            return (y.reshape(result.shape),)
        if rest and rest[0] is not None:
            acc = acc + rest[0].astype(np.int64).reshape(-1)
        m = output_multiplier(
            quantization_of(types[0]), quantization_of(types[1]), quantization_of(self.out)
        )
        return (requantize(wrap32(acc), m, self.out, self.clamp).reshape(result.shape),)
