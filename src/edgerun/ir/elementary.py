"""Elementary functions whose bits are the same on every machine.

numpy's own exp and tanh differ in the last bits with and without AVX-512; these use only +, -, *, / and
scaling by powers of two on float64, in the fixed order of csrc/base/table.cc, whose results they equal.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

_LOG2_E = 1.4426950408889634
# ln 2 in two parts: n * _LN2_HIGH is exact for |n| < 2^20 (Cody and Waite's reduction).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(i) for i in range(21))


def _horner(x: Reals, coefficients: tuple[float, ...]) -> Reals:
    """coefficients[0] + coefficients[1] * x + ..., from the highest power down."""
    y = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y = y * x + coefficient
    return y


def exp(x: Reals) -> Reals:
    """e^x: x = n ln 2 + r with |r| <= ln 2 / 2, the Taylor polynomial of degree 13 for e^r, times 2^n.

    Relative error below 1e-15; infinite above 709.79, 0 below -745.2.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        n = np.rint(np.clip(x, -746.0, 710.0) * _LOG2_E)
        r = (x - n * _LN2_HIGH) - n * _LN2_LOW
        # In two steps, because 2^n itself may overflow or be subnormal where the product is not.
        half = np.trunc(n / 2).astype(np.int32)
        y = np.ldexp(np.ldexp(_horner(r, _TAYLOR[:14]), half), n.astype(np.int32) - half)
    return np.where(x > 709.79, np.inf, np.where(x < -745.2, 0.0, y))


def logistic(x: Reals) -> Reals:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + exp(-x))


def tanh(x: Reals) -> Reals:
    """u / (u + 2) below |x| = 1/2, with u = e^2x - 1 by its own Taylor polynomial; above,
    1 - 2 / (e^2|x| + 1) with the sign of x."""
    u = 2.0 * np.clip(x, -0.5, 0.5)
    u = u * _horner(u, _TAYLOR[1:])
    large = 1.0 - 2.0 / (exp(2.0 * np.abs(x)) + 1.0)
    return np.where(np.abs(x) < 0.5, u / (u + 2.0), np.where(x < 0, -large, large))


# 1, 1/3, 1/5, ..., 1/25: the series of artanh.
_ODD_RECIPROCALS = tuple(1.0 / n for n in range(1, 27, 2))


