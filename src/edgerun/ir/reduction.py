"""Reductions over chosen dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir import fixed_point, int16, int16_binary
from edgerun.ir.op import (
    Op,
    centered,
    clamp_round,
    expect,
    quantization_of,
    real,
    rounded,
    supported,
    wrap32,
)
from edgerun.ir.types import BOOL, FLOAT32, FLOAT64, INT32, INT64, Array, Element, Shape, TensorType


@dataclass(frozen=True)
class Reduction(Op, abstract=True):
    """Over `axes`, in ascending order; each becomes 1 with `keep_dims` and is dropped without."""

    out: Element
    axes: tuple[int, ...]
    keep_dims: bool = False

    def takes(self, kind: TensorType) -> bool:
        """Floats, quantised integers, and wide ones that mean themselves."""
        narrow = kind.is_8bit and not kind.is_plain_integer
        return narrow or kind.is_int16 or kind.dtype in (FLOAT32, FLOAT64, INT32, INT64)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        rank = len(x.shape)
        supported(self.takes(x), f"{self.name} does not take {x}.")
        if x.is_int16:
            int16.check(self.name, x, self.out)
        expect(self.out.dtype == x.dtype or x.is_8bit, f"{self.name} of {x} does not give {self.out}.")
        expect(
            all(0 <= a < rank for a in self.axes) and len(set(self.axes)) == len(self.axes),
            f"{self.name}: axes {self.axes} do not fit {x}.",
        )
        supported(self.taps(x) > 0, f"{self.name} of {x} along {self.axes}, where there is nothing.")
        shape = tuple(
            1 if i in self.axes else d for i, d in enumerate(x.shape) if self.keep_dims or i not in self.axes
        )
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def taps(self, x: TensorType) -> int:
        """How many elements become one."""
        return math.prod(x.shape[a] for a in self.axes)

    def ratio(self, x: TensorType) -> float:
        """Quantised sums: what one of the input is worth in the output."""
        return quantization_of(x).step / quantization_of(self.out).step

    def _shaped(self, types: Sequence[TensorType], y: Array) -> tuple[Array, ...]:
        return (np.asarray(y).reshape(self.infer(*types)[0].shape),)

    def _sums(self, x: Array) -> fixed_point.Ints:
        return np.asarray(x.astype(np.int64).sum(axis=self.axes))

    def _requantised(self, x: TensorType, array: Array, ratio: float) -> Array:
        p = wrap32(np.asarray(centered(array, x).sum(axis=self.axes))).astype(np.float32) * np.float32(ratio)
        low, high = self.out.limits
        return clamp_round(p, quantization_of(self.out).zero, low, high, self.out.dtype)


@dataclass(frozen=True)
class Sum(Reduction):
    """The sum; of 8 bits the exact one times float32(s_in / s_out)."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,), (kind,) = arrays, types
        if kind.is_8bit:
            taps = self.taps(kind)
            return self._shaped(types, self._requantised(kind, x, self.ratio(kind) * taps / taps))
        if kind.is_int16:
            by = fixed_point.quantize_multiplier(self.ratio(kind))
            return self._shaped(types, int16_binary.total(self._sums(x), by))
        if kind.is_float:
            with np.errstate(all="ignore"):
                return self._shaped(types, rounded(real(x).sum(axis=self.axes), dtype=kind.dtype))
        return self._shaped(types, np.sum(x, axis=self.axes, dtype=kind.dtype))

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self._shaped(types, np.abs(arrays[0].astype(np.float64)).sum(axis=self.axes))


