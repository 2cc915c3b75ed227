"""Host steps of operators that have optional inputs: what the steps of a plan pass on has no gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgerun.ir.op import Op
from edgerun.ir.types import Array, TensorType


@dataclass(frozen=True)
class WithAbsent(Op, abstract=True):
    """An operator of which some inputs are absent: those at the places `absent`."""

    op: Op
    absent: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.op.name

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        return self.op.infer(*self._every(types))

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return self.op.eval(self._every(types), *self._every(arrays))

    def _every(self, present: Sequence[Any]) -> list[Any]:
        """The operands with None where one is absent."""
        operands = list(present)
        for i in self.absent:
            operands.insert(i, None)
        return operands
