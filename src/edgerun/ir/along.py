"""Operators that move single elements along one axis, to or from where indices say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import Array, TensorType

# How an update changes what is there; "none" replaces it.
UPDATES: dict[str, np.ufunc | None] = {
    "none": None,
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


@dataclass(frozen=True)
class GatherElements(Op):
    """Inputs: x, indices (int32 or int64) -> for each index the element of x at its own place, but along
    `axis` at the index. The indices may cover less than x in the other dimensions.

    An index that is out of range takes the nearest entry.
    """

    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, indices = types
        _check(self, self.axis, x, indices)
        return (x.with_shape(indices.shape),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, indices = arrays
        inside = np.clip(indices.astype(np.int64), 0, max(x.shape[self.axis] - 1, 0))
        return (np.array(x[_places(self.axis, inside)], order="C"),)


@dataclass(frozen=True)
class ScatterElements(Op):
    """Inputs: x, indices (int32 or int64), updates in the shape of the indices -> x, where each update
    replaced or changed the element at its own place, but along `axis` at its index.

    Of several updates at one place, "none" takes the last one, the others all. An index that is out of
    range is left out.
    """

    axis: int
    update: str = "none"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, indices, updates = types
        _check(self, self.axis, x, indices)
        expect(
            updates.shape == indices.shape and updates.element == x.element,
            f"ScatterElements: {updates} at {indices} do not fit {x}.",
        )
        check_update(self, self.update, x)
        return (x,)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, indices, updates = arrays
        wanted = indices.astype(np.int64)
        inside = (wanted >= 0) & (wanted < x.shape[self.axis])
        places = np.broadcast_arrays(*_places(self.axis, wanted))
        return (updated(x, tuple(p[inside] for p in places), updates[inside], self.update),)


def check_update(op: Op, update: str, x: TensorType) -> None:
    """Raises UnsupportedOperatorError where elements like those of x cannot be changed so."""
    known = update in UPDATES and (update == "none" or x.is_float or x.is_plain_integer)
    supported(known, f"{op.name} with the update {update!r} of {x}.")


def updated(x: Array, places: Any, updates: Array, update: str) -> Array:
    """x after the updates at `places`, one after the other, each rounded to x's dtype."""
    y = x.copy()
    change = UPDATES[update]
    if change is None:
        y[places] = updates
    else:
        change.at(y, places, updates)
    return y


def _places(axis: int, indices: Array) -> tuple[Array, ...]:
    """The place of each index in all dimensions, for numpy's broadcasting."""
    places: list[Array] = list(np.ix_(*map(np.arange, indices.shape)))
    places[axis] = indices
    return tuple(places)


def _check(op: Op, axis: int, x: TensorType, indices: TensorType) -> None:
    rank = len(x.shape)
    expect(
        0 <= axis < rank
        and len(indices.shape) == rank
        and indices.is_plain_integer
        and all(n <= d or i == axis for i, (n, d) in enumerate(zip(indices.shape, x.shape, strict=True)))
        and (x.shape[axis] > 0 or not indices.size),
        f"{op.name}: {indices} along axis {axis} do not fit {x}.",
    )
