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
