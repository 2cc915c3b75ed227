"""Products of stacks of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import NO_CLAMP, Clamp, expect, supported
from edgerun.ir.sums import MAX_HYBRID_DEPTH, Reals, SumOfProducts, is_hybrid
from edgerun.ir.types import FLOAT64, Array, Element, Shape, TensorType


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
        if x.dtype == FLOAT64:
            supported(y.dtype == self.out.dtype == FLOAT64, f"BatchMatMul of {x} and {y} to {self.out}.")
        else:
            self._check_numbers(x, y, None, 1)
        m, k = _turned(x.shape, self.adjoint_x)
        depth, n = _turned(y.shape, self.adjoint_y)
        expect(k == depth, f"BatchMatMul: {x} and {y} do not fit each other.")
        try:
            batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        except ValueError:
            expect(False, f"BatchMatMul: the batches of {x} and {y} do not fit each other.")
        supported(not is_hybrid(x, y) or k <= MAX_HYBRID_DEPTH, f"BatchMatMul with {k} products per sum.")
        return (TensorType((*batch, m, n), self.out.dtype, self.out.quantization),)

    def _images(self, x: TensorType, w: TensorType) -> int:
        return x.size // x.shape[-1]

    def _hybrid(
        self, types: Sequence[TensorType], x: Array, w: Array, bias: Array | None
    ) -> npt.NDArray[np.float32]:
        """By rows of x, one for each row of the result."""
        x = x.swapaxes(-1, -2) if self.adjoint_x else x
        batch = np.broadcast_shapes(x.shape[:-2], w.shape[:-2])
        x = np.ascontiguousarray(np.broadcast_to(x, (*batch, *x.shape[-2:])))
        plain = replace(self, adjoint_x=False)
        kinds = types[0].with_shape(x.shape), types[1]
        return super(BatchMatMul, plain)._hybrid(kinds, x, w, bias)

    def _products(self, x: Reals, w: Reals) -> Reals:
        x = x.swapaxes(-1, -2) if self.adjoint_x else x
        w = w.swapaxes(-1, -2) if self.adjoint_y else w
        return x @ w


def _turned(shape: Shape, adjoint: bool) -> tuple[int, int]:
    rows, columns = shape[-2:]
    return (columns, rows) if adjoint else (rows, columns)
