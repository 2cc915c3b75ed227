"""Recurrent operators that go through a sequence in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.recurrent import Lstm
from edgerun.ir.types import FLOAT32, Array, TensorType

T = TypeVar("T")
_CONSTANTS = 21  # of an Lstm


@dataclass(frozen=True)
class BidirectionalLstm(Op):
    """x, 21 constants of the forward and 21 of the backward Lstm, h and c forward, h and c backward ->
    y forward, y backward, and the four states; with `merge` the two results are one, side by side.

    The backward one reads the sequence from its end; its results stand at the places of their inputs.
    """

    forward: Lstm
    backward: Lstm
    merge: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        expect(len(types) == 2 * _CONSTANTS + 5, f"BidirectionalLstm has 47 inputs, got {len(types)}.")
        supported(types[0].dtype == FLOAT32, f"BidirectionalLstm has no arithmetic for {types[0]}.")
        expect(len(types[0].shape) == 3, f"BidirectionalLstm needs a sequence, got {types[0]}.")
        ahead, back = self._sides(types)
        y, *states = self.forward.infer(*ahead)
        z, *others = self.backward.infer(*back)
        if not self.merge:
            return (y, z, *states, *others)
        return (y.with_shape((*y.shape[:-1], y.shape[-1] + z.shape[-1])), *states, *others)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        kinds, values = self._sides(types), self._sides(arrays)
        axis = 0 if self.forward.time_major else 1
        values[1][0] = np.ascontiguousarray(np.flip(values[1][0], axis))
        y, *states = self.forward.eval(kinds[0], *values[0])
        z, *others = self.backward.eval(kinds[1], *values[1])
        z = np.ascontiguousarray(np.flip(z, axis))
        if self.merge:
            return (np.concatenate([y, z], axis=-1), *states, *others)
        return (y, z, *states, *others)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """As of Lstm."""
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1.0) for y in self.eval(types, *arrays))

    @staticmethod
    def _sides(operands: Sequence[T]) -> tuple[list[T], list[T]]:
        """The operands of the two."""
        x, *rest = operands
        middle, end = _CONSTANTS, 2 * _CONSTANTS
        return [x, *rest[:middle], *rest[end : end + 2]], [x, *rest[middle:end], *rest[end + 2 :]]
