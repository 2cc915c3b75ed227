"""From a picture to the input tensor, in one pass of _vision.resize_quantize.

Where the card gives neither mean nor scale, the input itself tells what the model was trained on:

- uint8: the raw pixels, whatever the quantisation says (that is how such models are made);
- int8: the real range that 256 steps of the scale cover, if it is about [0, 1], [-1, 1] or
  [0, 255]: the pixels are brought to that range and quantised with scale and zero point;
  otherwise pixel - 128;
- float32: [0, 1].
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun import _vision
from edgerun.errors import InputError, ModelError
from edgerun.ir.types import FLOAT32, INT8, UINT8, TensorInfo
from edgerun.vision.card import InputCard
from edgerun.vision.frame import Image

_log = logging.getLogger(__name__)

_LUMA_BGR = (0.114, 0.587, 0.299)
# Real ranges that models are trained on, and the (mean, scale) that bring a pixel there.
_RANGES = (
    ((0.0, 1.0), (0.0, 1 / 255)),
    ((-1.0, 1.0), (127.5, 1 / 127.5)),
    ((0.0, 255.0), (0.0, 1.0)),
)


@dataclass(frozen=True)
class Placement:
    """Where the picture went: `crop` of the source to `place` of an input of `size`.

    Rectangles are (x, y, width, height) in pixels, `size` is (width, height); so is `source`.
    """

    source: tuple[int, int]
    size: tuple[int, int]
    crop: tuple[float, float, float, float]
    place: tuple[int, int, int, int]

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """A point of the input, both coordinates 0 to 1, in pixels of the picture, inside it."""
        left, top, width, height = self.crop
        place_x, place_y, place_width, place_height = self.place
        source_x = left + (x * self.size[0] - place_x) * width / place_width
        source_y = top + (y * self.size[1] - place_y) * height / place_height
        return (
            min(max(source_x, 0.0), float(self.source[0])),
            min(max(source_y, 0.0), float(self.source[1])),
        )


class Preprocessor:
    """Pictures of any size to the one image input [1, H, W, C] or [1, C, H, W], C of 1 or 3.

    A batch that the model leaves open is 1. Raises ModelError where the input is not a picture or not int8,
    uint8 or float32, or leaves the size of its pictures open.
    """

    def __init__(self, card: InputCard, info: TensorInfo) -> None:
        if info.shape[:1] and _is_open(info.shape[0]):
            info = replace(info, shape=(1, *info.shape[1:]))
        self.card = card
        self.info = info
        self._planar, self.height, self.width, self.channels = _image_layout(info)
        if info.dtype not in (INT8, UINT8, FLOAT32):
            raise ModelError(
                f"Input {info.name!r} must be int8, uint8 or float32 to take a picture, "
                f"got {info.dtype}."
            )
        self._mix, self._bias, self._zero_point, self.meaning = _arithmetic(
            card, info, self.channels
        )

    def empty(self) -> npt.NDArray[Any]:
        """A new input array for this model, of the input's shape and dtype."""
        return np.zeros([int(side) for side in self.info.shape], self.info.dtype)

    def __call__(self, image: Image, into: npt.NDArray[Any]) -> Placement:
        """Fills `into`, an array of the input's shape and dtype.

        image: uint8 [height, width, 3] blue first, or [height, width] grey. Raises InputError.
        """
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
            raise InputError(
                "A picture must be uint8 of shape [height, width, 3] or [height, width], "
                f"got {image.dtype} of shape {list(image.shape)}."
            )
        if min(image.shape) < 1:
            raise InputError(f"A picture of shape {list(image.shape)} has no pixels.")
        if image.strides[1:] != np.empty((1, *image.shape[1:]), np.uint8).strides[1:]:
            image = np.ascontiguousarray(image)
        grey = image.ndim == 2
        placement = self.place(image.shape[1], image.shape[0])
        target = into[0].transpose(1, 2, 0) if self._planar else into[0]
        _vision.resize_quantize(
            image,
            target,
            crop=placement.crop,
            place=placement.place,
            # A grey picture has the same value in all three channels.
            mix=self._mix.sum(axis=1, keepdims=True) if grey else self._mix,
            bias=self._bias,
            fill=self.card.fill,
            zero_point=self._zero_point,
        )
        return placement

    def place(self, width: int, height: int) -> Placement:
        """Where a picture of width x height pixels goes."""
        crop = (0.0, 0.0, float(width), float(height))
        place = (0, 0, self.width, self.height)
        if self.card.resize == "letterbox":
            ratio = min(self.width / width, self.height / height)
            inner_width = min(max(round(width * ratio), 1), self.width)
            inner_height = min(max(round(height * ratio), 1), self.height)
            place = (
                (self.width - inner_width) // 2,
                (self.height - inner_height) // 2,
                inner_width,
                inner_height,
            )
        elif self.card.resize == "crop":
            # The largest rectangle of the input's shape, then `crop` of it.
            ratio = self.card.crop * min(width / self.width, height / self.height)
            crop_width = min(self.width * ratio, float(width))
            crop_height = min(self.height * ratio, float(height))
            crop = ((width - crop_width) / 2, (height - crop_height) / 2, crop_width, crop_height)
        return Placement((width, height), (self.width, self.height), crop, place)


