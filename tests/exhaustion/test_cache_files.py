"""Cache files that are cut, changed, swapped or not to be written: right answers, nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgerun.session import Session
from session.conftest import classifier_net

A, B = classifier_net(), classifier_net().replace(b"made by a test", b"made by a twin")
GIVEN = np.random.default_rng(0).integers(-128, 128, (1, 24, 24, 3), np.int8)


def other_net() -> bytes:
    """The classifier with other weights: a plan of it in the place of A's would answer wrongly."""
    at = A.rindex(bytes(np.random.default_rng(7).integers(-127, 128, (32, 3, 3, 3), np.int8)[:2].tobytes()))
    return A[:at] + bytes(40) + A[at + 40 :]


def answer(model: bytes) -> bytes:
    return Session(model, threads=1).run(GIVEN)["scores"].tobytes()


def entries(folder: Path, kind: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.glob(f"*.{kind}"))}


@pytest.mark.parametrize("kind", ["plan", "image"])
def test_entries_that_changed_places_are_not_used(cache_folder: Path, kind: str) -> None:
    other = other_net()
    wanted = [answer(A), answer(other)]
    assert wanted[0] != wanted[1]
    found = entries(cache_folder, kind)
    assert len(found) == 2
    if kind == "plan":
        for image in cache_folder.glob("*.image"):
            image.unlink()
    for path, data in zip(found, reversed(found.values()), strict=True):
        path.write_bytes(data)
        path.chmod(0o600)
    assert [answer(A), answer(other)] == wanted
    assert entries(cache_folder, kind).keys() == found.keys()
    assert [answer(A), answer(other)] == wanted


@pytest.mark.parametrize("kind", ["plan", "image"])
def test_cut_and_flipped_entries_are_not_used(cache_folder: Path, kind: str) -> None:
    wanted = answer(A)
    ((path, data),) = entries(cache_folder, kind).items()
    rng = np.random.default_rng(3)
    changed = [data[: len(data) * k // 12] for k in range(12)] + [data[:-1], data + b"\0", data + bytes(64)]
    for place in [8, *rng.integers(0, len(data), 24).tolist()]:  # byte 8: the version
        changed.append(data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :])
    for each in changed:
        if kind == "plan":
            for image in cache_folder.glob("*.image"):
                image.unlink()
        path.write_bytes(each)
        assert answer(A) == wanted
    assert answer(B) == wanted  # of the same operators and weights, under a name of its own
    assert len(entries(cache_folder, kind)) == 2


def test_a_file_size_limit_leaves_nothing_half_written(child, model_file, tmp_path) -> None:
    place = tmp_path / "cache"
    child(
        f"""
cache_in({str(place)!r})
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python itself has it
data = open(path, "rb").read()
handles = len(os.listdir("/proc/self/fd"))
answers = set()
for limit in (0, 1, 100, 4096, 10000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    answers.add(answer(edgerun.Session(data)))
assert os.listdir({str(place)!r}) == [], os.listdir({str(place)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
answers |= {{answer(edgerun.Session(data)) for _ in range(2)}}
assert len(answers) == 1 and len(os.listdir({str(place)!r})) == 2
assert len(os.listdir("/proc/self/fd")) == handles
""",
        model_file,
    )


@pytest.mark.parametrize("call", ["makedirs", "fsync", "replace", "utime", "listdir"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_calls_that_fail_leave_nothing_half_written(
    cache_folder: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = len(os.listdir("/proc/self/fd"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        found = {answer(A), answer(A)}
    assert len(found) == 1 and len(os.listdir("/proc/self/fd")) == handles
    assert not list(cache_folder.glob(".*"))
    assert {answer(A), answer(A)} == found


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
def test_a_folder_that_cannot_be_written_is_read(child, model_file, tmp_path) -> None:
    place = tmp_path / "cache"
    begin = f"""
cache_in({str(place)!r})
data = open(path, "rb").read()
"""
    wanted = child(begin + "print(answer(edgerun.Session(data)).hex())", model_file)
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    change = """
import tempfile
os.environ["EDGERUN_CACHE"] = "off"  # the other user need not be able to read Python's own modules
edgerun.Session(data, shapes={"image": (2, 24, 24, 3)}).summary()
os.environ["EDGERUN_CACHE"] = "on"
edgerun.Session(data).summary()
os.chmod(os.environ["EDGERUN_CACHE_DIR"], 0o555)
for parent in list(__import__("pathlib").Path(os.environ["EDGERUN_CACHE_DIR"]).parents)[:3]:
    os.chmod(parent, 0o755)
os.setuid(54321)
print(answer(edgerun.Session(data)).hex())
edgerun.Session(data, shapes={"image": (2, 24, 24, 3)})
"""
    assert child(begin + change, model_file) == wanted
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can mount")
def test_a_disk_that_is_full(child, model_file, tmp_path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)], check=True)
    try:
        child(
            f"""
cache_in({str(disk / "cache")!r})
data = open(path, "rb").read()
assert len({{answer(edgerun.Session(data)) for _ in range(3)}}) == 1
assert all(not name.startswith(".") for name in os.listdir({str(disk / "cache")!r}))
""",
            model_file,
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)
