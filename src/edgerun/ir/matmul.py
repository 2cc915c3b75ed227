"""Products of stacks of matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import NO_CLAMP, Clamp, expect, supported
from edgerun.ir.sums import Reals, SumOfProducts, is_hybrid
from edgerun.ir.types import Element, Shape, TensorType


@dataclass(frozen=True)
class BatchMatMul(SumOfProducts):
    """[..., m, k] x [..., k, n] -> [..., m, n]; the dimensions before the last two are broadcast.

    With adjoint_x or adjoint_y the last two dimensions of that input are the other way round.
    """

    out: Element
    adjoint_x: bool = False
    adjoint_y: bool = False
    clamp: Clamp = NO_CLAMP
    asymmetric: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, y = types
        expect(min(len(x.shape), len(y.shape)) >= 2, f"BatchMatMul needs matrices, got {x} and {y}.")
        supported(not is_hybrid(x, y), f"BatchMatMul of {x} and {y}.")
        self._check_numbers(x, y, None, 1)
        m, k = _turned(x.shape, self.adjoint_x)
        depth, n = _turned(y.shape, self.adjoint_y)
        expect(k == depth, f"BatchMatMul: {x} and {y} do not fit each other.")
        try:
            batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        except ValueError:
            expect(False, f"BatchMatMul: the batches of {x} and {y} do not fit each other.")
        return (TensorType((*batch, m, n), self.out.dtype, self.out.quantization),)

    def _products(self, x: Reals, w: Reals) -> Reals:
        x = x.swapaxes(-1, -2) if self.adjoint_x else x
        w = w.swapaxes(-1, -2) if self.adjoint_y else w
        return x @ w


def _turned(shape: Shape, adjoint: bool) -> tuple[int, int]:
    rows, columns = shape[-2:]
    return (columns, rows) if adjoint else (rows, columns)
