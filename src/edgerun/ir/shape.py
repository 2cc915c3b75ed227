"""Operators that move data and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import Op, expect, quantization_of
from edgerun.ir.types import Array, TensorType


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements in another shape, which is fully known."""

    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(math.prod(self.shape) == x.size, f"Reshape: {x} does not fit into {self.shape}.")
        q = x.quantization
        expect(q is None or q.per_tensor, f"Reshape of a per-channel tensor: {x}.")
        return (x.with_shape(self.shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (arrays[0].reshape(self.shape),)


@dataclass(frozen=True)
class Pad(Op):
    """Adds `before` and `after` entries of value `fill` (a quantum) per dimension."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    fill: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(
            len(self.before) == len(self.after) == len(x.shape) and min(self.before + self.after) >= 0,
            f"Pad: {self.before} and {self.after} do not fit {x}.",
        )
        shape = (b + d + a for b, d, a in zip(self.before, x.shape, self.after, strict=True))
        return (x.with_shape(tuple(shape)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        pairs = list(zip(self.before, self.after, strict=True))
        return (np.pad(arrays[0], pairs, constant_values=self.fill),)

    def pads_with_zero(self, x: TensorType) -> bool:
        """Whether the fill is the real value 0."""
        return self.fill == (0 if x.quantization is None else quantization_of(x).zero)


@dataclass(frozen=True)
class Concat(Op):
    """Joins tensors of one element type along `axis`."""

    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        first = types[0]
        expect(0 <= self.axis < len(first.shape), f"Concat: no axis {self.axis} in {first}.")

        def rest(kind: TensorType) -> tuple[int, ...]:
            return kind.shape[: self.axis] + kind.shape[self.axis + 1 :]

        for kind in types:
            expect(
                len(kind.shape) == len(first.shape)
                and rest(kind) == rest(first)
                and kind.element == first.element,
                f"Concat: {kind} does not fit {first} along axis {self.axis}.",
            )
        length = sum(kind.shape[self.axis] for kind in types)
        shape = (*first.shape[: self.axis], length, *first.shape[self.axis + 1 :])
        return (first.with_shape(shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.concatenate(arrays, axis=self.axis),)


@dataclass(frozen=True)
class Slice(Op):
    """x[start : start + size * step : step] in every dimension; steps may be negative."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(
            len(self.starts) == len(self.sizes) == len(self.steps) == len(x.shape),
            f"Slice: {self.starts}, {self.sizes}, {self.steps} do not fit {x}.",
        )
        for d, start, size, step in zip(x.shape, self.starts, self.sizes, self.steps, strict=True):
            last = start + (size - 1) * step
            expect(
                size >= 0 and step != 0 and (size == 0 or (0 <= start < d and 0 <= last < d)),
                f"Slice: {size} entries from {start} in steps of {step} leave a dimension of {d}.",
            )
        return (x.with_shape(self.sizes),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        index = np.ix_(
            *(
                start + step * np.arange(size)
                for start, size, step in zip(self.starts, self.sizes, self.steps, strict=True)
            )
        )
        return (arrays[0][index],)


@dataclass(frozen=True)
class Transpose(Op):
    """Dimension i of the output is dimension perm[i] of the input."""

    perm: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(sorted(self.perm) == list(range(len(x.shape))), f"Transpose: {self.perm} does not fit {x}.")
        q = x.quantization
        expect(q is None or q.per_tensor, f"Transpose of a per-channel tensor: {x}.")
        return (x.with_shape(tuple(x.shape[p] for p in self.perm)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.ascontiguousarray(arrays[0].transpose(self.perm)),)


@dataclass(frozen=True)
class Cumsum(Op):
    """Running sums of int32 values along `axis`."""

    axis: int
    exclusive: bool = False
    reverse: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(0 <= self.axis < len(x.shape), f"Cumsum: no axis {self.axis} in {x}.")
        expect(x.dtype.kind == "i" and x.quantization is None, f"Cumsum needs plain integers, got {x}.")
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = np.flip(arrays[0], self.axis) if self.reverse else arrays[0]
        y = np.cumsum(x, axis=self.axis, dtype=x.dtype)
        if self.exclusive:
            y = np.subtract(y, x)
        return (np.ascontiguousarray(np.flip(y, self.axis) if self.reverse else y),)
