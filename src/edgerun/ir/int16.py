"""Operators on int16 activations, as TFLite computes them bit for bit (contract 4.1.3).

Zero points are 0, but those of softmax and of results of other types. A function of one int16 is a table
of its 65536 results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edgerun.ir import elementary, fixed_point
from edgerun.ir.fixed_point import Ints, Multiplier
from edgerun.ir.op import Clamp, clamp_range, expect, quantization_of, supported
from edgerun.ir.types import INT8, INT16, INT32, INT64, UINT8, Array, Element, Quantization, TensorType

Reals = npt.NDArray[np.float64]
ALL = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)  # in the order of a table


def check(name: str, *kinds: TensorType | Element) -> None:
    """Raises unless all are int16, per tensor, with zero point 0."""
    for kind in kinds:
        q = quantization_of(kind)
        supported(
            kind.dtype == INT16 and q.per_tensor and q.zero == 0,
            f"{name} needs int16 tensors with zero point 0, got {kind}.",
        )


# -- sums of products --


def check_sum(name: str, x: TensorType, w: TensorType, bias: TensorType | None, out: Element) -> None:
    check(name, x, out)
    supported(w.dtype == INT8 and not quantization_of(w).zero_point.any(), f"{name}: weights {w}.")
    supported(bias is None or bias.dtype in (INT32, INT64), f"{name}: a bias of {bias}.")


def real_multipliers(x: TensorType, w: TensorType, out: Element) -> Reals:
    """Per entry of the weights' scales."""
    products: Reals = quantization_of(w).scale.astype(np.float64) * quantization_of(x).step
    return products / quantization_of(out).step


def sum_multipliers(x: TensorType, w: TensorType, out: Element) -> list[Multiplier]:
    """Per entry of the weights' scales."""
    return [fixed_point.quantize_multiplier(float(m)) for m in real_multipliers(x, w, out)]


def finish_sum(
    acc: Array,
    x: TensorType,
    w: TensorType,
    bias: Array | None,
    out: Element,
    clamp: Clamp,
    real: bool = False,
) -> Array:
    """Exact sums with the output channels last to int16: a 64-bit bias, or a 32-bit one with 32-bit sums.

    real: 64-bit sums are multiplied in float64 and rounded, halves away from zero.
    """
    multipliers = np.array(sum_multipliers(x, w, out), np.int64)
    total = acc.astype(np.int64)
    if bias is not None:
        total = total + bias.reshape(-1).astype(np.int64)
    if bias is not None and bias.dtype == INT32:
        y = fixed_point.multiply(fixed_point.wrap(total, 32), multipliers[:, 0], multipliers[:, 1])
    elif real:
        product = total.astype(np.float64) * real_multipliers(x, w, out)
        whole = np.trunc(product)
        y = (whole + np.trunc((product - whole) * 2)).astype(np.int64)
    else:
        y = fixed_point.multiply_wide(total, multipliers[:, 0], multipliers[:, 1])
    return np.clip(y, *clamp_range(out, clamp)).astype(np.int16)


# -- two operands --

LEFT_SHIFT = 15  # of the operands of a sum, so that rounding comes late


def sum_of_two_multipliers(a: Quantization, b: Quantization, out: Quantization) -> tuple[Multiplier, ...]:
    """Of a, of b, and of their sum."""
    twice = 2 * max(a.step, b.step)
    reals = a.step / twice, b.step / twice, twice / ((1 << LEFT_SHIFT) * out.step)
    ma, mb, m = (fixed_point.quantize_multiplier(real) for real in reals)
    return ma, mb, m


def product_multiplier(a: Quantization, b: Quantization, out: Quantization) -> Multiplier:
    return fixed_point.quantize_multiplier(float(a.scale[0] * b.scale[0] / out.scale[0]))


def _power_of_two(q: Quantization) -> int | None:
    """The logarithm of a scale that is a power of two."""
    fraction, exponent = math.frexp(q.step)
    return exponent - 1 if fraction == 0.5 else None


