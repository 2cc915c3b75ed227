"""Plans and images on disk: the same answers with and without, whatever happened to the files."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgerun import cache, knobs
from edgerun.errors import FormatError, ModelError
from edgerun.plan.image import Image
from edgerun.session import Session
from shared_material import needs_shared, shared


def from_cache(session: Session) -> bool:
    return from_image(session) or session._cached is not None


def from_image(session: Session) -> bool:
    return session._image is not None


def entry_of(folder: Path, kind: str) -> Path:
    (entry,) = folder.glob(f"*.{kind}")
    return entry


def told(session: Session) -> tuple[object, ...]:
    """What a session says of itself."""
    metadata = {name: bytes(data) for name, data in session.metadata.items()}
    stages = [session.describe(stage) for stage in ("graph", "passes", "plan", "program", "memory")]
    ports = (session.inputs, session.outputs, session.operators, session.signatures, session._free)
    return (*ports, metadata, stages, session.summary())


def damaged(data: bytes, kind: str) -> bytes:
    if kind == "flipped":
        return data[:5000] + bytes([data[5000] ^ 4]) + data[5001:]
    if kind == "newer":
        return data[:8] + b"\x63" + data[9:]
    if kind == "sealed":  # a sound checksum over a plan that is none
        text = data.replace(b'"verb":"conv"', b'"verb":"cawv"')
        assert text != data
        return text[:32] + hashlib.sha256(text[:32] + text[64:]).digest() + text[64:]
    return {"empty": b"", "cut": data[: len(data) // 2], "text": b"EDGERUN is not here" * 9}[kind]


@pytest.mark.parametrize("shapes", [None, {"image": (2, 24, 24, 3)}])
def test_the_second_start_is_the_first(
    cache_folder: Path, classifier: bytes, shapes: dict[str, tuple[int, ...]] | None
) -> None:
    first, second = (Session(classifier, shapes=shapes) for _ in range(2))
    assert (from_cache(first), from_image(second)) == (False, True)
    assert told(first) == told(second)
    assert not from_image(second)  # what was told is not in an image


def test_without_its_image_a_plan_is_bound_and_its_image_made_again(
    cache_folder: Path, classifier: bytes
) -> None:
    wanted = Session(classifier).fingerprint()
    entry_of(cache_folder, "image").unlink()
    again = Session(classifier)
    assert from_cache(again) and not from_image(again) and again.fingerprint() == wanted
    assert from_image(Session(classifier))


def test_a_session_from_an_image_outlives_the_cache(cache_folder: Path, classifier: bytes) -> None:
    first, second = (Session(classifier) for _ in range(2))
    assert from_image(second)
    cache.clear()
    twin = second.twin()
    assert from_image(twin) and twin.fingerprint() == first.fingerprint()
    assert told(second) == told(first)


def test_twins_of_an_image_remember_apart(cache_folder: Path, stateful: bytes) -> None:
    first, second = (Session(stateful) for _ in range(2))
    assert from_image(second)
    twin = second.twin()
    feeds = {info.name: np.ones(info.shape, info.dtype) for info in second.inputs}

    def three_runs(session: Session) -> list[bytes]:
        return [b"".join(array.tobytes() for array in session.run(feeds).values()) for _ in range(3)]

    wanted = three_runs(first)
    assert len(set(wanted)) == 3  # it does remember
    assert three_runs(second) == wanted and three_runs(twin) == wanted
    twin.reset()
    assert three_runs(twin) == wanted


def test_a_file_is_known_without_being_read(
    cache_folder: Path, tmp_path: Path, classifier: bytes, make_classifier: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place = tmp_path / "model.tflite"
    place.write_bytes(classifier)
    assert cache.file_key(str(place), None, None, 1) is None  # it is too new to be known by its times
    monkeypatch.setattr(cache, "_SETTLED_SECONDS", -1.0)
    first = Session(place)
    with monkeypatch.context() as patch:
        patch.setattr("edgerun.frontends.read_source", None)
        second = Session(place)
        assert from_image(second) and second.run() is not None
    assert told(second) == told(first)
    place.write_bytes(make_classifier(side=20))
    assert not from_cache(Session(place))


def test_a_file_that_changed_is_not_taken_for_the_model(
    cache_folder: Path, tmp_path: Path, classifier: bytes, make_classifier: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(cache, "_SETTLED_SECONDS", -1.0)
    place = tmp_path / "model.tflite"
    place.write_bytes(classifier)
    Session(place)
    session = Session(place)
    assert from_image(session)
    place.write_bytes(make_classifier(side=20))
    cache.clear()
    with pytest.raises(ModelError, match="changed since the session began"):
        session.summary()


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "flipped", "newer", "swapped", "writable"])
def test_a_damaged_image_is_made_again(
    cache_folder: Path, classifier: bytes, make_classifier: Callable[..., bytes], kind: str
) -> None:
    wanted = Session(classifier).fingerprint()
    entry = entry_of(cache_folder, "image")
    whole = entry.read_bytes()
    if kind == "swapped":
        Session(make_classifier(side=20))
        (other,) = set(cache_folder.glob("*.image")) - {entry}
        other.replace(entry)
    elif kind == "writable":
        entry.chmod(0o666)
    else:
        entry.write_bytes(damaged(whole, kind))
    again = Session(classifier)
    assert not from_image(again) and again.fingerprint() == wanted
    assert entry.read_bytes() == whole and entry.stat().st_mode & 0o77 == 0
    assert from_image(Session(classifier))


def test_every_flipped_bit_of_an_image_is_seen(cache_folder: Path, classifier: bytes) -> None:
    Session(classifier)
    entry = entry_of(cache_folder, "image")
    whole, chance = entry.read_bytes(), np.random.default_rng(5)
    key = whole[72 : 72 + int.from_bytes(whole[64:72], "little")].decode()
    assert Image(str(entry), key)
    for at in [*range(40), *chance.integers(64, len(whole), 300)]:
        entry.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << int(chance.integers(8))]) + whole[at + 1 :])
        with pytest.raises(FormatError):
            Image(str(entry), key)


def test_other_shapes_are_made_from_the_file(cache_folder: Path, classifier: bytes) -> None:
    first, second = (Session(classifier) for _ in range(2))
    image = np.random.default_rng(3).integers(-128, 128, (3, 24, 24, 3), np.int8)
    (a,), (b,) = first.run(image).values(), second.run(image).values()
    assert from_cache(second) and a.shape == (3, 10)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "flipped", "newer", "sealed"])
def test_a_damaged_entry_is_made_again(cache_folder: Path, classifier: bytes, kind: str) -> None:
    wanted = Session(classifier).fingerprint()
    entry_of(cache_folder, "image").unlink()
    entry = entry_of(cache_folder, "plan")
    whole = entry.read_bytes()
    entry.write_bytes(damaged(whole, kind))
    again = Session(classifier)
    assert not from_cache(again) and again.fingerprint() == wanted
    assert entry.read_bytes() == whole
    assert from_cache(Session(classifier))


def test_what_decides_the_plan_is_in_the_key(
    cache_folder: Path, classifier: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = classifier
    keys = [cache.key_of(data, "m.tflite", None, None), cache.key_of(data + b"\0", "m.tflite", None, None)]
    keys += [cache.key_of(data, "m.tflite", {"image": (2, 24, 24, 3)}, None)]
    keys += [cache.key_of(data, "m.tflite", None, "serve")]
    for name, value in (("max_arena_bytes", 1 << 30), ("max_fold_bytes", 1 << 20)):
        with monkeypatch.context() as patch:
            patch.setattr(knobs, name, lambda value=value: value)
            keys.append(cache.key_of(data, "m.tflite", None, None))
    for name in ("__version__",):
        with monkeypatch.context() as patch:
            patch.setattr(f"edgerun.{name}", "0.0.1")
            keys.append(cache.key_of(data, "m.tflite", None, None))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_build", lambda: "another build")
        keys.append(cache.key_of(data, "m.tflite", None, None))
    assert None not in keys and len(set(keys)) == len(keys)
    assert cache.key_of(data, "elsewhere.tflite", None, None) == keys[0]


def test_the_version_of_onnx_is_in_the_keys_of_its_models(
    cache_folder: Path, classifier: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert onnx.__version__ in cache._onnx_version()
    files = [(classifier, "m.tflite"), (b"\x08\x08 a model of onnx", "m.onnx")]
    before = [cache.key_of(*file, None, None) for file in files]
    monkeypatch.setattr(cache, "_onnx_version", lambda: "another")
    after = [cache.key_of(*file, None, None) for file in files]
    assert before[0] == after[0] and before[1] != after[1]


@pytest.mark.parametrize(
    "name", ["_engine.so", "session.py", "ir/conv.py", "plan/lower/conv.py", "plan/new.py"]
)
def test_a_changed_build_has_other_keys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("_engine.so", "session.py", "ir/conv.py", "plan/lower/conv.py", "formats/a", "frontends/a"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(b"one")
    (tmp_path / "passes").mkdir()
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    before = cache._build()
    (tmp_path / "ir" / "__pycache__").mkdir()
    (tmp_path / "ir" / "__pycache__" / "conv.py").write_bytes(b"")  # what Python writes changes nothing
    assert cache._build() == before
    (tmp_path / name).write_bytes(b"another")
    assert cache._build() != before


def test_a_package_without_files_keeps_nothing(
    cache_folder: Path, classifier: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "bundle.zip" / "cache.py"))
    assert not any(from_cache(Session(classifier)) for _ in range(2))
    assert not cache_folder.exists()


def test_a_plan_is_bound_to_the_instruction_set_of_the_start(
    cache_folder: Path, classifier: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Session(classifier).fingerprint()
    monkeypatch.setenv("EDGERUN_ISA", "generic")
    generic = Session(classifier)
    assert from_cache(generic) and not from_image(generic) and generic.fingerprint() == wanted
    assert {b.kernel for b in generic._program.steps if b.step.verb == "conv"} == {"generic"}  # type: ignore[union-attr]


def test_a_model_with_weights_in_other_files_is_not_kept(cache_folder: Path) -> None:
    assert cache.key_of(b"\x08\x08 \x0a\x08location\x12\x01w", "m.onnx", None, None) is None


@pytest.mark.parametrize("place", ["file", "below_a_file", "off"])
def test_without_a_folder_all_is_as_before(
    cache_folder: Path, classifier: bytes, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache_folder.write_bytes(b"")  # no cache_folder can be made here, not even by root
    if place == "below_a_file":
        monkeypatch.setenv("EDGERUN_CACHE_DIR", str(cache_folder / "deeper"))
    if place == "off":
        cache_folder.unlink()
        monkeypatch.setenv("EDGERUN_CACHE", "off")
    sessions = [Session(classifier) for _ in range(2)]
    assert not any(map(from_cache, sessions))
    assert sessions[0].fingerprint() == sessions[1].fingerprint()
    assert not cache_folder.is_dir()


def test_a_full_disk_leaves_nothing_behind(
    cache_folder: Path, classifier: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not from_cache(Session(classifier)) and not from_cache(Session(classifier))
    assert list(cache_folder.iterdir()) == []


def test_what_was_not_used_for_longest_goes(
    cache_folder: Path, make_classifier: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [make_classifier(side=side) for side in (20, 24, 28)]
    Session(models[0])
    size = sum(size for _, size, _ in cache.entries())
    monkeypatch.setattr(knobs, "cache_bytes", lambda: size * 9 // 4)
    Session(models[1])
    for age, (path, _, _) in enumerate(sorted(cache.entries(), key=lambda entry: entry[2])):
        os.utime(path, (1000 + age, 1000 + age))
    Session(models[0]).summary()  # used, image and plan: now the other one is the oldest
    Session(models[2])
    assert sum(size for _, size, _ in cache.entries()) <= size * 9 // 4
    assert [from_cache(Session(model)) for model in (models[0], models[2])] == [True, True]
    assert not from_cache(Session(models[1]))


def test_clear_removes_all(cache_folder: Path, classifier: bytes) -> None:
    Session(classifier)
    size = sum(size for _, size, _ in cache.entries())
    assert cache.clear() == size > 0
    assert cache.entries() == []


def _start(task: tuple[bytes, int]) -> list[str]:
    classifier, count = task
    found = []
    for _ in range(count):
        found.append(Session(classifier).fingerprint())
        cache.clear()  # so that reading, writing and removing meet
    return found


def test_processes_write_at_once(cache_folder: Path, classifier: bytes) -> None:
    wanted = Session(classifier).fingerprint()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(_start, [(classifier, 8)] * 4)
    assert {fingerprint for many in found for fingerprint in many} == {wanted}
    assert not [path for path, _, _ in cache.entries() if os.path.basename(path).startswith(".")]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(f"models/{place}", marks=needs_shared)
        for place in (
            "classification/mobilenet_v2_1.0_224_quant.tflite",
            "classification/tf2_mobilenet_v2_1.0_224_ptq.tflite",
            "classification/mobilenet_v2_int8_a.onnx",
            "classification/st_mobilenet_v2_0.35_128.onnx",
            "classification/resnet8_cifar10_float32.tflite",
            "classification/mnist_ms.onnx",
        )
    ],
)
def test_shared_models_answer_the_same(cache_folder: Path, place: str) -> None:
    first, second = (Session(shared(place)) for _ in range(2))
    assert (from_cache(first), from_cache(second)) == (False, True)
    assert told(first) == told(second)


def test_what_cannot_be_opened_is_refused_each_time(cache_folder: Path, classifier: bytes) -> None:
    for _ in range(2):
        with pytest.raises(ModelError):
            Session(classifier[:200])
    assert cache.entries() == []
