"""_vision.Preprocess against its definition (docs/preprocessing.md) in numpy, and against OpenCV."""

from __future__ import annotations

import threading
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun import _vision
from edgerun.vision.frame import planes_of

ONE = 1 << 14
IDENTITY = bytes(range(256))
TYPES = {"b": np.int8, "B": np.uint8, "f": np.float32}


def axis_weights(start: float, length: float, n: int, size: int, filter: str) -> np.ndarray:
    """[n, size]: what each pixel of the output takes of each of the picture, in units of 2^-14."""
    ratio = length / n
    low, high = int(start), min(int(np.ceil(start + length)), size)
    low = min(low, high - 1)
    weights = np.zeros((n, size), np.int64)
    for i in range(n):
        if (filter == "area" and ratio > 1) or (filter == "auto" and ratio >= 2):
            begin = start + i * ratio
            until = [np.clip((k + 1 - begin) / ratio, 0, 1) for k in range(low, high)]
            until[-1] = 1.0
            sums = np.floor(np.array(until) * ONE + 0.5).astype(np.int64)
            weights[i, low:high] = np.diff(sums, prepend=0)
        else:
            point = min(max(start + (i + 0.5) * ratio - 0.5, low), high - 1)
            left = int(point)
            share = int(np.floor((point - left) * ONE + 0.5))
            weights[i, left] += ONE - share
            if share:
                weights[i, left + 1] += share
    return weights


def resized(picture: np.ndarray, crop: tuple[float, ...], width: int, height: int, filter: str) -> np.ndarray:
    """uint8 [height, width, C] of uint8 [H, W, C]: rows first, then columns, as the definition says."""
    x, y, w, h = crop
    down = axis_weights(y, h, height, picture.shape[0], filter)
    along = axis_weights(x, w, width, picture.shape[1], filter)
    rows = (np.tensordot(down, picture.astype(np.int64), 1) + (1 << 6)) >> 7
    return ((np.einsum("xk,ykc->yxc", along, rows) + (1 << 20)) >> 21).astype(np.uint8)


def preprocess(
    picture: np.ndarray, format: str = "bgr", *, out_size: tuple[int, int], **given: Any
) -> np.ndarray:
    planes, width, height = planes_of(picture, format)  # type: ignore[arg-type]
    channels = given.setdefault("channels", 3)
    given.setdefault("crop", (0, 0, width, height))
    given.setdefault("place", (0, 0, *out_size))
    given.setdefault("gain", [1.0] * channels)
    given.setdefault("bias", [0.0] * channels)
    given.setdefault("planar", False)
    given.setdefault("blue_first", True)
    type = given.setdefault("type", "B")
    if type != "f":
        given.setdefault("table", IDENTITY * channels)
    made = _vision.Preprocess(format=format, size=(width, height), out_size=out_size, **given)
    shape = (channels, *out_size[::-1]) if given["planar"] else (*out_size[::-1], channels)
    guarded = np.full((shape[0], shape[1] + 2, shape[2]), 77, TYPES[type])
    out = guarded[:, 1:-1]
    made.run(planes, out)
    assert (guarded[:, [0, -1]] == 77).all()
    return out.copy()


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


