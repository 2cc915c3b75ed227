"""What a tensor is: shape, element type, quantisation."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from edgerun.ir.ports import Array, Quantization, Shape, TensorInfo

__all__ = ["Array", "Element", "Quantization", "Shape", "TensorInfo", "TensorType", "is_added"]

INT8 = np.dtype(np.int8)
UINT8 = np.dtype(np.uint8)
INT16 = np.dtype(np.int16)
INT32 = np.dtype(np.int32)
INT64 = np.dtype(np.int64)
UINT32 = np.dtype(np.uint32)
UINT64 = np.dtype(np.uint64)
FLOAT16 = np.dtype(np.float16)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
COMPLEX64 = np.dtype(np.complex64)
BOOL = np.dtype(np.bool_)


def is_added(dtype: np.dtype[np.generic]) -> bool:
    """Whether a package beside numpy defines it, as ml_dtypes does bfloat16, float8_e5m2 and int4."""
    return dtype.isbuiltin == 2


@functools.cache
def _dtype_name(dtype: np.dtype[np.generic]) -> str:
    """What str() gives, which numpy works out anew each time: loading names every type many times over."""
    return str(dtype)


@dataclass(frozen=True)
class Element:
    """The type of one element: dtype and, for quantised tensors, what its integers mean."""

    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest value of an integer dtype."""
        info = np.iinfo(self.dtype.name)
        return int(info.min), int(info.max)

    def __str__(self) -> str:
        name = _dtype_name(self.dtype)
        return name if self.quantization is None else f"{name}({self.quantization})"


@dataclass(frozen=True)
class TensorType:
    """Shape and element type of a tensor."""

    shape: Shape
    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None

    @property
    def element(self) -> Element:
        return Element(self.dtype, self.quantization)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def is_8bit(self) -> bool:
        """Whether an element is one byte that a program may store with the other sign."""
        return self.dtype in (INT8, UINT8)

    @property
    def is_int16(self) -> bool:
        """Whether it is quantised to 16 bits, which follows TFLite's own arithmetic (contract 4.1.3)."""
        return self.dtype == INT16 and self.quantization is not None

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f" and not is_added(self.dtype)

    @property
    def is_plain_integer(self) -> bool:
        """Whether its integers mean themselves."""
        return self.dtype.kind in "iu" and self.quantization is None

    def with_shape(self, shape: Shape) -> TensorType:
        return TensorType(shape, self.dtype, self.quantization)

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"{shape}:{self.element}"