def add(
    arrays: Sequence[Array], types: Sequence[TensorType], out: Element, clamp: Clamp, sign: int = 1
) -> Array:
    """a + sign * b."""
    a, b = arrays
    qa, qb = (quantization_of(k) for k in types)
    ma, mb, m = sum_of_two_multipliers(qa, qb, quantization_of(out))
    scaled_a = fixed_point.multiply(a.astype(np.int64) << LEFT_SHIFT, *ma)
    scaled_b = fixed_point.multiply(b.astype(np.int64) << LEFT_SHIFT, *mb)
    y = fixed_point.multiply(fixed_point.wrap(scaled_a + sign * scaled_b, 32), *m)
    return np.clip(y, *clamp_range(out, clamp)).astype(np.int16)


def mul(arrays: Sequence[Array], types: Sequence[TensorType], out: Element, clamp: Clamp) -> Array:
    a, b = arrays
    qa, qb = (quantization_of(k) for k in types)
    m = product_multiplier(qa, qb, quantization_of(out))
    y = fixed_point.multiply(a.astype(np.int64) * b.astype(np.int64), *m)
    return np.clip(y, *clamp_range(out, clamp)).astype(np.int16)


# -- functions of one int16 --


def check_unary(op: object, x: TensorType, out: Element) -> None:
    """Raises unless a function of int16 to `out` is there: only a change of quantisation leaves int16."""
    name = type(op).__name__
    check(name, x, out)
    unit = {"Logistic": 2.0**-15, "Tanh": 2.0**-15}.get(name)
    supported(unit in (None, quantization_of(out).step), f"{name} gives int16 of scale 2^-15, not {out}.")


def is_requantization(x: TensorType, out: Element) -> bool:
    """Whether integers that are not both of 8 bits change their quantisation."""
    return not (x.is_8bit and out.dtype.itemsize == 1)


def check_requantization(x: TensorType, out: Element) -> None:
    for kind in (x, out):
        q = quantization_of(kind)
        supported(
            q.per_tensor and kind.dtype in (INT8, UINT8, INT16, INT32),
            f"Requantize from {x} to {out} is not there.",
        )


def requantize(x: Ints, source: Quantization, out: Element) -> Array:
    """TFLite's QUANTIZE between integers of any width."""
    target = quantization_of(out)
    m = fixed_point.quantize_multiplier(source.step / target.step)
    y = fixed_point.multiply(fixed_point.wrap(x - source.zero, 32), *m) + target.zero
    return np.clip(y, *out.limits).astype(out.dtype)


def clip(x: Ints, source: Quantization, out: Element, clamp: Clamp) -> Array:
    """RELU and its like."""
    target = quantization_of(out)
    m = fixed_point.quantize_multiplier(float(source.scale[0] / target.scale[0]))
    return np.clip(fixed_point.multiply(x, *m), *clamp_range(out, clamp)).astype(np.int16)


def leaky_relu(x: Ints, source: Quantization, out: Element, alpha: float) -> Array:
    ratio = source.scale[0] / quantization_of(out).scale[0]
    steep = source.scale[0] * np.float32(alpha) / quantization_of(out).scale[0]
    up, down = (fixed_point.quantize_multiplier(float(m)) for m in (ratio, steep))
    y = np.where(x >= 0, fixed_point.multiply(x, *up), fixed_point.multiply(x, *down))
    return fixed_point.saturate(y, 16).astype(np.int16)


# Bit i: TFLite's point i is one above the nearest.
_SIGMOID_ABOVE = 0x800000000000000000000000000000800011009020440005C0467BAEFA7BD110


def _sigmoid_table() -> Ints:
    """256 points of the logistic function from 0 to 10.7, in steps of 1/24 and units of 2^-16."""
    nearest = np.floor(elementary.logistic(np.arange(256) / 24.0) * 65536 + 0.5)
    above: Ints = np.array([_SIGMOID_ABOVE >> i & 1 for i in range(256)])
    return nearest.astype(np.int64) + above


