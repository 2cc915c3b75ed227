"""FlexBuffers against the reference implementation, and against damage."""

from __future__ import annotations

import contextlib
import random

import pytest
from flatbuffers import flexbuffers
from hypothesis import given, settings
from hypothesis import strategies as st

from edgerun.errors import EdgerunError, FormatError, InputError
from edgerun.formats import flexbuffer

KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ASCII_KEYS = st.text(st.characters(min_codepoint=1, max_codepoint=127))


def values(
    keys: st.SearchStrategy[str], largest: int = 2**64 - 1, width: int = 64
) -> st.SearchStrategy[object]:
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), largest)
        | st.floats(allow_nan=False, width=width)
        | st.text()
        | st.binary()
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=20,
    )


DETECTION = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "detections_per_class": 100,
    "use_regular_nms": False,
    "nms_score_threshold": 0.25,
    "nms_iou_threshold": 0.6,
    "num_classes": 90,
    "y_scale": 10.0,
    "x_scale": 10.0,
    "h_scale": 5.0,
    "w_scale": 5.0,
}


@given(values(KEYS))
def test_round_trip(value: object) -> None:
    assert flexbuffer.read(flexbuffer.write(value)) == value


@given(values(ASCII_KEYS))  # the reference reads no others
def test_reference_reads_what_we_write(value: object) -> None:
    assert flexbuffers.Loads(flexbuffer.write(value)) == value


@given(values(ASCII_KEYS, 2**63 - 1, 32))  # it fails to write larger ones
def test_we_read_what_the_reference_writes(value: object) -> None:
    assert flexbuffer.read(bytes(flexbuffers.Dumps(value))) == value


def test_detection_options() -> None:
    data = flexbuffer.write(DETECTION)
    root = flexbuffers.GetRoot(bytearray(data)).AsMap
    assert root["nms_iou_threshold"].AsFloat == 0.6
    assert root["num_classes"].AsInt == 90
    assert flexbuffer.read(data) == DETECTION


def test_typed_vectors_of_the_reference() -> None:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Key("ints")
        builder.TypedVectorFromElements([1, -2, 300])
        builder.Key("floats")
        builder.TypedVectorFromElements([0.5, 1.5])
        builder.Key("bools")
        builder.TypedVectorFromElements([True, False])
        builder.Key("three")
        builder.FixedTypedVectorFromElements([1, 2, 3])
        builder.Key("two")
        builder.FixedTypedVectorFromElements([0.5, 2.0])
        builder.Key("far")
        builder.IndirectInt(-70000)
        builder.Key("further")
        builder.IndirectFloat(2.5)
        builder.Key("key")
        builder.Key("name")
    assert flexbuffer.read(bytes(builder.Finish())) == {
        "ints": [1, -2, 300],
        "floats": [0.5, 1.5],
        "bools": [True, False],
        "three": [1, 2, 3],
        "two": [0.5, 2.0],
        "far": -70000,
        "further": 2.5,
        "key": "name",
    }


def test_truncated() -> None:
    data = flexbuffer.write(DETECTION)
    for length in range(len(data)):
        with contextlib.suppress(FormatError):
            flexbuffer.read(data[:length])
    with pytest.raises(FormatError, match="custom options: FlexBuffer: expected at least 3 bytes"):
        flexbuffer.read(data[:2])


def test_damaged() -> None:
    data = flexbuffer.write({"a": [1, {"b": "text"}, 2.5], "c": DETECTION})
    rng = random.Random(0)
    failed = 0
    for _ in range(4000):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            flexbuffer.read(bytes(damaged))
        except EdgerunError:
            failed += 1
    assert failed > 100


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        flexbuffer.read(data)


def test_value_that_contains_itself() -> None:
    # A vector of one element, 1 byte wide, whose only element is the vector itself.
    data = bytes((1, 0, 10 << 2, 2, 10 << 2, 1))
    with pytest.raises(FormatError, match="levels"):
        flexbuffer.read(data)


def test_values_that_multiply() -> None:
    # 30 vectors of two references to the one before: 2**30 values in a few hundred bytes.
    kind = 10 << 2
    data = bytearray((0,))  # the length of an empty vector
    below = 1  # position of the vector that the next one refers to
    for _ in range(30):
        data.append(2)
        start = len(data)
        data += bytes((start - below, start + 1 - below, kind, kind))
        below = start
    data += bytes((len(data) - below, kind, 1))
    with pytest.raises(FormatError, match="again and again"):
        flexbuffer.read(bytes(data))


def test_unknown_type() -> None:
    with pytest.raises(FormatError, match="known type"):
        flexbuffer.read(bytes((0, 50 << 2, 1)))


@pytest.mark.parametrize("value", [object(), 2**64, {"a\0": 1}, {1: 2}, -(2**63) - 1])
def test_cannot_write(value: object) -> None:
    with pytest.raises(InputError):
        flexbuffer.write(value)


def test_cannot_write_too_deep() -> None:
    value: list[object] = []
    for _ in range(100):
        value = [value]
    with pytest.raises(InputError, match="levels"):
        flexbuffer.write(value)
