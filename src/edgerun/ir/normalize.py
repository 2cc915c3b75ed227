"""Normalisation of rows, the last dimension of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary
from edgerun.ir.elementwise import Softmax
from edgerun.ir.op import Op, centered, clamp_round, expect, flushed, quantization_of, rounded, supported
from edgerun.ir.types import FLOAT32, Array, Element, Quantization, TensorType


@dataclass(frozen=True)
class _OfRows(Op, abstract=True):
    def _of_float(self, x: TensorType) -> tuple[TensorType, ...]:
        supported(x.dtype == FLOAT32, f"{self.name} needs float32, got {x}.")
        expect(len(x.shape) > 0, f"{self.name} needs at least one dimension, got {x}.")
        return (x,)


@dataclass(frozen=True)
class LogSoftmax(_OfRows):
    """x - max(x) - ln(sum(e^(x - max(x)))) over the last dimension.

    8 bits, with d = max - q: the sum is that of Softmax's table, exact; the rest is in float64 but for
    y / s_out, which is rounded to float32, clamped and rounded as ever.
    """

    out: Element

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if x.is_8bit:
            expect(len(x.shape) > 0, f"LogSoftmax needs at least one dimension, got {x}.")
            return (TensorType(x.shape, self.out.dtype, self.out.quantization),)
        return self._of_float(x)

    def table(self, x: Quantization) -> npt.NDArray[np.int32]:
        """e^(-d s_in) for d = 0 .. 255, times 2^22."""
        return Softmax(self.out).table(x)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if not types[0].is_8bit:
            x = flushed(arrays[0])
            with np.errstate(all="ignore"):
                x = x - x.max(axis=-1, keepdims=True)
                return (rounded(x - elementary.log(elementary.exp(x).sum(axis=-1, keepdims=True))),)
        q, out = quantization_of(types[0]), quantization_of(self.out)
        quanta = arrays[0].astype(np.int64)
        distance = quanta.max(axis=-1, keepdims=True) - quanta
        total = self.table(q)[distance].sum(axis=-1, keepdims=True, dtype=np.int64)
        logarithm = elementary.log(total / 2.0**22)
        p = ((-(distance * q.step) - logarithm) / out.step).astype(np.float32)
        return (clamp_round(p, out.zero, *self.out.limits, self.out.dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """The terms are x - max(x) and the logarithm of a sum whose rounding is relative to 1."""
        x = arrays[0].astype(np.float64)
        x = x - x.max(axis=-1, keepdims=True)
        return (np.abs(x) + 1.0 + elementary.log(elementary.exp(x).sum(axis=-1, keepdims=True)),)


@dataclass(frozen=True)
class L2Normalization(_OfRows):
    """x / max(|x|, 1e-6), |x| being the row's length; of 8 bits in float64 but for the result divided by the
    output's scale, which is rounded to float32, clamped and rounded as ever. A row of zeros stays one."""

    out: Element

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if x.is_8bit:
            expect(len(x.shape) > 0, f"L2Normalization needs at least one dimension, got {x}.")
            fits = self.out.dtype == x.dtype and None not in (x.quantization, self.out.quantization)
            supported(fits, f"L2Normalization of {x} gives quantised 8 bits, not {self.out}.")
            return (TensorType(x.shape, self.out.dtype, self.out.quantization),)
        return self._of_float(x)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_8bit:
            q = centered(arrays[0], types[0]).astype(np.float64)
            length = np.sqrt((q * q).sum(axis=-1, keepdims=True))
            out = quantization_of(self.out)
            p = (q / np.maximum(length, 1.0) / out.step).astype(np.float32)
            return (clamp_round(p, out.zero, *self.out.limits, self.out.dtype),)
        x = flushed(arrays[0])
        with np.errstate(all="ignore"):
            length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
            return (rounded(x / np.maximum(length, 1e-6)),)


@dataclass(frozen=True)
class LocalResponseNormalization(_OfRows):
    """x[c] * (bias + alpha * sum of x[k]^2 over c - before <= k < c + after)^-beta, by the last dimension."""

    folds = False
    before: int
    after: int
    bias: float
    alpha: float
    beta: float

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(min(self.before, self.after) >= 0, f"{self}: its window must not begin behind its entry.")
        return self._of_float(types[0])

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = flushed(arrays[0])
        squares = x * x
        total = np.zeros_like(x)
        n = x.shape[-1]
        for c in range(n):
            total[..., c] = squares[..., max(0, c - self.before) : c + self.after].sum(axis=-1)
        base = self.bias + self.alpha * total
        with np.errstate(all="ignore"):
            return (rounded(x * elementary.power(base, np.full_like(base, -self.beta))),)
