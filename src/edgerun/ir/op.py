"""The base of all operators, and the arithmetic of design section 4.1 in numpy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from edgerun.errors import ModelError, UnsupportedOperatorError
from edgerun.ir.types import FLOAT32, FLOAT64, Array, Element, Quantization, TensorType, is_added

OPERATORS: dict[str, type[Op]] = {}


@dataclass(frozen=True)
class Op:
    """An operator: attributes, output types, value.

    Subclasses are registered in OPERATORS by their name, which is the same on every floor of the house.
    data_dependent: the shapes of the outputs depend on the data; such an operator runs through eval alone.
    folds: its value for constants may be computed at load, since that takes about as long as to write it.
    elementwise: each result depends on the inputs at its own place alone, with numpy's broadcasting, so
    that the order of the dimensions does not matter.
    """

    data_dependent: ClassVar[bool] = False
    folds: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not abstract:
            OPERATORS[cls.__name__] = cls

    @property
    def name(self) -> str:
        return type(self).__name__

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The types of the outputs; raises ModelError when the inputs do not fit the operator."""
        raise NotImplementedError

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """The outputs for `arrays`, whose types are `types` (an absent optional input is None in both)."""
        raise NotImplementedError

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """What the tolerance of each float result is relative to (contract 4.1.5): max(|y|, 1e-6); sums
        override it with the sum of the absolute terms. float64, in the shapes of the results."""
        return tuple(np.maximum(np.abs(y.astype(np.float64)), 1e-6) for y in self.eval(types, *arrays))

    def __str__(self) -> str:
        parts = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "out" or value == field.default:
                continue
            if isinstance(value, bytes | np.ndarray):
                value = f"<{len(value)}>"
            parts.append(f"{field.name}={value}".replace(" ", ""))
        return f"{self.name}({', '.join(parts)})"


# What Python and numpy raise where a file's numbers make no sense together: too large, of another kind, of
# more dimensions than numpy has (RuntimeError).
NUMBERS_DO_NOT_FIT = (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


def evaluate(op: Op, types: Sequence[TensorType], arrays: Sequence[Array | None]) -> tuple[Array, ...]:
    """What `op` gives for arrays that a file or a caller chose: its eval without numpy's warnings.

    Raises ModelError where the values do not fit the operator.
    """
    try:
        with np.errstate(all="ignore"):
            return op.eval(types, *arrays)  # type: ignore[arg-type]
    except NUMBERS_DO_NOT_FIT as error:
        raise ModelError(f"{op.name}: its operands do not fit it ({error}).") from error


FLOAT_TOLERANCE = 1e-5  # of the magnitude


@np.errstate(all="ignore")
def wrong_elements(
    op: Op, types: Sequence[TensorType], arrays: Sequence[Array], results: Sequence[Array]
) -> list[npt.NDArray[np.bool_]]:
    """Per result, where it is not what `op` gives for `arrays`: integers must be equal, floats within the
    tolerance of contract 4.1.5 (equal where the reference is infinite or NaN)."""
    expected = evaluate(op, types, arrays)
    magnitudes: tuple[Array, ...] | None = None
    wrong = []
    for i, (want, got) in enumerate(zip(expected, results, strict=True)):
        if is_added(want.dtype):  # float32 has all their values
            want, got = want.astype(FLOAT32), got.astype(FLOAT32)
        if want.dtype.kind != "f":
            wrong.append(np.not_equal(got, want))
            continue
        if np.array_equal(want, got, equal_nan=True):
            wrong.append(np.zeros(want.shape, np.bool_))
            continue
        magnitudes = magnitudes or op.magnitude(types, *arrays)
        apart = np.abs(got.astype(np.float64) - want.astype(np.float64))
        close = apart <= FLOAT_TOLERANCE * magnitudes[i]  # type: ignore[operator]
        wrong.append(~(close | (got == want) | (np.isnan(got) & np.isnan(want))))
    return wrong


def expect(ok: bool, message: str) -> None:
    """Raises ModelError with `message` unless `ok`: what the operator is given is inconsistent."""
    if not ok:
        raise ModelError(message)


def supported(ok: bool, message: str) -> None:
    """Raises UnsupportedOperatorError with `message` unless `ok`: sound, but edgerun does not have it."""
    if not ok:
        raise UnsupportedOperatorError(message)


Clamp = tuple[float, float]
NO_CLAMP: Clamp = (-math.inf, math.inf)


def clamp_range(element: Element, clamp: Clamp) -> tuple[int, int]:
    """The quantised range of a real range, within the limits of the dtype (rounded half away from zero,
    as TFLite's CalculateActivationRangeQuantized does)."""
    low, high = element.limits
    q = quantization_of(element)

    def quantize(real: float) -> int:
        scaled = real / q.step
        return q.zero + int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))

    if clamp[0] != -math.inf:
        low = max(low, min(high, quantize(clamp[0])))
    if clamp[1] != math.inf:
        high = min(high, max(low, quantize(clamp[1])))
    return low, high


