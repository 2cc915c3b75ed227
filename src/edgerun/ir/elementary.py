"""Elementary functions whose bits are the same on every machine.

numpy's own exp and tanh differ in the last bits with and without AVX-512; these use only +, -, *, / and
scaling by powers of two on float64, in a fixed order.
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
_EXP = tuple(1.0 / math.factorial(i) for i in range(15))


def _horner(x: Reals, coefficients: tuple[float, ...]) -> Reals:
    """coefficients[0] + coefficients[1] * x + ..., from the highest power down."""
    y = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y = y * x + coefficient
    return y


def exp(x: Reals) -> Reals:
    """e^x: x = n ln 2 + r with |r| <= ln 2 / 2, the Taylor polynomial of degree 14 for e^r, times 2^n.

    Relative error below 1e-15. Arguments beyond +-700 are taken as +-700.
    """
    x = np.minimum(np.maximum(x, -700.0), 700.0)
    n = np.rint(x * _LOG2_E)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return np.ldexp(_horner(r, _EXP), n.astype(np.int32))


def logistic(x: Reals) -> Reals:
    """1 / (1 + e^-x)."""
    return 1.0 / (1.0 + exp(-x))


def tanh(x: Reals) -> Reals:
    """sign(x) * m / (m + 2) with m = e^(2|x|) - 1, which below |x| = 1/4 is its own Taylor polynomial."""
    y = 2.0 * np.abs(x)
    small = y * _horner(y, _EXP[1:])
    m = np.where(y < 0.5, small, exp(y) - 1.0)
    return np.sign(x) * (m / (m + 2.0))
