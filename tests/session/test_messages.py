"""What is said to a caller who got something wrong: whole sentences, expected and got."""

from __future__ import annotations

import numpy as np
import pytest

import edgerun
from cases.base import Net
from edgerun.errors import FormatError, InputError

GOOD = np.zeros((1, 4, 4, 8), np.int8)


@pytest.mark.parametrize(
    ("feeds", "sentence"),
    [
        (GOOD, "The model has 2 inputs: pass a dict of arrays by name ('a', 'b')."),
        ({"a": GOOD}, "Input 'b' is missing; the inputs are 'a', 'b'."),
        ({}, "Input 'a' is missing; the inputs are 'a', 'b'."),
        (
            {"a": GOOD, "b": GOOD, "c": GOOD},
            "Unknown inputs among ['a', 'b', 'c']; the inputs are 'a', 'b'.",
        ),
        (
            {"a": GOOD, "b": GOOD[..., :4]},
            "Input 'b' must be int8 of shape (1, 4, 4, 8), got shape (1, 4, 4, 4).",
        ),
        (
            {"a": GOOD, "b": GOOD[0]},
            "Input 'b' must be int8 of shape (1, 4, 4, 8), got shape (4, 4, 8).",
        ),
        (
            {"a": GOOD.astype(np.float32), "b": GOOD},
            "Input 'a' must be int8 of shape (1, 4, 4, 8), got dtype float32.",
        ),
        (
            {"a": GOOD.view(np.uint8), "b": GOOD},
            "Input 'a' must be int8 of shape (1, 4, 4, 8), got dtype uint8.",
        ),
        (
            {"a": GOOD.tolist(), "b": GOOD},
            "Input 'a' must be a numpy array (int8 of shape (1, 4, 4, 8)), got list.",
        ),
        (
            {"a": None, "b": GOOD},
            "Input 'a' must be a numpy array (int8 of shape (1, 4, 4, 8)), got NoneType.",
        ),
    ],
)
def test_wrong_feeds(pair, feeds, sentence):
    session = edgerun.Session(pair)
    into = {"sum": GOOD.copy(), "joined": np.zeros((1, 4, 4, 16), np.int8)}
    for call in (session.run, session.profile, lambda feeds: session.run_into(feeds, into)):
        with pytest.raises(InputError) as caught:
            call(feeds)
        assert str(caught.value) == sentence
    assert isinstance(caught.value, ValueError)
    # The session works on after a refusal.
    assert session.run({"a": GOOD, "b": GOOD})["sum"].shape == (1, 4, 4, 8)


def test_other_byte_order_is_refused(float_border):
    session = edgerun.Session(float_border)
    with pytest.raises(InputError, match=r"Input 'x' must be float32 of shape \(1, 40\), got dtype >f4\."):
        session.run(np.zeros((1, 40), ">f4"))


def read_only() -> np.ndarray:
    array = np.zeros((1, 10), np.int8)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("into", "sentence"),
    [
        (read_only(), "Output 'scores' must be a writable, C-contiguous array."),
        (np.zeros((1, 20), np.int8)[:, ::2], "Output 'scores' must be a writable, C-contiguous array."),
        (np.zeros((1, 9), np.int8), "Output 'scores' must be int8 of shape (1, 10), got shape (1, 9)."),
        (np.zeros((1, 10)), "Output 'scores' must be int8 of shape (1, 10), got dtype float64."),
        ({}, "Output 'scores' is missing; the outputs are 'scores'."),
        ([0] * 10, "Output 'scores' must be a numpy array (int8 of shape (1, 10)), got list."),
        (None, "Output 'scores' must be a numpy array (int8 of shape (1, 10)), got NoneType."),
    ],
)
def test_wrong_results(classifier, images, into, sentence):
    session = edgerun.Session(classifier)
    with pytest.raises(InputError) as caught:
        session.run_into(images(1)[0], into)
    assert str(caught.value) == sentence


def test_several_outputs_need_a_dict(pair):
    with pytest.raises(InputError) as caught:
        edgerun.Session(pair).run_into({"a": GOOD, "b": GOOD}, GOOD.copy())
    assert str(caught.value) == "The model has 2 outputs: pass a dict of arrays by name ('sum', 'joined')."


def test_a_model_that_needs_shapes_says_so():
    """Converters write 1 for a size that is open, and no window fits into that."""
    net = Net()
    x = net.tensor("sound", (1, 1, 1, 1), "float32", shape_signature=(-1, 1, -1, 1))
    y = net.tensor("y", (1, 1, 1, 2), "float32")
    w = net.tensor("w", (2, 1, 9, 1), "float32", data=np.ones((2, 1, 9, 1), np.float32))
    b = net.tensor("b", (2,), "float32", data=np.zeros(2, np.float32))
    net.operator("CONV_2D", [x, w, b], [y], {"padding": "valid", "stride_w": 1, "stride_h": 1})
    model = net.finish([x], [y])
    with pytest.raises(FormatError, match=r"dimensions of 'sound' open: `shapes` gives them sizes"):
        edgerun.Session(model)
    assert edgerun.Session(model, shapes={"sound": (1, 1, 20, 1)}).outputs[0].shape == (1, 1, 12, 2)


def test_arguments_of_a_session(classifier):
    with pytest.raises(InputError, match=r"^threads must be at least 1, got 0\.$"):
        edgerun.Session(classifier, threads=0)
    backends = "'edgerun', 'litert' and 'onnxruntime'"
    with pytest.raises(InputError, match=rf"^There is no backend 'x'; there are {backends}\.$"):
        edgerun.Session(classifier, backend="x")
    with pytest.raises(InputError, match=r"^There is no input 'x'; the inputs are \['image'\]\.$"):
        edgerun.Session(classifier, shapes={"x": (1, 2)})
    with pytest.raises(InputError, match=r"has the shape \(1, 24, 24, 3\), it cannot become \(1, 0, 24, 3\)"):
        edgerun.Session(classifier, shapes={"image": (1, 0, 24, 3)})
    with pytest.raises(InputError, match=r"cannot become \(1,\ 24\.5,\ 24,\ 3\)"):
        edgerun.Session(classifier, shapes={"image": (1, 24.5, 24, 3)})
    with pytest.raises(InputError, match=r"cannot become 'abcd'"):
        edgerun.Session(classifier, shapes={"image": "abcd"})
    with pytest.raises(FormatError, match=r"operator 0 CONV_2D: .*24x24x3"):
        edgerun.Session(classifier, shapes={"image": (24, 24, 3)})
    session = edgerun.Session(classifier)
    with pytest.raises(InputError, match=r"^There is no input 'x'; the inputs are 'image'\.$"):
        session.input("x")
    with pytest.raises(InputError, match=r"^There is no stage 'x'; there are graph, passes, plan, "):
        session.describe("x")
