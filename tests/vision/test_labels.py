"""Label files: both formats, both meanings, and sentences for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgerun.errors import ConfigError
from edgerun.vision.labels import Labels


def read(tmp_path: Path, text: str, name: str = "labels.txt") -> Labels:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return Labels.read(path)


def test_plain_lines_count_from_zero(tmp_path):
    labels = read(tmp_path, "cat\ndog\n3 wheeler\n\n")
    assert labels.names == {0: "cat", 1: "dog", 2: "3 wheeler"}


def test_an_empty_line_keeps_its_number(tmp_path):
    assert read(tmp_path, "cat\n\ndog\n").for_classifier(3) == ("cat", "class 1", "dog")


@pytest.mark.parametrize("line", ["{} {}", "{}: {}", "{}:{}", "{},{}", "{}\t{}"])
def test_numbered_lines_carry_their_number(tmp_path, line):
    text = "\n".join(line.format(i, name) for i, name in [(2, "pig"), (0, "cat"), (1, "a dog")])
    assert read(tmp_path, text).names == {0: "cat", 1: "a dog", 2: "pig"}


def test_a_byte_order_mark_and_crlf_are_tolerated(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\nhund\r\n".encode())
    assert Labels.read(path).names == {0: "cat", 1: "hund"}


PBTXT = """
# a comment
item {
  id: 1
  name: 'Abyssinian'
}
item { name: "/m/01" id: 3 display_name: "Great \\"Dane\\"" }
item: {
  id: 2; name: "pug", keypoints { id: 9 label: "nose" }
}
"""


def test_label_map(tmp_path):
    labels = read(tmp_path, PBTXT, "map.pbtxt")
    assert labels.names == {1: "Abyssinian", 3: 'Great "Dane"', 2: "pug"}
    assert labels.for_detector() == {0: "Abyssinian", 1: "pug", 2: 'Great "Dane"'}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\ndog\n", {0: "cat", 1: "dog"}),
        ("???\ncat\ndog\n", {0: "cat", 1: "dog"}),
        ("background\ncat\ndog\n", {0: "cat", 1: "dog"}),
        ("0 cat\n1 dog\n", {0: "cat", 1: "dog"}),
        ("1: cat\n2: dog\n", {0: "cat", 1: "dog"}),
    ],
)
def test_class_0_of_a_detector_is_the_first_name_after_the_background(tmp_path, text, expected):
    assert read(tmp_path, text).for_detector() == expected


@pytest.mark.parametrize(
    ("text", "classes", "expected"),
    [
        ("cat\ndog\n", 2, ("cat", "dog")),
        ("background\ncat\n", 2, ("background", "cat")),
        ("cat\ndog\n", 3, ("background", "cat", "dog")),
        ("???\ncat\ndog\n", 2, ("cat", "dog")),
        ("1 cat\n2 dog\n", 2, ("cat", "dog")),
        ("1 cat\n2 dog\n", 3, ("background", "cat", "dog")),
    ],
)
def test_names_of_a_classifier(tmp_path, text, classes, expected):
    assert read(tmp_path, text).for_classifier(classes) == expected


def test_a_wrong_count_is_refused_with_both_numbers(tmp_path):
    with pytest.raises(ConfigError, match=r"labels\.txt: expected .* 1001 classes .* got 2"):
        read(tmp_path, "cat\ndog\n").for_classifier(1001)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", r"a\.txt: the file has no labels"),
        ("a.txt", "0 cat\n0 dog\n", r"a\.txt:2: the number 0 is there twice"),
        ("a.csv", "cat", r"a\.csv: labels are read from"),
        ("a.pbtxt", "", r"a\.pbtxt: the file has no items"),
        ("a.pbtxt", "\nitem {\n  id: 1\n}", r"a\.pbtxt:2: the item needs a name"),
        ("a.pbtxt", "item {\n  name: 'x'\n}", r"a\.pbtxt:1: the item needs an id"),
        ("a.pbtxt", "item {\n id: 1 name: 'x'\n", r"a\.pbtxt:1: the item is not closed"),
        ("a.pbtxt", "thing { }", r"a\.pbtxt:1: expected `item \{`, got 'thing'"),
        ("a.pbtxt", "item {\n  name: 'x\n}", r"a\.pbtxt:2: cannot read"),
        ("a.pbtxt", "item { id: 1 name: 'a' }\nitem { id: 1 name: 'b' }", r":2: the id 1 is"),
        ("a.pbtxt", "item { id: }", r"a\.pbtxt:1: expected a value for id"),
        ("a.pbtxt", "item", r"a\.pbtxt:1: the item is not closed"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, name, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text, name)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.txt: the labels cannot be read: No such file"):
        Labels.read(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"cat\nl\xf6we\n")
    with pytest.raises(ConfigError, match=r"latin\.txt:2: expected UTF-8"):
        Labels.read(tmp_path / "latin.txt")


@pytest.mark.shared
def test_the_shared_files(shared):
    names = Labels.read(shared / "labels/imagenet_labels.txt").for_classifier(1001)
    assert names[0] == "background"
    assert names[286] == "Egyptian cat"
    pets = Labels.read(shared / "labels/pets_ssd_label_map.pbtxt").for_detector()
    assert len(pets) == 37
    assert pets[34] == "staffordshire_bull_terrier"
    coco = Labels.read(shared / "labels/coco_labels.txt").for_detector()
    assert coco[0] == "person"
    assert coco[17] == "dog"