sides = st.integers(1, 60)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1 << 30))
def test_it_is_what_the_definition_says_on_every_isa(data, seed) -> None:
    height, width, out_w, out_h = (data.draw(sides) for _ in range(4))
    channels = data.draw(st.sampled_from([1, 3]))
    filter = data.draw(st.sampled_from(_vision.FILTERS))
    picture = noise(seed, height, width, channels)[..., 0] if channels == 1 else noise(seed, height, width, 3)
    left, top = (data.draw(st.floats(0, side - 0.5)) for side in (width, height))
    crop = (
        left,
        top,
        data.draw(st.floats(0.25, width - left)),
        data.draw(st.floats(0.25, height - top)),
    )
    expected = resized(picture.reshape(height, width, channels), crop, out_w, out_h, filter)
    expected = np.broadcast_to(expected, (out_h, out_w, 3))
    format = "grey" if channels == 1 else "bgr"
    for isa in ("", "generic"):
        got = preprocess(picture, format, out_size=(out_w, out_h), crop=crop, filter=filter, isa=isa)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [((720, 1280), (224, 224)), ((480, 640), (97, 130)), ((60, 80), (200, 150)), ((99, 7), (98, 7))],
)
@pytest.mark.parametrize(("filter", "how"), [("bilinear", cv2.INTER_LINEAR), ("area", cv2.INTER_AREA)])
def test_it_is_within_one_of_opencv(source, target, filter, how) -> None:
    if filter == "area" and target[0] > source[0]:
        pytest.skip("OpenCV's INTER_AREA is another thing when it enlarges.")
    picture = noise(3, *source, 3)
    expected = cv2.resize(picture, target[::-1], interpolation=how)
    got = preprocess(picture, out_size=target[::-1], filter=filter)
    assert np.abs(got.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("isa", ["", "generic"])
@pytest.mark.parametrize("format", ["nv12", "i420", "yuyv"])
def test_colours_are_those_of_opencv(format: str, isa: str) -> None:
    """Every brightness with a thousand colours, and a width whose end is no whole vector."""
    height, width = 64, 118
    if format == "yuyv":
        pixels = noise(5, height, width, 2)
        expected = cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_YUYV)
    else:
        pixels = noise(5, height * 3 // 2, width)
        code = cv2.COLOR_YUV2BGR_NV12 if format == "nv12" else cv2.COLOR_YUV2BGR_I420
        expected = cv2.cvtColor(pixels, code)
    got = preprocess(pixels, format, out_size=(width, height), isa=isa)
    np.testing.assert_array_equal(got, expected)
    # And from there on it is a picture as any other: cut at an odd pixel, shrunk, in planes.
    given = {"crop": (13, 7, 91.5, 50.25), "planar": True, "blue_first": False, "filter": "area", "isa": isa}
    np.testing.assert_array_equal(
        preprocess(pixels, format, out_size=(31, 17), **given),
        preprocess(expected, out_size=(31, 17), **given),
    )


def test_grey_is_that_of_opencv() -> None:
    picture = noise(8, 50, 70, 3)
    expected = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    for format, pixels in (("bgr", picture), ("rgb", picture[..., ::-1])):
        for how in ({"channels": 1}, {"grey": True}, {"grey": True, "planar": True}):
            got = preprocess(pixels, format, out_size=(70, 50), **how)
            got = got.transpose(1, 2, 0) if how.get("planar") else got
            assert (got == expected[..., None]).all()


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("format", ["bgr", "rgb"])
@pytest.mark.parametrize("blue_first", [False, True])
def test_order_place_and_fill(format: str, planar: bool, blue_first: bool) -> None:
    picture = noise(9, 30, 50, 3)
    expected = np.full((40, 64, 3), 114, np.uint8)
    inner = resized(picture, (0, 0, 50, 30), 45, 20, "auto")
    expected[5:25, 9:54] = inner if (format == "bgr") == blue_first else inner[..., ::-1]
    given = {"place": (9, 5, 45, 20), "fill": 114, "planar": planar, "blue_first": blue_first}
    got = preprocess(picture, format, out_size=(64, 40), **given)
    np.testing.assert_array_equal(got.transpose(1, 2, 0) if planar else got, expected)


@settings(max_examples=60, deadline=None)
@given(
    gain=st.floats(-3, 6),
    bias=st.floats(-300, 300),
    type=st.sampled_from("bBf"),
    planar=st.booleans(),
    isa=st.sampled_from(["", "generic"]),
)
def test_values_are_those_of_the_table(gain, bias, type, planar, isa) -> None:
    picture = noise(4, 9, 57, 3)
    gains, biases = [gain, gain / 2, 1.0], [bias, 0.5, bias / 7]
    low = -128 if type == "b" else 0
    exact = np.arange(256)[:, None] * np.array(gains) + np.array(biases)
    table = np.clip(np.rint(exact), low, low + 255).astype(np.int16)
    given: dict[str, Any] = {"gain": gains, "bias": biases, "type": type, "planar": planar, "isa": isa}
    if type == "f":
        expected = picture.astype(np.float32) * np.float32(gains) + np.float32(biases)
    else:
        given["table"] = table.T.astype(np.uint8).tobytes()
        expected = np.take_along_axis(table, picture.reshape(-1, 3), 0).reshape(picture.shape)
    got = preprocess(picture, out_size=(57, 9), **given)
    np.testing.assert_array_equal(got.transpose(1, 2, 0) if planar else got, expected)


def test_rows_may_be_anywhere() -> None:
    picture = noise(2, 40, 50, 3)
    for view in (picture[::2], picture[::-1], picture[:, 5:30]):
        expected = resized(view, (0, 0, *view.shape[1::-1]), 16, 12, "auto")
        np.testing.assert_array_equal(preprocess(view, out_size=(16, 12)), expected)


def test_one_object_serves_many_threads() -> None:
    made = _vision.Preprocess(
        format="bgr", size=(90, 60), crop=(0, 0, 90, 60), place=(0, 0, 40, 30), out_size=(40, 30), channels=3,
        planar=False, type="B", gain=[1] * 3, bias=[0] * 3, table=IDENTITY * 3, blue_first=True,
    )  # fmt: skip
    wrong: list[int] = []

    def work(seed: int) -> None:
        picture, out = noise(seed, 60, 90, 3), np.empty((30, 40, 3), np.uint8)
        expected = resized(picture, (0, 0, 90, 60), 40, 30, "auto")
        for _ in range(50):
            made.run([picture], out)
            wrong.extend([seed] * bool((out != expected).any()))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# -- what does not fit --

GOOD: dict[str, Any] = {
    "format": "bgr", "size": (8, 6), "crop": (0, 0, 8, 6), "place": (0, 0, 4, 4), "out_size": (4, 4),
    "channels": 3, "planar": False, "type": "B", "gain": [1] * 3, "bias": [0] * 3, "table": IDENTITY * 3,
}  # fmt: skip
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"size": size} for size in [(0, 6), (8, -1), (40_000, 6), (7, 6), (8, 5)]),
        *({"out_size": size} for size in [(0, 4), (4, 40_000), (3, 4)]),
        *(
            {"crop": crop}
            for crop in [(0, 0, 9, 6), (-1, 0, 4, 4), (0, 0, 0, 6), (0, 0, NAN, 6), (INF, 0, 1, 1)]
        ),
        *({"crop": crop} for crop in [(0, 1e300, 1, 1), (0, 0, 8, 1e300), (7, 0, 2, 6), (0, -1e-3, 1, 1)]),
        *({"place": place} for place in [(1, 0, 4, 4), (0, 0, 0, 4), (-1, 0, 4, 4), (2, 0, 2**31 - 1, 4)]),
        *({"channels": n} for n in (0, 1, 2, 4)),
        *({"table": table} for table in [b"", IDENTITY, IDENTITY * 4]),
        {"fill": 256},
        {"fill": -1},
        {"gain": [1, 1, NAN]},
        {"bias": [INF, 0, 0]},
        {"gain": [1, 1]},
        {"format": "bgra"},
        {"filter": "cubic"},
        {"type": "d"},
        {"isa": "mmx"},
    ],
)
def test_numbers_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    given = GOOD | {"format": "nv12"} if wrong in ({"size": (7, 6)}, {"size": (8, 5)}) else GOOD
    with pytest.raises((ValueError, OverflowError)):
        _vision.Preprocess(**given | wrong)