def log(x: Reals) -> Reals:
    """ln x: x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s), s = (m - 1) / (m + 1)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        m, e = np.frexp(x)
        small = m < 0.5 * 1.4142135623730951
        m, e = np.where(small, 2.0 * m, m), np.where(small, e - 1, e)
        s = (m - 1.0) / (m + 1.0)
        y = e * _LN2_HIGH + (2.0 * s * _horner(s * s, _ODD_RECIPROCALS) + e * _LN2_LOW)
    y = np.where(x == 0, -np.inf, np.where(x < 0, np.nan, y))
    return np.where(np.isnan(x) | (x == np.inf), x, y)


def erf(x: Reals) -> Reals:
    """2 / sqrt(pi) * e^-x^2 * sum_n 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)), whose terms have one sign."""
    bounded = np.clip(x, -6.0, 6.0)
    term, total = bounded, bounded
    with np.errstate(under="ignore", invalid="ignore"):
        for n in range(1, 160):
            term = term * (2.0 * bounded * bounded) / (2 * n + 1)
            total = total + term
        y = 1.1283791670955126 * exp(-bounded * bounded) * total
    return np.where(np.abs(x) >= 6.0, np.where(x < 0, -1.0, 1.0), y)


_MAX_ANGLE = 2.0**20
# pi/2 in three parts, for the same reason.
_HALF_PI = tuple(map(float.fromhex, ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69")))
_SINE = tuple((-1.0) ** i / math.factorial(2 * i + 1) for i in range(10))
_COSINE = tuple((-1.0) ** i / math.factorial(2 * i) for i in range(10))


def _sine_of(x: Reals, shift: int) -> Reals:
    """sin(x + shift * pi/2); NaN beyond 2^20, where the reduction ends."""
    near = np.abs(x) <= _MAX_ANGLE
    x = np.where(near, x, 0.0)
    turns = np.rint(x * 0.6366197723675814)
    rest = ((x - turns * _HALF_PI[0]) - turns * _HALF_PI[1]) - turns * _HALF_PI[2]
    quarter = (turns.astype(np.int64) + shift) & 3
    square = rest * rest
    y = np.where(quarter % 2 == 0, rest * _horner(square, _SINE), _horner(square, _COSINE))
    return np.where(near, np.where(quarter < 2, y, -y), np.nan)


def sin(x: Reals) -> Reals:
    """The sine, for |x| <= 2^20."""
    return _sine_of(x, 0)


def cos(x: Reals) -> Reals:
    """The cosine, for |x| <= 2^20."""
    return _sine_of(x, 1)


def power(x: Reals, y: Reals) -> Reals:
    """x^y with the special cases of C's pow: e^(y ln |x|) with the sign of x where y is odd."""
    x, y = np.broadcast_arrays(x, y)
    size, exponent = np.abs(x), np.abs(y)
    with np.errstate(invalid="ignore", over="ignore"):
        whole = (exponent >= 2.0**53) | (np.trunc(exponent) == exponent)
        odd = whole & (exponent < 2.0**53) & (np.fmod(exponent, 2.0) == 1.0)
        value = exp(y * log(size))
    extreme = (size == 0) | (size == np.inf)
    value = np.where(extreme, np.where((size == 0) == (y < 0), np.inf, 0.0), value)
    value = np.where(np.signbit(x) & odd, -value, value)
    value = np.where((x < 0) & ~whole & (size != np.inf), np.nan, value)
    value = np.where((exponent == np.inf) & (size == 1), 1.0, value)
    value = np.where(np.isnan(x) | np.isnan(y), np.nan, value)
    return np.where((y == 0) | (x == 1), 1.0, value)


def expm1(x: Reals) -> Reals:
    """e^x - 1: its own Taylor polynomial for |x| <= 1, the difference beyond."""
    near = np.clip(x, -1.0, 1.0)
    return np.where(np.abs(x) <= 1.0, near * _horner(near, _TAYLOR[1:]), exp(x) - 1.0)


def normal_cdf(x: Reals) -> Reals:
    """(1 + erf(x / sqrt(2))) / 2. Below -2, where that would cancel, the continued fraction of its tail,
    e^(-x^2 / 2) / sqrt(2 pi) / (-x + 1 / (-x + 2 / (-x + 3 / ...)))."""
    size = np.maximum(np.abs(x), 2.0)
    fraction = size
    with np.errstate(over="ignore", invalid="ignore"):
        for n in range(100, 0, -1):
            fraction = size + n / fraction
        tail = exp(-0.5 * size * size) * 0.3989422804014327 / fraction
    return np.where(x < -2.0, tail, 0.5 * (1.0 + erf(x * 0.7071067811865476)))


def atan2(y: Reals, x: Reals) -> Reals:
    """The angle of the point (x, y), from -pi to pi."""
    big = np.maximum(np.abs(x), np.abs(y))
    ratio = np.minimum(np.abs(x), np.abs(y)) / np.where(big == 0, 1.0, big)
    ratio = np.where(np.isinf(x) & np.isinf(y), 1.0, np.where(np.isinf(big), 0.0, ratio))
    for _ in range(3):  # half the angle each time: then it is below pi / 32
        ratio = ratio / (1.0 + np.sqrt(1.0 + ratio * ratio))
    square = ratio * ratio
    series = _horner(square, tuple((-1.0) ** k / (2 * k + 1) for k in range(9)))
    angle = 8.0 * ratio * series
    angle = np.where(np.abs(y) > np.abs(x), np.pi / 2 - angle, angle)
    angle = np.where(np.signbit(x), np.pi - angle, angle)
    result: Reals = np.where(np.isnan(x) | np.isnan(y), np.nan, np.copysign(angle, y))
    return result
