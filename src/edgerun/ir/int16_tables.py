"""Functions of int16 as TFLite computes them: tables of 513 points made in float32, or exact steps.

Each takes 16-bit quanta and the quantisations of input and output, and gives 16-bit quanta.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary, fixed_point
from edgerun.ir.fixed_point import Ints
from edgerun.ir.op import quantization_of
from edgerun.ir.types import Array, Element, Quantization

Reals = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
_STEPS = 512


def interpolated(function: Callable[[Reals], Reals], x: Ints, source: Quantization, out: Element) -> Array:
    """A function by a table of its values at 513 points, corrected by half of the error between them."""
    scale = quantization_of(out).scale[0]
    low, high = source.scale[0] * np.float32(-32768), source.scale[0] * np.float32(32767)
    step = (high - low) / np.float32(_STEPS)
    inverse = np.float32(65536) / (scale * np.float32(32767) - scale * np.float32(-32768))

    def values(at: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return function(at.astype(np.float64)).astype(np.float32)

    starts = low + np.arange(_STEPS, dtype=np.float32) * step
    ends = low + np.arange(1, _STEPS + 1, dtype=np.float32) * step
    at_start = _round_away(values(starts) * inverse)
    between = _round_away((values(ends) * inverse + at_start) / np.float32(2))
    error = between - _round_away(values(starts + step / np.float32(2)) * inverse)
    last = _round_away(values(np.array([high], np.float32)) * inverse)
    points = np.append(at_start - _round_away(error / np.float32(2)), last)
    table = np.clip(points, -32768, 32767).astype(np.int64)
    return fixed_point.interpolate(table, x).astype(np.int16)


def _round_away(x: Floats) -> Floats:
    whole = np.trunc(x)
    return whole + np.trunc((x - whole) * np.float32(2))  # type: ignore[no-any-return]


def exp(x: Ints, source: Quantization, out: Element) -> Array:
    return interpolated(elementary.exp, x, source, out)


def log(x: Ints, source: Quantization, out: Element) -> Array:
    """The logarithm; the lowest value where there is none."""
    lowest = float(np.float32(-32768) * quantization_of(out).scale[0])

    def function(at: Reals) -> Reals:
        return np.where(at > 0, elementary.log(np.where(at > 0, at, 1.0)), lowest)

    return interpolated(function, x, source, out)


def rsqrt(x: Ints, source: Quantization, out: Element) -> Array:
    """1 / the square root; the highest value where there is none."""
    highest = float(np.float32(32767) * quantization_of(out).scale[0])

    def function(at: Reals) -> Reals:
        return np.where(at > 0, 1.0 / np.sqrt(np.where(at > 0, at, 1.0)), highest)

    return interpolated(function, x, source, out)


def sqrt(x: Ints, source: Quantization, out: Element) -> Array:
    """The square root without its fraction; of a negative number, where TFLite fails, 0."""
    real = np.maximum(source.scale[0] * x.astype(np.float32), np.float32(0))
    root = np.sqrt(real) / quantization_of(out).scale[0]
    return fixed_point.saturate(root.astype(np.int64), 16).astype(np.int16)


def absolute(x: Ints, source: Quantization, out: Element) -> Array:
    ratio = source.scale[0] / quantization_of(out).scale[0]
    y = (
        np.abs(x)
        if ratio == 1
        else fixed_point.multiply(np.abs(x), *fixed_point.quantize_multiplier(float(ratio)))
    )
    return fixed_point.saturate(y, 16).astype(np.int16)


def negative(x: Ints, source: Quantization, out: Element) -> Array:
    """-x; the lowest one, whose opposite does not fit, becomes the highest."""
    ratio = source.scale[0] / quantization_of(out).scale[0]
    y = -x if ratio == 1 else fixed_point.multiply(-x, *fixed_point.quantize_multiplier(float(ratio)))
    return fixed_point.saturate(y, 16).astype(np.int16)
