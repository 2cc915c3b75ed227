"""The rarer functions of one element: see Unary in ir/elementwise.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgerun.ir import elementary, int16_tables
from edgerun.ir.elementwise import Integers, Reals, Unary
from edgerun.ir.fixed_point import Ints
from edgerun.ir.types import Array, Quantization


@dataclass(frozen=True)
class Abs(Unary):
    """|x|."""

    def function(self, x: Reals) -> Reals:
        return np.abs(x)

    def integer(self, x: Integers) -> Integers:
        return np.abs(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.absolute(x, source, self.out)


@dataclass(frozen=True)
class Neg(Unary):
    """-x."""

    def function(self, x: Reals) -> Reals:
        return -x

    def integer(self, x: Integers) -> Integers:
        return -x

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.negative(x, source, self.out)


@dataclass(frozen=True)
class Sign(Unary):
    """-1, 0 or 1; 0 for what is not a number."""

    def function(self, x: Reals) -> Reals:
        return np.where(np.isnan(x), 0.0, np.sign(x))

    def integer(self, x: Integers) -> Integers:
        return np.sign(x)


@dataclass(frozen=True)
class Floor(Unary):
    """The greatest integer that is not above x."""

    def function(self, x: Reals) -> Reals:
        return np.floor(x)


@dataclass(frozen=True)
class Ceil(Unary):
    """The least integer that is not below x."""

    def function(self, x: Reals) -> Reals:
        return np.ceil(x)


@dataclass(frozen=True)
class Round(Unary):
    """The nearest integer, half to even."""

    def function(self, x: Reals) -> Reals:
        return np.rint(x)


@dataclass(frozen=True)
class Square(Unary):
    """x^2."""

    def function(self, x: Reals) -> Reals:
        return x * x


@dataclass(frozen=True)
class Sqrt(Unary):
    """The square root."""

    def function(self, x: Reals) -> Reals:
        return np.sqrt(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.sqrt(x, source, self.out)


@dataclass(frozen=True)
class Rsqrt(Unary):
    """1 / the square root."""

    def function(self, x: Reals) -> Reals:
        return 1.0 / np.sqrt(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.rsqrt(x, source, self.out)


@dataclass(frozen=True)
class Exp(Unary):
    """e^x."""

    def function(self, x: Reals) -> Reals:
        return elementary.exp(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.exp(x, source, self.out)


@dataclass(frozen=True)
class Log(Unary):
    """The natural logarithm."""

    def function(self, x: Reals) -> Reals:
        return elementary.log(x)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.log(x, source, self.out)


@dataclass(frozen=True)
class Sin(Unary):
    """The sine of |x| <= 2^20, beyond not a number."""

    def function(self, x: Reals) -> Reals:
        return elementary.sin(x)


@dataclass(frozen=True)
class Cos(Unary):
    """The cosine of |x| <= 2^20, beyond not a number."""

    def function(self, x: Reals) -> Reals:
        return elementary.cos(x)


@dataclass(frozen=True)
class Elu(Unary):
    """e^x - 1 for x < 0, otherwise x."""

    def function(self, x: Reals) -> Reals:
        return np.where(x < 0, elementary.expm1(np.minimum(x, 0.0)), x)


@dataclass(frozen=True)
class Erf(Unary):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""

    def function(self, x: Reals) -> Reals:
        return elementary.erf(x)


@dataclass(frozen=True)
class Gelu(Unary):
    """x Phi(x) with the normal distribution's Phi, or its approximation by tanh when `approximate`."""

    approximate: bool = False

    def function(self, x: Reals) -> Reals:
        if self.approximate:
            angle = 1.5957691216057308 * x * (1.0 + 0.044715 * x * x)  # 2 sqrt(2 / pi)
            y = x * elementary.logistic(angle)
        else:
            y = x * elementary.normal_cdf(x)
        return np.where(x < -40.0, -0.0, y)

    def of_int16(self, x: Ints, source: Quantization) -> Array:
        return int16_tables.interpolated(self.function, x, source, self.out)
