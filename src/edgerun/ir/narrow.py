"""Numbers of types that numpy does not have of its own: bfloat16, floats of 8 and 4 bits, integers of 4 and
2 bits.

The package ml_dtypes, which onnx brings along, adds them to numpy. Only casts and what moves elements take
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.quantize import Cast
from edgerun.ir.types import FLOAT32, INT64, Array, TensorType, is_added

ROUNDINGS = ("up", "down", "nearest")
_SATURATING = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")


def _is_integer(dtype: np.dtype[np.generic]) -> bool:
    return dtype.name.startswith(("int", "uint"))


@dataclass(frozen=True)
class NarrowCast(Op):
    """Numbers from or to such a type, as ONNX's Cast defines it: floats to the nearest, ties to even.

    saturate: what a float of 8 bits cannot hold, infinities too, becomes its largest; otherwise an infinity
    or, where there is none, NaN. rounding: of fractions in e8m0, whose values are powers of two. Integers
    that do not fit wrap around, those that floats are truncated to as well.
    """

    elementwise = True
    dtype: np.dtype[np.generic]
    saturate: bool = True
    rounding: str = "up"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        for dtype in (x.dtype, self.dtype):
            supported(dtype.kind in "iufb" or is_added(dtype), f"Cast of {x} to {self.dtype}.")
        expect(self.rounding in ROUNDINGS, f"Cast has no rounding {self.rounding!r}.")
        return (TensorType(x.shape, self.dtype),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        if is_added(x.dtype):  # these have every value of every one of them
            x = x.astype(np.int8 if _is_integer(x.dtype) else FLOAT32)
        if not is_added(self.dtype):
            if self.dtype.kind == "f":
                return (x.astype(self.dtype),)
            return Cast(self.dtype).eval([TensorType(x.shape, x.dtype)], x)
        import ml_dtypes

        name = self.dtype.name
        if name == "float8_e8m0fnu":
            return (self._power(x.astype(FLOAT32)),)
        if self.saturate and name in _SATURATING:
            most = float(ml_dtypes.finfo(self.dtype).max)  # type: ignore[no-untyped-call]
            x = np.clip(x, -most, most)
        elif _is_integer(self.dtype) and x.dtype.kind == "f":
            (x,) = Cast(INT64).eval([TensorType(x.shape, x.dtype)], x)
        return (x.astype(self.dtype),)

    def _power(self, x: npt.NDArray[np.float32]) -> Array:
        """|x| as a power of two: the exponent of a float32 with its bias, 255 for what is not finite."""
        bits = x.view(np.uint32)
        exponent, fraction = (bits >> 23) & 0xFF, bits & 0x7FFFFF
        if self.rounding == "nearest":
            up = (fraction > 0x400000) | ((fraction == 0x400000) & (exponent > 0))
        else:
            up = (fraction > 0) & (self.rounding == "up")
        most = 0xFE if self.saturate else 0xFF
        exponent = np.where(exponent == 0xFF, 0xFF, np.minimum(exponent + up, most))
        return exponent.astype(np.uint8).view(self.dtype)