@dataclass(frozen=True)
class Mean(Reduction):
    """The mean; of 8 bits requantised like an average pool, of integers truncated."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,), (kind,) = arrays, types
        taps = self.taps(kind)
        if kind.is_8bit:
            return self._shaped(types, self._requantised(kind, x, self.ratio(kind) / taps))
        if kind.is_int16:
            by = int16_binary.mean_multiplier(kind, self.out, taps)
            return self._shaped(types, int16_binary.total(self._sums(x), by))
        if kind.is_float:
            with np.errstate(all="ignore"):
                return self._shaped(types, rounded(real(x).sum(axis=self.axes) / taps, dtype=kind.dtype))
        total = np.asarray(x.astype(np.int64).sum(axis=self.axes))
        return self._shaped(types, (np.sign(total) * (np.abs(total) // taps)).astype(kind.dtype))

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        total = np.abs(arrays[0].astype(np.float64)).sum(axis=self.axes)
        return self._shaped(types, total / self.taps(types[0]))


@dataclass(frozen=True)
class ReduceProd(Reduction):
    """The product, wrapping around; of quantised ones as TFLite has it (see int16_binary.product)."""

    def takes(self, kind: TensorType) -> bool:
        return super().takes(kind) or kind.is_plain_integer

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        inferred = super().infer(*types)
        if types[0].quantization is not None and (types[0].is_8bit or types[0].is_int16):
            quantization_of(self.out)
        return inferred

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,), (kind,) = arrays, types
        if kind.quantization is not None and (kind.is_8bit or kind.is_int16):
            rest = [i for i in range(x.ndim) if i not in self.axes]
            rows = centered(x, kind).transpose(*self.axes, *rest).reshape(self.taps(kind), -1)
            y = np.clip(int16_binary.product(rows, kind, self.out), *self.out.limits)
            return self._shaped(types, y.astype(self.out.dtype))
        with np.errstate(all="ignore"):
            if kind.is_float:
                return self._shaped(types, rounded(real(x).prod(axis=self.axes), dtype=kind.dtype))
            return self._shaped(types, np.multiply.reduce(x, axis=self.axes, dtype=kind.dtype))


@dataclass(frozen=True)
class _Extreme(Reduction, abstract=True):
    """Quantised tensors keep their quantisation."""

    def takes(self, kind: TensorType) -> bool:
        return super().takes(kind) or kind.is_plain_integer or kind.dtype == BOOL

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(types[0].element == self.out, f"{self.name} cannot requantise {types[0]} to {self.out}.")
        return super().infer(*types)


@dataclass(frozen=True)
class ReduceMax(_Extreme):
    """The greatest element."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self._shaped(types, arrays[0].max(axis=self.axes))


@dataclass(frozen=True)
class ReduceMin(_Extreme):
    """The least element."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self._shaped(types, arrays[0].min(axis=self.axes))


@dataclass(frozen=True)
class _OfBools(Reduction, abstract=True):
    def takes(self, kind: TensorType) -> bool:
        return kind.dtype == BOOL


@dataclass(frozen=True)
class ReduceAny(_OfBools):
    """Whether any element is true."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self._shaped(types, np.asarray(arrays[0].any(axis=self.axes)))


@dataclass(frozen=True)
class ReduceAll(_OfBools):
    """Whether all elements are true."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self._shaped(types, np.asarray(arrays[0].all(axis=self.axes)))


@dataclass(frozen=True)
class _Arg(Op, abstract=True):
    """Along one axis, which is dropped: the first index of the greatest or least element, or the last one,
    int32 or int64."""

    out: Element
    axis: int
    last: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        plain = x.is_8bit or x.dtype in (FLOAT32, INT32, INT64, BOOL)
        supported(plain, f"{self.name} does not take {x}.")
        expect(0 <= self.axis < len(x.shape), f"{self.name}: axis {self.axis} does not fit {x}.")
        expect(self.out.dtype in (INT32, INT64), f"{self.name} gives int32 or int64, not {self.out}.")
        shape: Shape = x.shape[: self.axis] + x.shape[self.axis + 1 :]
        return (TensorType(shape, self.out.dtype),)

    def find(self, x: Array) -> Array:
        """The first index."""
        raise NotImplementedError

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        index = x.shape[self.axis] - 1 - self.find(np.flip(x, self.axis)) if self.last else self.find(x)
        return (np.asarray(index).astype(self.out.dtype),)


@dataclass(frozen=True)
class ArgMax(_Arg):
    """Where the greatest element is."""

    def find(self, x: Array) -> Array:
        return np.asarray(np.argmax(x, axis=self.axis))


@dataclass(frozen=True)
class ArgMin(_Arg):
    """Where the least element is."""

    def find(self, x: Array) -> Array:
        return np.asarray(np.argmin(x, axis=self.axis))
