"""Output tensors with known meaning, decoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.ir.types import Quantization, TensorInfo
from edgerun.vision.card import Card, InputCard
from edgerun.vision.decoders import make_decoder
from edgerun.vision.labels import Labels
from edgerun.vision.preprocess import Placement

WHOLE = Placement((200, 100), (50, 50), (0.0, 0.0, 200.0, 100.0), (0, 0, 50, 50))
CLASSIFIER = Card("classification", InputCard())
DETECTOR = Card("detection", InputCard(), Labels({1: "cat", 2: "dog"}), threshold=0.3)


def info(name: str, array: np.ndarray, quantization: Quantization | None = None) -> TensorInfo:
    return TensorInfo(name, array.shape, array.dtype, quantization)


def decode(card: Card, arrays: dict[str, np.ndarray], quantization=None, placement=WHOLE):
    outputs = [info(name, array, quantization) for name, array in arrays.items()]
    return make_decoder(card, outputs)(arrays, placement)


def test_quantised_scores_are_real_and_best_first():
    scores = np.array([[-128, 127, 0, -100]], np.int8)
    found = decode(replace(CLASSIFIER, top=3), {"y": scores}, Quantization.of(1 / 256, -128))
    assert [(item.index, item.label) for item in found.items] == [
        (1, "class 1"),
        (2, "class 2"),
        (3, "class 3"),
    ]
    assert [item.score for item in found.items] == [255 / 256, 0.5, 28 / 256]
    assert found.to_dict()["predictions"][1] == {"label": "class 2", "index": 2, "score": 0.5}


def test_classes_of_no_probability_are_left_out():
    scores = np.array([[0, 3, 0, 250, 0]], np.uint8)
    found = decode(CLASSIFIER, {"y": scores}, Quantization.of(1 / 256))
    assert [item.index for item in found.items] == [3, 1]
    # A logit of 0 is like any other.
    logits = decode(CLASSIFIER, {"y": np.array([[-1.0, 0.0, 2.0]], np.float32)})
    assert [item.index for item in logits.items] == [2, 1, 0]


def test_equal_scores_keep_their_order():
    found = decode(CLASSIFIER, {"y": np.zeros((1, 4), np.float32)})
    assert [item.index for item in found.items] == [0, 1, 2, 3]


def test_logits_are_softmaxed_only_when_the_card_says_so():
    logits = np.array([[0.0, np.log(3.0)]], np.float32)
    plain = decode(CLASSIFIER, {"y": logits})
    assert plain.items[0].score == pytest.approx(np.log(3))
    soft = decode(replace(CLASSIFIER, scores="logits"), {"y": logits})
    assert [item.score for item in soft.items] == pytest.approx([0.75, 0.25])


def test_labels_must_fit_the_classes():
    labelled = replace(CLASSIFIER, labels=Labels({0: "a", 1: "b"}, "names.txt"))
    assert decode(labelled, {"y": np.eye(1, 2, dtype=np.float32)}).items[0].label == "a"
    with pytest.raises(ConfigError, match=r"names\.txt"):
        decode(labelled, {"y": np.zeros((1, 9), np.float32)})


def ssd(order: str = "bcsn") -> dict[str, np.ndarray]:
    parts = {
        "b": np.array(
            [[[0.1, 0.2, 0.5, 0.6], [-0.5, 0.5, 2.0, 2.0], [0, 0, 1, 1], [0, 0, 1, 1]]], np.float32
        ),
        "c": np.array([[1, 0, 5, 0]], np.float32),
        "s": np.array([[0.4, 0.9, 0.5, 0.8]], np.float32),
        "n": np.array([3], np.float32),
    }
    return {name: parts[name] for name in order}


@pytest.mark.parametrize("order", ["bcsn", "sbnc"])
def test_boxes_in_pixels_inside_the_picture_best_first(order):
    found = decode(DETECTOR, ssd(order))
    assert [(d.label, round(d.score, 2)) for d in found.items] == [
        ("cat", 0.9),
        ("class 5", 0.5),
        ("dog", 0.4),
    ]
    assert found.items[0].box == (100.0, 0.0, 200.0, 100.0)
    assert found.items[2].box == pytest.approx((40, 10, 120, 50))
    assert (found.width, found.height) == (200, 100)


def test_the_threshold_and_the_count_cut():
    found = decode(replace(DETECTOR, threshold=0.45), ssd())
    assert [d.label for d in found.items] == ["cat", "class 5"]


def test_boxes_follow_a_letterbox():
    placement = Placement((200, 100), (50, 50), (0.0, 0.0, 200.0, 100.0), (0, 12, 50, 25))
    found = decode(DETECTOR, ssd(), placement=placement)
    dog = found.items[-1]
    assert dog.box == pytest.approx((40, 0, 120, (25 - 12) * 4))


def test_boxes_without_area_are_left_out():
    arrays = ssd()
    arrays["b"][0, 1] = [0.2, 0.9, 0.6, 0.3]
    arrays["b"][0, 2] = [1.5, 0.0, 2.0, 1.0]
    assert [d.label for d in decode(DETECTOR, arrays).items] == ["dog"]


@pytest.mark.parametrize("card", [CLASSIFIER, DETECTOR])
def test_a_card_that_does_not_fit_the_outputs_is_refused(card):
    with pytest.raises(ConfigError, match=r"\[1, 12, 12, 2\]"):
        decode(replace(card, source="net.toml"), {"y": np.zeros((1, 12, 12, 2), np.int8)})


def test_unknown_outputs_are_summed_up_in_real_values():
    arrays = {"y": np.array([[0, 10, 20]], np.uint8)}
    found = decode(Card("tensors", InputCard()), arrays, Quantization.of(0.5, 10))
    (item,) = found.items
    assert (item.name, item.shape, item.dtype) == ("y", (1, 3), "uint8")
    assert (item.minimum, item.maximum, item.mean) == (-5.0, 5.0, 0.0)
    assert "y uint8[1x3] min -5 max 5 mean 0" in str(found)


def test_per_channel_outputs_are_dequantised_by_channel():
    per_channel = Quantization(np.array([1, 2], np.float32), np.array([0, 1], np.int32), 1)
    found = decode(Card("tensors", InputCard()), {"y": np.array([[3, 3]], np.int8)}, per_channel)
    assert (found.items[0].minimum, found.items[0].maximum) == (3.0, 4.0)
