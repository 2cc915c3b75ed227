"""Sums of products, in the kinds of numbers they come in: what convolutions and matrix products share.

integer  x and weights 8 bit: exact sums, one requantisation. Float64 matrix products compute them: every
         partial sum is an integer far below 2^53.
int16    x int16, weights int8: TFLite's own arithmetic (ir/int16.py).
float    x and weights float32: float64 sums, rounded once.
hybrid   x float32, weights int8 (TFLite's dynamic range): each image of x is quantised by its own range,
         the sums are exact, and become floats in TFLite's own order of float32 operations. With by_tensor
         x is quantised whole, as ONNX's DynamicQuantizeLinear does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgerun.ir import int16
from edgerun.ir.op import (
    Clamp,
    Op,
    centered,
    expect,
    flushed,
    output_multiplier,
    quantization_of,
    requantize,
    supported,
    wrap32,
)
from edgerun.ir.types import FLOAT32, INT8, INT32, Array, Element, TensorType

Reals = npt.NDArray[np.float64]
MAX_HYBRID_DEPTH = 0xFFFF  # products of a hybrid sum, so that none leaves int32


class SumOfProducts(Op, abstract=True):
    """An operator with inputs x, weights and an optional bias, whose outputs are sums of their products."""

    folds = False
    # Fields of the subclasses. asymmetric: how a hybrid operator quantises x.
    out: Element
    clamp: Clamp
    asymmetric: bool
    by_tensor: bool = False  # whether it quantises x whole, as ONNX does; where a subclass has that

    def _products(self, x: Reals, w: Reals) -> Reals:
        """The sums, with one output channel per weight scale in the last dimension."""
        raise NotImplementedError

    def _images(self, x: TensorType, w: TensorType) -> int:
        """How many parts of x a hybrid operator quantises by themselves: as many as it has rows of them."""
        return x.shape[0]

    @property
    def real_multipliers(self) -> bool:
        """Whether 64-bit sums of int16 are multiplied in float64, as TFLite's fully connected layer does."""
        return False

    @property
    def scales_in_turn(self) -> bool:
        """Whether hybrid sums are multiplied by one scale and then the other, not by their product."""
        return False

    def _check_numbers(self, x: TensorType, w: TensorType, bias: TensorType | None, channels: int) -> None:
        if x.is_int16:
            if w.is_int16:
                int16.check(self.name, x, w, self.out)
            else:
                int16.check_sum(self.name, x, w, bias, self.out)
        elif x.is_8bit:
            supported(w.is_8bit, f"{self.name} needs 8-bit weights for {x}, got {w}.")
            supported(quantization_of(x).per_tensor, f"{self.name} needs a per-tensor input, got {x}.")
            narrow = self.out.dtype.itemsize == 1 and self.out.quantization is not None
            supported(narrow, f"{self.name} of {x} gives 8 bits, not {self.out}.")
        else:
            kinds = x.dtype == FLOAT32 and (w.dtype == FLOAT32 or is_hybrid(x, w))
            supported(kinds, f"{self.name} needs 8-bit or float32 tensors, got {x} and {w}.")
            expect(self.out.dtype == FLOAT32, f"{self.name} of floats gives float32, not {self.out}.")
        if w.is_8bit:
            scales = quantization_of(w).scale.size
            expect(scales in (1, channels), f"{self.name} has {channels} channels and {scales} scales.")
        if bias is not None:
            wanted = bias.dtype if x.is_int16 else INT32 if x.is_8bit else FLOAT32
            expect(
                bias.dtype == wanted and bias.size == channels,
                f"{self.name} needs a bias of {channels} entries of {wanted}, got {bias}.",
            )

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *rest = arrays
        bias = rest[0].reshape(-1) if rest and rest[0] is not None else None
        if types[0].is_8bit:
            acc = self._products(_reals(x, types[0]), _reals(w, types[1])).astype(np.int64)
            if bias is not None:
                acc = acc + bias.astype(np.int64)
            m = output_multiplier(
                quantization_of(types[0]), quantization_of(types[1]), quantization_of(self.out)
            )
            return (requantize(wrap32(acc), m, self.out, self.clamp),)
        if types[0].is_int16:
            sums = self._products(x.astype(np.float64), w.astype(np.float64))
            finish = int16.finish_sum(
                sums, types[0], types[1], bias, self.out, self.clamp, self.real_multipliers
            )
            return (finish,)
        if is_hybrid(types[0], types[1]):
            return (self._hybrid(types, x, w, bias),)
        total = self._products(x.astype(np.float64), w.astype(np.float64))
        if bias is not None:
            total = total + bias.astype(np.float64)
        return (_clamped(total, self.clamp).astype(self.out.dtype),)

    def _hybrid(
        self, types: Sequence[TensorType], x: Array, w: Array, bias: Array | None
    ) -> npt.NDArray[np.float32]:
        images = self._images(*types[:2])
        if self.by_tensor:
            q, scale, _ = quantize_by_tensor(x)
            scales = np.full(images, scale, np.float32)
        else:
            q, scales, _ = quantize_dynamic(x.reshape(images, -1), self.asymmetric)
        acc = self._products(q.reshape(x.shape), _reals(w, types[1])).astype(np.float32)
        rows = acc.reshape(scales.size, -1, acc.shape[-1])
        w_scale, x_scale = quantization_of(types[1]).scale, scales.reshape(-1, 1, 1)
        rows = rows * w_scale * x_scale if self.scales_in_turn else rows * (w_scale * x_scale)
        if bias is not None:
            rows = rows + bias.astype(np.float32)
        return _clamped(rows, self.clamp).reshape(acc.shape).astype(np.float32)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *rest = arrays
        if not types[0].is_float:
            return super().magnitude(types, *arrays)
        weights = np.abs(w.astype(np.float64))
        if is_hybrid(types[0], types[1]):
            weights = np.abs(_reals(w, types[1])) * float(quantization_of(types[1]).scale.max())
        total = self._products(np.abs(x.astype(np.float64)), weights)
        if rest and rest[0] is not None:
            total = total + np.abs(rest[0].astype(np.float64)).reshape(-1)
        return (np.maximum(total, 1e-6),)


