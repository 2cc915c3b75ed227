"""The Fourier transform of real images, and complex numbers."""

from __future__ import annotations

from collections.abc import Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.op import Op, expect
from edgerun.ir.spectrum import ComplexAbs, Imag, Real, Rfft2d


def rfft2d(task: Import) -> Op:
    lengths = task.integers("lengths")
    expect(len(lengths) == 2, f"Two lengths are needed, got {lengths}.")
    return Rfft2d(*lengths)


IMPORTERS: Mapping[str, Importer] = {
    "COMPLEX_ABS": lambda task: ComplexAbs(),
    "IMAG": lambda task: Imag(),
    "REAL": lambda task: Real(),
    "RFFT2D": rfft2d,
}
