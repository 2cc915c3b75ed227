"""Model cards: what is recognised, and what a TOML file beside the model changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.ir.types import TensorInfo
from edgerun.vision.card_sources import resolve_card
from edgerun.vision.decoders import recognise

F32 = np.dtype(np.float32)


def tensors(*shapes: tuple[int, ...]) -> list[TensorInfo]:
    return [TensorInfo(f"t{i}", shape, F32) for i, shape in enumerate(shapes)]


PICTURE = tensors((1, 8, 8, 3))
SSD = tensors((1, 10, 4), (1, 10), (1, 10), (1,))


def test_a_classifier_is_recognised():
    card = recognise(PICTURE, tensors((1, 10)), ("Conv2d", "Softmax", "Reshape"))
    assert (card.task, card.input.resize, card.input.crop) == ("classification", "crop", 1.0)
    assert card.notes == ()
    assert "recognised" in card.source


@pytest.mark.parametrize("classes", [1000, 1001])
def test_imagenet_classifiers_get_the_middle_of_the_picture(classes):
    card = recognise(PICTURE, tensors((1, 1, 1, classes)), ())
    assert (card.task, card.input.crop) == ("classification", 0.875)


@pytest.mark.parametrize("last", ["Reshape", "Requantize", "Dequantize"])
def test_what_moves_or_converts_probabilities_keeps_them(last):
    card = recognise(PICTURE, tensors((1, 10)), ("FullyConnected", "Softmax", "Reshape", last))
    assert card.notes == ()


def test_a_missing_softmax_is_said_aloud():
    card = recognise(PICTURE, tensors((1, 10)), ("Conv2d", "FullyConnected"))
    assert card.task == "classification"
    assert "without softmax" in card.notes[0]


@pytest.mark.parametrize(
    "operators", [(), ("Conv2d", "DetectionPostProcess"), ("TFLite_Detection_PostProcess",)]
)
def test_an_ssd_is_recognised(operators):
    card = recognise(PICTURE, SSD, operators)
    assert (card.task, card.input.resize) == ("detection", "stretch")


@pytest.mark.parametrize(
    "outputs",
    [
        tensors((1, 12, 12, 2)),
        tensors((1, 1)),
        tensors((1, 62), (1, 1)),
        tensors((1, 896, 16), (1, 896, 1)),
    ],
)
def test_unknown_outputs_are_tensors_and_said_aloud(outputs):
    card = recognise(PICTURE, outputs, ("Conv2d",))
    assert card.task == "tensors"
    assert "shown as tensors" in card.notes[0]


def test_ssd_shapes_without_the_operator_are_not_a_detector():
    assert recognise(PICTURE, SSD, ("Conv2d",)).task == "tensors"


def test_one_channel_is_grey():
    assert recognise(tensors((1, 28, 28, 1)), tensors((1, 10)), ()).input.colour == "grey"


def resolve(tmp_path, text: str):
    (tmp_path / "net.toml").write_text(text)
    return resolve_card(tmp_path / "net.tflite", PICTURE, tensors((1, 3)), ("Conv2d",))


def test_a_card_beside_the_model_goes_first(tmp_path):
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    card = resolve(
        tmp_path,
        'task = "classification"\nlabels = "names.txt"\nscores = "logits"\ntop = 2\n'
        '[input]\ncolour = "bgr"\nresize = "letterbox"\nfill = 0\nmean = 127.5\n'
        "scale = [1, 2.5, 3]\n",
    )
    assert card.labels is not None
    assert card.labels.for_classifier(3) == ("a", "b", "c")
    assert (card.scores, card.top) == ("logits", 2)
    assert (card.input.colour, card.input.resize, card.input.fill) == ("bgr", "letterbox", 0.0)
    assert (card.input.mean, card.input.scale) == ((127.5,), (1.0, 2.5, 3.0))
    assert card.source.endswith("net.toml")
    assert card.notes == ()


def test_what_a_card_leaves_out_is_recognised(tmp_path):
    card = resolve(tmp_path, "threshold = 0.25\n")
    assert (card.task, card.threshold, card.input.resize) == ("classification", 0.25, "crop")


def test_without_a_card_or_a_path(tmp_path):
    absent = resolve_card(tmp_path / "net.tflite", PICTURE, SSD, ())
    assert absent == resolve_card(None, PICTURE, SSD, ())
    assert replace(absent, notes=()) == recognise(PICTURE, SSD, ())


def test_an_assumed_range_of_a_float_input_is_said_aloud(tmp_path):
    assert "0 to 1" in resolve_card(None, PICTURE, SSD, ()).notes[-1]
    (tmp_path / "net.toml").write_text("[input]\nscale = 1\n")
    assert resolve_card(tmp_path / "net.tflite", PICTURE, SSD, ()).notes == ()
    integers = [replace(PICTURE[0], dtype=np.dtype(np.int8))]
    assert resolve_card(None, integers, SSD, ()).notes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task = poetry", r"net\.toml: .*line 1"),
        ('task = "poetry"', r"net\.toml: task must be one of classification, .* got 'poetry'"),
        ("colour = 1", r"net\.toml: colour is not a key"),
        ("[input]\nsize = 3", r"net\.toml: input\.size is not a key"),
        ("input = 3", r"net\.toml: input must be a table"),
        ("threshold = 1.5", r"threshold must be within 0 and 1, got 1\.5"),
        ('threshold = "high"', r"threshold must be a number, got 'high'"),
        ("threshold = true", r"threshold must be a number"),
        ("top = 0", r"top must be a whole number above 0, got 0"),
        ("labels = 3", r"labels must be a file name, got 3"),
        ('labels = "none.txt"', r"none\.txt: the labels cannot be read"),
        ("[input]\ncrop = 0", r"input\.crop must be within"),
        ("[input]\nmean = [1, 2]", r"input\.mean must be a number or a list of three"),
        ('[input]\nscale = "big"', r"input\.scale must be a number or a list of three"),
    ],
)
def test_mistakes_in_a_card_name_file_and_key(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        resolve(tmp_path, text)


def test_the_summary_tells_what_was_assumed():
    text = recognise(PICTURE, tensors((1, 12, 12, 2)), ("Conv2d",)).summary()
    assert "tensors" in text
    assert "recognised" in text
    assert "no decoder" in text