SIGMOID = _sigmoid_table()


def _sigmoid_argument(x: Ints, source: Quantization, free_shift: int) -> Ints:
    """x in units of 2^-12 / 3; a scale of 2^-12 (up to 2^(free_shift - 12)) is exact."""
    exponent = _power_of_two(source)
    if exponent is not None and 0 <= exponent + 12 <= free_shift:
        return x * (3 << (exponent + 12))
    multiplier, shift = source.step * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    return (x * int(fixed_point.wrap(np.array(int(multiplier)), 16)) + (1 << shift >> 1)) >> shift


def _between(x: Ints, fraction_bits: int, largest: int) -> Ints:
    """SIGMOID at |x|, whose `fraction_bits` lie between two points."""
    index = x >> fraction_bits
    inside = np.minimum(index, 254)
    low, high = SIGMOID[inside], SIGMOID[inside + 1]
    y = (low << fraction_bits) + (x & ((1 << fraction_bits) - 1)) * (high - low)
    return np.where(index >= 255, largest << fraction_bits, y)


def logistic(x: Ints, source: Quantization) -> Array:
    """1 / (1 + e^-x) in units of 2^-15."""
    x = _sigmoid_argument(x, source, 0)
    y = _between(np.abs(x), 9, 0x7FFF << 1)
    y = np.where(x >= 0, y + (1 << 9), (1 << 25) - y + (1 << 9) - 1) >> 10
    return y.astype(np.int16)


def tanh(x: Ints, source: Quantization) -> Array:
    """2 / (1 + e^-2x) - 1 in units of 2^-15."""
    x = _sigmoid_argument(x, source, 1)
    y = _between(np.abs(x), 8, 0xFFFF)
    y = np.where(x >= 0, y - (1 << 23) + (1 << 7), -y + (1 << 23) + (1 << 7) - 1)
    return (y >> 8).astype(np.int16)


def table(function: Callable[[Ints], Array]) -> Array:
    """The results for all int16, indexed by the input seen as an unsigned number."""
    return function(ALL)


# -- softmax --


def _points(f: Callable[[Reals], Reals], low: float, high: float) -> Ints:
    """A table of f from low to high, in units of 2 / 65535."""
    step = (high - low) / 512
    starts = low + np.arange(513, dtype=np.float64) * step
    unit = 65536 / (2.0 / 65535 * 65535)
    return fixed_point.table_points(f(starts) * unit, f(starts[:-1] + step / 2) * unit)


def exp_points() -> Ints:
    """e^x from -10 to 0."""
    return _points(elementary.exp, -10.0, 0.0)


def reciprocal_points() -> Ints:
    """1 / (1 + x) from 0 to 1."""
    return _points(lambda x: 1.0 / (1.0 + x), 0.0, 1.0)


def softmax_multiplier(x: Quantization, beta: float) -> Multiplier:
    """From a difference of quanta to one that spans 10 in 65535 steps."""
    return fixed_point.quantize_multiplier(x.step * float(np.float32(beta)) / (10.0 / 65535.0))


def is_softmax(x: TensorType, out: Element) -> bool:
    """Whether a softmax is one of int16 or to int16."""
    return x.is_int16 or (x.dtype == INT8 and out.dtype == INT16)


def check_softmax(x: TensorType, out: Element) -> None:
    most = 65536 if x.is_int16 else 4096
    supported(x.shape[-1] <= most, f"Softmax to int16 of more than {most} elements.")
    wanted = Quantization.of(2.0**-15) if x.is_int16 else Quantization.of(2.0**-16, -32768)
    q = quantization_of(out)
    near = q.per_tensor and abs(q.step / wanted.step - 1) < 1e-3 and q.zero == wanted.zero
    supported(
        out.dtype == INT16 and near,
        f"Softmax of {x} gives int16({wanted}), not {out}.",
    )


