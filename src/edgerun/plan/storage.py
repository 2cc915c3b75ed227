"""How tensors are stored inside a program, and what that changes in the numbers of a step.

x86 multiplies unsigned by signed bytes, ARM signed by signed. A value q of an int8 tensor that is stored
as uint8 is the byte q + 128: the same byte with its highest bit flipped. Elements of a type that only a
package beside numpy knows are bytes or pairs of them to the engine, which moves them and no more.
"""

from __future__ import annotations

import numpy as np

from edgerun.ir.types import INT8, UINT8, Array, TensorType, is_added
from edgerun.plan.plan import ByteTable, PlanTensor, Quantum

FLIP = np.uint8(0x80)


class Storage:
    """The stored dtype of every tensor of a plan: `native` for those that a program owns, the model's own
    for what crosses its border."""

    def __init__(self, tensors: list[PlanTensor], external: set[int], native: np.dtype[np.generic]) -> None:
        self._tensors = tensors
        self._external = external
        self._native = native
        self._copies: dict[int, np.dtype[np.generic]] = {}

    def add_copy(self, i: int, dtype: np.dtype[np.generic]) -> None:
        """Says that tensor i, made for a kernel that wants it so, is stored as `dtype`."""
        self._copies[i] = dtype

    def dtype(self, i: int) -> np.dtype[np.generic]:
        """What tensor i is stored as."""
        t = self._tensors[i]
        if i in self._copies:
            return self._copies[i]
        if not t.type.is_8bit:
            return _held_as(t.type.dtype)
        # What shares the memory of an input or output is stored as that one is.
        return self._tensors[t.root].type.dtype if t.root in self._external else self._native

    def shift(self, i: int) -> int:
        """Stored value minus model value: 0, 128 or -128."""
        stored, model = self.dtype(i), self._tensors[i].type.dtype
        if stored == model or not self._tensors[i].type.is_8bit:
            return 0
        return 128 if stored == UINT8 else -128

    def quantum(self, q: Quantum) -> int:
        return q.value + self.shift(q.tensor)

    def table(self, t: ByteTable) -> Array:
        """The table for stored bytes."""
        entries = t.entries
        if self.shift(t.input):
            entries = entries[np.arange(256, dtype=np.uint8) ^ FLIP]
        return np.ascontiguousarray(entries ^ FLIP if self.shift(t.output) else entries)

    def stored(self, i: int, array: Array) -> Array:
        """A model value as stored bytes (or the reverse)."""
        stored, model = self.dtype(i), self._tensors[i].type.dtype
        if stored == model:
            return array
        other = stored if array.dtype == model else model
        return ((array.view(np.uint8) ^ FLIP) if self.shift(i) else array).view(other)


def _held_as(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """What the engine, which knows numpy's own types, holds elements of a type as."""
    return np.dtype(f"uint{8 * dtype.itemsize}") if is_added(dtype) else dtype


def native_storage(unsigned: bool) -> np.dtype[np.generic]:
    return UINT8 if unsigned else INT8


def conversion(kind: TensorType, source: int, target: int) -> ByteTable:
    """The table that copies a tensor between two storages: the identity on the model's values."""
    assert kind.is_8bit
    return ByteTable(np.arange(256, dtype=np.uint8), source, target)
