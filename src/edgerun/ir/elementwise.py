"""Operators that work element by element: binary arithmetic, unary functions, softmax.

A unary operator on 8-bit integers is a table of 256 entries: real = s * (q - z), f(real), quantised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.errors import UnsupportedOperatorError
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
    supported,
)
from edgerun.ir.types import Array, Element, Quantization, TensorType

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Binary(Op, abstract=True):
    """Two 8-bit tensors with numpy broadcasting; float32 in a fixed order of operations, no FMA."""

    elementwise = True
    out: Element
    clamp: Clamp = NO_CLAMP

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        if a.is_int16:
            int16.check(self.name, a, b, self.out)
        else:
            supported(a.is_8bit and b.is_8bit, f"{self.name} needs 8-bit tensors, got {a} and {b}.")
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            expect(False, f"{self.name}: {a} and {b} do not broadcast.")
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def multipliers(self, a: Quantization, b: Quantization) -> tuple[np.float32, np.float32]:
        """float32(s_a / s_out) and float32(s_b / s_out)."""
        out = quantization_of(self.out)
        return output_multiplier(a, None, out)[0], output_multiplier(b, None, out)[0]

    def _finish(self, p: npt.NDArray[np.float32]) -> tuple[Array, ...]:
        low, high = clamp_range(self.out, self.clamp)
        return (clamp_round(p, quantization_of(self.out).zero, low, high, self.out.dtype),)

    def _scaled(
        self, types: Sequence[TensorType], arrays: Sequence[Array]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        ma, mb = self.multipliers(quantization_of(types[0]), quantization_of(types[1]))
        return (
            centered(arrays[0], types[0]).astype(np.float32) * ma,
            centered(arrays[1], types[1]).astype(np.float32) * mb,
        )


@dataclass(frozen=True)
class Add(_Binary):
    """a + b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_int16:
            return (int16.add(arrays, types, self.out, self.clamp),)
        a, b = self._scaled(types, arrays)
        return self._finish(a + b)


@dataclass(frozen=True)
class Sub(_Binary):
    """a - b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_int16:
            return (int16.add(arrays, types, self.out, self.clamp, sign=-1),)
        a, b = self._scaled(types, arrays)
        return self._finish(a - b)


@dataclass(frozen=True)
class Mul(_Binary):
    """a * b: the exact integer product times float32(s_a * s_b / s_out)."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_int16:
            return (int16.mul(arrays, types, self.out, self.clamp),)
        product = centered(arrays[0], types[0]) * centered(arrays[1], types[1])
        m = output_multiplier(
            quantization_of(types[0]), quantization_of(types[1]), quantization_of(self.out)
        )
        return self._finish(product.astype(np.float32) * m[0])


@dataclass(frozen=True)
class Unary(Op, abstract=True):
    """An 8-bit tensor through a real function, to another quantisation."""

    elementwise = True
    out: Element

    def function(self, x: Reals) -> Reals:
        """The function on float64; every bit of it must be the same on every machine."""
        raise NotImplementedError

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        """The results for 16-bit quanta, in TFLite's own arithmetic (contract 4.1.3)."""
        raise UnsupportedOperatorError(f"{self.name} has no arithmetic for int16.")

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        if x.is_int16:
            int16.check_unary(self, x, self.out)
            return (TensorType(x.shape, self.out.dtype, self.out.quantization),)
        supported(x.is_8bit, f"{self.name} needs an 8-bit tensor, got {x}.")
        supported(Element(self.out.dtype).limits in ((-128, 127), (0, 255)), f"{self.name} gives 8 bits.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def table(self, element: Element) -> Array:
        """The 256 results, indexed by the input quantum seen as an unsigned byte."""
        x, y = quantization_of(element), quantization_of(self.out)
        quanta = np.arange(256, dtype=np.uint8).view(element.dtype).astype(np.float64)
        real = self.function((quanta - x.zero) * x.step) / y.step
        low, high = self.out.limits
        clamped = np.minimum(np.maximum(real, low - y.zero), high - y.zero)
        return (np.rint(clamped).astype(np.int32) + y.zero).astype(self.out.dtype)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if types[0].is_int16:
            return (self.of_int16(arrays[0].astype(np.int64), quantization_of(types[0])),)
        return (self.table(types[0].element)[arrays[0].view(np.uint8)],)


@dataclass(frozen=True)
class Clip(Unary):
    """RELU, RELU6, RELU_N1_TO_1: min(max(x, low), high)."""

    clamp: Clamp = NO_CLAMP

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16.clip(x, source, self.out, self.clamp)

    def function(self, x: Reals) -> Reals:
        return np.minimum(np.maximum(x, self.clamp[0]), self.clamp[1])


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
    and y = e * float32(1 / s_out / sum) is clamped and rounded as ever.
    """

    out: Element
    beta: float = 1.0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(len(x.shape) > 0, f"Softmax needs a tensor with a dimension, got {x}.")
        if int16.is_softmax(x, self.out):
            int16.check_softmax(x, self.out)
        else:
            supported(x.is_8bit, f"Softmax needs an 8-bit tensor, got {x}.")
        expect(self.beta > 0, f"Softmax needs beta > 0, got {self.beta}.")
        return (TensorType(x.shape, self.out.dtype, self.out.quantization),)

    def table(self, x: Quantization) -> npt.NDArray[np.int32]:
        """e(d) for d = 0 .. 255."""
        d = np.arange(256, dtype=np.float64)
        return np.rint(elementary.exp(d * -(self.beta * x.step)) * 2.0**22).astype(np.int32)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        if int16.is_softmax(types[0], self.out):
            return (int16.softmax(arrays[0], types[0], self.beta),)
        x = arrays[0].astype(np.int32)
        out = quantization_of(self.out)
        e = self.table(quantization_of(types[0]))[x.max(axis=-1, keepdims=True) - x]
        m = (1.0 / out.step / e.sum(axis=-1, keepdims=True, dtype=np.int64)).astype(np.float32)
        low, high = self.out.limits
        return (clamp_round(e.astype(np.float32) * m, out.zero, low, high, self.out.dtype),)
