"""The rarer operators of two int16 tensors, and their reductions, as TFLite computes them bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerun.ir import elementary, fixed_point
from edgerun.ir.fixed_point import Ints, Multiplier
from edgerun.ir.op import Clamp, centered, clamp_range, expect, quantization_of
from edgerun.ir.types import Array, Element, TensorType


def prelu(arrays: Sequence[Array], types: Sequence[TensorType], out: Element) -> Array:
    """a, or a * slope below 0; the slopes are of int16 or of 8 bits."""
    a, slope = (centered(x, kind) for x, kind in zip(arrays, types, strict=True))
    qa, qs = (quantization_of(kind).scale[0] for kind in types)
    scale = quantization_of(out).scale[0]
    above = fixed_point.multiply(a, *fixed_point.quantize_multiplier(float(qa / scale)))
    below = fixed_point.multiply(a * slope, *fixed_point.quantize_multiplier(float(qa * qs / scale)))
    return fixed_point.saturate(np.where(a >= 0, above, below), 16).astype(np.int16)


def div(arrays: Sequence[Array], types: Sequence[TensorType], out: Element, clamp: Clamp) -> Array:
    """a / b: in float32 when the shapes are alike, by the reciprocal of b otherwise.

    Where b is 0, which TFLite refuses, the lowest or the highest value.
    """
    a, b = (x.astype(np.int64) for x in arrays)
    limits = clamp_range(out, clamp)
    with np.errstate(all="ignore"):
        quotient = _divided(a, b, types, out) if a.shape == b.shape else _by_reciprocal(a, b, types, out)
    quotient = np.where(b == 0, np.where(a >= 0, limits[1], limits[0]), quotient)
    return np.clip(quotient, *limits).astype(np.int16)


def _divided(a: Ints, b: Ints, types: Sequence[TensorType], out: Element) -> Ints:
    qa, qb = (quantization_of(kind).scale[0] for kind in types)
    real = (a.astype(np.float32) * qa) / (b.astype(np.float32) * qb) / quantization_of(out).scale[0]
    real = np.clip(np.where(np.isnan(real), 0, real).astype(np.float64), -1e9, 1e9)
    whole = np.trunc(real)
    result: Ints = (whole + np.trunc((real - whole) * 2)).astype(np.int64)
    return result


def _by_reciprocal(a: Ints, b: Ints, types: Sequence[TensorType], out: Element) -> Ints:
    qa, qb = (quantization_of(kind).scale[0] for kind in types)
    m, shift = fixed_point.quantize_multiplier(float(qa / (qb * quantization_of(out).scale[0])))
    a, b = np.broadcast_arrays(np.where(b < 0, -a, a), np.maximum(np.abs(b), 1))
    bits = np.frexp(b.astype(np.float64))[1].astype(np.int64)  # of b
    inverse = fixed_point.reciprocal((b << (32 - bits)) - (1 << 31))
    # The sign bits of a 32-bit a that can be shifted out.
    headroom = 31 - np.frexp(np.where(a < 0, ~a, a).astype(np.float64))[1].astype(np.int64)
    quotient = fixed_point.doubling_high_mul(a << headroom, inverse)
    down = np.minimum(headroom + bits - 1 - shift, 62)
    return fixed_point.rounding_divide(fixed_point.doubling_high_mul(quotient, m), down)


def mean_multiplier(x: TensorType, out: Element, taps: int) -> Multiplier:
    """From a sum of `taps` quanta to their mean."""
    m, shift = fixed_point.quantize_multiplier(quantization_of(x).step / quantization_of(out).step)
    wide = min(taps.bit_length() - 1, 32, 31 + shift)
    return (m << wide) // taps, shift - wide


def total(sums: Ints, by: Multiplier) -> Array:
    """Exact sums, modulo 2^32, as int16."""
    y = fixed_point.multiply(fixed_point.wrap(sums, 32), *by)
    return fixed_point.saturate(y, 16).astype(np.int16)


def product(x: Ints, source: TensorType, out: Element) -> Ints:
    """The product along the first axis of quanta less their zero point, rescaled after each step so that
    nothing overflows, plus the output's zero point; also what TFLite has for 8 bits."""
    target = quantization_of(out)
    expect(len(x) > 0, "A product of nothing.")
    root = elementary.power(np.array([target.step]), np.array([1.0 / len(x)]))
    m = fixed_point.quantize_multiplier(quantization_of(source).step / float(root[0]))
    value = x[0]
    for factor in x[1:]:
        value = fixed_point.multiply_wide(value * factor, *m)
    return fixed_point.multiply_wide(value, *m) + target.zero
