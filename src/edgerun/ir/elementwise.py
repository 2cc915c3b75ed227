"""Operators that work element by element: binary arithmetic, unary functions, softmax.

A unary operator on 8-bit integers is a table of 256 entries: real = s * (q - z), f(real), quantised again.
Floats are computed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary, int16
from edgerun.ir.fixed_point import Ints
from edgerun.ir.op import (
    NO_CLAMP,
    Clamp,
    Op,
    centered,
    clamp_range,
    clamp_round,
    expect,
    output_multiplier,
    quantization_of,
    real,
    rounded,
    supported,
)
from edgerun.ir.types import (
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    UINT8,
    Array,
    Element,
    Quantization,
    Shape,
    TensorType,
)

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]  # or of int32: what type checkers see of plain integers


def broadcast(name: str, *types: TensorType) -> Shape:
    """The broadcast shape of tensors; raises ModelError when there is none."""
    try:
        return tuple(np.broadcast_shapes(*(t.shape for t in types)))
    except ValueError:
        expect(False, f"{name}: {' and '.join(map(str, types))} do not broadcast.")
        raise


def integer_clamp(element: Element, clamp: Clamp) -> tuple[int, int]:
    """The integers of a plain integer type that a clamp leaves."""
    low, high = element.limits
    return int(max(low, clamp[0])), int(min(high, clamp[1]))


@dataclass(frozen=True)
class Binary(Op, abstract=True):
    """Two tensors of one kind with numpy broadcasting.

    8-bit: `quantised`, in float32 in a fixed order of operations, no FMA, then clamped and rounded.
    float32: `real` in float64, clamped, rounded once; float64 alike, unrounded. int32, int64: `integer`,
    wrapping around, clamped.
    """

    elementwise = True
    out: Element
    clamp: Clamp = NO_CLAMP

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        if a.is_int16:
            supported(type(self).of_int16 is not Binary.of_int16, f"{self.name} does not take {a}.")
            int16.check(self.name, a, b, self.out)
            return (TensorType(broadcast(self.name, *types), self.out.dtype, self.out.quantization),)
        alike = a.dtype == b.dtype if a.is_plain_integer else (a.is_8bit and b.is_8bit) or a.dtype == b.dtype
        fits = alike and self._takes(a) and self._gives(a)
        supported(fits, f"{self.name} does not take {a} and {b} for {self.out}.")
        return (TensorType(broadcast(self.name, *types), self.out.dtype, self.out.quantization),)

    def _gives(self, kind: TensorType) -> bool:
        """Whether the results are of the kind of the operands."""
        if kind.is_8bit and not kind.is_plain_integer:
            return self.out.dtype.itemsize == 1 and self.out.quantization is not None
        return self.out.dtype == kind.dtype

    def _takes(self, kind: TensorType) -> bool:
        if kind.dtype in (FLOAT32, FLOAT64):
            return type(self).real is not Binary.real
        if kind.is_plain_integer or kind.dtype in (INT32, INT64):
            return type(self).integer is not Binary.integer
        return kind.is_8bit and type(self).quantised is not Binary.quantised

    def real(self, a: Reals, b: Reals) -> Reals:
        raise NotImplementedError

    def integer(self, a: Integers, b: Integers) -> Integers:
        raise NotImplementedError

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> npt.NDArray[np.float32]:
        """The result divided by the output's scale, from centred values."""
        raise NotImplementedError

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        """The results for int16, in TFLite's own arithmetic (contract 4.1.3)."""
        raise NotImplementedError

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_8bit and not types[0].is_plain_integer:
            low, high = clamp_range(self.out, self.clamp)
            p = self.quantised(types, arrays)
            return (clamp_round(p, quantization_of(self.out).zero, low, high, self.out.dtype),)
        if types[0].is_int16:
            return (self.of_int16(types, arrays),)
        with np.errstate(all="ignore"):
            if types[0].is_float:
                y = self.real(real(arrays[0]), real(arrays[1]))
                return (rounded(y, self.clamp, self.out.dtype),)
            y = np.asarray(self.integer(cast(Integers, arrays[0]), cast(Integers, arrays[1])))
            return (np.clip(y, *integer_clamp(self.out, self.clamp)).astype(self.out.dtype),)

    def multipliers(self, a: Quantization, b: Quantization) -> tuple[np.float32, np.float32]:
        """float32(s_a / s_out) and float32(s_b / s_out)."""
        out = quantization_of(self.out)
        return output_multiplier(a, None, out)[0], output_multiplier(b, None, out)[0]

    def _scaled(
        self, types: Sequence[TensorType], arrays: Sequence[Array]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        ma, mb = self.multipliers(quantization_of(types[0]), quantization_of(types[1]))
        return (
            centered(arrays[0], types[0]).astype(np.float32) * ma,
            centered(arrays[1], types[1]).astype(np.float32) * mb,
        )


@dataclass(frozen=True)
class Add(Binary):
    """a + b."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> npt.NDArray[np.float32]:
        a, b = self._scaled(types, arrays)
        return a + b

    def real(self, a: Reals, b: Reals) -> Reals:
        return a + b

    def integer(self, a: Integers, b: Integers) -> Integers:
        return a + b

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return int16.add(arrays, types, self.out, self.clamp)


@dataclass(frozen=True)
class Sub(Binary):
    """a - b."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> npt.NDArray[np.float32]:
        a, b = self._scaled(types, arrays)
        return a - b

    def real(self, a: Reals, b: Reals) -> Reals:
        return a - b

    def integer(self, a: Integers, b: Integers) -> Integers:
        return a - b

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return int16.add(arrays, types, self.out, self.clamp, sign=-1)


@dataclass(frozen=True)
class Mul(Binary):
    """a * b; quantised: the exact integer product times float32(s_a * s_b / s_out)."""

    def quantised(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> npt.NDArray[np.float32]:
        product = centered(arrays[0], types[0]) * centered(arrays[1], types[1])
        m = output_multiplier(
            quantization_of(types[0]), quantization_of(types[1]), quantization_of(self.out)
        )
        p: npt.NDArray[np.float32] = product.astype(np.float32) * m[0]
        return p

    def real(self, a: Reals, b: Reals) -> Reals:
        return a * b

    def integer(self, a: Integers, b: Integers) -> Integers:
        return a * b

    def of_int16(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        return int16.mul(arrays, types, self.out, self.clamp)


@dataclass(frozen=True)
class Unary(Op, abstract=True):
    """A real function of each element: 8-bit to another quantisation, or a float.

    Those that define `integer` also take int32 and int64. in_python: the engine has none for floats.
    """

    elementwise = True
    in_python: ClassVar[bool] = False
    out: Element

    def function(self, x: Reals) -> Reals:
        """The function on float64; every bit of it must be the same on every machine."""
        raise NotImplementedError

    def integer(self, x: Integers) -> Integers:
        """The function on integers that mean themselves, wrapping around."""
        raise NotImplementedError

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        """The results for 16-bit quanta, in TFLite's own arithmetic (contract 4.1.3)."""
        raise NotImplementedError

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if x.is_int16:
            supported(type(self).of_int16 is not Unary.of_int16, f"{self.name} does not take {x}.")
            int16.check_unary(self, x, self.out)
            return (TensorType(x.shape, self.out.dtype, self.out.quantization),)
        integers = x.is_plain_integer or x.dtype in (INT32, INT64)
        plain = x.dtype in (FLOAT32, FLOAT64) or (integers and type(self).integer is not Unary.integer)
        if plain:
            expect(self.out.dtype == x.dtype, f"{self.name} keeps the element type, got {x} and {self.out}.")
        else:
            supported(x.is_8bit, f"{self.name} does not take {x}.")
            supported(self.out.dtype in (INT8, UINT8), f"{self.name} of {x} gives 8 bits, not {self.out}.")
            for kind in (x, self.out):
                supported(kind.quantization is not None, f"{self.name} does not take {x} to {self.out}.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def table(self, element: Element) -> Array:
        """The 256 results, indexed by the input quantum seen as an unsigned byte."""
        x, y = quantization_of(element), quantization_of(self.out)
        quanta = np.arange(256, dtype=np.uint8).view(element.dtype).astype(np.float64)
        with np.errstate(all="ignore"):
            real = self.function((quanta - x.zero) * x.step) / y.step
        low, high = self.out.limits
        clamped = np.fmin(np.fmax(real, low - y.zero), high - y.zero)  # what is not a number: the lowest
        return (np.rint(clamped).astype(np.int32) + y.zero).astype(self.out.dtype)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_8bit and not types[0].is_plain_integer:
            return (self.table(types[0].element)[arrays[0].view(np.uint8)],)
        if types[0].is_int16:
            return (self.of_int16(arrays[0].astype(np.int64), quantization_of(types[0])),)
        with np.errstate(all="ignore"):
            if types[0].is_float:
                return (rounded(self.function(real(arrays[0])), dtype=self.out.dtype),)
            return (np.asarray(self.integer(cast(Integers, arrays[0]))),)


@dataclass(frozen=True)
class Clip(Unary):
    """RELU, RELU6, RELU_N1_TO_1: min(max(x, low), high)."""

    clamp: Clamp = NO_CLAMP

    def function(self, x: Reals) -> Reals:
        return np.minimum(np.maximum(x, self.clamp[0]), self.clamp[1])

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.clip(x, source, self.out, self.clamp)


@dataclass(frozen=True)
class Logistic(Unary):
    """1 / (1 + exp(-x))."""

    def function(self, x: Reals) -> Reals:
        return elementary.logistic(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.logistic(x, source)


@dataclass(frozen=True)
class Tanh(Unary):
    """The hyperbolic tangent."""

    def function(self, x: Reals) -> Reals:
        return elementary.tanh(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.tanh(x, source)


@dataclass(frozen=True)
class HardSwish(Unary):
    """x * min(max(x + 3, 0), 6) / 6."""

    def function(self, x: Reals) -> Reals:
        return x * np.minimum(np.maximum(x + 3.0, 0.0), 6.0) / 6.0


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """x for x >= 0, alpha * x below."""

    alpha: float = 0.01

    def function(self, x: Reals) -> Reals:
        return np.where(x >= 0, x, x * self.alpha)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.leaky_relu(x, source, self.out, self.alpha)


@dataclass(frozen=True)
class Table(Op):
    """Any function of one byte, as its 256 results; what a chain of unary operators is fused into."""

    elementwise = True
    out: Element
    entries: bytes = b""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.is_8bit and len(self.entries) == 256, f"Table needs 8 bits and 256 entries, got {x}.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def table(self, element: Element) -> Array:
        """The 256 results, indexed by the input quantum seen as an unsigned byte."""
        return np.frombuffer(self.entries, self.out.dtype)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self.table(types[0].element)[arrays[0].view(np.uint8)],)


@dataclass(frozen=True)
class Softmax(Op):
    """exp(beta * x) / sum, over the last dimension.

    With d = max - q: e(d) = round(exp(-beta * s_in * d) * 2^22) is a table of integers, their sum is exact,
    and y = e * float32(1 / s_out / sum) is clamped and rounded as ever. float32: in float64, rounded once.
    """

    out: Element
    beta: float = 1.0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        wide = int16.is_softmax(x, self.out)
        supported(
            (x.is_8bit or x.dtype in (FLOAT32, FLOAT64) or wide) and len(x.shape) > 0,
            f"Softmax needs an 8-bit, int16, float32 or float64 tensor, got {x}.",
        )
        expect(not x.is_float or self.out.dtype == x.dtype, f"Softmax of {x} does not give {self.out}.")
        if wide:
            int16.check_softmax(x, self.out)
        expect(self.beta > 0, f"Softmax needs beta > 0, got {self.beta}.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def table(self, x: Quantization) -> npt.NDArray[np.int32]:
        """e(d) for d = 0 .. 255."""
        d = np.arange(256, dtype=np.float64)
        return np.rint(elementary.exp(d * -(self.beta * x.step)) * 2.0**22).astype(np.int32)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_float:
            x = real(arrays[0])
            e = elementary.exp((x - x.max(axis=-1, keepdims=True)) * np.float32(self.beta))
            return (rounded(e / e.sum(axis=-1, keepdims=True), dtype=self.out.dtype),)
        if int16.is_softmax(types[0], self.out):
            return (int16.softmax(arrays[0], types[0], self.beta),)
        x = arrays[0].astype(np.int32)
        out = quantization_of(self.out)
        e = self.table(quantization_of(types[0]))[x.max(axis=-1, keepdims=True) - x]
        m = (1.0 / out.step / e.sum(axis=-1, keepdims=True, dtype=np.int64)).astype(np.float32)
        low, high = self.out.limits
        return (clamp_round(e.astype(np.float32) * m, out.zero, low, high, self.out.dtype),)
