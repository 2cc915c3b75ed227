"""The web server's face: dashboard, live pictures, predictions, figures, health.

Every error is JSON, {"error": "a sentence"}. Live data is never cached, and never queued: whoever
is slow gets the newest when it asks for more.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from edgerun.errors import InputError
from edgerun.serve.broadcast import Subscription
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.gallery import BOUNDARY, Gallery, pack
from edgerun.serve.headers import SecurityHeaders
from edgerun.serve.introspect import Introspection
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Stream
from edgerun.serve.places import change_places
from edgerun.serve.process import ProcessUsage
from edgerun.serve.stats import POINT_SECONDS

_STATUS_SECONDS = 1.0
_PICTURE_SECONDS = 5.0
_POLL_SECONDS = 2.0
_MIN_RATE, _MAX_RATE = 0.1, 1000.0
_FILE_KINDS = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


def make_app(
    streams: Sequence[Stream],
    dispatcher: Dispatcher,
    metrics: Metrics,
    zone_files: Mapping[str, Path] | None = None,
) -> ASGIApp:
    """The ASGI application over streams that run. zone_files: where cameras' zones are kept."""
    handlers = _Handlers(streams, dispatcher, metrics, zone_files or {})
    app = Starlette(
        routes=[
            Route("/", handlers.dashboard),
            Route("/dashboard/{file}", handlers.dashboard),
            Route("/stream/{camera}.mjpg", handlers.stream),
            Route("/stream/{camera}.jpg", handlers.picture),
            Route("/api/streams", handlers.streams),
            Route("/api/events", handlers.events),
            Route("/api/pictures", handlers.pictures),
            Route("/api/model", handlers.model),
            Route("/api/profile", handlers.profile),
            Route("/api/scheduler", handlers.scheduler),
            Route("/api/zones", handlers.zones, methods=["GET", "PUT"]),
            Route("/metrics", handlers.metrics),
            Route("/healthz", handlers.health),
        ],
        exception_handlers={HTTPException: _sentence, Exception: _failure},
    )
    return SecurityHeaders(app)


