"""Operators that put values to places which data or options say; the rest is filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgerun.ir.along import check_update, updated
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, INT32, Array, TensorType


@dataclass(frozen=True)
class _UnsortedSegment(Op, abstract=True):
    """Inputs: x [n, ...], segment numbers [n]. One result for each of `count` segments, of the x[i] that
    belong to it; a negative number belongs to none."""

    count: int
    combine: ClassVar[np.ufunc]

    def start(self, dtype: np.dtype[np.generic]) -> float:
        """The result of a segment without members."""
        raise NotImplementedError

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, segments = types
        rank = len(segments.shape)
        expect(
            segments.shape == x.shape[:rank] and self.count >= 0 and segments.dtype.kind == "i",
            f"{self.name}: {segments} does not fit {x}.",
        )
        supported(x.dtype in (FLOAT32, INT32), f"{self.name} of {x}.")
        return (x.with_shape((self.count, *x.shape[rank:])),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        dtype = np.dtype(np.float64) if types[0].is_float else types[0].dtype
        with np.errstate(all="ignore"):
            y = self._combined(arrays[0].astype(dtype), arrays[1], types[0].dtype)
            return (y.astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = np.abs(arrays[0].astype(np.float64))
        return (np.maximum(np.abs(self._combined(x, arrays[1], types[0].dtype)), 1e-6),)

    def _combined(self, x: Array, segments: Array, dtype: np.dtype[np.generic]) -> Array:
        flat = segments.reshape(-1).astype(np.int64)
        rows = x.reshape(flat.size, *x.shape[segments.ndim :])
        y = np.full((self.count, *rows.shape[1:]), self.start(dtype), x.dtype)
        inside = (flat >= 0) & (flat < self.count)
        self.combine.at(y, flat[inside], rows[inside])
        return y


def _ends(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    info = np.finfo(dtype.name) if dtype.kind == "f" else np.iinfo(dtype.name)
    return info.min, info.max  # type: ignore[return-value]


@dataclass(frozen=True)
class UnsortedSegmentSum(_UnsortedSegment):
    """The sum."""

    combine = np.add

    def start(self, dtype: np.dtype[np.generic]) -> float:
        return 0


@dataclass(frozen=True)
class UnsortedSegmentProd(_UnsortedSegment):
    """The product."""

    combine = np.multiply

    def start(self, dtype: np.dtype[np.generic]) -> float:
        return 1


@dataclass(frozen=True)
class UnsortedSegmentMax(_UnsortedSegment):
    """The greatest."""

    combine = np.maximum

    def start(self, dtype: np.dtype[np.generic]) -> float:
        return _ends(dtype)[0]


@dataclass(frozen=True)
class UnsortedSegmentMin(_UnsortedSegment):
    """The least."""

    combine = np.minimum

    def start(self, dtype: np.dtype[np.generic]) -> float:
        return _ends(dtype)[1]


@dataclass(frozen=True)
class SparseToDense(Op):
    """Inputs: indices [n, rank], values [n] or one, the value of all other places -> a tensor of `shape`.

    An index that is out of range is left out.
    """

    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        indices, values, default = types
        rank = len(self.shape)
        expect(
            indices.size % max(rank, 1) == 0
            and values.size in (1, indices.size // max(rank, 1))
            and default.size == 1
            and default.dtype == values.dtype
            and min(self.shape, default=0) >= 0,
            f"SparseToDense: {indices}, {values} and {default} do not fit into {self.shape}.",
        )
        return (values.with_shape(self.shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        indices, values, default = arrays
        places = indices.reshape(-1, len(self.shape)).astype(np.int64)
        y = np.full(self.shape, default.reshape(()), values.dtype)
        inside = ((places >= 0) & (places < np.array(self.shape))).all(axis=-1)
        y[tuple(places[inside].T)] = np.broadcast_to(values.reshape(-1), len(places))[inside]
        return (y,)


@dataclass(frozen=True)
class Dilate(Op):
    """Inputs: x, a filling. The entries of x `steps` apart in each dimension, with the filling between."""

    steps: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, fill = types
        expect(
            len(self.steps) == len(x.shape) and min(self.steps, default=1) > 0 and fill.size == 1,
            f"Dilate: steps of {self.steps} and {fill} do not fit {x}.",
        )
        pairs = zip(x.shape, self.steps, strict=True)
        return (x.with_shape(tuple(max((d - 1) * s + 1, 0) for d, s in pairs)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, fill = arrays
        y = np.full(self.infer(*types)[0].shape, fill.reshape(()), x.dtype)
        y[tuple(slice(None, None, s) for s in self.steps)] = x
        return (y,)


@dataclass(frozen=True)
class UpdateNd(Op):
    """Inputs: x, indices [..., depth] (int32 or int64), updates [..., rest of x's shape] -> x, where each
    update replaced or changed the part at its index.

    Of several updates at one place, "none" takes the last one, the others all. An index that is out of
    range is left out.
    """

    update: str = "none"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, indices, updates = types
        depth = indices.shape[-1] if indices.shape else 0
        expect(
            0 < depth <= len(x.shape)
            and indices.is_plain_integer
            and updates.shape == (*indices.shape[:-1], *x.shape[depth:])
            and updates.element == x.element,
            f"UpdateNd: {updates} at {indices} do not fit {x}.",
        )
        check_update(self, self.update, x)
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, indices, updates = arrays
        depth = indices.shape[-1]
        places = indices.reshape(-1, depth).astype(np.int64)
        inside = ((places >= 0) & (places < np.array(x.shape[:depth]))).all(axis=-1)
        updates = updates.reshape(len(places), *x.shape[depth:])
        return (updated(x, tuple(places[inside].T), updates[inside], self.update),)
