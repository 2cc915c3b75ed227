"""Operators on the bits of integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import Array, Element, TensorType


@dataclass(frozen=True)
class _Bitwise(Op, abstract=True):
    """Two integer tensors of one type, with numpy broadcasting."""

    elementwise = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        supported(a.dtype.kind in "iu" and a.dtype == b.dtype, f"{self.name} of {a} and {b}.")
        try:
            return (a.with_shape(np.broadcast_shapes(a.shape, b.shape)),)
        except ValueError:
            expect(False, f"{self.name}: {a} and {b} do not broadcast.")
            raise


@dataclass(frozen=True)
class BitwiseXor(_Bitwise):
    """a ^ b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(arrays[0] ^ arrays[1]),)  # type: ignore[operator]


@dataclass(frozen=True)
class BitwiseAnd(_Bitwise):
    """a & b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(arrays[0] & arrays[1]),)  # type: ignore[operator]


@dataclass(frozen=True)
class BitwiseOr(_Bitwise):
    """a | b."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(arrays[0] | arrays[1]),)  # type: ignore[operator]


@dataclass(frozen=True)
class Shift(_Bitwise):
    """a << b or a >> b, the sign kept; where b is negative or not below the number of bits, what shifting
    out every bit leaves: -1 to the right of a negative a, otherwise 0."""

    left: bool

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        a, b = arrays
        inside = (b >= 0) & (b < 8 * a.dtype.itemsize)  # type: ignore[operator]
        by = np.where(inside, b, b.dtype.type(0))
        if self.left:
            return (np.where(inside, np.left_shift(a, by), a.dtype.type(0)),)
        signs = np.where(a < 0, ~a.dtype.type(0), a.dtype.type(0))  # type: ignore[operator]
        return (np.where(inside, np.right_shift(a, by), signs),)


@dataclass(frozen=True)
class RightShift(_Bitwise):
    """a >> b, the sign kept; b is brought into 0 .. bits - 1."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        a, b = arrays
        shift = np.clip(b, 0, 8 * a.dtype.itemsize - 1).astype(a.dtype)
        return (np.asarray(a >> shift),)  # type: ignore[operator]


@dataclass(frozen=True)
class Bitcast(Op):
    """The same bytes as elements of another type; where its size differs, the last dimension is made or
    taken away."""

    out: Element

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        old, new = x.dtype.itemsize, self.out.dtype.itemsize
        shape = x.shape
        if new > old:
            expect(shape[-1:] == (new // old,), f"Bitcast: {x} does not become {self.out}.")
            shape = shape[:-1]
        elif new < old:
            shape = (*shape, old // new)
        return (TensorType(shape, self.out.dtype, self.out.quantization),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        shape = self.infer(*types)[0].shape
        return (np.frombuffer(arrays[0].tobytes(), self.out.dtype).reshape(shape),)
