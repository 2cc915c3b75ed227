"""Resizing of 8-bit NHWC images, with TFLite's coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import Array, TensorType


@dataclass(frozen=True)
class _Resize(Op, abstract=True):
    """NHWC to `size` = (height, width); the quantisation stays."""

    size: tuple[int, int]
    align_corners: bool = False
    half_pixel_centers: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        supported(x.is_8bit, f"{self.name} needs an 8-bit tensor, got {x}.")
        expect(len(x.shape) == 4 and min(self.size) > 0, f"{self.name} needs NHWC, got {x}.")
        expect(
            not (self.align_corners and self.half_pixel_centers),
            f"{self.name}: align_corners and half_pixel_centers exclude each other.",
        )
        return (x.with_shape((x.shape[0], *self.size, x.shape[3])),)


@dataclass(frozen=True)
class ResizeNearestNeighbor(_Resize):
    """Each output pixel is one input pixel."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
class ResizeBilinear(_Resize):
    """Each output pixel is a weighted mean of four input pixels."""

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        raise NotImplementedError
