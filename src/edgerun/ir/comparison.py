"""Comparisons, logic, and the choice between two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from edgerun.ir.elementwise import Reals, broadcast
from edgerun.ir.op import Op, centered, expect, quantization_of, real, supported
from edgerun.ir.types import BOOL, FLOAT32, FLOAT64, INT32, INT64, Array, TensorType


@dataclass(frozen=True)
class Comparison(Op, abstract=True):
    """Two tensors of one kind with numpy broadcasting: floats, bool, integers that mean themselves; or
    quantised ones of 8 or 16 bits, whose values are float32(q - zero_point) * float32(scale)."""

    def holds(self, a: Reals, b: Reals) -> Array:
        raise NotImplementedError

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        known = a.dtype in (FLOAT32, FLOAT64, INT32, INT64, BOOL)
        plain = a.dtype == b.dtype and (known or _means_itself(a, b))
        quantised = (a.is_8bit and b.is_8bit) or (a.is_int16 and b.is_int16)
        supported(plain or quantised, f"{self.name} does not compare {a} and {b}.")
        return (TensorType(broadcast(self.name, a, b), BOOL),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        def values(array: Array, kind: TensorType) -> Reals:
            if kind.is_int16 or (kind.is_8bit and not kind.is_plain_integer):
                scaled = centered(array, kind).astype(np.float32) * quantization_of(kind).scale[0]
                return cast(Reals, scaled)
            return real(array) if kind.is_float else cast(Reals, array)

        a, b = map(values, arrays, types)
        return (np.asarray(self.holds(a, b)),)


def _means_itself(*kinds: TensorType) -> bool:
    return all(kind.is_plain_integer for kind in kinds)


@dataclass(frozen=True)
class Equal(Comparison):
    """a == b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.equal(a, b)


@dataclass(frozen=True)
class NotEqual(Comparison):
    """a != b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.not_equal(a, b)


@dataclass(frozen=True)
class Less(Comparison):
    """a < b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.less(a, b)


@dataclass(frozen=True)
class LessEqual(Comparison):
    """a <= b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.less_equal(a, b)


@dataclass(frozen=True)
class Greater(Comparison):
    """a > b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.greater(a, b)


@dataclass(frozen=True)
class GreaterEqual(Comparison):
    """a >= b."""

    def holds(self, a: Reals, b: Reals) -> Array:
        return np.greater_equal(a, b)


@dataclass(frozen=True)
class _Logical(Op, abstract=True):
    """Bool tensors, with numpy broadcasting."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(all(t.dtype == BOOL for t in types), f"{self.name} needs bool, got {types[0]}.")
        return (TensorType(broadcast(self.name, *types), BOOL),)


@dataclass(frozen=True)
class LogicalAnd(_Logical):
    """a and b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(np.logical_and(*arrays)),)


@dataclass(frozen=True)
class LogicalOr(_Logical):
    """a or b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(np.logical_or(*arrays)),)


@dataclass(frozen=True)
class LogicalNot(_Logical):
    """not x."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(np.logical_not(arrays[0])),)


@dataclass(frozen=True)
class Select(Op):
    """condition ? a : b, of one element type, with numpy broadcasting of all three."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        condition, a, b = types
        expect(condition.dtype == BOOL, f"Select needs a bool condition, got {condition}.")
        supported(a.element == b.element, f"Select cannot requantise: it got {a} and {b}.")
        return (a.with_shape(broadcast("Select", *types)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        condition, a, b = arrays
        return (np.where(condition.astype(np.bool_), a, b),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.zeros(self.infer(*types)[0].shape),)  # a choice is exact
