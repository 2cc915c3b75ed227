"""The files of a zip archive that is appended to a model: label files, most of all.

A model runs without them, and engines ignore what stands behind it. So nothing here raises: what is
damaged, too large or strange is left out, and a sentence says so. What a file may cost is bounded before
it is unpacked, and names are only names: nothing is ever written to where one points.
"""

from __future__ import annotations

import io
import logging
import struct
import zipfile
import zlib
from typing import NamedTuple

_log = logging.getLogger(__name__)

# Before the name of a file among the metadata of a model.
PREFIX = "zip/"

MAX_FILES = 64
MAX_FILE_BYTES = 4 << 20  # of one file, unpacked
MAX_BYTES = 8 << 20  # of all files, unpacked
MAX_DIRECTORY_BYTES = 64 << 10
MAX_NAME = 255  # characters

_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_ZIP64_MARK = b"PK\x06\x07"  # 20 bytes before the end record, where there is one
_ENCRYPTED = 1  # flag
# Other methods unpack without a limit on the result of a step.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FAILURES = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error)


class Archive(NamedTuple):
    """Contents by name, and a sentence (without its full stop) on each thing that was left out."""

    files: dict[str, bytes]
    ignored: tuple[str, ...]


def appended_archive(data: bytes) -> Archive:
    """The files of the zip archive at the end of `data`; without one, none. Raises nothing."""
    end = _end_record(data)
    if end is None:
        return Archive({}, ())
    *_, count, directory_bytes, _, _ = _END.unpack_from(data, end)
    zip64 = data[max(0, end - 20) : end].startswith(_ZIP64_MARK)
    if zip64 or directory_bytes > MAX_DIRECTORY_BYTES:
        return Archive({}, (f"the archive behind the model is too large to be read ({count} files)",))
    files: dict[str, bytes] = {}
    ignored: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            for entry in entries[:MAX_FILES]:
                _read(archive, entry, files, ignored)
    except _FAILURES as error:
        ignored.append(f"the archive behind the model is damaged ({_short(str(error))})")
    else:
        if len(entries) > MAX_FILES:
            ignored.append(f"the archive behind the model has {len(entries)} files, {MAX_FILES} are read")
    return Archive(files, tuple(ignored))


def appended_metadata(data: bytes, path: str) -> dict[str, bytes]:
    """The files behind the model at `path`, as metadata: "zip/NAME" -> content.

    What is left out is logged as a warning.
    """
    archive = appended_archive(data)
    for sentence in archive.ignored:
        _log.warning("%s: %s.", path, sentence)
    return {PREFIX + name: content for name, content in archive.files.items()}


def _end_record(data: bytes) -> int | None:
    """Where the archive's end record begins: at the end of the data, or before a comment that is there."""
    last = len(data) - _END.size
    if last < 0:
        return None
    if data[last : last + 4] == _END_MARK and data[-2:] == b"\0\0":
        return last
    found = data.rfind(_END_MARK, max(0, last - 0xFFFF))
    if not 0 <= found <= last:
        return None
    (*_, comment) = _END.unpack_from(data, found)
    # Weights may have these four bytes too; a comment that does not end with the file tells.
    return found if found + _END.size + comment == len(data) else None


def _read(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, files: dict[str, bytes], ignored: list[str]
) -> None:
    """Adds a file's content to `files`, or why not to `ignored`."""
    reason = _objection(entry, files)
    if not reason:
        try:
            with archive.open(entry) as file:
                content = file.read(entry.file_size)
                file.read(1)  # at the end the checksum is compared
            files[entry.filename] = content
        except _FAILURES as error:
            reason = f"is damaged ({_short(str(error))})"
    if reason:
        ignored.append(f"the file {_short(entry.filename)!r} behind the model {reason}")


def _objection(entry: zipfile.ZipInfo, files: dict[str, bytes]) -> str:
    """Why a file is not read, "" if it is."""
    name = entry.filename
    if not name or not name.isprintable() or len(name) > MAX_NAME or "\\" in name or ":" in name:
        return "has a name that is not used"
    if name.startswith("/") or ".." in name.split("/"):
        return "has a name that leads out of its folder"
    if name in files:
        return "is there twice"
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        return "is encrypted or compressed in a way that is not read"
    room = min(MAX_FILE_BYTES, MAX_BYTES - sum(map(len, files.values())))
    if entry.file_size > room:
        return f"is too large: {entry.file_size} bytes where {room} may be"
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:80]
