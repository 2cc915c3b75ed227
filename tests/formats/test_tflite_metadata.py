"""TFLite metadata: written by the flatbuffers library and by our own writer, damaged, and of real models."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import flatbuffers
import pytest

from edgerun.errors import FormatError
from edgerun.formats.tflite_metadata import AssociatedFile, find_metadata, read_metadata
from edgerun.formats.tflite_metadata_schema import BUFFER_NAME, SCHEMA
from edgerun.formats.tflite_reader import read_model
from metadata_files import about, image, labels_file, unit, write_metadata
from shared_material import FOLDER, needs_shared, shared
from sharing_builder import SharingBuilder


def by_the_library() -> bytes:
    """A buffer made slot by slot with the official library; the numbers are those of the format."""
    b = flatbuffers.Builder(0)

    def table(slots: int, *values: tuple[int, str, Any, Any]) -> int:
        b.StartObject(slots)
        for slot, kind, value, default in values:
            getattr(b, f"Prepend{kind}Slot")(slot, value, default)
        return b.EndObject()

    def offsets(*places: int) -> int:
        b.StartVector(4, len(places), 4)
        for place in reversed(places):
            b.PrependUOffsetTRelative(place)
        return b.EndVector()

    def floats(*values: float) -> int:
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependFloat32(value)
        return b.EndVector()

    offset = "UOffsetTRelative"
    text = {t: b.CreateString(t) for t in ("Birds", "Names birds.", "1.2", "us", "MIT", "1.0.0", "picture")}
    more = {t: b.CreateString(t) for t in ("birds.txt", "One a line.", "en", "scores", "all.txt")}
    size = table(2, (0, "Uint32", 224, 0), (1, "Uint32", 192, 0))
    properties = table(2, (0, "Int8", 1, 0), (1, offset, size, 0))
    content = table(3, (0, "Uint8", 2, 0), (1, offset, properties, 0))
    mean, std = floats(10, 20, 30), floats(1, 2, 4)
    normal = table(2, (0, offset, mean, 0), (1, offset, std, 0))
    first = table(2, (0, "Uint8", 1, 0), (1, offset, normal, 0))
    tokenizer = table(1)
    second = table(2, (0, "Uint8", 4, 0), (1, offset, tokenizer, 0))
    units = offsets(first, second)
    most, least = floats(5), floats(-5)
    stats = table(2, (0, offset, most, 0), (1, offset, least, 0))
    picture = table(
        7,
        (0, offset, text["picture"], 0),
        (3, offset, content, 0),
        (4, offset, units, 0),
        (5, offset, stats, 0),
    )
    threshold = table(1, (0, "Float32", 0.25, 0))
    third = table(2, (0, "Uint8", 3, 0), (1, offset, threshold, 0))
    out_units = offsets(third)
    labels = table(
        4,
        (0, offset, more["birds.txt"], 0),
        (1, offset, more["One a line."], 0),
        (2, "Int8", 2, 0),
        (3, offset, more["en"], 0),
    )
    files = offsets(labels)
    scores = table(7, (0, offset, more["scores"], 0), (4, offset, out_units, 0), (6, offset, files, 0))
    inputs, outputs = offsets(picture), offsets(scores)
    later = table(4, (0, offset, more["all.txt"], 0), (2, "Int8", 99, 0))
    all_files = offsets(later)
    main = table(7, (2, offset, inputs, 0), (3, offset, outputs, 0))
    subgraphs = offsets(main)
    root = table(
        8,
        (0, offset, text["Birds"], 0),
        (1, offset, text["Names birds."], 0),
        (2, offset, text["1.2"], 0),
        (3, offset, subgraphs, 0),
        (4, offset, text["us"], 0),
        (5, offset, text["MIT"], 0),
        (6, offset, all_files, 0),
        (7, offset, text["1.0.0"], 0),
    )
    b.Finish(root, file_identifier=b"M001")
    return bytes(b.Output())


def test_what_the_library_wrote_is_read() -> None:
    read = read_metadata(by_the_library())
    assert (read.name, read.description, read.version) == ("Birds", "Names birds.", "1.2")
    assert (read.author, read.license, read.min_parser_version) == ("us", "MIT", "1.0.0")
    (picture,), (scores,) = read.inputs, read.outputs
    assert (picture.name, picture.content, picture.colour) == ("picture", "image", "rgb")
    assert (picture.mean, picture.std) == ((10, 20, 30), (1, 2, 4))
    assert (picture.minimum, picture.maximum, picture.files) == ((-5,), (5,), ())
    assert (scores.name, scores.content, scores.threshold, scores.mean) == ("scores", "", 0.25, ())
    assert scores.files == (AssociatedFile("birds.txt", "One a line.", "tensor_axis_labels", "en"),)
    # A kind of file of a later version.
    assert read.files == (AssociatedFile("all.txt", "", "unknown", ""),)


def test_what_we_write_is_read() -> None:
    scores = {
        "name": "scores",
        "process_units": [
            unit("ScoreCalibrationOptions", default_score=0.5),
            unit("ScoreThresholdingOptions", global_score_threshold=0.5),
        ],
        "associated_files": [labels_file("a.txt"), labels_file("b.txt", "tensor_value_labels", "de")],
    }
    read = read_metadata(write_metadata(about(input=image(colour=2, mean=(1.0,)), output=scores)))
    assert (read.inputs[0].colour, read.inputs[0].mean, read.inputs[0].std) == ("grayscale", (1.0,), ())
    assert (read.outputs[0].threshold, read.outputs[0].calibrated) == (0.5, True)
    assert [(f.name, f.type, f.locale) for f in read.outputs[0].files] == [
        ("a.txt", "tensor_axis_labels", ""),
        ("b.txt", "tensor_value_labels", "de"),
    ]


def test_a_model_may_have_none() -> None:
    assert find_metadata({"min_runtime_version": b"1.5.0"}) is None
    assert read_metadata(write_metadata({"name": "only a name"})).inputs == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least 8 bytes, got 0"),
        (b"\x08\0\0\0TFL3\0\0\0\0", "identifier b'M001', got b'TFL3'"),
        (b"\xff\0\0\0M001", "ModelMetadata table inside"),
    ],
)
def test_what_is_no_metadata_is_refused_with_file_and_place(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=rf"^net\.tflite: metadata: .*{message}"):
        read_metadata(data, path="net.tflite")


def test_every_truncation_and_random_damage_fails_cleanly() -> None:
    good = by_the_library()
    for length in range(len(good) - 4):  # the last four are the end mark of a text and padding
        with pytest.raises(FormatError):
            read_metadata(good[:length])
    rng = random.Random(1)
    outcomes = set()
    for _ in range(3000):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            read_metadata(bytes(damaged))
            outcomes.add("read")
        except FormatError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_the_same_bytes_again_and_again_are_refused() -> None:
    builder = SharingBuilder(SCHEMA)
    fields = {"subgraph_metadata": [{"input_tensor_metadata": [image(mean=(1.0,))] * 300_000}]}
    data = builder.finish(builder.table(SCHEMA.tables["ModelMetadata"], fields))
    tracemalloc.start()
    with pytest.raises(FormatError, match="again and again"):
        read_metadata(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(data) + (32 << 20)


def real(test: Any) -> Any:
    """Marks a test that needs the shared models."""
    for mark in needs_shared:
        test = mark(test)
    return test


# Model of the shared folder -> name of the model, of its label file, mean and std.
REAL = {
    "classification/mobilenet_v1_0.25_128_quant": ("ImageClassifier", "imagenet_labels.txt", 127.5),
    "classification/mobilenet_v1_0.5_160_quant": ("ImageClassifier", "imagenet_labels.txt", 127.5),
    "classification/mobilenet_v2_1.0_224_quant": ("ImageClassifier", "imagenet_labels.txt", 127.5),
    "classification/tf2_mobilenet_v2_1.0_224_ptq": ("ImageClassifier", "imagenet_labels.txt", 127.5),
    "detection/yolov8n_full_integer_quant_416": (
        "Ultralytics YOLOv8n model trained on coco.yaml",
        "temp_meta.txt",
        None,
    ),
    "face/mp_face_detection_short_range_f16": ("Short Range Face Detection", None, 127.5),
}


@real
@pytest.mark.parametrize("name", REAL)
def test_real_metadata(name: str) -> None:
    title, file, std = REAL[name]
    read = find_metadata(read_model(shared(f"models/{name}.tflite").read_bytes()).metadata)
    assert read is not None
    assert (read.name, read.min_parser_version) == (title, "1.0.0")
    assert (read.inputs[0].content, read.inputs[0].colour) == ("image", "rgb")
    assert read.inputs[0].mean == read.inputs[0].std == (() if std is None else (std,))
    assert [f.name for out in read.outputs for f in out.files] == ([] if file is None else [file])


@real
def test_the_list_of_models_with_metadata_is_complete() -> None:
    found = {
        str(path.relative_to(FOLDER / "models").with_suffix(""))
        for path in (FOLDER / "models").rglob("*.tflite")
        if BUFFER_NAME in read_model(path.read_bytes()).metadata
    }
    assert found == set(REAL)
