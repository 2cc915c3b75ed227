"""Operators that look for values: the largest ones, those that are not 0, the distinct ones, their bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.errors import UnsupportedOperatorError
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import INT32, INT64, Array, TensorType


@dataclass(frozen=True)
class TopK(Op):
    """The `k` largest entries of the last dimension, the largest first, and their indices (an integer dtype);
    or the smallest ones, the smallest first.

    Of equal ones the first comes first; a NaN counts as minus infinity, or as infinity among the smallest.
    """

    k: int
    dtype: np.dtype[np.generic] = INT32  # of the indices
    smallest: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(
            len(x.shape) > 0 and 0 <= self.k <= x.shape[-1],
            f"TopK: {x} has no {self.k} entries in its last dimension.",
        )
        supported(x.dtype.kind in "iuf", f"TopK of {x}.")
        values = x.with_shape((*x.shape[:-1], self.k))
        return values, TensorType(values.shape, self.dtype)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        # What sorts ascending where x descends; -x would overflow.
        if types[0].is_float:
            key = np.where(np.isnan(x), np.inf, x if self.smallest else np.negative(x))
        else:
            key = x if self.smallest else np.invert(x)
        indices = np.argsort(key, axis=-1, kind="stable")[..., : self.k]
        return np.take_along_axis(x, indices, -1), indices.astype(self.dtype)


@dataclass(frozen=True)
class Where(Op):
    """The indices (int64) of the entries that are not 0. How many there are is known when it runs."""

    data_dependent = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        raise UnsupportedOperatorError("the shape of its result depends on the values that it is given")

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.argwhere(arrays[0]).astype(INT64),)


@dataclass(frozen=True)
class Unique(Op):
    """The distinct entries of a list in the order of their appearance, and for each entry which it is."""

    data_dependent = True
    dtype: np.dtype[np.generic]  # of the indices

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        raise UnsupportedOperatorError("the shape of its result depends on the values that it is given")

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        values, first, inverse = np.unique(arrays[0], return_index=True, return_inverse=True)
        order = np.argsort(first)
        return values[order], np.argsort(order)[inverse].astype(self.dtype)


@dataclass(frozen=True)
class Distinct(Op):
    """The distinct entries along `axis` (None: of all elements, as a list), ascending or in the order of
    their appearance; and as int64: where each comes first, for each entry which it is, how often each is.
    """

    data_dependent = True
    axis: int | None = None
    ascending: bool = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        raise UnsupportedOperatorError("the shape of its result depends on the values that it is given")

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        axis = self.axis
        values, first, which, counts = np.unique(
            arrays[0], return_index=True, return_inverse=True, return_counts=True, axis=axis
        )
        which = which.reshape(-1)
        if not self.ascending:
            order = np.argsort(first)
            values, first, counts = np.take(values, order, axis or 0), first[order], counts[order]
            which = np.argsort(order)[which]
        return values, *(a.astype(INT64) for a in (first, which, counts))


@dataclass(frozen=True)
class Head(Op):
    """Inputs: x, a count. The first `count` entries of x."""

    data_dependent = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        raise UnsupportedOperatorError("the shape of its result depends on the values that it is given")

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (arrays[0][: int(arrays[1].reshape(()))],)


@dataclass(frozen=True)
class Bucketize(Op):
    """How many of the ascending `boundaries` (float32) are at most x, as int32."""

    boundaries: tuple[float, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.is_float or x.is_plain_integer, f"Bucketize of {x}.")
        expect(
            all(a <= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)),
            "Bucketize: the boundaries do not ascend.",
        )
        return (TensorType(x.shape, INT32),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        # As C++ compares: integers with a float32 as float32.
        boundaries, x = np.array(self.boundaries, np.float32), arrays[0].astype(np.float32)
        return (np.searchsorted(boundaries, x, side="right").astype(np.int32),)
