"""Transposed convolution: each input pixel adds its multiple of the kernel to the output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.ir.conv import Pair
from edgerun.ir.op import NO_CLAMP, Clamp, expect, supported
from edgerun.ir.sums import MAX_HYBRID_DEPTH, Reals, SumOfProducts, is_hybrid
from edgerun.ir.types import Element, TensorType


@dataclass(frozen=True)
class TransposeConv(SumOfProducts):
    """NHWC x OHWI -> NHWC of `size`. Inputs: x, weights, optional bias.

    y[oy, ox] = bias + sum over taps (ky, kx) of w[ky, kx] * x[iy, ix] where iy * stride + ky - top = oy, and
    so along x. `padding` is top, left: how much the output lacks of what the kernels cover.
    """

    out: Element
    size: Pair
    strides: Pair = (1, 1)
    padding: Pair = (0, 0)
    clamp: Clamp = NO_CLAMP
    asymmetric: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *rest = types
        expect(len(x.shape) == 4 and len(w.shape) == 4, f"TransposeConv needs 4-D tensors, got {x} and {w}.")
        self._check_numbers(x, w, rest[0] if rest else None, w.shape[0])
        expect(x.shape[3] == w.shape[3], f"TransposeConv: {x} has other channels than the weights {w}.")
        expect(min(*self.strides, *self.size, *w.shape) > 0, "Strides, kernels and sizes start at 1.")
        for pad, kernel in zip(self.padding, w.shape[1:3], strict=True):
            expect(0 <= pad < kernel, f"TransposeConv: padding {self.padding} does not fit the weights {w}.")
        depth = w.size // w.shape[0]
        hybrid_fits = not is_hybrid(x, w) or depth <= MAX_HYBRID_DEPTH
        supported(hybrid_fits, f"TransposeConv with {depth} products per sum.")
        shape = (x.shape[0], *self.size, w.shape[0])
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    @property
    def scales_in_turn(self) -> bool:
        return self.asymmetric

    def _products(self, x: Reals, w: Reals) -> Reals:
        (n, height, width, _), (channels, kernel_h, kernel_w, _) = x.shape, w.shape
        (stride_h, stride_w), (top, left) = self.strides, self.padding
        whole = np.zeros((n, height * stride_h + kernel_h, width * stride_w + kernel_w, channels))
        for ky in range(kernel_h):
            for kx in range(kernel_w):
                rows = slice(ky, ky + height * stride_h, stride_h)
                columns = slice(kx, kx + width * stride_w, stride_w)
                whole[:, rows, columns] += x @ w[:, ky, kx].T
        result = np.zeros((n, *self.size, channels))
        part = whole[:, top : top + self.size[0], left : left + self.size[1]]
        result[:, : part.shape[1], : part.shape[2]] = part
        return result
