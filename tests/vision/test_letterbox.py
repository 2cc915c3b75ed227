"""_vision.resize_quantize against the definition in letterbox.h, as dense matrices in float64."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun._vision import resize_quantize

EYE = np.eye(3, dtype=np.float32)
ZERO = np.zeros(3, np.float32)


def axis_matrix(start: float, length: float, n: int, size: int) -> np.ndarray:
    """[n, size]: what each destination index takes of each source pixel."""
    ratio = length / n
    low, high = int(np.floor(start)), min(int(np.ceil(start + length)), size)
    matrix = np.zeros((n, size))
    for i in range(n):
        if ratio < 2:
            point = min(max(start + (i + 0.5) * ratio - 0.5, low), high - 1)
            left = int(point)
            matrix[i, left] += 1 - (point - left)
            if point > left:
                matrix[i, left + 1] += point - left
        else:
            for k in range(low, high):
                inside = min(k + 1, start + (i + 1) * ratio) - max(k, start + i * ratio)
                matrix[i, k] = max(inside, 0) / ratio
    return matrix


def resized(source: np.ndarray, crop: tuple[float, ...], width: int, height: int) -> np.ndarray:
    x, y, crop_width, crop_height = crop
    down = axis_matrix(y, crop_height, height, source.shape[0])
    along = axis_matrix(x, crop_width, width, source.shape[1])
    return np.einsum("yh,xw,hwc->yxc", down, along, source.astype(np.float64))


def run(source: np.ndarray, shape: tuple[int, ...], dtype: type, **options) -> np.ndarray:
    destination = np.full(shape, 77, dtype)
    channels = 1 if source.ndim == 2 else source.shape[2]
    options.setdefault("crop", (0, 0, source.shape[1], source.shape[0]))
    options.setdefault("place", (0, 0, shape[1], shape[0]))
    options.setdefault("mix", np.eye(shape[2], channels, dtype=np.float32))
    options.setdefault("bias", np.zeros(shape[2], np.float32))
    resize_quantize(source, destination, **options)
    return destination


sides = st.integers(1, 70)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), height=sides, width=sides, to_height=sides, to_width=sides)
def test_every_size_and_crop_follows_the_definition(data, height, width, to_height, to_width):
    source = np.random.default_rng(height * 71 + width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    x = data.draw(st.floats(0, width - 0.5))
    y = data.draw(st.floats(0, height - 0.5))
    crop = (x, y, data.draw(st.floats(0.25, width - x)), data.draw(st.floats(0.25, height - y)))
    got = run(source, (to_height, to_width, 3), np.float32, crop=crop)
    assert np.abs(got - resized(source, crop, to_width, to_height)).max() < 1e-3


@pytest.mark.parametrize(("size", "mode"), [((90, 110), "INTER_LINEAR"), ((17, 13), "INTER_AREA")])
def test_opencv_agrees_where_it_has_the_same_definition(noise, size, mode):
    source = noise(60, 70, 3)
    got = run(source, (*size, 3), np.float32)
    expected = cv2.resize(source.astype(np.float32), size[::-1], interpolation=getattr(cv2, mode))
    assert np.abs(got - expected).max() < 1e-3


def test_a_crop_is_cut_before_it_is_resized(noise):
    source = noise(40, 50, 3)
    cut = np.ascontiguousarray(source[5:31, 8:41])
    inside = run(source, (20, 25, 3), np.float32, crop=(8, 5, 33, 26))
    np.testing.assert_array_equal(inside, run(cut, (20, 25, 3), np.float32))


def test_rows_may_lie_apart(noise):
    wide = noise(40, 50, 3)
    view = wide[3:23:2, 10:30]
    np.testing.assert_array_equal(
        run(view, (9, 9, 3), np.float32), run(view.copy(), (9, 9, 3), np.float32)
    )


def test_a_transposed_destination_gets_planes(noise):
    source = noise(20, 30, 3)
    planes = np.zeros((3, 11, 12), np.float32)
    resize_quantize(
        source,
        planes.transpose(1, 2, 0),
        crop=(0, 0, 30, 20),
        place=(0, 0, 12, 11),
        mix=EYE,
        bias=ZERO,
    )
    np.testing.assert_array_equal(planes.transpose(1, 2, 0), run(source, (11, 12, 3), np.float32))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_quantisation_rounds_half_to_even_and_saturates(dtype):
    limits = np.iinfo(dtype)
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for gain, bias, zero_point in [(0.5, 0.0, 0), (0.5, 0.0, 3), (-3.5, 7.0, -20), (1e9, 0.0, 1)]:
        got = run(
            pixels,
            (16, 16, 1),
            dtype,
            mix=[[gain]],
            bias=[bias],
            zero_point=zero_point,
        )
        real = np.float32(gain) * pixels.astype(np.float32) + np.float32(bias)
        low, high = limits.min - zero_point, limits.max - zero_point
        expected = np.rint(np.clip(real, low, high)) + zero_point
        np.testing.assert_array_equal(got[..., 0], expected.astype(dtype))


def test_mix_swaps_weighs_and_spreads_channels(noise):
    source = noise(6, 7, 3)
    swapped = run(source, (6, 7, 3), np.uint8, mix=EYE[::-1].copy())
    np.testing.assert_array_equal(swapped, source[..., ::-1])
    luma = run(source, (6, 7, 1), np.float32, mix=[[0.114, 0.587, 0.299]])
    expected = cv2.cvtColor(source.astype(np.float32), cv2.COLOR_BGR2GRAY)
    assert np.abs(luma[..., 0] - expected).max() < 1e-3
    spread = run(source[..., 0].copy(), (6, 7, 3), np.uint8, mix=[[1], [1], [1]])
    np.testing.assert_array_equal(spread, np.repeat(source[..., :1], 3, axis=2))


def test_the_rest_of_a_letterbox_is_filled_with_a_source_value(noise):
    source = noise(10, 20, 3)
    got = run(
        source,
        (16, 16, 3),
        np.int8,
        place=(0, 4, 16, 8),
        bias=np.full(3, -5, np.float32),
        fill=114.0,
        zero_point=-128,
    )
    inner = run(source, (8, 16, 3), np.int8, bias=np.full(3, -5, np.float32), zero_point=-128)
    np.testing.assert_array_equal(got[4:12], inner)
    assert (got[:4] == 114 - 5 - 128).all()
    assert (got[12:] == 114 - 5 - 128).all()


def good() -> dict:
    return {
        "src": np.zeros((4, 5, 3), np.uint8),
        "dst": np.zeros((6, 7, 3), np.int8),
        "crop": (0, 0, 5, 4),
        "place": (0, 0, 7, 6),
        "mix": EYE,
        "bias": ZERO,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("src", np.zeros((4, 5, 3), np.int8)),
        ("src", np.zeros((4, 5, 2), np.uint8)),
        ("src", np.zeros((0, 5, 3), np.uint8)),
        ("src", np.zeros((4, 10, 3), np.uint8)[:, ::2]),
        ("src", np.zeros((4, 5, 6), np.uint8)[:, :, ::2]),
        ("src", np.zeros(9, np.uint8)),
        ("dst", np.zeros((6, 7, 3), np.float64)),
        ("dst", np.zeros((6, 7, 4), np.int8)),
        ("dst", np.zeros((6, 7), np.int8)),
        ("crop", (0, 0, 5.5, 4)),
        ("crop", (-0.1, 0, 4, 4)),
        ("crop", (0, 0, 0, 4)),
        ("crop", (0, float("nan"), 5, 4)),
        ("crop", (0, 0, 5)),
        ("place", (0, 0, 8, 6)),
        ("place", (1, 0, 7, 6)),
        ("place", (0, 0, 7, 0)),
        ("place", (2**31 - 1, 0, 1, 1)),
        ("mix", EYE[:2]),
        ("mix", np.eye(3, 2)),
        ("mix", np.full((3, 3), np.inf, np.float32)),
        ("bias", ZERO[:2]),
        ("fill", float("nan")),
        ("zero_point", 300),
    ],
)
def test_what_does_not_fit_is_refused(name, value):
    arguments = good()
    resize_quantize(arguments.pop("src"), arguments.pop("dst"), **arguments)
    arguments = good() | {name: value}
    with pytest.raises(ValueError):
        resize_quantize(arguments.pop("src"), arguments.pop("dst"), **arguments)


def test_a_read_only_destination_is_refused():
    arguments = good()
    arguments["dst"].flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        resize_quantize(arguments.pop("src"), arguments.pop("dst"), **arguments)


def test_nothing_outside_the_destination_is_touched(noise):
    """Guard values around every buffer side."""
    for height, width in [(1, 1), (3, 5), (17, 9), (64, 64)]:
        around = np.full((height + 4, width + 4, 3), 99, np.uint8)
        inner = around[2:-2, 2:-2]
        resize_quantize(
            noise(31, 45, 3),
            inner,
            crop=(0.3, 0.7, 44.7, 30.3),
            place=(0, 0, width, height),
            mix=EYE * 0,
            bias=ZERO,
        )
        assert (inner == 0).all()
        inner[...] = 99
        assert (around == 99).all()
