"""Pools over any number of spatial dimensions, channels first: what those of ir/pool.py do not have.

ONNX's AveragePool, LpPool and MaxPool with dilations, of volumes, of plain integers, and with indices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgerun.ir.elementwise import Reals
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import INT64, Array, Shape, TensorType


@dataclass(frozen=True)
class _Windows(Op, abstract=True):
    """Windows over the dimensions of x [n, c, ...] behind the first two.

    `before` and `after` are the padding; `over` is what the last window may reach beyond it. Positions
    outside of x have no value.
    """

    folds = False
    kernel: Shape
    strides: Shape
    dilations: Shape
    before: Shape
    after: Shape
    over: Shape

    def _check(self, x: TensorType) -> Shape:
        """The shape of the result."""
        rank = len(x.shape) - 2
        fields = (self.kernel, self.strides, self.dilations, self.before, self.after, self.over)
        expect(rank > 0 and all(len(f) == rank for f in fields), f"{self.name} does not fit {x}.")
        expect(min(self.kernel + self.strides + self.dilations) > 0, "Kernels and strides start at 1.")
        expect(min(self.before + self.after + self.over) >= 0, "Padding must not be negative.")
        out = tuple(
            (d + b + a + more - ((k - 1) * dilation + 1)) // s + 1
            for d, b, a, more, k, dilation, s in zip(
                x.shape[2:],
                self.before,
                self.after,
                self.over,
                self.kernel,
                self.dilations,
                self.strides,
                strict=True,
            )
        )
        expect(min(out) > 0, f"{self.name}: no window of {self.kernel} fits into {x}.")
        return (*x.shape[:2], *out)

    def _taps(self, x: Array, fill: float) -> Array:
        """[taps, n, c, ...]: what each window has, with `fill` outside of x."""
        shape = self._check(TensorType(x.shape, x.dtype))
        ends = [a + o for a, o in zip(self.after, self.over, strict=True)]
        padded = np.pad(x, [(0, 0), (0, 0), *zip(self.before, ends, strict=True)], constant_values=fill)
        parts = []
        for tap in product(*map(range, self.kernel)):
            walks = zip(tap, self.dilations, self.strides, shape[2:], strict=True)
            box = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in walks)
            parts.append(padded[(slice(None), slice(None), *box)])
        return np.stack(parts)


@dataclass(frozen=True)
class MaxPoolNd(_Windows):
    """x -> the largest value of each window and its index: of the first of equal ones, counted through all of
    x. `columns_first`: as if its spatial dimensions were in the opposite order in memory."""

    columns_first: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        shape = self._check(x)
        supported(x.dtype.kind in "iuf", f"{self.name} of {x}.")
        return x.with_shape(shape), TensorType(shape, INT64)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        values = self._taps(x, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype.name).min)
        flat = np.arange(x.size).reshape(x.shape)
        if self.columns_first:
            spatial = x.shape[2:]
            places = np.arange(math.prod(spatial)).reshape(spatial[::-1]).T
            flat = flat - flat[:1, :1] % math.prod(spatial) + places
        indices = self._taps(flat, -1).astype(np.int64)
        inside = indices >= 0
        # A tap outside must not win over an equal one inside.
        best = np.where(inside, values, values.min()).max(axis=0)
        first = np.argmax(inside & ((values == best) | (values != values)), axis=0)
        index = np.take_along_axis(indices, first[None], 0)[0]
        return np.take_along_axis(values, first[None], 0)[0].astype(x.dtype), index


@dataclass(frozen=True)
class AveragePoolNd(_Windows):
    """x -> the mean of each window; `counts_padding`: of its positions in the padding too, as zeros, but not
    of those that lie over it."""

    counts_padding: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.is_float, f"{self.name} of {x}.")
        return (x.with_shape(self._check(x)),)

    def _mean(self, x: Reals) -> Reals:
        counted = np.ones(x.shape)
        if self.counts_padding:
            sides = [(0, 0), (0, 0), *zip(self.before, self.after, strict=True)]
            x, counted = np.pad(x, sides), np.pad(counted, sides, constant_values=1)
            none = (0,) * len(self.before)
            plain = AveragePoolNd(self.kernel, self.strides, self.dilations, none, none, self.over)
            return plain._mean(x)
        total: Reals = self._taps(x, 0).sum(axis=0)
        taps: Reals = np.maximum(self._taps(counted, 0).sum(axis=0), 1)
        return total / taps

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self._mean(arrays[0].astype(np.float64)).astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._mean(np.abs(arrays[0].astype(np.float64))), 1e-6),)


@dataclass(frozen=True)
class LpPoolNd(_Windows):
    """x -> (the sum of |x|^p of each window)^(1/p)."""

    p: int = 2

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.is_float, f"{self.name} of {x}.")
        expect(self.p > 0, f"{self.name}: p must be positive, got {self.p}.")
        return (x.with_shape(self._check(x)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        total = (np.abs(self._taps(arrays[0].astype(np.float64), 0)) ** self.p).sum(axis=0)
        return ((total ** (1 / self.p)).astype(types[0].dtype),)
