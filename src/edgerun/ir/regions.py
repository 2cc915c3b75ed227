"""Regions of images, columns of their windows, determinants."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.ir.op import Op, expect, supported
from edgerun.ir.types import FLOAT32, Array, TensorType

# Of a bin, per direction: one that has more pixels is sampled more coarsely than that.
MOST_SAMPLES = 4096


@dataclass(frozen=True)
class RoiAlign(Op):
    """Inputs: images [n, c, h, w], regions [r, 4] as x1, y1, x2, y2, the image [r] of each -> [r, c, *size].

    Each region is cut into `size` bins; a bin is the mean of samples, taken between four pixels each, or
    with `largest` the largest of the weighted pixels. samples: per bin and direction, at most MOST_SAMPLES;
    0: as many as pixels. A sample more than a pixel outside is 0, as is a region of no image.
    https://arxiv.org/abs/1703.06870; half_pixel: the centre of the first pixel is at 0.5.
    """

    size: tuple[int, int]
    samples: int = 0
    scale: float = 1.0
    largest: bool = False
    half_pixel: bool = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, regions, images = types
        supported(x.dtype == regions.dtype == FLOAT32, f"RoiAlign of {x} and {regions}.")
        expect(
            len(x.shape) == 4
            and regions.shape == (*images.shape, 4)
            and len(images.shape) == 1
            and images.is_plain_integer
            and min(self.size) > 0
            and 0 <= self.samples <= MOST_SAMPLES,
            f"RoiAlign: {regions} and {images} do not fit {x}.",
        )
        return (x.with_shape((*images.shape, x.shape[1], *self.size)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (self._aligned(*arrays).astype(np.float32),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, *rest = arrays
        return (np.maximum(self._aligned(np.abs(x), *rest), 1e-6),)

    def _aligned(self, x: Array, regions: Array, images: Array) -> npt.NDArray[np.float64]:
        y = np.zeros((len(regions), x.shape[1], *self.size))
        for i, (region, image) in enumerate(zip(regions.astype(np.float32), images, strict=True)):
            if not 0 <= image < len(x):
                continue  # what is out of range is left out
            shift = np.float32(0.5 if self.half_pixel else 0)
            x1, y1, x2, y2 = region * np.float32(self.scale) - shift
            down = self._samples(y1, y2, self.size[0], x.shape[2])
            across = self._samples(x1, x2, self.size[1], x.shape[3])
            pixels = x[int(image)].astype(np.float64)
            y[i] = (self._largest if self.largest else self._mean)(pixels, down, across)
        return y

    def _samples(self, start: np.float32, end: np.float32, bins: int, size: int) -> _Samples:
        """Of each sample of each bin along one direction: the two pixels around it, and their weights."""
        extent = end - start
        if not self.half_pixel:
            extent = max(extent, np.float32(1))
        step = extent / np.float32(bins)
        count = self.samples or (math.ceil(min(float(step), MOST_SAMPLES)) if step > 0 else 0)
        inside = (np.arange(count, dtype=np.float32) + np.float32(0.5)) * step / np.float32(max(count, 1))
        place = start + np.arange(bins, dtype=np.float32)[:, None] * step + inside
        outside = ~((place >= -1) & (place <= size))
        place = np.where(outside, np.float32(0), np.maximum(place, np.float32(0)))
        low = np.minimum(place.astype(np.int64), size - 1)
        high = np.minimum(low + 1, size - 1)
        part = np.where(low == size - 1, np.float32(0), place - low.astype(np.float32)).astype(np.float64)
        weights = np.where(outside, 0.0, np.stack([1 - part, part]))
        return _Samples(np.stack([low, high]), weights)

    def _mean(self, x: Any, down: _Samples, across: _Samples) -> npt.NDArray[np.float64]:
        rows: Any = np.einsum("cpbsw,pbs->cbw", x[:, down.pixels], down.weights)
        cells = np.einsum("cbpvt,pvt->cbv", rows[:, :, across.pixels], across.weights)
        count = max(down.count * across.count, 1)
        return np.asarray(cells / count)

    def _largest(self, x: Any, down: _Samples, across: _Samples) -> npt.NDArray[np.float64]:
        y = np.zeros((len(x), *self.size))
        if not down.pixels.size or not across.pixels.size:
            return y
        for row, column in np.ndindex(self.size):
            (rows, of_rows), (columns, of_columns) = down.inside(row), across.inside(column)
            everything = rows.shape[1] == down.count and columns.shape[1] == across.count
            corners = [
                (x[:, rows[p]][:, :, columns[q]] * (of_rows[p][:, None] * of_columns[q])).reshape(len(x), -1)
                for p, q in itertools.product((0, 1), repeat=2)
            ]
            if not everything:
                corners.append(np.zeros((len(x), 1)))  # a sample outside
            y[:, row, column] = np.concatenate(corners, axis=1).max(axis=1)
        return y


@dataclass(frozen=True)
class _Samples:
    """pixels: int64 [2, bins, samples]; weights: float64 of the same shape."""

    pixels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        """Of one bin."""
        return int(self.pixels.shape[-1])

    def inside(self, i: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The pixels and weights of the samples of a bin that do not lie outside, whose weights are 0."""
        inside = self.weights[:, i].any(axis=0)
        return self.pixels[:, i, inside], self.weights[:, i, inside]


