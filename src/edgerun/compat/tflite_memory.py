"""The memory that tensor() shows, and whether somebody looks at it."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.ir.types import Shape

Kind = tuple[Shape, np.dtype[Any]]

_ALIGNMENT = 64


class Memory:
    """Arrays by tensor index over one allocation, which begins as zeros.

    Every view of an array, and every slice of a view, refers to the one array below all of them: its
    reference count tells whether the caller still holds one.
    """

    def __init__(self, kinds: Mapping[int, Kind]) -> None:
        sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in kinds.values()]
        self._bytes = np.zeros(sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes), np.uint8)
        self.arrays: dict[int, npt.NDArray[Any]] = {}
        start = 0
        for (index, (shape, dtype)), size in zip(kinds.items(), sizes, strict=True):
            self.arrays[index] = self._bytes[start : start + size].view(dtype).reshape(shape)
            start += -(-size // _ALIGNMENT) * _ALIGNMENT
        self._own_references = sys.getrefcount(self._bytes)

    @property
    def viewed(self) -> bool:
        """Whether somebody else holds a view."""
        return sys.getrefcount(self._bytes) > self._own_references

    def kinds(self) -> dict[int, Kind]:
        """Shape and dtype of each array."""
        return {index: (array.shape, array.dtype) for index, array in self.arrays.items()}

    def take(self, other: Memory) -> None:
        """Copies the values of the arrays that have the same shape in `other`."""
        for index, array in self.arrays.items():
            old = other.arrays.get(index)
            if old is not None and old.shape == array.shape:
                array[...] = old
