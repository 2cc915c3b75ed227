"""Models on disk as they were set up, so that the next start need not.

A plan is what frontends, passes and lowering made of a file: a compiled file (formats/compiled_file.py), the
same on every machine, read with all the checks of a compiled model. An image (plan/image.py) is the program
that bind() made of a plan on this machine, weights packed; it is mapped. Each is named by a hash of all that
decides it. One that is not sound is removed, and the model set up without it. Nothing here raises: without a
directory that can be used, there is no cache.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import edgerun
from edgerun import knobs
from edgerun.errors import FormatError, ModelError
from edgerun.ir.ports import Shape
from edgerun.plan.image import Image, checksum, machine_key

if TYPE_CHECKING:  # a start from an image needs none of them
    from edgerun.artifact import Cached
    from edgerun.plan.program import Program

# A model that is set up faster than this is not worth a file. The first of a process takes longer, since it
# imports the frontends: the next start saves that, too.
WORTH_SECONDS = 0.02
_PLAN, _IMAGE = ".plan", ".image"
# Clocks of file systems tick every few milliseconds: a file may change twice within one tick.
_SETTLED_SECONDS = 2.0


def key_of(data: bytes, path: str, shapes: Mapping[str, Shape] | None, signature: str | None) -> str | None:
    """The name of the plan of a model, or None for one that is not cached.

    The kernels are not in it: a plan is the same on every CPU, and is bound to this one at each start.
    """
    import hashlib

    from edgerun.frontends import TFLITE_MAGIC

    tflite = data[4:8] == TFLITE_MAGIC
    # Weights of ONNX may lie in other files, whose names the model holds under the key "location"; a model
    # that has that text for another reason is imported at each start.
    if knobs.cache_dir() is None or (b"location" in data and not tflite):
        return None
    made = _made_by(shapes, signature, path.endswith(".onnx"), onnx=not tflite)
    if made is None:
        return None
    return hashlib.sha256(f"{hashlib.sha256(data).hexdigest()} {made}".encode()).hexdigest()


def file_key(
    path: str, shapes: Mapping[str, Shape] | None, signature: str | None, threads: int
) -> str | None:
    """The key of the image of a model's file, which need not be read for it: it is known by its inode, size
    and times. None for one that changed so lately that it may change again unnoticed, and without a cache."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if knobs.cache_dir() is None or time.time() - max(status.st_mtime, status.st_ctime) < _SETTLED_SECONDS:
        return None
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    made = _made_by(shapes, signature, path.endswith(".onnx"), onnx=not path.endswith(".tflite"))
    return None if made is None else f"{identity} {made} {machine_key(threads)}"


def content_key(plan: str | None, threads: int) -> str | None:
    """The key of the image of what has a plan of this key."""
    return None if plan is None else f"{plan} {machine_key(threads)}"


def _made_by(
    shapes: Mapping[str, Shape] | None, signature: str | None, named_onnx: bool, *, onnx: bool
) -> str | None:
    """All that decides a plan beside the file's content; None where that cannot be told."""
    try:
        wanted = sorted((name, tuple(map(int, shape))) for name, shape in (shapes or {}).items())
        build = (_build(), _onnx_version() if onnx else "")
    except (TypeError, ValueError):
        return None  # wrong shapes are refused where the model is imported
    except OSError:
        return None  # the package is no folder of files: whether it changed cannot be seen
    versions = (edgerun.__version__, np.__version__, *build)
    return repr((named_onnx, wanted, signature, versions, knobs.max_arena_bytes(), knobs.max_fold_bytes()))


def load(key: str | None, path: str) -> Cached | None:
    """The plan of a key; None when there is none that is sound. `path` becomes the plan's name."""
    place = _place(key)
    if place is None:
        return None
    from dataclasses import replace

    from edgerun.artifact import Cached, read_record

    try:
        with open(place, "rb") as file:
            data = file.read()
        cached = read_record(data, path, Cached, lambda made: made.artifact)
        if cached.key != key:
            raise FormatError(f"{place}: the plan of another model, {cached.key}.")
        _check_free(cached)
    except FormatError:
        _remove(place)
        return None
    except (OSError, MemoryError):
        return None
    with contextlib.suppress(OSError):
        os.utime(place)  # the oldest use goes first
    artifact = cached.artifact
    return replace(cached, artifact=replace(artifact, plan=replace(artifact.plan, name=path)))


def store(cached: Cached) -> None:
    """Keeps a plan under its key."""
    from edgerun.artifact import record_bytes

    place = _place(cached.key)
    if place is not None:
        # It has what no file holds, or there is no memory for a second copy of it.
        with contextlib.suppress(ModelError, MemoryError):
            _write(place, record_bytes(cached))