def _is_open(size: int | str) -> bool:
    return not isinstance(size, int) or size < 0


def _image_layout(info: TensorInfo) -> tuple[bool, int, int, int]:
    """(planar, height, width, channels) of an image input."""
    shape = info.shape
    if len(shape) == 4 and any(map(_is_open, shape)):
        raise ModelError(
            f"Input {info.name!r} leaves dimensions open, {list(shape)}: give them sizes, as "
            f"edgerun.Session(path, shapes={{{info.name!r}: (1, 3, 224, 224)}})."
        )
    if len(shape) == 4 and shape[0] == 1 and all(isinstance(s, int) and s > 0 for s in shape):
        _, a, b, c = (int(side) for side in shape)
        if c in (1, 3):
            return False, a, b, c
        if a in (1, 3):
            return True, b, c, a
    raise ModelError(
        f"The model takes no picture: input {info.name!r} has the shape {list(shape)}, expected "
        "[1, height, width, 1 or 3] or [1, 1 or 3, height, width]."
    )


def _arithmetic(
    card: InputCard, info: TensorInfo, channels: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], int, str]:
    """mix, bias and zero point for _vision, from blue-first pixels; and what the input means."""
    if channels == 1:
        pick = np.array([_LUMA_BGR])
    elif card.colour == "grey":
        pick = np.array([_LUMA_BGR] * 3)
    else:
        pick = np.eye(3) if card.colour == "bgr" else np.eye(3)[::-1]
    meaning = _meaning(card, info)
    if meaning is None:
        # q = pixel for uint8, q = pixel - 128 for int8: the steps themselves.
        bias = np.zeros(channels, np.float32)
        zero_point = 0 if info.dtype == UINT8 else -128
        return pick.astype(np.float32), bias, zero_point, "raw pixels"
    mean, scale = (np.resize(np.array(part, np.float64), channels) for part in meaning)
    step, zero_point = 1.0, 0
    if info.dtype != FLOAT32 and info.quantization is not None:
        step, zero_point = info.quantization.step, info.quantization.zero
    gain = scale / step
    low, high = ((0 - mean) * scale).min(), ((255 - mean) * scale).max()
    return (
        (pick * gain[:, None]).astype(np.float32),
        (-mean * gain).astype(np.float32),
        zero_point,
        f"{low:.3g} to {high:.3g}",
    )


def _meaning(
    card: InputCard, info: TensorInfo
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(mean, scale), or None for the raw pixels."""
    if card.mean is not None or card.scale is not None:
        return card.mean or (0.0,), card.scale or (1.0,)
    if info.dtype == UINT8:
        return None
    if info.dtype == FLOAT32:
        return (0.0,), (1 / 255,)
    if info.quantization is not None:
        step, zero = info.quantization.step, info.quantization.zero
        low, high = step * (-128 - zero), step * (127 - zero)
        for (first, last), (mean, scale) in _RANGES:
            slack = 0.1 * (last - first)
            if abs(low - first) < slack and abs(high - last) < slack:
                return (mean,), (scale,)
        _log.info(
            "Input %r covers %.3g to %.3g, none of the usual ranges: it gets pixel - 128.",
            info.name,
            low,
            high,
        )
    return None
