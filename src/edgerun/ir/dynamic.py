"""Quantisation by the range that a tensor has at run time, and sums of integers whose zero points are
operands: ONNX's DynamicQuantizeLinear, ConvInteger and MatMulInteger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.conv import Conv2d, Padding, Pair
from edgerun.ir.op import Op, expect, supported, wrap32
from edgerun.ir.sums import Reals, quantize_by_tensor
from edgerun.ir.types import FLOAT32, INT32, UINT8, Array, Element, TensorType


@dataclass(frozen=True)
class DynamicQuantize(Op):
    """float32 -> uint8 of the same shape, its scale (float32) and its zero point (uint8), both scalars.

    The range is that of the whole tensor and 0; ir/sums.py has the arithmetic.
    """

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype == FLOAT32, f"DynamicQuantize needs float32, got {x}.")
        expect(x.size > 0, f"DynamicQuantize: {x} has no range.")
        return (TensorType(x.shape, UINT8), TensorType((), FLOAT32), TensorType((), UINT8))

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        q, scale, zero = quantize_by_tensor(arrays[0])
        return ((q + zero).astype(np.uint8), np.asarray(scale), np.asarray(zero, np.uint8))


@dataclass(frozen=True)
class IntegerConv(Op):
    """NHWC x OHWI -> NHWC int32, exact modulo 2^32. Inputs: x, weights, and their zero points or None.

    x and weights are 8-bit integers that mean themselves; the zero point of x is a scalar, that of the
    weights a scalar or one number per output channel. What lies outside of the image is the
    zero point. Groups are those of Conv2d.
    """

    strides: Pair = (1, 1)
    dilations: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, w, *zeros = types
        _check_operands(self.name, x, w, zeros)
        x_zero, w_zero = _both(zeros)
        expect(x_zero is None or x_zero.size == 1, f"IntegerConv: a zero point of {x_zero} for {x}.")
        expect(
            w_zero is None or w_zero.size in (1, w.shape[0]),
            f"IntegerConv: a zero point of {w_zero} for {w}.",
        )
        real = TensorType(x.shape, FLOAT32), TensorType(w.shape, FLOAT32)
        (y,) = self.convolution().infer(*real)
        return (TensorType(y.shape, INT32),)

    def convolution(self) -> Conv2d:
        """The convolution of floats with the same windows."""
        return Conv2d(Element(FLOAT32), self.strides, self.dilations, self.padding)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *zeros = arrays
        x_zero, w_zero = _both(zeros)
        ws = w.astype(np.float64)
        if w_zero is not None:
            ws = ws - w_zero.astype(np.float64).reshape(-1, 1, 1, 1)
        xs = x.astype(np.float64) - (0.0 if x_zero is None else float(x_zero.reshape(())))
        return (wrap32(self.convolution()._products(xs, ws)),)


@dataclass(frozen=True)
class IntegerMatMul(Op):
    """[..., m, k] x [..., k, n] -> [..., m, n] int32, exact modulo 2^32. Inputs: a, b, and their zero points
    or None.

    a and b are 8-bit integers that mean themselves; their zero points broadcast against them, and are the
    same along k. The dimensions before the last two are broadcast.
    """

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b, *zeros = types
        _check_operands(self.name, a, b, zeros)
        a_zero, b_zero = _both(zeros)
        expect(min(len(a.shape), len(b.shape)) >= 2, f"IntegerMatMul needs matrices, got {a} and {b}.")
        expect(a.shape[-1] == b.shape[-2], f"IntegerMatMul: {a} and {b} do not fit each other.")
        try:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            if a_zero is not None:
                column = (*a.shape[:-1], 1)
                expect(
                    np.broadcast_shapes(a_zero.shape, column) == column,
                    f"IntegerMatMul: a zero point of {a_zero} for {a}.",
                )
            if b_zero is not None:
                row = (*b.shape[:-2], 1, b.shape[-1])
                expect(
                    np.broadcast_shapes(b_zero.shape, row) == row,
                    f"IntegerMatMul: a zero point of {b_zero} for {b}.",
                )
        except ValueError:
            expect(False, f"IntegerMatMul: {a}, {b} and zero points {a_zero}, {b_zero} do not fit.")
        return (TensorType((*batch, a.shape[-2], b.shape[-1]), INT32),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        a, b, *zeros = arrays
        a_zero, b_zero = _both(zeros)
        return (wrap32(_without(a, a_zero) @ _without(b, b_zero)),)


def _without(x: Array, zero: Array | None) -> Reals:
    reals = x.astype(np.float64)
    return reals if zero is None else reals - zero.astype(np.float64)


def _both(zeros: Sequence[object]) -> tuple:  # type: ignore[type-arg]
    return (*zeros, None, None)[:2]


def _check_operands(name: str, x: TensorType, w: TensorType, zeros: Sequence[TensorType | None]) -> None:
    supported(x.is_8bit and w.is_8bit, f"{name} needs 8-bit tensors, got {x} and {w}.")
    for kind, zero in zip((x, w), zeros, strict=False):
        expect(zero is None or zero.dtype == kind.dtype, f"{name}: a zero point of {zero} for {kind}.")
