"""What a tensor is: shape, element type, quantisation."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.errors import QuantizationError

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]

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


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (q - zero_point), per tensor (one entry) or per index of `axis`.

    scale: float32 [n], finite and > 0; zero_point: int32 [n]. Raises QuantizationError otherwise.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]
    axis: int = 0

    def __post_init__(self) -> None:
        if self.scale.ndim != 1 or self.scale.shape != self.zero_point.shape or not self.scale.size:
            raise QuantizationError(
                f"Scales and zero points must be two lists of one length, got {self.scale.shape} "
                f"and {self.zero_point.shape}."
            )
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise QuantizationError(f"Scales must be finite and above zero, got {self.scale}.")

    @staticmethod
    def of(scale: float, zero_point: int = 0) -> Quantization:
        """Per-tensor quantisation."""
        return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int32))

    @property
    def per_tensor(self) -> bool:
        return self.scale.size == 1

    @property
    def step(self) -> float:
        """The one scale of a per-tensor quantisation, exactly, as a Python float."""
        return float(self.scale[0])

    @property
    def zero(self) -> int:
        """The one zero point of a per-tensor quantisation."""
        return int(self.zero_point[0])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Quantization)
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
            and (self.per_tensor or self.axis == other.axis)
        )

    def __hash__(self) -> int:
        return hash((self.scale.tobytes(), self.zero_point.tobytes()))

    def __str__(self) -> str:
        if self.per_tensor:
            return f"{self.scale[0]:.8g}@{self.zero_point[0]}"
        low, high = self.scale.min(), self.scale.max()
        return f"{low:.4g}..{high:.4g}[axis {self.axis}]"


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


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a session, in the model's own terms.

    shape: integers; in ONNX models an unknown dimension is its name, or -1.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None