def quantization_of(kind: Element | TensorType) -> Quantization:
    """Its quantisation; raises UnsupportedOperatorError when there is none."""
    if kind.quantization is None:
        raise UnsupportedOperatorError(f"A quantised tensor is needed, got {kind}.")
    return kind.quantization


def clamp_round(
    p: npt.NDArray[np.float32], zero_point: int, low: int, high: int, dtype: np.dtype[np.generic]
) -> Array:
    """Clamps the float32 value p, rounds half to even, adds the zero point (contract 4.1.1)."""
    # fmax takes the number where the other is NaN, as base/requantize.h does.
    p = np.fmin(np.fmax(p, np.float32(low - zero_point)), np.float32(high - zero_point))
    return (np.rint(p).astype(np.int32) + zero_point).astype(dtype)


def requantize(
    acc: npt.NDArray[np.int32], multiplier: npt.NDArray[np.float32], element: Element, clamp: Clamp = NO_CLAMP
) -> Array:
    """int32 accumulators to quanta of `element`: one float32 product, clamp, round half to even."""
    low, high = clamp_range(element, clamp)
    return clamp_round(
        acc.astype(np.float32) * multiplier, quantization_of(element).zero, low, high, element.dtype
    )


def output_multiplier(
    a: Quantization, b: Quantization | None, out: Quantization
) -> npt.NDArray[np.float32]:
    """float32(double(s_a) * s_b / s_out), per entry of b's scales."""
    scale = a.scale.astype(np.float64)
    if b is not None:
        scale = scale * b.scale.astype(np.float64)
    multiplier = (scale / np.float64(out.step)).astype(np.float32)
    expect(bool(np.isfinite(multiplier).all()), "The ratio of input and output scales overflows float32.")
    return multiplier


def centered(array: Array, kind: TensorType) -> npt.NDArray[np.int64]:
    """q - zero_point as int64."""
    q = quantization_of(kind)
    zero: Array = q.zero_point.astype(np.int64)
    if q.per_tensor:
        zero = zero.reshape(())
    else:
        zero = zero.reshape([-1 if i == q.axis else 1 for i in range(array.ndim)])
    return array.astype(np.int64) - zero  # type: ignore[no-any-return, operator]


def flushed(x: Array) -> npt.NDArray[np.float64]:
    """Floats as the engine reads them, in float64: what is below float32's normal range is a zero."""
    wide = x.astype(np.float64)
    return np.where(np.abs(wide) < 2.0**-126, np.copysign(0.0, wide), wide)


def real(x: Array) -> npt.NDArray[np.float64]:
    """Floats as arithmetic reads them, in float64: float64 as it is, which the engine has no kernels for."""
    return x.astype(np.float64, copy=False) if x.dtype == FLOAT64 else flushed(x)


def rounded(
    y: npt.NDArray[np.float64], clamp: Clamp = NO_CLAMP, dtype: np.dtype[np.generic] = FLOAT32
) -> Array:
    """A float64 result as `dtype`, clamped; a NaN stays."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.minimum(np.maximum(y, clamp[0]), clamp[1]).astype(dtype)


def wrap32(acc: Array) -> npt.NDArray[np.int32]:
    """Exact integers modulo 2^32, as int32."""
    return acc.astype(np.int64).astype(np.uint64).astype(np.uint32).view(np.int32)
