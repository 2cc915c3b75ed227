"""Convolutions over volumes [n, depth, height, width, channels], of floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgerun.ir.op import NO_CLAMP, Clamp, Op, expect, flushed, rounded, supported
from edgerun.ir.sums import Reals
from edgerun.ir.types import FLOAT32, Array, Shape, TensorType

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class _Volume(Op, abstract=True):
    strides: Triple = (1, 1, 1)
    dilations: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)  # before; behind there is what the output's size asks for
    size: Triple = (1, 1, 1)  # of the output
    clamp: Clamp = NO_CLAMP

    def _check(self, types: Sequence[TensorType]) -> None:
        supported(all(t.dtype == FLOAT32 for t in types), f"{self.name} needs float32, got {types[0]}.")
        x, w = types[:2]
        expect(len(x.shape) == len(w.shape) == 5, f"{self.name} needs 5-D tensors, got {x} and {w}.")
        positive = min(*self.strides, *self.dilations, *self.size) > 0 and min(self.padding) >= 0
        expect(positive, f"{self.name}: strides, dilations and sizes start at 1, paddings at 0.")

    def sums(self, x: Reals, w: Reals) -> Reals:
        """What the outputs are without bias and clamp."""
        raise NotImplementedError

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *bias = map(flushed, arrays)
        return (rounded(self.sums(x, w) + (bias[0] if bias else 0.0), self.clamp),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, w, *bias = (np.abs(flushed(a)) for a in arrays)
        return (np.maximum(self.sums(x, w) + (bias[0] if bias else 0.0), 1e-6),)


@dataclass(frozen=True)
class Conv3d(_Volume):
    """x [n, d, h, w, c], weights [kd, kh, kw, c, channels], optional bias [channels]."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        self._check(types)
        x, w, *bias = types
        expect(x.shape[4] == w.shape[3], f"Conv3d: {x} has other channels than the weights {w}.")
        expect(not bias or bias[0].size == w.shape[4], f"Conv3d: a bias {bias} for {w}.")
        return (TensorType((x.shape[0], *self.size, w.shape[4]), FLOAT32),)

    def sums(self, x: Reals, w: Reals) -> Reals:
        behind = [
            max((o - 1) * s + (k - 1) * d + 1 - p - size, 0)
            for o, s, k, d, p, size in zip(
                self.size, self.strides, w.shape[:3], self.dilations, self.padding, x.shape[1:4], strict=True
            )
        ]
        padded = np.pad(x, [(0, 0), *zip(self.padding, behind, strict=True), (0, 0)])
        total = np.zeros((x.shape[0], *self.size, w.shape[4]))
        for tap in product(*map(range, w.shape[:3])):
            walks = zip(tap, self.dilations, self.strides, self.size, strict=True)
            box = tuple(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, s, o in walks)
            total += padded[(slice(None), *box)] @ w[tap]
        return total


@dataclass(frozen=True)
class Conv3dTranspose(_Volume):
    """x [n, d, h, w, c], weights [kd, kh, kw, channels, c], optional bias [channels]."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        self._check(types)
        x, w, *bias = types
        expect(x.shape[4] == w.shape[4], f"Conv3dTranspose: {x} has other channels than the weights {w}.")
        expect(not bias or bias[0].size == w.shape[3], f"Conv3dTranspose: a bias {bias} for {w}.")
        return (TensorType((x.shape[0], *self.size, w.shape[3]), FLOAT32),)

    def sums(self, x: Reals, w: Reals) -> Reals:
        axes = zip(x.shape[1:4], self.strides, w.shape[:3], self.dilations, strict=True)
        whole: Shape = tuple((n - 1) * s + (k - 1) * d + 1 for n, s, k, d in axes)
        room = tuple(max(a, o + p) for a, o, p in zip(whole, self.size, self.padding, strict=True))
        total = np.zeros((x.shape[0], *room, w.shape[3]))
        for tap in product(*map(range, w.shape[:3])):
            walks = zip(tap, self.dilations, self.strides, x.shape[1:4], strict=True)
            box = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in walks)
            total[(slice(None), *box)] += x @ w[tap].T
        part = tuple(slice(p, p + o) for p, o in zip(self.padding, self.size, strict=True))
        return total[(slice(None), *part)]