@pytest.mark.parametrize(
    ("planes", "out"),
    [
        ([np.zeros((6, 8, 3), np.int8)], None),
        ([np.zeros((6, 8, 3), np.uint16)], None),
        ([np.zeros((6, 8, 4), np.uint8)], None),
        ([np.zeros((6, 7, 3), np.uint8)], None),
        ([np.zeros((5, 8, 3), np.uint8)], None),
        ([np.zeros((7, 8, 3), np.uint8)], None),
        ([np.zeros(144, np.uint8)], None),
        ([np.zeros((6, 16, 3), np.uint8)[:, ::2]], None),
        ([np.zeros((6, 8, 3), np.uint8)[..., ::-1]], None),
        ([np.zeros((6, 8, 3), np.uint8)] * 2, None),
        ([], None),
        (None, np.zeros((4, 4, 3), np.int8)),
        (None, np.zeros((4, 4, 3), np.float32)),
        (None, np.zeros((4, 4, 4), np.uint8)),
        (None, np.zeros((4, 4), np.uint8)),
        (None, np.zeros((3, 4, 4), np.uint8)),
        (None, np.zeros((4, 8, 3), np.uint8)[:, ::2]),
        (None, np.zeros((4, 4, 3), np.uint8)[..., ::-1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(planes, out) -> None:
    made = _vision.Preprocess(**GOOD)
    planes = [np.zeros((6, 8, 3), np.uint8)] if planes is None else planes
    with pytest.raises(ValueError):
        made.run(planes, np.zeros((4, 4, 3), np.uint8) if out is None else out)


def test_what_cannot_be_written_is_refused() -> None:
    out = np.zeros((4, 4, 3), np.uint8)
    out.setflags(write=False)
    with pytest.raises((ValueError, BufferError)):
        _vision.Preprocess(**GOOD).run([np.zeros((6, 8, 3), np.uint8)], out)


def test_floats_must_be_aligned() -> None:
    bytes_ = np.zeros(4 * 4 * 3 * 4 + 1, np.uint8)
    out = bytes_[1:].view(np.float32).reshape(4, 4, 3)
    with pytest.raises(ValueError):
        _vision.Preprocess(**GOOD | {"type": "f"}).run([np.zeros((6, 8, 3), np.uint8)], out)
