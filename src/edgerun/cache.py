"""Plans on disk: what a model file became, so that the next start needs no frontend, passes or lowering.

An entry is a compiled file (formats/compiled_file.py) named by a hash of everything that decides the plan. It
is read with all the checks of a compiled model; one that fails them is removed, and the model is set up from
its file. Nothing here raises: without a directory that can be used, there is no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import edgerun
from edgerun import knobs
from edgerun.artifact import Artifact, read_record, record_bytes
from edgerun.errors import FormatError, ModelError
from edgerun.formats.compiled_file import VERSION
from edgerun.frontends import TFLITE_MAGIC
from edgerun.ir.types import Shape

# A model that is set up faster than this is not worth a file. The first of a process takes longer, since it
# imports the frontends: the next start saves that, too.
WORTH_SECONDS = 0.02
_SUFFIX = ".plan"


@dataclass(frozen=True, eq=False)
class Cached:
    """A plan, and what a session asks of the file that it came from.

    free: of each input, the dimensions that may have another size; open_shapes: the shapes of inputs and
    outputs, by name, of which some dimensions are names or -1; signatures: the file's entry points.
    """

    artifact: Artifact
    free: tuple[tuple[int, ...], ...]
    open_shapes: tuple[tuple[str, tuple[int | str, ...]], ...]
    signatures: tuple[str, ...]


def key_of(data: bytes, path: str, shapes: Mapping[str, Shape] | None, signature: str | None) -> str | None:
    """The name of the entry of a model, or None for one that is not cached.

    The kernels are not in it: a plan is the same on every CPU, and is bound to this one at each start.
    """
    tflite = data[4:8] == TFLITE_MAGIC
    # Weights of ONNX may lie in other files, whose names the model holds under the key "location"; a model
    # that has that text for another reason is imported at each start.
    if knobs.cache_dir() is None or (b"location" in data and not tflite):
        return None
    try:
        wanted = sorted((name, tuple(map(int, shape))) for name, shape in (shapes or {}).items())
        build = (_build(), "" if tflite else _onnx_version())
    except (TypeError, ValueError):
        return None  # wrong shapes are refused where the model is imported
    except OSError:
        return None  # the package is no folder of files: whether it changed cannot be seen
    parts = (
        hashlib.sha256(data).hexdigest(),
        path.endswith(".onnx"),
        wanted,
        signature,
        (edgerun.__version__, VERSION, np.__version__, *build),
        (knobs.max_arena_bytes(), knobs.max_fold_bytes()),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def load(key: str | None, path: str) -> Cached | None:
    """The entry of a key; None when there is none that is sound. `path` becomes the plan's name."""
    place = _place(key)
    if place is None:
        return None
    try:
        data = place.read_bytes()
    except OSError:
        return None
    try:
        cached = read_record(data, path, Cached, lambda made: made.artifact)
        _check_free(cached)
    except FormatError:
        discard(key)
        return None
    with contextlib.suppress(OSError):
        os.utime(place)  # the oldest use goes first
    artifact = cached.artifact
    return replace(cached, artifact=replace(artifact, plan=replace(artifact.plan, name=path)))


def store(key: str | None, cached: Cached) -> None:
    """Writes an entry, whole or not at all, and removes the oldest until all fit EDGERUN_CACHE_MB."""
    place = _place(key)
    if place is None:
        return
    try:
        data = record_bytes(cached)
    except ModelError:
        return  # it has what no file holds
    if len(data) > knobs.cache_bytes():
        return
    import tempfile  # with all that it imports, as expensive as reading an entry

    temporary = ""
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=_SUFFIX, dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
        _trim(place.parent, knobs.cache_bytes())
    except OSError:  # no space, no permission: the model runs all the same
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def discard(key: str | None) -> None:
    """Removes an entry that turned out not to be sound."""
    place = _place(key)
    if place is not None:
        with contextlib.suppress(OSError):
            place.unlink()


def entries() -> list[tuple[Path, int, float]]:
    """(file, bytes, time of the last use) of every file of the cache."""
    folder = knobs.cache_dir()
    return [] if folder is None else list(_entries(folder))


def clear() -> int:
    """Removes every entry; the number of bytes they had. Raises OSError where that is not allowed."""
    found = entries()
    for place, _, _ in found:
        place.unlink(missing_ok=True)
    return sum(size for _, size, _ in found)


def _check_free(cached: Cached) -> None:
    """Raises FormatError where the open dimensions are not those of the inputs."""
    plan = cached.artifact.plan
    ranks = [len(plan.tensors[i].type.shape) for i in plan.inputs]
    if len(ranks) != len(cached.free) or any(
        not 0 <= d < rank for rank, free in zip(ranks, cached.free, strict=True) for d in free
    ):
        raise FormatError(f"{plan.name}: the open dimensions {cached.free} do not fit inputs of {ranks}.")


def _place(key: str | None) -> Path | None:
    folder = knobs.cache_dir()
    return None if key is None or folder is None else folder / (key + _SUFFIX)


def _entries(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Temporary files are among them: those that a killed writer left behind grow old, too."""
    try:
        places = [place for place in folder.iterdir() if place.name.endswith(_SUFFIX)]
    except OSError:
        return
    for place in places:
        with contextlib.suppress(OSError):  # another process removed it
            status = place.stat()
            yield place, status.st_size, status.st_mtime


def _trim(folder: Path, limit: int) -> None:
    found = sorted(_entries(folder), key=lambda entry: entry[2], reverse=True)
    total = 0
    for place, size, _ in found:
        total += size
        if total > limit:
            place.unlink(missing_ok=True)


def _build() -> str:
    """Changes with every file that makes plans and with the engine, also where the version stays the same."""
    root, digest = os.path.dirname(__file__), hashlib.sha256()
    for folder in ("", "formats", "frontends", "ir", "passes", "plan"):
        for line in _sources(os.path.join(root, folder), deep=folder != ""):
            digest.update(f"{folder}/{line}\n".encode())
    return digest.hexdigest()


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
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.origin is None:
        return "none"
    package = Path(spec.origin).parent
    installed = sorted(place.name for place in package.parent.glob("onnx-*-info"))
    status = os.stat(spec.origin)
    return f"{installed} {status.st_size} {status.st_mtime_ns}"
