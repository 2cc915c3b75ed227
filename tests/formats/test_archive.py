"""The zip archive behind a model: what is read, and that nothing in it can hurt."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile

import pytest

from edgerun.formats import archive as limits
from edgerun.formats.archive import appended_archive, appended_metadata
from edgerun.formats.tflite_reader import read_model
from metadata_files import archive, classifier

MODEL = classifier()
FILES = {"labels.txt": b"one\ntwo\n" * 100, "more/notes.txt": b"x"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_files_behind_a_model(method: int) -> None:
    data = MODEL + archive(FILES, method)
    assert appended_archive(data) == (FILES, ())
    assert appended_metadata(data, "m") == {f"zip/{name}": content for name, content in FILES.items()}
    assert len(read_model(data).subgraphs) == 1


def test_as_the_metadata_tools_append_them() -> None:
    """They open the model itself as an archive to append to: offsets count from the model's first byte."""
    content = io.BytesIO(MODEL)
    with zipfile.ZipFile(content, "a") as file:
        file.writestr("labels.txt", "one")
        file.comment = b"with a comment"
    assert appended_archive(content.getvalue()) == ({"labels.txt": b"one"}, ())


def test_a_model_without() -> None:
    assert appended_archive(MODEL) == ({}, ())
    assert appended_archive(b"") == ({}, ())
    assert appended_archive(MODEL + archive({})) == ({}, ())
    # Four bytes among the weights that look like an end record are none.
    assert appended_archive(MODEL + b"PK\5\6" + bytes(100)) == ({}, ())


@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/passwd", "a/../../b", "C:evil", "a\\b", "new\nline", "x" * 300]
)
def test_names_that_lead_elsewhere_are_left_out(name: str) -> None:
    files, ignored = appended_archive(MODEL + archive({name: "bad", "good.txt": "good"}))
    assert files == {"good.txt": b"good"}
    assert len(ignored) == 1 and "has a name that" in ignored[0]


def test_a_file_without_a_name_is_left_out() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr(zipfile.ZipInfo(""), b"bad")
        file.writestr("good.txt", b"good")
    files, ignored = appended_archive(MODEL + content.getvalue())
    assert files == {"good.txt": b"good"}
    assert ignored == ("the file '' behind the model has a name that is not used",)


def test_a_folder_is_no_file() -> None:
    assert appended_archive(MODEL + archive({"more/": "", "more/a.txt": "a"})).files == {"more/a.txt": b"a"}


def peak_memory(data: bytes) -> tuple[limits.Archive, int]:
    tracemalloc.start()
    found = appended_archive(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found, peak


def test_a_bomb_is_left_out_unopened() -> None:
    data = MODEL + archive({"bomb.txt": bytes(200 << 20), "good.txt": b"good"})
    found, peak = peak_memory(data)
    assert found.files == {"good.txt": b"good"}
    assert "'bomb.txt' behind the model is too large: 209715200 bytes" in found.ignored[0]
    assert peak < 4 << 20


def test_a_bomb_that_lies_about_its_size_is_left_out() -> None:
    data = bytearray(MODEL + archive({"bomb.txt": bytes(200 << 20)}))
    real = struct.pack("<I", 200 << 20)
    assert data.count(real) == 2
    data = data.replace(real, struct.pack("<I", 1000))
    found, peak = peak_memory(bytes(data))
    assert found.files == {}
    assert "is damaged" in found.ignored[0]
    assert peak < 4 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_not_opened(method: int) -> None:
    found, peak = peak_memory(MODEL + archive({"a.txt": bytes(1 << 20)}, method))
    assert found.files == {}
    assert "compressed in a way that is not read" in found.ignored[0]
    assert peak < 1 << 20


def test_all_files_together_have_a_limit() -> None:
    big = bytes(limits.MAX_FILE_BYTES)
    found, peak = peak_memory(MODEL + archive({f"{i}.bin": big for i in range(10)}))
    assert list(found.files) == ["0.bin", "1.bin"]
    assert len(found.ignored) == 8
    assert peak < 2 * limits.MAX_BYTES


def test_so_has_their_number() -> None:
    found = appended_archive(MODEL + archive({f"{i}.txt": "x" for i in range(100)}))
    assert len(found.files) == limits.MAX_FILES
    assert "has 100 files, 64 are read" in found.ignored[0]
    found, peak = peak_memory(MODEL + archive({f"{i}.txt": "x" for i in range(5000)}))
    assert found.files == {}
    assert "too large to be read (5000 files)" in found.ignored[0]
    assert peak < 1 << 20


def test_a_zip64_directory_is_not_followed() -> None:
    plain = archive({"a.txt": "x"})
    end = plain.rindex(b"PK\5\6")
    locator = b"PK\6\7" + bytes(16)
    found = appended_archive(MODEL + plain[:end] + locator + plain[end:])
    assert found.files == {}
    assert "too large" in found.ignored[0]


def test_encrypted_files_and_names_that_come_twice_are_left_out() -> None:
    data = bytearray(archive({"a.txt": "x"}))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    assert "encrypted" in appended_archive(MODEL + bytes(data)).ignored[0]
    twice = archive({"a.txt": "first", "b.txt": "second"}).replace(b"b.txt", b"a.txt")
    found = appended_archive(MODEL + twice)
    assert found.files == {"a.txt": b"first"}
    assert "is there twice" in found.ignored[0]


def test_a_wrong_checksum_is_damage() -> None:
    data = MODEL + archive(FILES, zipfile.ZIP_STORED).replace(b"two", b"TWO")
    files, ignored = appended_archive(data)
    assert files == {"more/notes.txt": b"x"}
    assert "'labels.txt' behind the model is damaged (Bad CRC-32" in ignored[0]


def test_damage_never_raises_and_never_gives_wrong_contents() -> None:
    rng = random.Random(1)
    good = archive(FILES)
    complaints = 0
    for _ in range(2000):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        found = appended_archive(MODEL + bytes(damaged)[: rng.choice([None, rng.randrange(len(good))])])
        complaints += bool(found.ignored)
        assert all(content in FILES.values() for content in found.files.values())
    assert complaints > 100
