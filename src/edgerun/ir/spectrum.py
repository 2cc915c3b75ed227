"""The Fourier transform of real images, and complex numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.ir.op import Op, expect, flushed, rounded, supported
from edgerun.ir.types import COMPLEX64, FLOAT32, Array, TensorType


@dataclass(frozen=True)
class Rfft2d(Op):
    """float32 [..., rows, columns] -> complex64 [..., height, width / 2 + 1]: the spectrum of the image cut
    or filled up with zeros to `height` x `width`, of which the half that determines it."""

    height: int
    width: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype == FLOAT32, f"Rfft2d needs float32, got {x}.")
        expect(len(x.shape) >= 2 and min(self.height, self.width) > 0, f"Rfft2d: {self} does not fit {x}.")
        return (TensorType((*x.shape[:-2], self.height, self.width // 2 + 1), COMPLEX64),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        spectrum = np.fft.rfft2(flushed(arrays[0]), (self.height, self.width))
        return (spectrum.astype(np.complex64),)


@dataclass(frozen=True)
class _OfComplex(Op, abstract=True):
    """complex64 -> float32, element by element."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.dtype == COMPLEX64, f"{self.name} needs complex64, got {x}.")
        return (TensorType(x.shape, FLOAT32),)


@dataclass(frozen=True)
class Real(_OfComplex):
    """The real part."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.ascontiguousarray(np.real(arrays[0])),)


@dataclass(frozen=True)
class Imag(_OfComplex):
    """The imaginary part."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.ascontiguousarray(np.imag(arrays[0])),)


@dataclass(frozen=True)
class ComplexAbs(_OfComplex):
    """The absolute value."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        wide = arrays[0].astype(np.complex128)
        return (rounded(np.sqrt(wide.real**2 + wide.imag**2)),)
