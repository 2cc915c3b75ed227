"""The custom operators of MediaPipe's models (its util/tflite/operations): crops of an image around
landmarks, pooling that remembers where each maximum lay.

Positions in an image are (x, y) with the centre of pixel (row i, column j) at (j, i); what lies outside of
the image is 0. csrc/ops/mediapipe_*.cc have the same arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.ir.conv import Padding, Pair, windows
from edgerun.ir.elementwise import Reals
from edgerun.ir.op import NO_CLAMP, Clamp, Op, expect, flushed, rounded, supported
from edgerun.ir.types import FLOAT32, Array, TensorType

Floats = npt.NDArray[np.float32]


def _expect_floats(op: Op, types: Sequence[TensorType]) -> None:
    for kind in types:
        supported(kind.dtype == FLOAT32, f"{op.name} needs float32 tensors, got {kind}.")


def _expect_matrix(op: Op, kind: TensorType) -> None:
    expect(kind.size == 16 and kind.shape[-2:] == (4, 4), f"{op.name} needs one 4 x 4 matrix, got {kind}.")


@dataclass(frozen=True)
class LandmarksToTransformMatrix(Op):
    """landmarks float32 [1, n, 3], of which x and y count -> matrix float32 [1, 4, 4].

    The matrix takes pixels of a crop of `size` = (height, width) to where they lie in the image: the crop is
    `scale` = (x, y) times the smallest box around the landmarks `subset`, turned so that the one from `left`
    to `right` has the direction `rotation` in it, in radians.
    """

    left: int
    right: int
    subset: tuple[int, ...]
    size: Pair
    scale: tuple[float, float]
    rotation: float = 0.0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        _expect_floats(self, types)
        expect(len(x.shape) == 3 and x.shape[0] == 1 and x.shape[2] == 3, f"{self.name}: {x} is not 1xNx3.")
        indices = (self.left, self.right, *self.subset)
        expect(
            bool(self.subset) and min(indices) >= 0 and max(indices) < x.shape[1],
            f"{self.name}: {x} lacks some of the landmarks {indices}.",
        )
        expect(
            min(self.size) > 0 and min(self.scale) > 0 and math.isfinite(sum(self.scale) + self.rotation),
            f"{self} has a parameter out of range.",
        )
        return (TensorType((1, 4, 4), FLOAT32),)

    def _matrix(self, x: Reals, y: Reals) -> tuple[Reals, Reals]:
        """The matrix of these coordinates; and of each element, the sum of its terms' magnitudes."""
        dx, dy = x[self.right] - x[self.left], y[self.right] - y[self.left]
        length = np.sqrt(dx * dx + dy * dy)
        cos, sin = (dx / length, dy / length) if length > 0 else (np.float64(1), np.float64(0))
        # By how much the crop is turned: the direction of the landmarks minus the one they shall have.
        cos_r, sin_r = math.cos(self.rotation), math.sin(self.rotation)
        cos, sin = cos * cos_r + sin * sin_r, sin * cos_r - cos * sin_r
        chosen = list(self.subset)
        u, v = cos * x[chosen] + sin * y[chosen], cos * y[chosen] - sin * x[chosen]
        u_middle, v_middle = (u.min() + u.max()) / 2, (v.min() + v.max()) / 2
        height, width = self.size
        a, b = (u.max() - u.min()) * self.scale[0] / width, (v.max() - v.min()) * self.scale[1] / height
        left, top = u_middle - a * width / 2, v_middle - b * height / 2
        matrix, terms = np.eye(4), np.eye(4)
        matrix[0] = cos * a, -sin * b, 0, cos * left - sin * top
        matrix[1] = sin * a, cos * b, 0, sin * left + cos * top
        reach = np.abs(x[chosen]).max() + np.abs(y[chosen]).max()
        terms[:2, [0, 1, 3]] = max(self.scale) * reach * 2
        return matrix, terms

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, y, _ = flushed(arrays[0])[0].T
        return (np.maximum(self._matrix(x, y)[1], 1e-6)[None],)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, y, _ = flushed(arrays[0])[0].T
        return (rounded(self._matrix(x, y)[0])[None],)


