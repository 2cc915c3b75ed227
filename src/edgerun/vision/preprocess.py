"""From a picture to the input tensor, in one pass of _vision.Preprocess; docs/preprocessing.md defines it.

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

from edgerun import _vision, knobs
from edgerun.errors import InputError, ModelError
from edgerun.ir.types import FLOAT32, INT8, UINT8, TensorInfo
from edgerun.vision.card import InputCard
from edgerun.vision.frame import PixelFormat, Pixels, planes_of

_log = logging.getLogger(__name__)

_KEPT = 8  # sizes of pictures that are prepared for at the same time

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


    def of_whole(self, width: int, height: int) -> Placement:
        """The same where the source is a picture of width x height, of which this was a smaller form."""
        x, y = width / self.source[0], height / self.source[1]
        left, top, wide, high = self.crop
        return replace(self, source=(width, height), crop=(left * x, top * y, wide * x, high * y))


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
        self._values, self.meaning = _values(card, info, self.channels)
        self._made: dict[tuple[PixelFormat, int, int], tuple[_vision.Preprocess, Placement]] = {}

    def empty(self) -> npt.NDArray[Any]:
        """A new input array for this model, of the input's shape and dtype."""
        return np.zeros([int(side) for side in self.info.shape], self.info.dtype)

    def __call__(
        self, image: Pixels, into: npt.NDArray[Any], format: PixelFormat | None = None
    ) -> Placement:
        """Fills `into`, an array of the input's shape and dtype.

        image: uint8 [height, width, 3] blue first, [height, width] grey or, with `format`, what `planes_of`
        says of it. Raises InputError.
        """
        if format is None:
            format = "grey" if image.ndim == 2 else "bgr"
        planes, width, height = planes_of(image, format)
        made = self._made.get((format, width, height))
        if made is None:
            if len(self._made) >= _KEPT:  # a camera that changes its size, folders of pictures
                self._made.clear()
            made = self._made[format, width, height] = self._make(format, width, height)
        made[0].run(planes, into[0])
        return made[1]

    def _make(
        self, format: PixelFormat, width: int, height: int
    ) -> tuple[_vision.Preprocess, Placement]:
        """What is the same for all pictures of a format and size."""
        placement = self.place(width, height)
        try:
            made = _vision.Preprocess(
                format=format,
                size=(width, height),
                crop=placement.crop,
                place=placement.place,
                out_size=(self.width, self.height),
                channels=self.channels,
                planar=self._planar,
                filter=self.card.filter,
                blue_first=self.card.colour == "bgr",
                grey=self.card.colour == "grey",
                fill=round(self.card.fill),
                isa=knobs.isa(),
                **self._values,
            )
        except ValueError as error:
            raise InputError(f"A picture of {width}x{height} pixels cannot be taken: {error}.") from error
        return made, placement

    def reduction(self, width: int, height: int) -> int:
        """By how much, 1, 2, 4 or 8, the sides of a picture may be smaller before it lacks pixels."""
        if self.card.filter != "auto":
            return 1
        placement = self.place(width, height)
        ratios = [c / p for c, p in zip(placement.crop[2:], placement.place[2:], strict=True)]
        return max(by for by in (1, 2, 4, 8) if by == 1 or by <= min(ratios))

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


def _values(card: InputCard, info: TensorInfo, channels: int) -> tuple[dict[str, Any], str]:
    """Type, gain, bias and table for _vision, by channel of the input; and what the input means."""
    meaning = _meaning(card, info)
    if meaning is None:
        # q = pixel for uint8, q = pixel - 128 for int8: the steps themselves.
        gain, bias = np.ones(channels), np.full(channels, 0.0 if info.dtype == UINT8 else -128.0)
        described = "raw pixels"
    else:
        mean, scale = (np.resize(np.array(part, np.float64), channels) for part in meaning)
        low, high = ((0 - mean) * scale).min(), ((255 - mean) * scale).max()
        described = f"{low:.3g} to {high:.3g}"
        step, zero = 1.0, 0
        if info.dtype != FLOAT32 and info.quantization is not None:
            step, zero = info.quantization.step, info.quantization.zero
        gain, bias = scale / step, zero - mean * scale / step
    values = {"type": info.dtype.char, "gain": gain.tolist(), "bias": bias.tolist()}
    if info.dtype != FLOAT32:
        low = -128 if info.dtype == INT8 else 0
        pixels = np.arange(256) * gain[:, None] + bias[:, None]
        values["table"] = np.clip(np.rint(pixels), low, low + 255).astype(info.dtype).tobytes()
    return values, described


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
