"""Operators that move data to or from where computed indices say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import Op, expect
from edgerun.ir.types import Array, TensorType


@dataclass(frozen=True)
class Gather(Op):
    """x[..., i, ...] along `axis` for each index i, whose first `batch_dims` dimensions go along with x's.

    An index that is out of range, where TFLite fails, takes the nearest entry.
    """

    axis: int
    batch_dims: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, indices = types
        b = self.batch_dims
        expect(
            0 <= b <= min(self.axis, len(indices.shape))
            and self.axis < len(x.shape)
            and x.shape[:b] == indices.shape[:b],
            f"Gather: axis {self.axis} and {b} batch dimensions do not fit {x} and {indices}.",
        )
        _expect_indices(self, x.shape[self.axis : self.axis + 1], indices)
        return (x.with_shape((*x.shape[: self.axis], *indices.shape[b:], *x.shape[self.axis + 1 :])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, indices = arrays
        b, shape = self.batch_dims, self.infer(*types)[0].shape
        x = x.reshape(math.prod(x.shape[:b]), *x.shape[b:])
        places = indices.astype(np.int64).reshape(len(x), -1)
        parts = [np.take(a, i, self.axis - b, mode="clip") for a, i in zip(x, places, strict=True)]
        return (np.stack(parts).reshape(shape),)


@dataclass(frozen=True)
class GatherNd(Op):
    """x[i, j, ...] for each list (i, j, ...) in the last dimension of the indices, whose first `batch_dims`
    dimensions go along with x's.

    An index that is out of range, where TFLite fails, takes the nearest entry of its dimension.
    """

    batch_dims: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, indices = types
        b = self.batch_dims
        expect(
            0 <= b < len(indices.shape)
            and 1 <= indices.shape[-1] <= len(x.shape) - b
            and x.shape[:b] == indices.shape[:b],
            f"GatherNd: {indices} does not fit {x}" + (f" with {b} batch dimensions." if b else "."),
        )
        depth = indices.shape[-1]
        _expect_indices(self, x.shape[b : b + depth], indices)
        return (x.with_shape((*indices.shape[:-1], *x.shape[b + depth :])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, indices = arrays
        b, depth = self.batch_dims, indices.shape[-1]
        dims = np.array(x.shape[b : b + depth], np.int64)
        inside = np.clip(indices.astype(np.int64), 0, dims - 1)
        batch = np.ix_(*map(np.arange, x.shape[:b]))
        own = (p.reshape(p.shape + (1,) * (indices.ndim - 1 - b)) for p in batch)
        return (np.array(x[(*own, *np.moveaxis(inside, -1, 0))], order="C"),)


@dataclass(frozen=True)
class ScatterNd(Op):
    """Zeros of `shape` to which each update is added at the place of its index.

    An index that is out of range, where TFLite fails, is left out.
    """

    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        indices, updates = types
        depth = indices.shape[-1] if indices.shape else 0
        expect(
            0 < depth <= len(self.shape)
            and min(self.shape) >= 0
            and updates.shape == (*indices.shape[:-1], *self.shape[depth:]),
            f"ScatterNd: {indices} and {updates} do not fit into {self.shape}.",
        )
        _expect_indices(self, (1,), indices)
        return (updates.with_shape(self.shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        indices, updates = arrays
        depth = indices.shape[-1]
        places = indices.reshape(-1, depth).astype(np.int64)
        inside = ((places >= 0) & (places < np.array(self.shape[:depth]))).all(axis=-1)
        y = np.zeros(self.shape, updates.dtype)
        updates = updates.reshape(len(places), *self.shape[depth:])
        np.add.at(y, tuple(places[inside].T), updates[inside])
        return (y,)


@dataclass(frozen=True)
class OneHot(Op):
    """Inputs: indices, and the values `on` and `off`. Along a new `axis` of `depth` entries, `on` at the
    index and `off` elsewhere; only `off` where the index is out of range."""

    axis: int
    depth: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        indices, on, off = types
        expect(
            0 <= self.axis <= len(indices.shape) and self.depth >= 0,
            f"OneHot: axis {self.axis} and depth {self.depth} do not fit {indices}.",
        )
        expect(
            on.size == off.size == 1 and on.dtype == off.dtype,
            f"OneHot: {on} and {off} are not one value each.",
        )
        _expect_indices(self, (1,), indices)
        return (on.with_shape((*indices.shape[: self.axis], self.depth, *indices.shape[self.axis :])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        indices, on, off = arrays
        places = np.arange(self.depth).reshape([-1] + [1] * (indices.ndim - self.axis))
        return (np.where(np.expand_dims(indices, self.axis) == places, on.reshape(()), off.reshape(())),)


@dataclass(frozen=True)
class ReverseSequence(Op):
    """The first `lengths[b]` entries along `axis` reversed, for each index b of `batch_axis`."""

    axis: int
    batch_axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, lengths = types
        expect(
            max(self.axis, self.batch_axis) < len(x.shape)
            and min(self.axis, self.batch_axis) >= 0
            and self.axis != self.batch_axis
            and lengths.shape == (x.shape[self.batch_axis],)
            and lengths.is_plain_integer,
            f"ReverseSequence: axes {self.axis} and {self.batch_axis} do not fit {x} and {lengths}.",
        )
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, lengths = arrays
        n = x.shape[self.axis]
        moved = np.moveaxis(x, (self.batch_axis, self.axis), (0, 1))
        y = np.array(moved)
        for b, length in enumerate(np.clip(lengths.astype(np.int64), 0, n)):
            y[b, :length] = moved[b, :length][::-1]
        return (np.ascontiguousarray(np.moveaxis(y, (0, 1), (self.batch_axis, self.axis))),)


@dataclass(frozen=True)
class DynamicUpdateSlice(Op):
    """Inputs: x, update, starts. x with `update` at `starts`, which are moved until it lies inside."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, update, starts = types
        expect(
            len(update.shape) == len(x.shape)
            and starts.shape == (len(x.shape),)
            and starts.is_plain_integer
            and all(u <= d for u, d in zip(update.shape, x.shape, strict=True))
            and update.element == x.element,
            f"DynamicUpdateSlice: {update} at {starts} does not fit {x}.",
        )
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, update, starts = arrays
        room = np.subtract(x.shape, update.shape)
        places = np.clip(starts.astype(np.int64), 0, room)
        y = x.copy()
        y[tuple(slice(s, s + d) for s, d in zip(places, update.shape, strict=True))] = update
        return (y,)


