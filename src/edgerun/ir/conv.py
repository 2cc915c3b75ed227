"""Convolutions and the fully connected layer: sums of products over windows and rows.

8-bit weights are per tensor or per output channel, with an int32 bias at scale s_in * s_w or, for float
activations, a float32 one; ir/sums.py has the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import NO_CLAMP, Clamp, expect, supported
from edgerun.ir.sums import MAX_HYBRID_DEPTH, Reals, SumOfProducts, is_hybrid
from edgerun.ir.types import Element, Shape, TensorType

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]  # top, left, bottom, right


def window_size(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """How many windows fit: floor((size + padding - extent) / stride) + 1."""
    return (size + before + after - ((kernel - 1) * dilation + 1)) // stride + 1


def windows(x: Reals, kernel: Pair, strides: Pair, dilations: Pair, out: Shape) -> Reals:
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
class _Windowed(SumOfProducts, abstract=True):
    """What the two convolutions share."""

    out: Element
    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    clamp: Clamp = NO_CLAMP
    asymmetric: bool = False
    by_tensor: bool = False

    def _check(self, x: TensorType, w: TensorType, bias: TensorType | None, channels: int) -> None:
        expect(len(x.shape) == 4 and len(w.shape) == 4, f"{self.name} needs 4-D tensors, got {x} and {w}.")
        self._check_numbers(x, w, bias, channels)
        expect(min(self.strides) > 0 and min(self.dilations) > 0, "Strides and dilations start at 1.")
        expect(min(self.padding) >= 0, "Padding must not be negative.")

    def _spatial(self, x: Shape, kernel: Pair) -> Pair:
        top, left, bottom, right = self.padding
        return (
            window_size(x[1], kernel[0], self.strides[0], self.dilations[0], top, bottom),
            window_size(x[2], kernel[1], self.strides[1], self.dilations[1], left, right),
        )

    def _result(self, x: TensorType, kernel: Pair, channels: int) -> tuple[TensorType, ...]:
        out = self._spatial(x.shape, kernel)
        expect(min(out) > 0, f"{self.name}: no window of {kernel} fits into {x} padded by {self.padding}.")
        return (TensorType((x.shape[0], *out, channels), self.out.dtype, self.out.quantization),)

    def _patches(self, x: Reals, kernel: Pair) -> Reals:
        """[n, out_h, out_w, kernel_h, kernel_w, c]; without their zero point, quanta are padded with 0."""
        top, left, bottom, right = self.padding
        padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
        return windows(padded, kernel, self.strides, self.dilations, self._spatial(x.shape, kernel))


@dataclass(frozen=True)
class Conv2d(_Windowed):
    """NHWC x OHWI -> NHWC. Inputs: x, weights, optional bias.

    With fewer input channels in the weights than in x, the output channels are divided into as many groups
    as x has times more, and each group reads its own part of the input channels.
    """

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        self._check(x, w, rest[0] if rest else None, w.shape[0])
        groups = x.shape[3] // max(w.shape[3], 1)
        expect(
            groups > 0 and x.shape[3] == groups * w.shape[3] and w.shape[0] % groups == 0,
            f"Conv2d: {x} has other channels than the weights {w}.",
        )
        depth = w.size // max(w.shape[0], 1)
        supported(not is_hybrid(x, w) or depth <= MAX_HYBRID_DEPTH, f"Conv2d with {depth} products per sum.")
        return self._result(x, (w.shape[1], w.shape[2]), w.shape[0])

    @property
    def scales_in_turn(self) -> bool:
        return self.asymmetric

    def _products(self, x: Reals, w: Reals) -> Reals:
        patches = self._patches(x, (w.shape[1], w.shape[2]))
        groups = x.shape[3] // w.shape[3]
        sums = [
            part.reshape(-1, w[0].size) @ weights.reshape(-1, w[0].size).T
            for part, weights in zip(np.split(patches, groups, axis=5), np.split(w, groups), strict=True)
        ]
        return np.concatenate(sums, axis=1).reshape(*patches.shape[:3], w.shape[0])


@dataclass(frozen=True)
class DepthwiseConv2d(_Windowed):
    """NHWC x [1, kh, kw, c_in * multiplier] -> NHWC; output channel i reads input channel i // multiplier."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        self._check(x, w, rest[0] if rest else None, w.shape[3])
        expect(
            w.shape[0] == 1 and x.shape[3] > 0 and w.shape[3] % x.shape[3] == 0,
            f"DepthwiseConv2d: the weights {w} do not fit the input {x}.",
        )
        taps = w.shape[1] * w.shape[2]
        supported(not is_hybrid(x, w) or taps <= MAX_HYBRID_TAPS, f"DepthwiseConv2d with {taps} taps.")
        return self._result(x, (w.shape[1], w.shape[2]), w.shape[3])

    def _products(self, x: Reals, w: Reals) -> Reals:
        patches = self._patches(np.repeat(x, w.shape[3] // x.shape[3], axis=3), (w.shape[1], w.shape[2]))
        return np.einsum("nhwijc,ijc->nhwc", patches, w[0])  # type: ignore[no-any-return]


MAX_HYBRID_TAPS = (1 << 24) // (255 * 128)  # their sums are exact in float32


@dataclass(frozen=True)
class FullyConnected(SumOfProducts):
    """[..., k] x [n, k] -> [rows, n] (or [..., n] with keep_dims). Inputs: x, weights, optional bias."""

    out: Element
    keep_dims: bool = False
    clamp: Clamp = NO_CLAMP
    asymmetric: bool = False
    by_tensor: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        expect(len(w.shape) == 2, f"FullyConnected needs 2-D weights, got {w}.")
        n, k = w.shape
        self._check_numbers(x, w, rest[0] if rest else None, n)
        expect(k > 0 and x.size % k == 0, f"FullyConnected: {x} is not made of rows of {k}.")
        supported(not is_hybrid(x, w) or k <= MAX_HYBRID_DEPTH, f"FullyConnected with {k} products per sum.")
        if self.keep_dims:
            expect(x.shape[-1:] == (k,), f"FullyConnected: the rows of {x} have not {k} entries.")
        shape = (*x.shape[:-1], n) if self.keep_dims else (x.size // k, n)
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    @property
    def real_multipliers(self) -> bool:
        return True

    def _images(self, x: TensorType, w: TensorType) -> int:
        return x.size // w.shape[1]

    def _products(self, x: Reals, w: Reals) -> Reals:
        n, k = w.shape
        shape = (*x.shape[:-1], n) if self.keep_dims else (-1, n)
        return (x.reshape(-1, k) @ w.T).reshape(shape)
