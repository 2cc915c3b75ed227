"""TFLite's fixed-point arithmetic in numpy, bit for bit (contract 4.1.3), as csrc/base/fixed_point.h has it.

A real multiplier is an integer of 31 fractional bits times 2^shift. Integers travel as int64 arrays whose
values fit the width that TFLite computes with; what TFLite lets overflow wraps here.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Multiplier = tuple[int, int]  # of 31 fractional bits; power of two, positive: to the left


def round_half_away(x: float) -> int:
    """C's round()."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def quantize_multiplier(real: float) -> Multiplier:
    """real as (multiplier, shift): 2^30 <= multiplier < 2^31, real = multiplier * 2^(shift - 31).

    Below 2^-32 it is (0, 0).
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def wrap(x: Ints, bits: int) -> Ints:
    """The value modulo 2^bits, as a signed integer."""
    half = np.int64(1) << np.int64(bits - 1)
    return ((x + half) & (2 * half - 1)) - half


def saturate(x: Ints, bits: int) -> Ints:
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def rounding_divide(x: Ints, exponent: int | Ints) -> Ints:
    """x / 2^exponent, rounded to nearest, halves away from zero."""
    mask = (np.int64(1) << np.asarray(exponent, np.int64)) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> np.asarray(exponent, np.int64)) + ((x & mask) > threshold)


def doubling_high_mul(a: Ints, b: Ints | int, bits: int = 32) -> Ints:
    """a * b / 2^(bits - 1), rounded to nearest, the negative halves up; the one overflow saturates."""
    product = a * np.asarray(b, np.int64)
    half = np.int64(1 << (bits - 2))
    nudged = product + np.where(product >= 0, half, 1 - half)
    # C's division, which truncates.
    quotient = np.where(nudged >= 0, nudged >> (bits - 1), -((-nudged) >> (bits - 1)))
    return saturate(quotient, bits)


def multiply(x: Ints, multiplier: int | Ints, shift: int | Ints) -> Ints:
    """x * multiplier * 2^(shift - 31) for a 32-bit x: two roundings, as the 8-bit operators of TFLite."""
    shift = np.asarray(shift, np.int64)
    left = wrap(x * (np.int64(1) << np.maximum(shift, 0)), 32)
    return rounding_divide(doubling_high_mul(left, np.asarray(multiplier, np.int64)), np.maximum(-shift, 0))


def multiply_wide(x: Ints, multiplier: int | Ints, shift: int | Ints) -> Ints:
    """The same for a 64-bit x below 2^47, as the 16-bit operators do: the multiplier in 15 bits, one
    rounding, halves up."""
    multiplier = np.asarray(multiplier, np.int64)
    reduced = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - np.asarray(shift, np.int64)
    return wrap((x * reduced + (np.int64(1) << (total - 1))) >> total, 32)


# -- gemmlowp's functions of a number with `integer_bits` bits above the binary point, in 16 or 32 bits --


def _constant(value: int, bits: int) -> int:
    """A 32-bit constant in `bits` bits."""
    return value if bits == 32 else (value + (1 << 15)) >> 16


def _scale(x: Ints, exponent: int, bits: int) -> Ints:
    """x * 2^exponent, saturating to the left, rounding to the right."""
    if exponent <= 0:
        return rounding_divide(x, -exponent) if exponent else x
    threshold = (1 << (bits - 1 - exponent)) - 1
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return np.where(x > threshold, high, np.where(x < -threshold, low, x << exponent))


def exp_of_negative(a: Ints, integer_bits: int, bits: int = 16) -> Ints:
    """e^a for a <= 0, without integer bits: a polynomial below 1/4, then a factor for each bit above."""

    def mul(x: Ints, y: Ints | int) -> Ints:
        return doubling_high_mul(x, y, bits)

    one = (1 << (bits - 1)) - 1
    fraction_bits = bits - 1 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    rest = (a & (quarter - 1)) - quarter
    # The Taylor polynomial around -1/8.
    x = _scale(rest, integer_bits, bits) + (1 << (bits - 4))
    x2 = mul(x, x)
    x3, x4 = mul(x2, x), mul(x2, x2)
    cubic = mul(_scale(x4, -2, bits) + x3, _constant(715827883, bits))
    tail = _scale(cubic + x2, -1, bits)
    start = _constant(1895147668, bits)
    y = saturate(start + mul(x + tail, start), bits)
    remainder = rest - a
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for exponent, factor in enumerate(factors, start=-2):
        if integer_bits > exponent:
            bit = np.int64(1) << np.int64(fraction_bits + exponent)
            y = np.where((remainder & bit) != 0, mul(y, _constant(factor, bits)), y)
    if integer_bits > 5:
        y = np.where(a < -(32 << fraction_bits), 0, y)
    return np.where(a == 0, one, y)


def _reciprocal_of_half_sum(a: Ints, bits: int) -> Ints:
    """2 / (1 + a) for a in [0, 1), with two integer bits: Newton's iteration."""
    one = (1 << (bits - 1)) - 1
    half = (a + one + 1) >> 1  # rounded half up, of a positive sum
    x = _constant(1515870810, bits) + doubling_high_mul(half, _constant(-1010580540, bits), bits)
    for _ in range(3):
        rest = (1 << (bits - 3)) - doubling_high_mul(half, x, bits)
        x = x + _scale(doubling_high_mul(x, rest, bits), 2, bits)
    return x