@dataclass(frozen=True)
class Col2Im(Op):
    """The columns [n, c * prod(block), windows] of an image of the shape `image` -> [n, c, *image]: each
    element is added where it lay. pads: first those before all dimensions, then those behind."""

    image: tuple[int, ...]
    block: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        rank = len(self.image)
        lists = (self.block, self.strides, self.dilations, self.pads[:rank], self.pads[rank:])
        expect(
            all(len(numbers) == rank for numbers in lists)
            and min((*self.image, *self.block, *self.strides, *self.dilations), default=1) > 0
            and min(self.pads, default=0) >= 0,
            f"Col2Im: {lists} do not fit an image of {self.image}.",
        )
        supported(x.dtype.kind in "iuf" and x.quantization is None, f"Col2Im of {x}.")
        expect(
            len(x.shape) == 3
            and x.shape[1] % math.prod(self.block) == 0
            and min(self._windows(), default=1) > 0
            and x.shape[2] == math.prod(self._windows()),
            f"Col2Im: {x} are not the columns of an image of {self.image}.",
        )
        return (x.with_shape((x.shape[0], x.shape[1] // math.prod(self.block), *self.image)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        dtype = np.dtype(np.float64) if types[0].is_float else types[0].dtype
        y = self._sums(self.infer(*types)[0].shape, arrays[0].astype(dtype))
        return (y.astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x = np.abs(arrays[0].astype(np.float64))
        return (np.maximum(self._sums(self.infer(*types)[0].shape, x), 1e-6),)

    def _windows(self) -> tuple[int, ...]:
        """How many there are per dimension."""
        return tuple(
            (size + before + after - (width - 1) * dilation - 1) // stride + 1
            for size, width, stride, dilation, before, after in zip(
                self.image,
                self.block,
                self.strides,
                self.dilations,
                self.pads[: len(self.image)],
                self.pads[len(self.image) :],
                strict=True,
            )
        )

    def _sums(self, shape: tuple[int, ...], x: Array) -> Array:
        rank, windows = len(self.image), self._windows()
        before = self.pads[:rank]
        padded = [d + b + a for d, b, a in zip(self.image, before, self.pads[rank:], strict=True)]
        y: Any = np.zeros((*shape[:2], *padded), x.dtype)
        columns: Any = x.reshape(*shape[:2], *self.block, *windows)
        for place in itertools.product(*map(range, self.block)):
            starts = [p * d for p, d in zip(place, self.dilations, strict=True)]
            window = tuple(
                slice(start, start + (n - 1) * stride + 1, stride)
                for start, n, stride in zip(starts, windows, self.strides, strict=True)
            )
            y[(..., *window)] += columns[(slice(None), slice(None), *place)]
        inner = tuple(slice(b, b + d) for b, d in zip(before, self.image, strict=True))
        return np.ascontiguousarray(y[(..., *inner)])


@dataclass(frozen=True)
class Det(Op):
    """The determinants of the square matrices [..., n, n]."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        expect(len(x.shape) >= 2 and x.shape[-1] == x.shape[-2], f"Det: {x} are no square matrices.")
        supported(x.is_float, f"Det of {x}.")
        return (x.with_shape(x.shape[:-2]),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.asarray(np.linalg.det(arrays[0].astype(np.float64))).astype(types[0].dtype),)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        """Hadamard's bound: the product of the lengths of the rows."""
        rows = np.linalg.norm(arrays[0].astype(np.float64), axis=-1)
        return (np.maximum(np.prod(rows, axis=-1), 1e-6),)
