"""Picture in, prediction out, over a fake session; the real models where they are there."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgerun.errors import CameraError, ConfigError, InputError, ModelError
from edgerun.vision import load
from edgerun.vision import model as model_module
from edgerun.vision.decoders import recognise
from edgerun.vision.frame import Frame
from edgerun.vision.media import VideoReader, VideoWriter, list_images, read_image, write_image
from edgerun.vision.model import Model
from edgerun.vision.opencv import opencv


@pytest.fixture
def classifier(make_session, image_input):
    answers = {"y": np.array([[0.1, 0.7, 0.2]], np.float32)}
    return make_session(image_input(), answers, ("Softmax",))


def as_model(session) -> Model:
    return Model(session, recognise(session.inputs, session.outputs, session.operators), "net")


def test_a_picture_is_fed_and_the_answer_decoded(classifier, noise):
    image = noise(8, 8, 3)
    prediction = as_model(classifier)(image)
    assert [item.index for item in prediction.items] == [1, 2, 0]
    np.testing.assert_array_equal(classifier.fed[0][0], image[..., ::-1])


def test_the_stages_give_what_the_call_gives(classifier, noise):
    model = as_model(classifier)
    placement = model.prepare(noise(20, 30, 3))
    assert model.decode(model.infer(), placement) == model(noise(20, 30, 3))


def test_a_twin_has_its_own_input(classifier, noise):
    first = as_model(classifier)
    second = first.twin()
    first.prepare(noise(8, 8, 3, seed=1))
    second.prepare(noise(8, 8, 3, seed=2))
    first.infer()
    second.infer()
    assert (first.session.fed[0] != second.session.fed[0]).any()


def test_the_summary_names_model_input_and_card(classifier):
    text = as_model(classifier).summary()
    assert "net, uint8[1x8x8x3], input raw pixels" in text
    assert "classification" in text


def test_a_model_with_two_inputs_takes_no_single_picture(classifier):
    classifier.inputs = classifier.inputs * 2
    with pytest.raises(ModelError, match="2 inputs"):
        Model(classifier, recognise((), classifier.outputs, ()))


def test_load_puts_what_is_given_before_the_card(monkeypatch, tmp_path, classifier, caplog):
    asked = []

    def session(path, threads, backend):
        asked.append((path, threads, backend))
        return classifier

    monkeypatch.setattr(model_module, "Session", session)
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    (tmp_path / "net.toml").write_text("top = 1\nthreshold = 0.9\n")
    path = tmp_path / "net.tflite"
    with caplog.at_level(logging.INFO, "edgerun"):
        model = load(path, tmp_path / "names.txt", 2, "litert", top=2)
    assert asked == [(path, 2, "litert")]
    assert (model.card.top, model.card.threshold) == (2, 0.9)
    assert str(model(np.zeros((8, 8, 3), np.uint8))) == "b 0.70; c 0.20"
    assert "net.tflite: classification" in caplog.text


def test_frames_carry_when_they_were_taken():
    first, second = Frame(np.zeros((1, 1, 3), np.uint8)), Frame(np.zeros((1, 1, 3), np.uint8))
    assert 0 < first.captured_ns <= second.captured_ns
    assert first.captured_at > 1e9


def test_without_opencv_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"pip install edgerun\[vision\]"):
        opencv()


def test_pictures_on_disk(tmp_path, noise):
    image = noise(9, 11, 3)
    write_image(tmp_path / "b.png", image)
    write_image(tmp_path / "a.bmp", image)
    (tmp_path / "c.txt").write_text("no picture")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), image)
    assert [path.name for path in list_images(tmp_path)] == ["a.bmp", "b.png"]
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "d.png")
    with pytest.raises(InputError, match="no picture"):
        read_image(tmp_path / "c.txt")
    with pytest.raises(InputError, match=r"suffix '\.xyz'"):
        write_image(tmp_path / "a.xyz", image)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pictures"):
        list_images(tmp_path / "empty")


def test_videos_on_disk(tmp_path):
    path = tmp_path / "clip.avi"
    writer = VideoWriter(path, 12.5)
    for value in (0, 100, 200):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.close()
    with VideoReader(path) as video:
        assert (video.fps, video.count) == (12.5, 3)
        means = [float(image.mean()) for image in video]
    assert means == pytest.approx([0, 100, 200], abs=4)


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    for name, message in [
        ("names.txt", "neither a picture nor a video"),
        ("broken.mp4", "no video that OpenCV can read"),
        ("none.mp4", "does not exist"),
    ]:
        with pytest.raises(CameraError, match=message):
            VideoReader(tmp_path / name)


@pytest.mark.shared
def test_the_cat_is_a_cat(shared: Path):
    model = load(
        shared / "models/classification/mobilenet_v2_1.0_224_quant.tflite",
        labels=shared / "labels/imagenet_labels.txt",
    )
    prediction = model(cv2.imread(str(shared / "media/images/cat.bmp")))
    assert prediction.items[0].label == "Egyptian cat"
    assert prediction.items[0].score > 0.6


@pytest.mark.shared
def test_the_dog_has_a_box_around_its_head(shared: Path):
    model = load(
        shared / "models/detection/ssd_mobilenet_v1_0.75_pets_uint8.tflite",
        labels=shared / "labels/pets_ssd_label_map.pbtxt",
    )
    prediction = model(cv2.imread(str(shared / "media/images/pets.jpg")))
    best = prediction.items[0]
    assert best.label == "staffordshire_bull_terrier"
    left, top, right, bottom = best.box
    # The left dog's face, read off the picture: about (165, 70) to (240, 150).
    assert left < 190
    assert right > 215
    assert top < 90
    assert bottom > 130
    assert right - left < 150
    assert bottom - top < 150


@pytest.mark.shared
@pytest.mark.parametrize(
    ("model", "picture", "index"),
    [
        ("classification/tf2_mobilenet_v2_1.0_224_ptq", "cat.bmp", 286),
        ("classification/mnist_cnn_int8", "tflm_mnist_sample5.png", 5),
        ("vww/vww_96_int8", "face.jpg", 1),
        ("vww/vww_96_int8", "cat.bmp", 0),
        ("classification/resnet8_cifar10_int8", "cat.bmp", 3),
    ],
)
def test_the_default_preprocessing_suits_the_shared_models(shared: Path, model, picture, index):
    loaded = load(shared / f"models/{model}.tflite")
    prediction = loaded(cv2.imread(str(shared / f"media/images/{picture}")))
    assert prediction.items[0].index == index
