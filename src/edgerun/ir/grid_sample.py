"""Samples of images and volumes at positions that a grid gives, in every mode of ONNX's GridSample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from edgerun.ir.elementwise import Reals
from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import Array, TensorType

MODES = ("nearest", "linear", "cubic")
PADDINGS = ("zeros", "border", "reflection")
_CUBIC = -0.75  # Keys' parameter


@dataclass(frozen=True)
class GridSample(Op):
    """x [n, c, ...], grid [n, ..., k] for the k dimensions of x behind the channels -> [n, c, ...].

    A position is -1 to 1 in each dimension, the last dimension first: from the centre of the first entry to
    that of the last one with align_corners, else from edge to edge.
    """

    mode: str = "linear"
    padding: str = "zeros"
    align_corners: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, grid = types
        rank = len(x.shape)
        supported(x.is_float and grid.is_float, f"GridSample of {x} at {grid}.")
        supported(self.mode in MODES and self.padding in PADDINGS, f"There is no {self}.")
        expect(
            rank > 2
            and len(grid.shape) == rank
            and grid.shape[0] == x.shape[0]
            and grid.shape[-1] == rank - 2
            and 0 not in x.shape,
            f"GridSample: {grid} has no positions in {x}.",
        )
        return (x.with_shape((*x.shape[:2], *grid.shape[1:-1])),)

    def _range(self, size: int) -> tuple[float, float]:
        return (0.0, size - 1.0) if self.align_corners else (-0.5, size - 0.5)

    def _place(self, at: Array, size: int) -> Reals:
        """In entries, brought back into the range of the dimension as `padding` says."""
        wide = at.astype(np.float64)
        half = (wide + 1) * (size - 1) / 2 if self.align_corners else ((wide + 1) * size - 1) / 2
        place: Reals = half.astype(np.float32).astype(np.float64)
        if self.mode == "nearest":
            place = np.rint(place)
        low, high = self._range(size)
        outside = (place < low) | (place > high)
        if self.padding == "border" and self.mode != "cubic":
            # Cubic sampling stays where it is and reads the border around it, as PyTorch and ONNX Runtime do;
            # onnx.reference moves it to the border.
            place = np.where(outside, np.clip(place, 0, size - 1), place)
        elif self.padding == "reflection":
            place = np.where(outside, _reflected(place, low, high), place)
        # What is no number, or far away, has no neighbours.
        return np.where(np.abs(place) < 2.0**40, place, -(2.0**40))

    def _entries(
        self, index: npt.NDArray[np.int64], size: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """The entry that is read for each index, and whether it counts."""
        inside = (index >= 0) & (index < size)
        if self.padding == "reflection":
            reflected = _reflected(index.astype(np.float64), *self._range(size)).astype(np.int64)
            index = np.where(inside, index, reflected)
        return np.clip(index, 0, size - 1), inside if self.padding == "zeros" else np.ones_like(inside)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self._sample(arrays[0].astype(np.float64), arrays[1]).astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._sample(np.abs(arrays[0].astype(np.float64)), arrays[1]), 1.0),)

    def _sample(self, x: Reals, grid: Array) -> Reals:
        dims = x.shape[2:]
        offsets, taps = [], []
        for axis, size in enumerate(dims):
            place = self._place(grid[..., len(dims) - 1 - axis], size)
            first = np.floor(place).astype(np.int64)
            offsets.append((first, size))
            taps.append(_weights(self.mode, place - first))
        batch = np.arange(len(x)).reshape(-1, *(1,) * (grid.ndim - 2))
        total = np.zeros((*grid.shape[:-1], x.shape[1]))
        last = np.moveaxis(x, 1, -1)
        for choice in product(*taps):
            weight: Reals = np.ones(grid.shape[:-1])
            index: list[npt.NDArray[np.int64]] = []
            for (offset, factor), (first, size) in zip(choice, offsets, strict=True):
                entry, counts = self._entries(first + offset, size)
                weight = weight * factor * counts
                index.append(entry)
            total += np.where(weight[..., None] == 0, 0, weight[..., None] * last[(batch, *index)])
        return np.moveaxis(total, -1, 1)


def _weights(mode: str, beyond: Reals) -> list[tuple[int, Reals]]:
    """How far the entries that are read lie from the first one, and what each of them weighs."""
    if mode == "nearest":
        return [(0, np.ones_like(beyond))]
    if mode == "linear":
        return [(0, 1 - beyond), (1, beyond)]
    a, found = _CUBIC, []
    for offset in range(-1, 3):
        d = np.abs(beyond - offset)
        near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a
        found.append((offset, np.where(d <= 1, near, far)))
    return found


def _reflected(place: Reals, low: float, high: float) -> Reals:
    """Mirrored at both ends until it lies within the range."""
    span = high - low
    if span == 0:
        return np.full_like(place, low)
    return low + span - np.abs(span - np.mod(place - low, 2 * span))