@dataclass(frozen=True)
class TransformLandmarks(Op):
    """landmarks float32 [..., k * dimensions], matrix float32 [1, 4, 4] -> the landmarks, transformed.

    x' = m00 x + m01 y + scale * m03, y' = m10 x + m11 y + scale * m13; of 3 `dimensions` z stays.
    """

    dimensions: int
    scale: float = 1.0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, matrix = types
        _expect_floats(self, types)
        _expect_matrix(self, matrix)
        expect(
            self.dimensions in (2, 3) and x.shape != () and x.shape[-1] % self.dimensions == 0,
            f"{self.name}: {x} is not made of landmarks of {self.dimensions} dimensions.",
        )
        expect(self.scale != 0 and math.isfinite(self.scale), f"{self} has a parameter out of range.")
        return (x,)

    def _transform(self, x: Reals, matrix: Reals) -> Reals:
        points = x.reshape(-1, self.dimensions).copy()
        m = matrix.reshape(4, 4)
        with np.errstate(invalid="ignore", over="ignore"):
            points[:, :2] = points[:, :2] @ m[:2, :2].T + np.float64(np.float32(self.scale)) * m[:2, 3]
        return points.reshape(x.shape)

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, matrix = (np.abs(a.astype(np.float64)) for a in arrays)
        return (np.maximum(np.abs(self._transform(x, matrix)), 1e-6),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (rounded(self._transform(flushed(arrays[0]), flushed(arrays[1]))),)


def _bilinear(image: Reals, x: Floats, y: Floats, inside: Array) -> Reals:
    """image [h, w, c] at the positions x, y of any shape: [..., c]; 0 where not `inside`."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    left, top = (np.where(inside, np.floor(p), np.float32(0)) for p in (x, y))
    dx, dy = (
        np.where(inside, p - low, np.float32(0)).astype(np.float64)[..., None]
        for p, low in ((x, left), (y, top))
    )
    j, i = left.astype(np.int64) + 1, top.astype(np.int64) + 1
    upper = (1 - dx) * padded[i, j] + dx * padded[i, j + 1]
    lower = (1 - dx) * padded[i + 1, j] + dx * padded[i + 1, j + 1]
    return np.where(inside[..., None], (1 - dy) * upper + dy * lower, 0.0)


@dataclass(frozen=True)
class TransformTensorBilinear(Op):
    """image float32 [1, h, w, c], matrix float32 [1, 4, 4] -> crop float32 [1, *size, c].

    Pixel (x, y) of the crop is the image, bilinearly, at (m00 x + m01 y + m03, m10 x + m11 y + m13), computed
    in float32, or 0 when that lies outside of the image. half_pixel: the matrix is about coordinates in
    which the centres of pixels lie at halves.
    """

    size: Pair
    half_pixel: bool = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, matrix = types
        _expect_floats(self, types)
        _expect_matrix(self, matrix)
        expect(len(x.shape) == 4 and x.shape[0] == 1, f"{self.name} needs one NHWC image, got {x}.")
        expect(min(self.size) > 0, f"{self} has a parameter out of range.")
        return (x.with_shape((1, *self.size, x.shape[3])),)

    def _positions(self, row: Floats) -> Floats:
        """One coordinate of every pixel of the crop, in float32 as TFLite's operator has it."""
        a, b, _, shift = row
        if self.half_pixel:
            centre = np.float64(a) * 0.5 + np.float64(b) * 0.5 - 0.5
            shift = np.float32(np.float64(shift) + centre)
        i, j = np.indices(self.size).astype(np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            return a * j + b * i + shift  # type: ignore[no-any-return]

    def _crop(self, image: Reals, matrix: Array) -> Reals:
        rows = flushed(matrix).astype(np.float32).reshape(4, 4)
        x, y = self._positions(rows[0]), self._positions(rows[1])
        h, w = image.shape[1:3]
        return _bilinear(image[0], x, y, (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1))[None]

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._crop(np.abs(arrays[0].astype(np.float64)), arrays[1]), 1e-6),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (rounded(self._crop(flushed(arrays[0]), arrays[1])),)


@dataclass(frozen=True)
class Resampler(Op):
    """image float32 [n, h, w, c], positions float32 [n, oh, ow, 2] of (x, y) -> float32 [n, oh, ow, c]: the
    image, bilinearly, at each position; pixels beyond its border are 0."""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, positions = types
        _expect_floats(self, types)
        expect(
            len(x.shape) == 4
            and len(positions.shape) == 4
            and positions.shape[0] == x.shape[0]
            and positions.shape[3] == 2,
            f"{self.name}: {positions} are no positions in {x}.",
        )
        return (x.with_shape((*positions.shape[:3], x.shape[3])),)

    def _sample(self, image: Reals, positions: Array) -> Reals:
        x, y = np.moveaxis(flushed(positions).astype(np.float32), 3, 0)
        h, w = image.shape[1:3]
        inside = (x > -1) & (x < w) & (y > -1) & (y < h)
        return np.stack([_bilinear(*parts) for parts in zip(image, x, y, inside, strict=True)])

    def magnitude(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (np.maximum(self._sample(np.abs(arrays[0].astype(np.float64)), arrays[1]), 1e-6),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        return (rounded(self._sample(flushed(arrays[0]), arrays[1])),)


@dataclass(frozen=True)
class MaxPoolWithArgmax(Op):
    """x float32 NHWC -> the largest value of each window, clamped; and its place in the window as float32,
    row * kernel width + column + 0.1: the first of equal ones; 0.1 when none is above float32's lowest."""

    kernel: Pair
    strides: Pair
    padding: Padding
    clamp: Clamp = NO_CLAMP

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        (x,) = types
        _expect_floats(self, types)
        expect(len(x.shape) == 4, f"{self.name} needs NHWC, got {x}.")
        expect(min(self.kernel) > 0 and min(self.strides) > 0, "Kernels and strides start at 1.")
        out = (x.shape[0], *self._size(x.shape[1], x.shape[2]), x.shape[3])
        expect(min(out[1:3]) > 0, f"{self.name}: no window of {self.kernel} fits into {x}.")
        return x.with_shape(out), x.with_shape(out)

    def _size(self, h: int, w: int) -> Pair:
        top, left, bottom, right = self.padding
        rows = (h + top + bottom - self.kernel[0]) // self.strides[0] + 1
        return rows, (w + left + right - self.kernel[1]) // self.strides[1] + 1

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        lowest = float(np.finfo(np.float32).min)
        x = flushed(arrays[0])
        top, left, bottom, right = self.padding
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        padded = np.pad(np.where(x > lowest, x, -np.inf), pads, constant_values=-np.inf)
        taps = windows(padded, self.kernel, self.strides, (1, 1), self._size(*x.shape[1:3]))
        n, oh, ow, kh, kw, c = taps.shape
        taps = taps.reshape(n, oh, ow, kh * kw, c)
        places = taps.argmax(axis=3).astype(np.float32) + np.float32(0.1)
        return rounded(np.maximum(taps.max(axis=3), lowest), self.clamp), places


@dataclass(frozen=True)
class MaxUnpool(Op):
    """x and places float32 [n, h, w, c], as MaxPoolWithArgmax gives them -> float32 [n, h * kernel height,
    w * kernel width, c]: each value back at its place, 0 elsewhere. The last of several at one place stays;
    what would lie outside is dropped."""

    kernel: Pair
    strides: Pair

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        x, places = types
        _expect_floats(self, types)
        expect(len(x.shape) == 4 and x.shape == places.shape, f"{self.name}: {x} and {places} do not fit.")
        expect(min(self.kernel) > 0 and min(self.strides) > 0, "Kernels and strides start at 1.")
        n, h, w, c = x.shape
        return (x.with_shape((n, h * self.kernel[0], w * self.kernel[1], c)),)

    def eval(self, types: Sequence[TensorType], *arrays: Array) -> tuple[Array, ...]:
        x, places = arrays
        shape = self.infer(*types)[0].shape
        result = np.zeros(shape, np.float32)
        index = np.indices(x.shape)
        n, i, j, c = (index[axis] for axis in range(4))
        known = np.isfinite(places) & (np.abs(places.astype(np.float64)) < 2**31)
        place = np.where(known, places, -1).astype(np.int64)
        down = np.sign(place) * (np.abs(place) // self.kernel[1])  # as C divides
        rows = i * self.strides[0] - self._before(0, x.shape[1]) + down
        columns = j * self.strides[1] - self._before(1, x.shape[2]) + place - down * self.kernel[1]
        fits = known & (rows >= 0) & (rows < shape[1]) & (columns >= 0) & (columns < shape[2])
        result[n[fits], rows[fits], columns[fits], c[fits]] = x[fits]
        return (result,)

    def _before(self, axis: int, size: int) -> int:
        """The padding before the windows of the output that `size` values came from."""
        kernel, stride = self.kernel[axis], self.strides[axis]
        return max((size - 1) * stride + kernel - size * kernel, 0) // 2
