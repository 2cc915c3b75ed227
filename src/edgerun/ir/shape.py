"""Operators that move data and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgerun.ir.op import Op, expect, quantization_of, supported
from edgerun.ir.types import Array, Shape, TensorType


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
    """Adds `before` and `after` entries of value `fill` (as stored: a quantum, or a float) per dimension."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    fill: int | float = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        return (x.with_shape(_padded(self, x, self.before, self.after)),)

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
class MirrorPad(Op):
    """Adds `before` and `after` entries per dimension, mirrored at its ends; the end itself is repeated
    where the padding is `symmetric`."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    symmetric: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        shape = _padded(self, x, self.before, self.after)
        for d, pair in zip(x.shape, zip(self.before, self.after, strict=True), strict=True):
            most = d if self.symmetric else d - 1
            expect(max(pair) <= most, f"MirrorPad: a dimension of {d} has no {max(pair)} entries to mirror.")
        return (x.with_shape(shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        pairs = list(zip(self.before, self.after, strict=True))
        return (np.pad(arrays[0], pairs, "symmetric" if self.symmetric else "reflect"),)


@dataclass(frozen=True)
class Tile(Op):
    """The tensor `multiples[i]` times in a row along dimension i."""

    multiples: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(
            len(self.multiples) == len(x.shape) and min(self.multiples, default=0) >= 0,
            f"Tile: {self.multiples} does not fit {x}.",
        )
        return (x.with_shape(tuple(m * d for m, d in zip(self.multiples, x.shape, strict=True))),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.tile(arrays[0], self.multiples),)


@dataclass(frozen=True)
class Broadcast(Op):
    """The tensor in a larger shape, its dimensions of 1 repeated: BROADCAST_TO, and FILL of a scalar."""

    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        rank = len(x.shape)
        tail = self.shape[len(self.shape) - rank :]
        fits = rank <= len(self.shape) and min(self.shape, default=0) >= 0
        expect(
            fits and all(d in (1, t) for d, t in zip(x.shape, tail, strict=True)),
            f"Broadcast: {x} does not become {self.shape}.",
        )
        return (x.with_shape(self.shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.array(np.broadcast_to(arrays[0], self.shape)),)


@dataclass(frozen=True)
class Split(Op):
    """The parts of `sizes` along `axis`."""

    axis: int
    sizes: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(0 <= self.axis < len(x.shape), f"Split: no axis {self.axis} in {x}.")
        expect(
            min(self.sizes, default=-1) >= 0 and sum(self.sizes) == x.shape[self.axis],
            f"Split: parts of {self.sizes} are not the {x.shape[self.axis]} entries of axis {self.axis}.",
        )
        before, after = x.shape[: self.axis], x.shape[self.axis + 1 :]
        return tuple(x.with_shape((*before, size, *after)) for size in self.sizes)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        ends = np.cumsum(self.sizes)[:-1]
        return tuple(map(np.ascontiguousarray, np.split(arrays[0], ends, self.axis)))


@dataclass(frozen=True)
class Unpack(Op):
    """Every entry along `axis`, without that axis."""

    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(0 <= self.axis < len(x.shape), f"Unpack: no axis {self.axis} in {x}.")
        part = x.with_shape(x.shape[: self.axis] + x.shape[self.axis + 1 :])
        return (part,) * x.shape[self.axis]

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return tuple(np.array(part, order="C") for part in np.moveaxis(arrays[0], self.axis, 0))


@dataclass(frozen=True)
class MatrixDiag(Op):
    """Square matrices with the last dimension on their diagonals, 0 elsewhere."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(len(x.shape) >= 1, f"MatrixDiag needs at least one dimension, got {x}.")
        return (x.with_shape((*x.shape, x.shape[-1])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        eye = np.eye(x.shape[-1], dtype=np.bool_)
        return (np.where(eye, x[..., None], np.zeros((), x.dtype)),)


@dataclass(frozen=True)
class MatrixSetDiag(Op):
    """The matrices of the first input with the diagonals of the second."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, diagonal = types
        expect(
            len(x.shape) >= 2
            and diagonal.shape == (*x.shape[:-2], min(x.shape[-2:]))
            and x.element == diagonal.element,
            f"MatrixSetDiag: {diagonal} is not the diagonal of {x}.",
        )
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        y = arrays[0].copy()
        n = np.arange(min(y.shape[-2:]))
        y[..., n, n] = arrays[1]
        return (y,)


@dataclass(frozen=True)
class BroadcastArgs(Op):
    """The shape that two shapes broadcast to."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        a, b = types
        expect(
            len(a.shape) == len(b.shape) == 1 and a.element == b.element and a.is_plain_integer,
            f"BroadcastArgs needs two shapes, got {a} and {b}.",
        )
        return (a.with_shape((max(a.size, b.size),)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        shape = np.broadcast_shapes(*(tuple(a.tolist()) for a in arrays))
        return (np.array(shape, arrays[0].dtype),)


@dataclass(frozen=True)
class _Cumulative(Op, abstract=True):
    """Running sums or products along `axis`, of integers (modulo 2^n) or floats."""

    axis: int
    exclusive: bool = False
    reverse: bool = False
    combine: ClassVar[np.ufunc]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(0 <= self.axis < len(x.shape), f"{self.name}: no axis {self.axis} in {x}.")
        supported(x.is_plain_integer or x.is_float, f"{self.name} of {x}.")
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        dtype = np.dtype(np.float64) if types[0].is_float else types[0].dtype
        return (self._running(arrays[0].astype(dtype)).astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._running(np.abs(arrays[0].astype(np.float64))), 1e-6),)

    def _running(self, x: Array) -> Array:
        x = np.flip(x, self.axis) if self.reverse else x
        y = self.combine.accumulate(x, axis=self.axis, dtype=x.dtype)
        if self.exclusive:
            # Not y - x: an infinite or large x must not touch the sums before it.
            y = np.roll(y, 1, self.axis)
            y[(slice(None),) * self.axis + (slice(0, 1),)] = self.combine.identity
        return np.ascontiguousarray(np.flip(y, self.axis) if self.reverse else y)


@dataclass(frozen=True)
class Cumsum(_Cumulative):
    """Running sums."""

    combine = np.add


@dataclass(frozen=True)
class Cumprod(_Cumulative):
    """Running products."""

    combine = np.multiply


def _padded(op: Op, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> Shape:
    """The shape of x with `before` and `after` entries more; raises ModelError where they do not fit."""
    expect(
        len(before) == len(after) == len(x.shape) and min(before + after, default=0) >= 0,
        f"{op.name}: {before} and {after} do not fit {x}.",
    )
    return tuple(b + d + a for b, d, a in zip(before, x.shape, after, strict=True))
