"""Cameras that send JPEGs over HTTP: a stream without end (MJPEG), or one picture for each request."""

from __future__ import annotations

import http.client
import select
import threading
import time
import urllib.error
import urllib.request
from typing import cast
from urllib.parse import unquote, urlsplit

from edgerun.errors import CameraError, InputError
from edgerun.serve.sources.address import masked
from edgerun.serve.sources.live import Picture
from edgerun.serve.sources.multipart import MultipartParser
from edgerun.serve.sources.options import CaptureOptions
from edgerun.vision.frame import Image
from edgerun.vision.media import decode_image
from edgerun.vision.opencv import opencv

_TIMEOUT_SECONDS = 5.0
_SNAPSHOTS_PER_SECOND = 2.0
_MOST_BYTES = 64 << 20  # of a picture
_CHUNK_BYTES = 1 << 16
# How much of a backlog is read at most before a picture is shown all the same.
_BACKLOG_CHUNKS = 256


def open_http(url: str, options: CaptureOptions) -> MjpegCapture | SnapshotCapture:
    """What the address gives: a stream, or a picture that is asked for again and again. Raises
    CameraError with the address masked."""
    who = f"The stream {masked(url)}"
    response = _connect(url, who)
    kind = response.headers.get_content_type()
    if kind.startswith("image/"):
        response.close()
        return SnapshotCapture(url, options.fps or _SNAPSHOTS_PER_SECOND)
    return MjpegCapture(url, response)


class SnapshotCapture:
    """A Capture that asks for a picture, so many times a second. Raises CameraError."""

    def __init__(self, url: str, fps: float) -> None:
        opencv()
        self._url, self._who = url, f"The camera {masked(url)}"
        self._pause, self._due = 1 / fps, 0.0

    def read(self, stop: threading.Event) -> Picture | None:
        if stop.wait(max(self._due - time.monotonic(), 0.0)):
            return None
        self._due = max(self._due + self._pause, time.monotonic())
        with _connect(self._url, self._who) as response:
            # It is no younger than the request, and no older than the answer's beginning.
            ns, at = time.monotonic_ns(), time.time()
            try:
                data = response.read(_MOST_BYTES + 1)
            except (OSError, http.client.HTTPException) as error:
                raise CameraError(f"{self._who} was lost: {_reason(error)}.") from None
        if len(data) > _MOST_BYTES:
            raise CameraError(f"{self._who} gives pictures of more than {_MOST_BYTES} bytes.")
        try:
            return Picture(decode_image(data, self._who), ns, at)
        except InputError as error:
            raise CameraError(str(error)) from error

    def close(self) -> None:
        pass


def _connect(url: str, who: str) -> http.client.HTTPResponse:
    """An answer that is no error. Raises CameraError."""
    try:
        return _open(url)
    except urllib.error.HTTPError as error:
        error.close()
        raise CameraError(f"{who} answers {error.code} {error.reason}.") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CameraError(f"{who} cannot be reached: {_reason(error)}.") from None


class MjpegCapture:
    """A Capture over a multipart stream of JPEGs; user and password are taken from the URL.

    Raises CameraError with the address masked.
    """

    def __init__(self, url: str, response: http.client.HTTPResponse | None = None) -> None:
        opencv()
        self._who = f"The stream {masked(url)}"
        self._response = response or _connect(url, self._who)
        kind = self._response.headers.get_content_type()
        boundary = self._response.headers.get_param("boundary")
        if not kind.startswith("multipart/") or not isinstance(boundary, str):
            self._response.close()
            expected = "multipart/x-mixed-replace (MJPEG) or a picture"
            raise CameraError(f"{self._who} is {kind}, expected {expected}.")
        self._parser = MultipartParser(boundary)
        self._waiting = select.poll()
        self._waiting.register(self._response.fileno(), select.POLLIN)

    def read(self, stop: threading.Event) -> Picture | None:
        due = time.monotonic() + _TIMEOUT_SECONDS
        skipped = 0
        while not stop.is_set():
            pictures = self._newest()
            ns, at = time.monotonic_ns(), time.time()
            image = _decode(pictures[-1]) if pictures else None
            if image is not None:
                return Picture(image, ns, at, skipped + len(pictures) - 1)
            skipped += len(pictures)
            # A camera that trickles never runs into the time-out of the socket.
            if time.monotonic() > due:
                raise CameraError(
                    f"{self._who} has given no picture for {_TIMEOUT_SECONDS:.0f} seconds."
                )
        return None

    def close(self) -> None:
        self._response.close()

    def _newest(self) -> list[bytes]:
        """What has come: waited for, and then all that is already there, so that none is old."""
        pictures: list[bytes] = []
        try:
            for _ in range(_BACKLOG_CHUNKS):
                data = self._response.read1(_CHUNK_BYTES)
                if not data and not pictures:
                    raise CameraError(f"{self._who} has ended.")
                pictures += self._parser.feed(data)
                if not data or not self._waiting.poll(0):
                    break
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise CameraError(f"{self._who} was lost: {_reason(error)}.") from None
        return pictures


def _open(url: str) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    plain = parts._replace(netloc=host, fragment="").geturl()
    # A camera is asked directly, never through the proxy that the environment names.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if parts.username is not None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        user, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, plain, user, password)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
    opened = urllib.request.build_opener(*handlers).open(plain, timeout=_TIMEOUT_SECONDS)
    return cast(http.client.HTTPResponse, opened)


def _decode(picture: bytes) -> Image | None:
    """uint8 [height, width, 3], or None for a broken picture or one that is too large."""
    try:
        return decode_image(picture, "The picture")
    except InputError:
        return None


def _reason(error: Exception) -> str:
    """In a few words, none of which come from the URL."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer"
    return (getattr(cause, "strerror", None) or type(cause).__name__).lower()
