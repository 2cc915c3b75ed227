"""What an input or output is. Apart from types.py since a start from the cache needs nothing else of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.errors import QuantizationError

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]


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


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a session, in the model's own terms.

    shape: integers; in ONNX models an unknown dimension is its name, or -1.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None