class _Handlers:
    def __init__(
        self,
        streams: Sequence[Stream],
        dispatcher: Dispatcher,
        metrics: Metrics,
        zone_files: Mapping[str, Path],
    ) -> None:
        self._zone_files = zone_files
        self._streams = {stream.name: stream for stream in streams}
        self._dispatcher = dispatcher
        self._metrics = metrics
        self._gallery = Gallery(self._streams)
        self._introspection = Introspection()
        self._usage = ProcessUsage()
        self._started = time.monotonic()
        folder = resources.files("edgerun.serve") / "dashboard"
        self._files = {
            file.name: file.read_bytes()
            for file in folder.iterdir()
            if file.name.rpartition(".")[2] in _FILE_KINDS
        }

    async def dashboard(self, request: Request) -> Response:
        name = request.path_params.get("file", "index.html")
        if name not in self._files:
            raise HTTPException(404)
        kind = _FILE_KINDS[name.rpartition(".")[2]]
        return Response(self._files[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    async def stream(self, request: Request) -> Response:
        """Motion JPEG, for players and other pages."""
        camera = self._camera(request.path_params["camera"]).name
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return _endless(request, self._gallery.parts(camera), kind)

    async def picture(self, request: Request) -> Response:
        """The newest picture; 503 when there is none for a while."""
        camera = self._camera(request.path_params["camera"]).name
        for picture in await self._gallery.newer({camera: 0}, _PICTURE_SECONDS):
            return Response(picture.jpeg, media_type="image/jpeg")
        raise HTTPException(503, f"The camera {camera} gives no picture at the moment.")

    async def pictures(self, request: Request) -> Response:
        """?CAMERA=NUMBER&...: what is newer than these pictures, as soon as there is something."""
        try:
            asked = request.query_params.items()
            seen = {self._camera(name).name: int(number) for name, number in asked}
        except ValueError:
            raise HTTPException(
                400, "Each camera has the number of a picture: ?front=12&back=0."
            ) from None
        if not seen:
            raise HTTPException(400, "Which cameras? For instance: ?front=0&back=0.")
        found = await self._gallery.newer(seen, _POLL_SECONDS)
        return Response(pack(found), media_type="application/octet-stream")

    async def streams(self, request: Request) -> Response:
        return _Json(self._status())

    async def events(self, request: Request) -> Response:
        """?rate=N: at most N events a second of each camera."""
        try:
            rate = float(request.query_params.get("rate", _MAX_RATE))
        except ValueError:
            rate = 0.0
        if not _MIN_RATE <= rate <= _MAX_RATE:
            raise HTTPException(
                400, f"The rate is a number of events per second, {_MIN_RATE} to {_MAX_RATE:.0f}."
            )
        return _endless(request, self._events(1 / rate), "text/event-stream")

    async def model(self, request: Request) -> Response:
        """?camera=NAME: what runs there; of the first camera when none is named."""
        stream = self._asked(request)
        return _Json(await self._introspection.summary(stream.name, stream.model))

    async def profile(self, request: Request) -> Response:
        """?camera=NAME: some runs of that camera's model, step by step."""
        try:
            return _Json(await self._introspection.profile(self._asked(request).model))
        except InputError as error:
            raise HTTPException(404, str(error)) from error

    async def scheduler(self, request: Request) -> Response:
        """Load, streams, what runs cost, and the newest decisions."""
        return _Json(self._dispatcher.to_dict())

    async def zones(self, request: Request) -> Response:
        """?camera=NAME: its zones and lines; PUT changes them."""
        stream = self._asked(request)
        if request.method == "PUT":
            return _Json(await change_places(request, stream, self._zone_files.get(stream.name)))
        if stream.follower is None:
            raise HTTPException(404, f"The camera {stream.name} does not follow objects.")
        return _Json(stream.follower.watch.to_dict())

    async def metrics(self, request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(self._metrics.text(), headers={"Content-Type": kind})

    async def health(self, request: Request) -> Response:
        """503 when no stream is well; one camera that is away is no reason to restart the others."""
        trouble = {name: stream.trouble for name, stream in self._streams.items() if stream.trouble}
        failing = len(trouble) == len(self._streams)
        status = "failing" if failing else "degraded" if trouble else "ok"
        return _Json({"status": status, "trouble": trouble}, 503 if failing else 200)

    def _camera(self, name: str) -> Stream:
        if name not in self._streams:
            names = ", ".join(self._streams)
            raise HTTPException(404, f"There is no camera {name}, only {names}.")
        return self._streams[name]

    def _asked(self, request: Request) -> Stream:
        return self._camera(request.query_params.get("camera", next(iter(self._streams))))

    def _status(self) -> dict[str, Any]:
        return {
            "uptime_s": round(time.monotonic() - self._started, 1),
            "process": self._usage.to_dict(),
            "streams": [stream.status() for stream in self._streams.values()],
        }

    async def _events(self, pause: float) -> AsyncIterator[str]:
        """`prediction` for each new result (of each camera the newest); every second `status`,
        which is the heartbeat too, and `history`: the points of the charts that are new.
        """
        yield ": What you miss is not kept; you get the newest.\nretry: 2000\n\n"
        due = 0.0
        after: dict[str, int] = {}
        with Subscription(*(stream.results for stream in self._streams.values())) as results:
            while (news := await results.newest(_STATUS_SECONDS)) is not None:
                for result in news:
                    frame = result.frame
                    yield _event("prediction", result.to_dict(), f"{frame.camera}:{frame.number}")
                if time.monotonic() >= due:
                    due = time.monotonic() + _STATUS_SECONDS
                    yield _event("status", self._status())
                    if history := self._history(after):
                        yield _event("history", {"seconds": POINT_SECONDS, "cameras": history})
                await asyncio.sleep(pause)

    def _history(self, after: dict[str, int]) -> dict[str, Any]:
        """The points that follow `after`, by camera, which moves on."""
        news = {}
        for name, stream in self._streams.items():
            history = stream.stats.history(after.get(name))
            if history["fps"]:
                news[name] = history
                after[name] = history["first"] + len(history["fps"]) - 1
        return news


class _Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _json(content).encode()


def _json(data: Any) -> str:
    """JSON has no word for what is not finite (a model may give it): that is null."""
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(data))


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _endless(
    request: Request, parts: AsyncIterator[bytes] | AsyncIterator[str], kind: str
) -> Response:
    """An answer without end, unless only its head is asked for."""
    if request.method == "HEAD":
        return Response(media_type=kind)
    return StreamingResponse(parts, media_type=kind)


def _event(name: str, data: Mapping[str, Any], number: str = "") -> str:
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {name}\ndata: {_json(data)}\n\n"


async def _sentence(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} can be read only: {request.method} is not for it.",
    }
    said = error.detail
    if said in ("Not Found", "Method Not Allowed"):
        said = sentences[error.status_code]
    return _Json({"error": said}, error.status_code, headers=error.headers)


async def _failure(request: Request, error: Exception) -> Response:
    return _Json({"error": "The server failed at this; its log says how."}, 500)