def reciprocal(a: Ints) -> Ints:
    """1 / (1 + a) for a in [0, 1), in 32 bits without integer bits."""
    return _scale(_reciprocal_of_half_sum(a, 32), 1, 32)


def logistic(a: Ints, integer_bits: int, bits: int = 16) -> Ints:
    """1 / (1 + e^-a), without integer bits."""
    one = (1 << (bits - 1)) - 1
    x = _reciprocal_of_half_sum(exp_of_negative(-np.abs(a), integer_bits, bits), bits)
    y = _scale(x, 1, bits)  # half of it, from two integer bits to none
    return np.where(a == 0, (1 << (bits - 2)), np.where(a > 0, y, one - y))


def tanh(a: Ints, integer_bits: int, bits: int = 16) -> Ints:
    """The hyperbolic tangent, without integer bits: (1 - e^-2a) / (1 + e^-2a)."""
    x = _reciprocal_of_half_sum(exp_of_negative(-np.abs(a), integer_bits + 1, bits), bits)
    y = _scale(x - (1 << (bits - 3)), 2, bits)
    return np.where(a == 0, 0, np.where(a < 0, -y, y))


def inverse_square_root(n: int) -> Multiplier:
    """1 / sqrt(n) for an integer n > 0, by Newton's iteration with three integer bits; 1 for n <= 1."""
    if n <= 1:
        return (1 << 31) - 1, 0
    shift = 11
    while n >= 1 << 29:
        n, shift = n // 4, shift + 1
    pairs = (31 - n.bit_length()) // 2 - 1
    shift -= pairs
    half = np.array(n << (2 * pairs) >> 1)
    half_n = rounding_divide(half, 1)
    x: Ints = np.array(1 << 28)
    for _ in range(5):
        cube = _scale(doubling_high_mul(doubling_high_mul(x, x), x), 6, 32)
        step = doubling_high_mul(np.array(3 << 27), x) - doubling_high_mul(half_n, cube)
        x = _scale(step, 3, 32)
    multiplier = int(doubling_high_mul(x, 1518500250))  # sqrt(1/2)
    return (multiplier << -shift, 0) if shift < 0 else (multiplier, -shift)


# -- tables of 513 points, between which is interpolated --


def table_points(values: npt.NDArray[np.float64], middles: npt.NDArray[np.float64]) -> Ints:
    """The points of a table from a function's values in units of the output: at the 513 ends of 512
    intervals and at their 512 middles; each point is moved by half the error that it makes there."""

    def rounded(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.copysign(np.floor(np.abs(x) + 0.5), x)

    starts = rounded(values[:-1])
    error = rounded((values[1:] + starts) / 2) - rounded(middles)
    points = np.append(starts - rounded(error / 2), rounded(values[-1:]))
    return saturate(points.astype(np.int64), 16)


def interpolate(points: Ints, x: Ints) -> Ints:
    """The table at a 16-bit x: 7 bits of it lie between two points."""
    index = 256 + (x >> 7)
    base = points[index]
    slope = wrap(points[index + 1] - base, 16)
    return wrap(base + ((slope * (x & 0x7F) + 64) >> 7), 16)