@dataclass(frozen=True)
class SegmentSum(Op):
    """Inputs: x, segment numbers. The sums of x[i] over all i of each of `count` segments."""

    count: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, segments = types
        expect(
            len(x.shape) > 0 and segments.shape == x.shape[:1] and self.count >= 0,
            f"SegmentSum: {segments} does not fit {x}.",
        )
        _expect_indices(self, (1,), segments)
        return (x.with_shape((self.count, *x.shape[1:])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        dtype = np.dtype(np.float64) if types[0].is_float else types[0].dtype
        return (self._sums(arrays[0].astype(dtype), arrays[1]).astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._sums(np.abs(arrays[0].astype(np.float64)), arrays[1]), 1e-6),)

    def _sums(self, x: Array, segments: Array) -> Array:
        y = np.zeros((self.count, *x.shape[1:]), x.dtype)
        inside = (segments >= 0) & (segments < self.count)  # type: ignore[operator]
        np.add.at(y, segments[inside], x[inside])
        return y


def _expect_indices(op: Op, dims: tuple[int, ...], indices: TensorType) -> None:
    expect(
        indices.dtype.kind == "i" and indices.quantization is None, f"{op.name}: {indices} are no indices."
    )
    expect(0 not in dims or not indices.size, f"{op.name}: there is nothing to take.")
