"""JPEG pictures out of a multipart/x-mixed-replace stream, however its camera writes it."""

from __future__ import annotations

import re

from edgerun.errors import CameraError

_MOST_BYTES = 32 << 20
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)


class MultipartParser:
    """feed() takes bytes as they come and gives the whole JPEGs among them.

    A part ends after its Content-Length or, without one, before the next boundary. A picture
    without beginning or end (FF D8 ... FF D9) is left out. Raises CameraError for a stream of more
    than 32 MB without a boundary.
    """

    def __init__(self, boundary: str) -> None:
        # Some cameras count the leading dashes as a part of the boundary, others do not.
        self._delimiter = b"--" + boundary.strip().strip('"').lstrip("-").encode("latin-1")
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._bytes += data
        found = []
        while (part := self._part()) is not None:
            if picture := _jpeg(part):
                found.append(picture)
        if len(self._bytes) > _MOST_BYTES:
            raise CameraError(f"there is no boundary in {_MOST_BYTES >> 20} MB")
        return found

    def _part(self) -> bytes | None:
        """Takes the first whole part from the bytes; None where there is none yet."""
        start = self._bytes.find(self._delimiter)
        if start < 0:
            # Noise before a boundary, of which the beginning may already be there.
            del self._bytes[: -len(self._delimiter)]
            return None
        del self._bytes[:start]
        head = _HEADERS_END.search(self._bytes, len(self._delimiter))
        if head is None:
            return None
        length = _LENGTH.search(self._bytes, len(self._delimiter), head.start() + 2)
        if length is not None:
            end = head.end() + int(length[1])
            if len(self._bytes) < end:
                return None
        else:
            end = self._bytes.find(self._delimiter, head.end())
            if end < 0:
                return None
        part = bytes(self._bytes[head.end() : end])
        del self._bytes[:end]
        return part


def _jpeg(part: bytes) -> bytes | None:
    """The picture in a part, without what some cameras put before and after it."""
    start, end = part.find(b"\xff\xd8"), part.rfind(b"\xff\xd9")
    return part[start : end + 2] if 0 <= start < end else None