def is_hybrid(x: TensorType, w: TensorType) -> bool:
    """Whether float activations meet int8 weights."""
    return x.dtype == FLOAT32 and w.dtype == INT8 and w.quantization is not None


def quantize_dynamic(
    x: Array, asymmetric: bool
) -> tuple[Reals, npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """float32 [n, size] by the range of each row: (q - zero, scale, zero), with the bits of LiteRT."""
    low = np.minimum(x.min(axis=1), np.float32(0)).astype(np.float32)
    high = np.maximum(x.max(axis=1), np.float32(0)).astype(np.float32)
    one = np.float32(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if asymmetric:
            step = (high - low).astype(np.float64) / 255
            from_low, from_high = -128 - low / step, 127 - high / step
            nearer_low = 128 + np.abs(low / step) < 127 + np.abs(high / step)
            zeros = np.clip(_round_away(np.where(nearer_low, from_low, from_high)), -128, 127)
            scale, inverse, least = step.astype(np.float32), one / step.astype(np.float32), -128
        else:
            span = np.maximum(-low, high)
            zeros = np.zeros(span.shape)
            scale, inverse, least = span / np.float32(127), np.float32(127) / span, -127
    flat = low == high
    zero = np.where(flat, 0, zeros).astype(np.int32)
    scale = np.where(flat, one, scale).astype(np.float32)
    inverse = np.where(flat, np.float32(0), inverse).astype(np.float32)
    rounded = _round_away(x.astype(np.float32) * inverse[:, None]).astype(np.float64)
    q = np.clip(rounded + zero[:, None], least, 127)
    return q - zero[:, None], scale, zero


def quantize_by_tensor(x: Array) -> tuple[Reals, np.float32, int]:
    """float32 by its own range, as ONNX's DynamicQuantizeLinear does: (q - zero, scale, zero).

    scale = (max(x, 0) - min(x, 0)) / 255, zero = round(-min(x, 0) / scale), and q = round(x / scale) + zero
    within 0 .. 255, all in float32, halves to even. The scale of zeros alone is 1 / 255, as onnx.reference
    has it. A NaN counts as nothing in the range, and its quantum is 0.
    """
    reals: npt.NDArray[np.float32] = flushed(x).astype(np.float32)
    low = np.float32(np.fmin.reduce(reals, None, initial=0))
    high = np.float32(np.fmax.reduce(reals, None, initial=0))
    with np.errstate(all="ignore"):
        scale = np.float32(1 if low == high else high - low) / np.float32(255)
        zero = int(np.rint(np.fmin(np.fmax(np.float32(0) - low / scale, np.float32(0)), np.float32(255))))
        p = np.fmin(np.fmax(reals / scale, np.float32(-1000)), np.float32(1000))
    rounded = np.rint(p).astype(np.float64)
    return np.clip(rounded + zero, 0, 255) - zero, scale, zero


def as_quantised(x: Array, asymmetric: bool) -> npt.NDArray[np.float32]:
    """float32 [n, size] as it is after each row was quantised by its own range."""
    q, scale, _ = quantize_dynamic(x, asymmetric)
    return q.astype(np.float32) * scale[:, None]


def _round_away(x: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """To the nearest integer, halves away from zero; the sum is rounded as x is."""
    return np.trunc(x + np.copysign(x.dtype.type(0.5), x))  # type: ignore[no-any-return]


def _reals(q: Array, kind: TensorType) -> Reals:
    return centered(q, kind).astype(np.float64)


def _clamped(x: npt.NDArray[np.floating], clamp: Clamp) -> npt.NDArray[np.floating]:
    low, high = (x.dtype.type(limit) for limit in clamp)
    return np.minimum(np.maximum(x, low), high)  # type: ignore[no-any-return]
