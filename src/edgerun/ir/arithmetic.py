"""The rarer binary operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary, int16, int16_binary
from edgerun.ir.elementwise import Binary, Integers, Reals, broadcast
from edgerun.ir.op import (
    Op,
    centered,
    expect,
    flushed,
    output_multiplier,
    quantization_of,
    rounded,
    supported,
)
from edgerun.ir.types import FLOAT32, Array, TensorType

Floats = npt.NDArray[np.float32]


def truncated(a: Integers, b: Integers) -> Integers:
    """a / b without its fraction; 0 where b is 0."""
    quotient = floored(a, b)
    rest = a - quotient * b
    up = (rest != 0) & ((a < 0) != (b < 0)) & (b != 0)
    result: Integers = quotient + up.astype(quotient.dtype)
    return result


def floored(a: Integers, b: Integers) -> Integers:
    """The floor of a / b; 0 where b is 0. The smallest integer divided by -1 is itself."""
    safe = np.where(b == 0, b.dtype.type(1), b)
    return np.where(b == 0, a.dtype.type(0), np.floor_divide(a, safe))


@dataclass(frozen=True)
class _Extreme(Binary, abstract=True):
    """One of two: tensors of int16 have one quantisation."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        if types[0].is_int16:
            alike = types[0].element == types[1].element == self.out
            expect(alike, f"{self.name} of {types[0]} and {types[1]}.")
        return super().infer(*types)


@dataclass(frozen=True)
class Maximum(_Extreme):
    """a > b ? a : b."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Floats:
        return np.maximum(*self._scaled(types, arrays))

    def real(self, a: Reals, b: Reals) -> Reals:
        return np.where(a > b, a, b)

    def integer(self, a: Integers, b: Integers) -> Integers:
        return np.maximum(a, b)

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return np.maximum(*arrays)


@dataclass(frozen=True)
class Minimum(_Extreme):
    """a < b ? a : b."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Floats:
        return np.minimum(*self._scaled(types, arrays))

    def real(self, a: Reals, b: Reals) -> Reals:
        return np.where(a < b, a, b)

    def integer(self, a: Integers, b: Integers) -> Integers:
        return np.minimum(a, b)

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return np.minimum(*arrays)


@dataclass(frozen=True)
class Div(Binary):
    """a / b; of integers without the fraction, and 0 where b is 0.

    Quantised: the quotient of the centred values times float32(s_a / (s_b * s_out)).
    """

    def multiplier(self, types: Sequence[TensorType]) -> float:
        a, b, out = (quantization_of(t).step for t in (types[0], types[1], self.out))
        return float(np.float32(a / (b * out)))

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Floats:
        a, b = (centered(x, t).astype(np.float32) for x, t in zip(arrays, types, strict=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            p: Floats = a / b * np.float32(self.multiplier(types))
        return p

    def real(self, a: Reals, b: Reals) -> Reals:
        return a / b

    def integer(self, a: Integers, b: Integers) -> Integers:
        return truncated(a, b)

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return int16_binary.div(arrays, types, self.out, self.clamp)


@dataclass(frozen=True)
class SquaredDifference(Binary):
    """(a - b)^2; quantised: from the difference in real numbers, times float32(1 / s_out)."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Floats:
        a, b = (
            centered(x, t).astype(np.float32) * quantization_of(t).scale[0]
            for x, t in zip(arrays, types, strict=True)
        )
        difference: Floats = a - b
        p: Floats = difference * difference * np.float32(1.0 / quantization_of(self.out).step)
        return p

    def real(self, a: Reals, b: Reals) -> Reals:
        return (a - b) * (a - b)

    def integer(self, a: Integers, b: Integers) -> Integers:
        difference = a - b
        return difference * difference


@dataclass(frozen=True)
class Prelu(Binary):
    """a for a >= 0, a * b below, where b are the slopes: of int16, also 8-bit ones."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        if a.is_int16 and b.is_8bit:
            int16.check(self.name, a, self.out)
            quantization_of(b)
            return (TensorType(broadcast(self.name, a, b), self.out.dtype, self.out.quantization),)
        return super().infer(a, b)

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Floats:
        a, slope = (centered(x, t).astype(np.float32) for x, t in zip(arrays, types, strict=True))
        qa, qb, out = (quantization_of(t) for t in (types[0], types[1], self.out))
        below = a * slope * output_multiplier(qa, qb, out)[0]
        above = a * output_multiplier(qa, None, out)[0]
        p: Floats = np.where(a < 0, below, above)
        return p

    def real(self, a: Reals, b: Reals) -> Reals:
        return np.where(a < 0, a * b, a)

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return int16_binary.prelu(arrays, types, self.out)


@dataclass(frozen=True)
class Pow(Binary):
    """a to the power of b; of integers, a negative power is the truncated one."""

    def real(self, a: Reals, b: Reals) -> Reals:
        return elementary.power(a, b)

    def integer(self, a: Integers, b: Integers) -> Integers:
        a, b = np.broadcast_arrays(a, b)
        value, factor, rest = np.ones_like(a), a.copy(), np.maximum(b, 0)
        while rest.any():
            value = np.where(rest & 1, value * factor, value)
            factor, rest = factor * factor, rest >> 1
        sign = np.where(b % 2 == 0, 1, -1)
        negative = np.where(a == 1, 1, np.where(a == -1, sign, 0))
        return np.where(b < 0, negative, value).astype(a.dtype)


@dataclass(frozen=True)
class FloorDiv(Binary):
    """The floor of a / b; of integers 0 where b is 0."""

    def real(self, a: Reals, b: Reals) -> Reals:
        # The quotient is rounded to float32 first, as in the engine.
        return np.floor((a / b).astype(np.float32).astype(np.float64))

    def integer(self, a: Integers, b: Integers) -> Integers:
        return floored(a, b)


@dataclass(frozen=True)
class FloorMod(Binary):
    """What is left of a after b times the floor of a / b: it has b's sign. Of integers 0 where b is 0."""

    def real(self, a: Reals, b: Reals) -> Reals:
        rest = np.fmod(a, b)
        return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)

    def integer(self, a: Integers, b: Integers) -> Integers:
        return np.where(b == 0, a.dtype.type(0), a - floored(a, b) * b)


@dataclass(frozen=True)
class Remainder(Binary):
    """What is left of a after b times the quotient without its fraction: it has a's sign, as C's fmod and %.

    Of integers 0 where b is 0.
    """

    def real(self, a: Reals, b: Reals) -> Reals:
        return np.fmod(a, b)

    def integer(self, a: Integers, b: Integers) -> Integers:
        return np.where(b == 0, a.dtype.type(0), a - truncated(a, b) * b)


@dataclass(frozen=True)
class Atan2(Binary):
    """The angle of the point (b, a), from -pi to pi."""

    def real(self, a: Reals, b: Reals) -> Reals:
        return elementary.atan2(a, b)


@dataclass(frozen=True)
class AddN(Op):
    """The sum of any number of tensors of one shape, float32 or integers that mean themselves."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        first = types[0]
        expect(all(kind == first for kind in types), f"AddN of {first} and others.")
        supported(first.dtype == FLOAT32 or first.is_plain_integer, f"AddN does not take {first}.")
        return (first,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_float:
            return (rounded(sum(map(flushed, arrays), np.zeros(types[0].shape))),)
        return (np.sum(np.stack(arrays), axis=0, dtype=types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(np.abs(np.stack(arrays).astype(np.float64)).sum(axis=0), 1e-6),)
