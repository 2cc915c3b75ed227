"""The newest pictures of the cameras, for viewers who come back for more at their own pace.

A viewer names the cameras it shows and the number of the picture it has of each, and gets what is
newer. So one connection serves a page of any number of cameras, a picture is never older than one
round trip, and a viewer who is slow, or gone, costs nothing: nothing is kept for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from edgerun.serve.broadcast import Subscription
from edgerun.serve.pipeline import Stream

BOUNDARY = "edgerun-picture"

# How long pictures are drawn on after a viewer was served: longer than its way back here.
_LINGER_SECONDS = 2.0


@dataclass(frozen=True)
class Picture:
    """A JPEG of a camera; numbers grow from picture to picture."""

    camera: str
    number: int
    jpeg: bytes


class Gallery:
    """Pictures of streams that run; for the tasks of one event loop."""

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self._streams = streams
        self._audiences: dict[str, _Audience] = {}

    async def newer(self, seen: Mapping[str, int], timeout: float) -> list[Picture]:
        """Of each camera in `seen` the newest picture if its number is another than seen, as soon
        as there is one; nothing after `timeout` seconds, or once a stream has stopped.
        """
        streams = [self._streams[name] for name in seen]
        fresh = {stream.name: self._gather(stream) for stream in streams}
        until = asyncio.get_running_loop().time() + timeout
        with Subscription(*(stream.pictures for stream in streams)) as news:
            while True:
                found = []
                for stream in streams:
                    number, jpeg = stream.pictures.newer_than(fresh[stream.name])
                    if jpeg is not None and number != seen[stream.name]:
                        found.append(Picture(stream.name, number, jpeg))
                left = until - asyncio.get_running_loop().time()
                if found or left <= 0 or await news.newest(left) is None:
                    return found

    async def parts(self, camera: str) -> AsyncIterator[bytes]:
        """A multipart stream: the next part is the newest picture when the last one is taken."""
        topic = self._streams[camera].pictures
        number = 0
        while not topic.closed:
            for picture in await self.newer({camera: number}, _LINGER_SECONDS):
                number = picture.number
                yield (
                    f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
                    f"Content-Length: {len(picture.jpeg)}\r\n\r\n"
                ).encode() + picture.jpeg + b"\r\n"

    def _gather(self, stream: Stream) -> int:
        """Sees to it that pictures are drawn; returns the number of the last one from before."""
        audience = self._audiences.get(stream.name)
        if audience is None:
            last, _ = stream.pictures.newer_than(0)
            audience = _Audience(Subscription(stream.pictures), last)
            self._audiences[stream.name] = audience
            audience.seat.__enter__()
            stream.show()
        if audience.leaving is not None:
            audience.leaving.cancel()
        loop = asyncio.get_running_loop()
        audience.leaving = loop.call_later(_LINGER_SECONDS * 2, self._disperse, stream.name)
        return audience.before

    def _disperse(self, name: str) -> None:
        self._audiences.pop(name).seat.__exit__(None, None, None)


@dataclass
class _Audience:
    """Holds a seat in the name of those who were here just now; `before`: the last old picture."""

    seat: Subscription[bytes]
    before: int
    leaving: asyncio.TimerHandle | None = None


def pack(pictures: list[Picture]) -> bytes:
    """Pictures in one body: the length of the head (4 bytes, big-endian), the head, the JPEGs.

    The head is JSON, for each picture camera, number and bytes, in the order of the JPEGs.
    """
    head = json.dumps(
        [{"camera": p.camera, "number": p.number, "bytes": len(p.jpeg)} for p in pictures]
    ).encode()
    return b"".join((len(head).to_bytes(4, "big"), head, *(p.jpeg for p in pictures)))
