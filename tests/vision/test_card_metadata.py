"""What TFLite metadata put on the card, and what becomes of metadata that are wrong."""

from __future__ import annotations

import json
import logging

import click.testing
import numpy as np
import pytest

import edgerun
from edgerun.cli import cli
from edgerun.session import Session
from edgerun.vision import load
from edgerun.vision.card_sources import resolve_card
from metadata_files import about, archive, classifier, image, labels_file, unit, write_metadata

NAMES = "red\ngreen\nblue\n"
SCORES = {"name": "scores", "associated_files": [labels_file("names.txt")]}
RED = np.zeros((4, 4, 3), np.uint8)
RED[..., 2] = 255


def card_of(data: bytes, path=None):
    session = Session(data)
    return resolve_card(path, session.inputs, session.outputs, session.operators, session.metadata)


def described(**fields) -> bytes:
    return write_metadata(about(**fields))


def test_labels_colour_normalisation_and_threshold():
    scores = {**SCORES, "process_units": [unit("ScoreThresholdingOptions", global_score_threshold=0.25)]}
    metadata = described(input=image(colour=2, mean=(100.0,), std=(50.0,)), output=scores)
    card = card_of(classifier(metadata, {"names.txt": NAMES}))
    assert card.labels is not None
    assert card.labels.for_classifier(3) == ("red", "green", "blue")
    assert card.labels.source == "names.txt in the model"
    assert (card.input.colour, card.input.mean, card.input.scale) == ("grey", (100.0,), (0.02,))
    assert card.threshold == 0.25
    assert card.notes == ()
    assert card.source == (
        "recognised from shapes and operators; "
        "labels, colour, normalisation and threshold from its TFLite metadata"
    )


@pytest.mark.parametrize("backend", ["edgerun", "litert"])
def test_load_uses_them_and_says_so_in_one_line(tmp_path, caplog, backend):
    if backend == "edgerun":
        pytest.importorskip("edgerun._engine")
    data = classifier(
        described(input=image(mean=(127.5,), std=(127.5,)), output=SCORES), {"names.txt": NAMES}, "uint8"
    )
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    with caplog.at_level(logging.INFO, "edgerun"):
        model = load(path, backend=backend)
    assert model(RED).items[0].label == "red"
    (line,) = (r.getMessage() for r in caplog.records if r.name.startswith("edgerun"))
    assert line.startswith("net.tflite: classification, recognised")
    assert line.endswith("labels, colour and normalisation from its TFLite metadata.")


def test_uint8_that_normalising_and_quantising_brings_back_are_the_pixels():
    normal = described(input=image(mean=(127.5,), std=(127.5,)))
    assert card_of(classifier(normal, dtype="uint8")).input.mean is None
    # Pixels of this model are stored at half their height.
    half = described(input=image(mean=(0.0,), std=(255.0,)))
    card = card_of(classifier(half, dtype="uint8"))
    assert (card.input.mean, card.input.scale) == ((0.0,), (1 / 255,))


def test_each_channel_may_have_its_own_normalisation():
    metadata = described(input=image(mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0)))
    card = card_of(classifier(metadata))
    assert (card.input.mean, card.input.scale) == ((1.0, 2.0, 3.0), (0.5, 0.25, 0.125))


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.0,), (0.0,)), ((0.0,), (-1.0,)), ((float("nan"),), (1.0,)), ((0.0, 1.0), (1.0, 1.0))],
)
def test_a_normalisation_without_meaning_is_not_used(mean, std):
    card = card_of(classifier(described(input=image(mean=mean, std=std))))
    assert (card.input.mean, card.input.scale) == (None, None)
    assert "has no meaning" in card.notes[0]
    assert "pixels become 0 to 1" in card.notes[-1]


def test_a_card_beside_the_model_goes_before_the_metadata(tmp_path):
    (tmp_path / "own.txt").write_text("a\nb\nc\n")
    (tmp_path / "net.toml").write_text('labels = "own.txt"\n[input]\nscale = 0.5\n')
    metadata = described(input=image(colour=2, mean=(1.0,), std=(2.0,)), output=SCORES)
    card = card_of(classifier(metadata, {"names.txt": NAMES}), tmp_path / "net.tflite")
    assert card.labels is not None
    assert card.labels.for_classifier(3) == ("a", "b", "c")
    # A scale of the card does not go with a mean of the metadata; what the card leaves out stays theirs.
    assert (card.input.mean, card.input.scale, card.input.colour) == (None, (0.5,), "grey")


def test_labels_in_another_language_are_further_ones():
    files = [labels_file("names.txt"), labels_file("namen.txt", locale="de")]
    metadata = described(output={"name": "y", "associated_files": files})
    card = card_of(classifier(metadata, {"namen.txt": "rot\ngruen\nblau", "names.txt": NAMES}))
    assert card.labels is not None
    assert card.labels.names[0] == "red"


RECORD = {"task": "classify", "names": {0: "red", 1: "green", 2: "blue"}, "imgsz": [4, 4]}