def load_image(key: str | None) -> Image | None:
    """The image of a key; None when there is none that is sound."""
    place = _image_place(key)
    if place is None or key is None:
        return None
    try:
        os.utime(place)
    except OSError:
        return None
    try:
        return Image(place, key)
    except (FormatError, TypeError, KeyError, ValueError):
        _remove(place)
        return None
    except MemoryError:
        return None


def store_image(key: str | None, program: Program, told: Mapping[str, Any]) -> None:
    """Keeps a program for this machine, and what is `told` of its model."""
    place = _image_place(key)
    if place is not None and key is not None:
        with contextlib.suppress(MemoryError):  # the model runs all the same
            data = program.image_bytes(key, told)
            if data is not None:
                _write(place, data)


def _write(place: str, data: bytes) -> None:
    """Writes an entry, whole or not at all, and removes the oldest until all fit EDGERUN_CACHE_MB."""
    if len(data) > knobs.cache_bytes():
        return
    import tempfile  # with all that it imports, as expensive as reading an entry

    temporary, folder = "", os.path.dirname(place)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        suffix = os.path.splitext(place)[1]
        with tempfile.NamedTemporaryFile(prefix=".", suffix=suffix, dir=folder, delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
        _trim(folder, knobs.cache_bytes())
    except (OSError, MemoryError):  # no space, no permission: the model runs all the same
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def discard(key: str | None) -> None:
    """Removes a plan that turned out not to be sound."""
    place = _place(key)
    if place is not None:
        _remove(place)


def entries() -> list[tuple[str, int, float]]:
    """(file, bytes, time of the last use) of every file of the cache."""
    folder = knobs.cache_dir()
    return [] if folder is None else list(_entries(folder))


def clear() -> int:
    """Removes every entry; the number of bytes they had. Raises OSError where that is not allowed."""
    found = entries()
    for place, _, _ in found:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)
    return sum(size for _, size, _ in found)


def _remove(place: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(place)


def _check_free(cached: Cached) -> None:
    """Raises FormatError where the open dimensions are not those of the inputs."""
    plan = cached.artifact.plan
    ranks = [len(plan.tensors[i].type.shape) for i in plan.inputs]
    if len(ranks) != len(cached.free) or any(
        not 0 <= d < rank for rank, free in zip(ranks, cached.free, strict=True) for d in free
    ):
        raise FormatError(f"{plan.name}: the open dimensions {cached.free} do not fit inputs of {ranks}.")


def _place(key: str | None) -> str | None:
    """The file of a plan."""
    folder = knobs.cache_dir()
    return None if key is None or folder is None else os.path.join(folder, key + _PLAN)


def _image_place(key: str | None) -> str | None:
    """The file of an image, which has its whole key inside."""
    folder = knobs.cache_dir()
    return None if key is None or folder is None else os.path.join(folder, checksum(key) + _IMAGE)


def _entries(folder: str) -> Iterator[tuple[str, int, float]]:
    """Temporary files are among them: those that a killed writer left behind grow old, too."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith((_PLAN, _IMAGE))]
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError):  # another process removed it
            place = os.path.join(folder, name)
            status = os.stat(place)
            yield place, status.st_size, status.st_mtime


def _trim(folder: str, limit: int) -> None:
    found = sorted(_entries(folder), key=lambda entry: entry[2], reverse=True)
    total = 0
    for place, size, _ in found:
        total += size
        if total > limit:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)


def _build() -> str:
    """Changes with every file that makes plans and with the engine, also where the version stays the same."""
    root, lines = os.path.dirname(__file__), []
    for folder in ("", "formats", "frontends", "ir", "passes", "plan"):
        lines += [f"{folder}/{line}" for line in _sources(os.path.join(root, folder), deep=folder != "")]
    return checksum("\n".join(lines))


def _sources(folder: str, deep: bool) -> list[str]:
    """Name, size and time of the last change of the Python files and extension modules of a folder."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".so")):
                status = entry.stat()
                found.append(f"{entry.name} {status.st_size} {status.st_mtime_ns}")
            elif deep and entry.name != "__pycache__" and entry.is_dir():
                found += [f"{entry.name}/{line}" for line in _sources(entry.path, deep)]
    return sorted(found)


def _onnx_version() -> str:
    """Changes with the onnx package, which is found, not imported: that takes longer than the whole start."""
    from importlib.util import find_spec

    spec = find_spec("onnx")
    if spec is None or spec.origin is None:
        return "none"
    beside = os.listdir(os.path.dirname(os.path.dirname(spec.origin)))
    installed = sorted(n for n in beside if n.startswith("onnx-") and n.endswith("-info"))
    status = os.stat(spec.origin)
    return f"{installed} {status.st_size} {status.st_mtime_ns}"
