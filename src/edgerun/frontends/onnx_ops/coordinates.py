"""Where the entries of a resized dimension lie in the old one, and what is read there.

Formulas: the operator Resize in ONNX's documentation (coordinate_transformation_mode, nearest_mode); cubic
weights are those of Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgerun.frontends.onnx_ops.task import refuse

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """One dimension of `size` entries that gets `out`; `start` and `end` are what is cropped from it."""

    size: int
    out: int
    scale: float
    start: float = 0.0
    end: float = 1.0

    @property
    def of_sizes(self) -> bool:
        """Whether the scale is the ratio of the sizes, as far as a float32 can tell."""
        return bool(np.float32(self.scale) == np.float32(self.out) / np.float32(self.size)) or (
            abs(self.scale * self.size - self.out) < 1e-6 * self.out
        )

    @property
    def same(self) -> bool:
        return self.out == self.size and self.of_sizes and (self.start, self.end) == (0.0, 1.0)

    def coordinates(self, mode: str) -> Reals:
        """Of every output entry, in input entries; float64 [out].

        Raises UnsupportedOperatorError for a mode that ONNX does not have.
        """
        o = np.arange(self.out, dtype=np.float64)
        # From the sizes, coordinates that are whole numbers come out as such.
        length = float(self.out) if self.of_sizes else self.scale * self.size
        half: Reals = (o + 0.5) * self.size / length - 0.5
        if mode == "half_pixel":
            return half
        if mode == "half_pixel_symmetric":
            return self.size / 2 * (1 - self.out / length) + half
        if mode == "pytorch_half_pixel":
            return np.full(self.out, -0.5) if length == 1 else half
        if mode == "asymmetric":
            return o * self.size / length
        if mode == "align_corners":
            return np.zeros(self.out) if length == 1 else o * (self.size - 1) / (length - 1)
        if mode == "tf_crop_and_resize":
            last = self.size - 1
            if length == 1:
                return np.full(self.out, 0.5 * (self.start + self.end) * last)
            return self.start * last + o * (self.end - self.start) * last / (length - 1)
        raise refuse(f"its coordinate_transformation_mode is {mode}")


def nearest(places: Reals, size: int, mode: str) -> Indices:
    """The entry of `size` that is read at each place; raises UnsupportedOperatorError for unknown modes."""
    if mode == "floor":
        chosen = np.floor(places)
    elif mode == "ceil":
        chosen = np.ceil(places)
    elif mode == "round_prefer_floor":
        chosen = np.ceil(places - 0.5)
    elif mode == "round_prefer_ceil":
        chosen = np.floor(places + 0.5)
    else:
        raise refuse(f"its nearest_mode is {mode}")
    return np.clip(chosen, 0, size - 1).astype(np.int64)


def matrix(places: Reals, size: int, mode: str, scale: float, cubic: float, exclude_outside: bool) -> Reals:
    """The weights [places, size] of the entries at each place.

    `scale` below 1 widens the kernel by 1 / scale, which is what antialiasing is. Entries beyond the ends
    are the last ones or, with exclude_outside, do not count.
    """
    reach = (2 if mode == "cubic" else 1) / scale
    offsets = np.arange(-int(np.ceil(reach)), int(np.ceil(reach)) + 1)
    entries = np.floor(places).astype(np.int64)[:, None] + offsets
    distance = np.abs(entries - places[:, None]) * scale
    weights = _cubic(distance, cubic) if mode == "cubic" else np.maximum(1 - distance, 0)
    if exclude_outside:
        weights = np.where((entries >= 0) & (entries < size), weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = weights / np.where(total == 0, 1.0, total)
    result = np.zeros((places.size, size))
    np.add.at(result, (np.arange(places.size)[:, None], np.clip(entries, 0, size - 1)), weights)
    return result


def _cubic(distance: Reals, a: float) -> Reals:
    d = distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