@pytest.mark.parametrize(
    ("metadata", "files"),
    [
        (described(output=SCORES), {"names.txt": str(RECORD)}),
        (None, {"metadata.json": json.dumps(RECORD)}),
        (None, {"metadata.json": json.dumps({"names": ["red", "green", "blue"]})}),
    ],
)
def test_the_record_of_an_exporter_names_the_classes(metadata, files):
    card = card_of(classifier(metadata, files))
    assert card.labels is not None
    assert card.labels.for_classifier(3) == ("red", "green", "blue")
    assert "labels" in card.source


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "name the label file 'names.txt', which is not behind the model"),
        ({"names.txt": b"\xff\xfe\xfd"}, "expected UTF-8 text"),
        ({"names.txt": "\n\n"}, "has no labels"),
        ({"names.txt": "one\ntwo\nthree\nfour\nfive\n"}, "each of the 3 classes of the model, got 5"),
        ({"names.txt": "{'task': 'detect'}"}, "'names'"),
        ({"names.txt": "{'names': {'x': 'y'}}"}, "whole numbers"),
        ({"names.txt": "{" * 60_000}, "'names'"),
        ({"names.txt": "{'names': " + "-" * 60_000 + "1}"}, "'names'"),
        ({"names.txt": "{'names': {0: '" + "x" * 70_000 + "'}}"}, "'names'"),
        ({"names.txt": "{'names': __import__('os').environ}"}, "'names'"),
    ],
)
def test_labels_that_are_wrong_are_not_used_and_said(files, message):
    card = card_of(classifier(described(output=SCORES), files))
    assert card.labels is None
    assert any(message in note for note in card.notes)
    assert "labels" not in card.source


def test_metadata_that_are_damaged_are_not_used_and_said():
    card = card_of(classifier(b"\x10\0\0\0M001" + bytes(8), {"names.txt": NAMES}))
    assert card.labels is None
    assert "TFLite metadata: metadata: expected" in card.notes[0]
    assert "they are not used" in card.notes[0]


def test_a_damaged_archive_is_said_in_the_log_and_the_model_runs(tmp_path, caplog):
    files = archive({"names.txt": NAMES}).replace(b"PK\3\4", b"PK\3\5")
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier(described(output=SCORES)) + files)
    session = edgerun.Session(path)
    assert "net.tflite: the file 'names.txt' behind the model is damaged" in caplog.text
    assert set(session.metadata) == {"TFLITE_METADATA"}


def test_scores_that_want_calibration_are_said():
    scores = {"name": "y", "process_units": [unit("ScoreCalibrationOptions")]}
    assert "calibrated" in card_of(classifier(described(output=scores))).notes[0]


def test_a_float_model_without_metadata_says_what_it_assumes():
    card = card_of(classifier())
    assert card.notes == (
        "nothing says what range of values its float input was trained on: pixels become 0 to 1",
    )


def test_inspect_shows_what_the_metadata_say(tmp_path):
    path = tmp_path / "net.tflite"
    metadata = described(
        input=image(mean=(1.0, 2.0, 3.0), std=(2.0,)), output=SCORES, version="7", author="us", license="MIT"
    )
    path.write_bytes(classifier(metadata, {"names.txt": NAMES}))
    result = click.testing.CliRunner().invoke(cli, ["inspect", str(path)])
    rows = {line[:14].rstrip(): line[25:] for line in result.stdout.splitlines()}
    assert rows["model name"] == "net"
    assert rows["description"] == "What it does."
    assert (rows["version"], rows["author"], rows["licence"]) == ("7", "us", "MIT")
    assert rows["normalisation"] == "image: (value - [1, 2, 3]) / 2"
    assert (rows["labels"], rows["labels from"]) == ("3", "names.txt in the model")
    asked = click.testing.CliRunner().invoke(cli, ["inspect", str(path), "--json"])
    facts = json.loads(asked.stdout)
    assert (facts["labels"], facts["model_name"]) == (3, "net")
    path.write_bytes(classifier(b"nothing of the kind", {}))
    damaged = click.testing.CliRunner().invoke(cli, ["inspect", str(path)])
    assert "the TFLite metadata: metadata: expected the file identifier" in damaged.stdout
    path.write_bytes(classifier())
    assert "labels" not in click.testing.CliRunner().invoke(cli, ["inspect", str(path)]).stdout


@pytest.mark.shared
def test_the_labels_in_a_real_model_are_those_of_its_makers(shared, caplog):
    with caplog.at_level(logging.INFO, "edgerun"):
        model = load(shared / "models/classification/mobilenet_v2_1.0_224_quant.tflite")
    names = (shared / "labels/imagenet_labels.txt").read_text().splitlines()
    assert model.card.labels is not None
    assert list(model.card.labels.for_classifier(1001)) == names
    assert model.preprocessor.meaning == "raw pixels"
    assert "labels, colour and normalisation from its TFLite metadata" in caplog.text
