"""What a picture becomes in the input tensor, and the way back for boxes."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from edgerun.errors import InputError, ModelError
from edgerun.vision.card import InputCard
from edgerun.vision.preprocess import Preprocessor


def fill(card: InputCard, info, image: np.ndarray):
    preprocessor = Preprocessor(card, info)
    array = preprocessor.empty()
    placement = preprocessor(image, array)
    return array, placement


def test_uint8_gets_the_raw_pixels_red_first(image_input, noise):
    image = noise(8, 8, 3)
    array, _ = fill(InputCard(), image_input(np.uint8, scale=1 / 128, zero_point=128), image)
    np.testing.assert_array_equal(array[0], image[..., ::-1])


def test_bgr_keeps_the_order(image_input, noise):
    image = noise(8, 8, 3)
    array, _ = fill(InputCard(colour="bgr"), image_input(), image)
    np.testing.assert_array_equal(array[0], image)


@pytest.mark.parametrize(
    ("scale", "zero_point", "real"),
    [
        (1 / 255, -128, lambda p: p / 255),
        (0.003921568859368563, -128, lambda p: p / 255),
        (1 / 127.5, 0, lambda p: p / 127.5 - 1),
        (1 / 128, 0, lambda p: p / 127.5 - 1),
        (0.00784, -1, lambda p: p / 127.5 - 1),
        (1.0, -128, lambda p: p),
    ],
)
def test_int8_goes_through_the_real_range_that_its_scale_covers(
    image_input, scale, zero_point, real
):
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    array, _ = fill(InputCard("bgr"), image_input(np.int8, (1, 8, 8, 3), scale, zero_point), image)
    exact = np.clip(real(image.astype(np.float64)) / scale + zero_point, -128, 127)
    assert np.abs(array[0] - exact).max() < 0.5001


def test_int8_of_an_unusual_range_gets_shifted_pixels_and_says_so(image_input, noise, caplog):
    image = noise(8, 8, 3)
    with caplog.at_level(logging.INFO):
        array, _ = fill(InputCard("bgr"), image_input(np.int8, (1, 8, 8, 3), 0.02, -14), image)
    np.testing.assert_array_equal(array[0], image.astype(np.int16) - 128)
    assert "none of the usual ranges" in caplog.text


def test_float32_is_0_to_1(image_input, noise):
    image = noise(8, 8, 3)
    array, _ = fill(InputCard("bgr"), image_input(np.float32), image)
    np.testing.assert_allclose(array[0], image / 255, atol=1e-6)


def test_mean_and_scale_of_the_card_go_first(image_input, noise):
    image = noise(8, 8, 3)
    mean, scale = (10.0, 20.0, 30.0), (0.5, 1.0, 2.0)
    card = InputCard("rgb", mean=mean, scale=scale)
    array, _ = fill(card, image_input(np.float32), image)
    np.testing.assert_allclose(array[0], (image[..., ::-1] - np.array(mean)) * scale, atol=1e-3)
    quantised, _ = fill(card, image_input(np.uint8, scale=4.0, zero_point=100), image)
    expected = np.clip(np.rint(array[0] / 4) + 100, 0, 255)
    assert np.abs(quantised[0] - expected).max() <= 1


def test_grey_models_get_luma_and_grey_pictures_fit_every_model(image_input):
    blue = np.zeros((8, 8, 3), np.uint8)
    blue[..., 0] = 200
    array, _ = fill(InputCard("grey"), image_input(np.uint8, (1, 8, 8, 1)), blue)
    assert (array == round(200 * 0.114)).all()
    grey = np.full((8, 8), 90, np.uint8)
    for channels in (1, 3):
        array, _ = fill(InputCard(), image_input(np.uint8, (1, 8, 8, channels)), grey)
        assert (array == 90).all()


def test_planar_inputs_are_filled_by_plane(image_input, noise):
    image = noise(8, 6, 3)
    array, _ = fill(InputCard("bgr"), image_input(np.uint8, (1, 3, 8, 6)), image)
    np.testing.assert_array_equal(array[0], image.transpose(2, 0, 1))


def test_letterbox_keeps_the_shape_and_fills_the_rest(image_input):
    image = np.full((10, 40, 3), 200, np.uint8)
    array, placement = fill(
        InputCard(resize="letterbox", fill=7), image_input(np.uint8, (1, 20, 20, 3)), image
    )
    assert placement.place == (0, 7, 20, 5)
    assert (array[0, 7:12] == 200).all()
    assert (array[0, :7] == 7).all()
    assert (array[0, 12:] == 7).all()


def test_crop_takes_the_middle(image_input):
    image = np.zeros((100, 200, 3), np.uint8)
    image[10:90, 60:140] = 255
    array, placement = fill(
        InputCard(resize="crop", crop=0.8), image_input(np.uint8, (1, 20, 20, 3)), image
    )
    assert placement.crop == (60.0, 10.0, 80.0, 80.0)
    assert (array == 255).all()


@pytest.mark.parametrize(
    "card", [InputCard(), InputCard(resize="letterbox"), InputCard(resize="crop", crop=0.9)]
)
def test_points_of_the_input_come_back_to_the_picture(image_input, card):
    preprocessor = Preprocessor(card, image_input(np.uint8, (1, 60, 90, 3)))
    placement = preprocessor.place(640, 480)
    left, top, width, height = placement.crop
    x, y, place_width, place_height = placement.place
    assert placement.to_source(x / 90, y / 60) == pytest.approx((left, top))
    corner = placement.to_source((x + place_width) / 90, (y + place_height) / 60)
    assert corner == pytest.approx((left + width, top + height))
    assert placement.to_source(0.5, 0.5) == pytest.approx((320, 240), abs=1)
    assert placement.to_source(-9, 9) == (0.0, 480.0)


def test_views_and_reversed_channels_are_taken(image_input, noise):
    image = noise(16, 16, 3)
    for view in (image[::2, ::2], image[:8, :8, ::-1], image[4:12, 4:12]):
        array, _ = fill(InputCard("bgr"), image_input(), view)
        np.testing.assert_array_equal(array[0], view)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8, 3), np.float32),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros(8, np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(image_input, image):
    with pytest.raises(InputError, match="picture"):
        fill(InputCard(), image_input(), image)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        (np.int16, (1, 8, 8, 3)),
        (np.int8, (1, 640)),
        (np.int8, (1, 8, 8, 5)),
        (np.int8, (2, 8, 8, 3)),
    ],
)
def test_inputs_that_are_no_picture_are_refused(image_input, dtype, shape):
    with pytest.raises(ModelError, match="'image'"):
        Preprocessor(InputCard(), image_input(dtype, shape))
