"""Between real numbers and quanta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir import int16
from edgerun.ir.elementwise import Reals, Unary
from edgerun.ir.fixed_point import Ints
from edgerun.ir.op import Op, clamp_round, expect, flushed, quantization_of, supported
from edgerun.ir.types import FLOAT16, FLOAT32, INT16, Array, Element, Quantization, TensorType


@dataclass(frozen=True)
class Quantize(Op):
    """float32 -> integers: x / float32(scale), a true division, clamped, rounded half to even."""

    elementwise = True
    out: Element

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype == FLOAT32, f"Quantize needs float32, got {x}.")
        _check_axis(self.name, x, quantization_of(self.out))
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        q = quantization_of(self.out)
        if not q.per_tensor:
            return (_by_channel(self._quantised, arrays[0], q),)
        return (self._quantised(arrays[0], q),)

    def _quantised(self, x: Array, q: Quantization) -> Array:
        if self.out.dtype == INT16:
            return int16.quantize(x, Element(INT16, q))
        low, high = self.out.limits
        with np.errstate(over="ignore", invalid="ignore"):
            p = x.astype(np.float32) / q.scale[0]
        p = np.where(np.isnan(p), np.float32(low - q.zero), p)  # as requantize.h says
        return clamp_round(p, q.zero, low, high, self.out.dtype)


@dataclass(frozen=True)
class Requantize(Unary):
    """Integers of one quantisation to another: TFLite's QUANTIZE between integers."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if int16.is_requantization(x, self.out):
            int16.check_requantization(x, self.out)
            return (TensorType(x.shape, self.out.dtype, self.out.quantization),)
        supported(x.is_8bit, f"Requantize needs a quantised tensor, got {x}.")
        return super().infer(x)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if not int16.is_requantization(types[0], self.out):
            return super().eval(types, *arrays)
        return (self.of_int16(arrays[0].astype(np.int64), quantization_of(types[0])),)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.requantize(x, source, self.out)

    def function(self, x: Reals) -> Reals:
        return x


@dataclass(frozen=True)
class Dequantize(Op):
    """Integers -> float32: float32(q - zero_point) * float32(scale); float16 -> float32, exactly."""

    elementwise = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if x.dtype != FLOAT16:
            _check_axis(self.name, x, quantization_of(x))
        return (TensorType(x.shape, FLOAT32),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].dtype == FLOAT16:
            return (arrays[0].astype(np.float32),)
        q = quantization_of(types[0])
        return (_by_channel(_real, arrays[0], q) if not q.per_tensor else _real(arrays[0], q),)


@dataclass(frozen=True)
class Quanta(Op):
    """Integers that mean themselves, or something else, with the meaning that `out` says."""

    elementwise = True
    out: Element

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(x.dtype == self.out.dtype, f"Quanta of {x} are not {self.out}.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (arrays[0],)


def _real(x: Array, q: Quantization) -> Array:
    return (x.astype(np.int32) - q.zero).astype(np.float32) * q.scale[0]  # type: ignore[no-any-return]


def _by_channel(function: Callable[[Array, Quantization], Array], x: Array, q: Quantization) -> Array:
    """The function on each part of x along the axis of the quantisation, which is per channel."""
    parts = np.split(x, q.scale.size, q.axis)
    channels = [Quantization(q.scale[i : i + 1], q.zero_point[i : i + 1]) for i in range(q.scale.size)]
    return np.concatenate([function(*pair) for pair in zip(parts, channels, strict=True)], q.axis)


def _check_axis(name: str, x: TensorType, q: Quantization) -> None:
    fits = q.per_tensor or x.shape[q.axis : q.axis + 1] == (q.scale.size,)
    expect(fits, f"{name}: {q.scale.size} scales along axis {q.axis} do not fit {x}.")


@dataclass(frozen=True)
class FakeQuantize(Op):
    """float32 as it is after a quantisation to `bits` of a range that is moved until it has a zero: the
    steps of TFLite's FAKE_QUANT in float32."""

    low: float
    high: float
    bits: int = 8

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype == FLOAT32, f"FakeQuantize needs float32, got {x}.")
        expect(self.low < self.high and 2 <= self.bits <= 16, f"{self} has no range.")
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        one, most = np.float32(1), np.float32((1 << self.bits) - 1)
        low, high = np.float32(self.low), np.float32(self.high)
        scale = (high - low) / most
        zero = np.clip(np.trunc(-low / scale + np.float32(0.5)), np.float32(0), most)
        lowest, highest = -zero * scale, (most - zero) * scale
        x = np.minimum(np.maximum(flushed(arrays[0]).astype(np.float32), lowest), highest)
        quanta = (x - lowest) * (one / scale)
        whole = np.trunc(quanta)
        return ((whole + np.trunc((quanta - whole) * 2)) * scale + lowest,)


@dataclass(frozen=True)
class Cast(Op):
    """Numbers to another dtype, quantised ones as they are stored.

    An integer that does not fit wraps around. A float is truncated; one that does not fit becomes the
    nearest integer that does, and what is not a number becomes 0. Everything but 0 is true.
    """

    elementwise = True
    dtype: np.dtype[np.generic]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype.kind in "iufb" and self.dtype.kind in "iufb", f"Cast of {x} to {self.dtype}.")
        return (TensorType(x.shape, self.dtype),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        if x.dtype.kind == "f":
            x = flushed(x) if x.dtype == FLOAT32 else x
            if self.dtype.kind in "iu":
                return (_saturated(x.astype(np.float64), self.dtype),)
        with np.errstate(over="ignore", under="ignore"):
            return (x.astype(self.dtype),)


def _saturated(x: Reals, dtype: np.dtype[np.generic]) -> Array:
    info = np.iinfo(dtype.name)
    # The greatest integer of 64 bits is no float64: from the power of two above it on, it is the result.
    inside = np.where(np.isnan(x) | (x >= float(info.max)) | (x <= float(info.min)), 0.0, np.trunc(x))
    y = inside.astype(dtype)
    return np.where(x >= float(info.max), info.max, np.where(x <= float(info.min), info.min, y)).astype(dtype)
