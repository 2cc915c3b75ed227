"""The rarer trigonometric and hyperbolic functions, which run in Python: see Unary in ir/elementwise.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.ir import elementary
from edgerun.ir.elementwise import Reals, Unary


@dataclass(frozen=True)
class HostUnary(Unary, abstract=True):
    """A function that the engine does not have."""

    in_python = True


@dataclass(frozen=True)
class Tan(HostUnary):
    """The tangent of |x| <= 2^20, beyond not a number."""

    def function(self, x: Reals) -> Reals:
        return elementary.sin(x) / elementary.cos(x)


@dataclass(frozen=True)
class Asin(HostUnary):
    """The angle from -pi/2 to pi/2 whose sine is x; not a number for |x| > 1."""

    def function(self, x: Reals) -> Reals:
        return elementary.atan2(x, np.sqrt((1.0 - x) * (1.0 + x)))


@dataclass(frozen=True)
class Acos(HostUnary):
    """The angle from 0 to pi whose cosine is x; not a number for |x| > 1."""

    def function(self, x: Reals) -> Reals:
        return elementary.atan2(np.sqrt((1.0 - x) * (1.0 + x)), x)


@dataclass(frozen=True)
class Atan(HostUnary):
    """The angle from -pi/2 to pi/2 whose tangent is x."""

    def function(self, x: Reals) -> Reals:
        return elementary.atan2(x, np.ones_like(x))


@dataclass(frozen=True)
class Sinh(HostUnary):
    """(e^x - e^-x) / 2, from e^|x| - 1, which keeps its digits near 0."""

    def function(self, x: Reals) -> Reals:
        grown = elementary.expm1(np.abs(x))
        return np.copysign(0.5 * (grown + np.where(np.isinf(grown), 1.0, grown / (grown + 1.0))), x)


@dataclass(frozen=True)
class Cosh(HostUnary):
    """(e^x + e^-x) / 2."""

    def function(self, x: Reals) -> Reals:
        return 0.5 * (elementary.exp(x) + elementary.exp(-x))


def _log1p(x: Reals) -> Reals:
    """ln(1 + x), with the digits that 1 + x loses given back."""
    whole = 1.0 + x
    exact = elementary.log(whole) * (x / (whole - 1.0))
    return np.where(whole == 1.0, x, np.where(np.isinf(whole), elementary.log(whole), exact))


@dataclass(frozen=True)
class Asinh(HostUnary):
    """ln(x + sqrt(x^2 + 1)), as ln(1 + ...) of |x|."""

    def function(self, x: Reals) -> Reals:
        size = np.abs(x)
        inside = size + size * (size / (1.0 + np.sqrt(size * size + 1.0)))
        return np.copysign(np.where(np.isinf(size), size, _log1p(inside)), x)


@dataclass(frozen=True)
class Acosh(HostUnary):
    """ln(x + sqrt(x^2 - 1)); not a number for x < 1."""

    def function(self, x: Reals) -> Reals:
        above = x - 1.0
        return _log1p(above + np.sqrt(above * (x + 1.0)))


@dataclass(frozen=True)
class Atanh(HostUnary):
    """ln((1 + x) / (1 - x)) / 2; not a number for |x| > 1."""

    def function(self, x: Reals) -> Reals:
        size = np.abs(x)
        inside = np.where(size == 1.0, np.inf, 2.0 * size / (1.0 - size))
        return np.copysign(0.5 * np.where(size > 1.0, np.nan, _log1p(inside)), x)
