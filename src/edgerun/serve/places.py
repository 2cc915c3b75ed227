"""The zones and lines of cameras, looked at and changed over HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from edgerun.errors import ConfigError
from edgerun.serve.pipeline import Stream
from edgerun.vision.zones_toml import write_zones, zones_of

_log = logging.getLogger(__name__)

_MOST_BYTES = 64 << 10


async def change_places(request: Request, stream: Stream, path: Path | None) -> dict[str, Any]:
    """Puts the zones and lines of the request's JSON, {"zone": [...], "line": [...]}, in the place of
    the camera's, and writes them to its file. Returns them as they are then.

    Raises HTTPException with a sentence.
    """
    _check_origin(request)
    if stream.follower is None or path is None:
        raise HTTPException(
            409,
            f"The camera {stream.name} has no file for its zones: give it one, [[camera]] zones = "
            '"zones.toml", or --zones FILE.',
        )
    tables = _tables(await _body(request))
    try:
        watch = zones_of(tables, "the zones")
        write_zones(path, watch)
    except ConfigError as error:
        raise HTTPException(400, str(error)) from error
    except OSError as error:
        raise HTTPException(500, f"The zones cannot be written to {path.name}: {error.strerror}.") from error
    stream.follower.watch = watch
    _log.info("%s: Its zones were changed; they are in %s.", stream.name, path)
    return watch.to_dict()


def _check_origin(request: Request) -> None:
    """Only our own page may change anything: others could use a browser's cookie, or that it is on
    this machine."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "The zones are sent as application/json.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "This page is not of this server.")


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"The zones must be no more than {_MOST_BYTES} bytes.")
    return body


def _tables(body: bytes) -> dict[str, Any]:
    try:
        tables = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The zones are no JSON.") from error
    if not isinstance(tables, dict):
        raise HTTPException(400, 'The zones are {"zone": [...], "line": [...]}.')
    return {key: _plain(value) for key, value in tables.items()}


def _plain(value: object) -> object:
    """Without what is null, and without what only tells how many there are."""
    if isinstance(value, list):
        return [_plain(item) if isinstance(item, Mapping) else item for item in value]
    if isinstance(value, Mapping):
        return {k: v for k, v in value.items() if v is not None and k not in ("count", "in", "out")}
    return value