def softmax(x: Array, kind: TensorType, beta: float) -> Array:
    """To int16, over the last dimension."""
    return (_softmax_of_int16 if kind.is_int16 else _softmax_of_int8)(x, quantization_of(kind), beta)


def _softmax_of_int16(x: Array, source: Quantization, beta: float) -> Array:
    """In units of 2^-15, by two interpolated tables."""
    wide = x.astype(np.int64)
    d = fixed_point.multiply(wide - wide.max(axis=-1, keepdims=True), *softmax_multiplier(source, beta))
    e = fixed_point.interpolate(exp_points(), fixed_point.saturate(d + 32767, 16))
    total = fixed_point.wrap(e.sum(axis=-1, keepdims=True), 32)
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading ones
    shifted = ((total << (zeros - 1)) + (1 << 13)) >> 14
    index = fixed_point.saturate(shifted - ((1 << 15) + (1 << 16)), 16)
    scale = fixed_point.interpolate(reciprocal_points(), index)
    right = 31 - zeros
    y = (e * scale + (np.int64(1) << (right - 1))) >> right
    clipped: Array = np.clip(y, 0, 32767).astype(np.int16)
    return clipped


def softmax_table(x: Quantization, beta: float) -> Ints:
    """e^(-beta * scale * d) for d = 0 .. 255 with 31 fractional bits; -1 where it is too small to count."""
    real = min(float(np.float32(beta)) * x.step * (1 << 26), 2.0**31 - 1)
    multiplier, shift = fixed_point.quantize_multiplier(real)
    expect(shift >= 0, f"Softmax: a scale of {x.step} is too small.")
    d = -np.arange(256, dtype=np.int64)
    scaled = fixed_point.doubling_high_mul(fixed_point.wrap(d << shift, 32), multiplier)
    least = -math.floor(31.0 * (1 << 26) / (1 << shift))
    return np.where(d >= least, fixed_point.exp_of_negative(scaled, 5, 32), -1)


def _softmax_of_int8(x: Array, source: Quantization, beta: float) -> Array:
    """In units of 2^-16, from a zero point of -32768."""
    wide = x.astype(np.int64)
    e = softmax_table(source, beta)[wide.max(axis=-1, keepdims=True) - wide]
    counts = e >= 0
    total = np.where(counts, fixed_point.rounding_divide(e, 12), 0).sum(axis=-1, keepdims=True)
    zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    rest = fixed_point.wrap((total << zeros) - (1 << 31), 32)
    scale = fixed_point.reciprocal(rest)
    right = 12 - zeros + 31 - 16
    y = fixed_point.rounding_divide(fixed_point.doubling_high_mul(scale, e), right) - 32768
    return np.where(counts, fixed_point.saturate(y, 16), -32768).astype(np.int16)


# -- means --


def average(total: Array, taps: Array, out: Element, clamp: Clamp) -> Array:
    """total / taps, halves away from zero."""
    half = taps.astype(np.int64) // 2
    sums = total.astype(np.int64)
    y = np.sign(sums) * ((np.abs(sums) + half) // taps.astype(np.int64))
    return np.clip(y, *clamp_range(out, clamp)).astype(np.int16)


def quantize(x: Array, out: Element) -> Array:
    """float32 -> int16: a true division, halves away from zero."""
    q = quantization_of(out)
    with np.errstate(over="ignore", invalid="ignore"):
        p = (x.astype(np.float32) / q.scale[0]).astype(np.float64)
    low, high = out.limits
    p = np.where(np.isnan(p), low - q.zero, np.clip(p, low - q.zero - 1, high - q.zero + 1))
    rounded: Array = np.copysign(np.floor(np.abs(p) + 0.5), p) + q.zero
    return np.clip(rounded, low, high).astype(out.dtype)
