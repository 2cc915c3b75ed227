"""The web server's face: dashboard, live pictures, predictions, figures, health."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edgerun.serve.broadcast import Subscription
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Stream

_BOUNDARY = "edgerun-picture"
_STATUS_SECONDS = 1.0
_FRESH = {"Cache-Control": "no-store"}
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def make_app(streams: Sequence[Stream], metrics: Metrics) -> Starlette:
    """The ASGI application over streams that run."""
    handlers = _Handlers(streams, metrics)
    return Starlette(
        routes=[
            Route("/", handlers.dashboard),
            Route("/stream/{camera}.mjpg", handlers.stream),
            Route("/api/streams", handlers.streams),
            Route("/api/events", handlers.events),
            Route("/metrics", handlers.metrics),
            Route("/healthz", handlers.health),
        ]
    )


class _Handlers:
    def __init__(self, streams: Sequence[Stream], metrics: Metrics) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._metrics = metrics
        self._started = time.monotonic()
        page = resources.files("edgerun.serve") / "dashboard" / "index.html"
        self._page = page.read_text(encoding="utf-8")

    async def dashboard(self, request: Request) -> Response:
        return HTMLResponse(self._page, headers=_PAGE_HEADERS)

    async def stream(self, request: Request) -> Response:
        stream = self._streams.get(request.path_params["camera"])
        if stream is None:
            names = ", ".join(self._streams)
            return JSONResponse({"error": f"There is no such camera, only {names}."}, 404)
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        return StreamingResponse(_pictures(stream), media_type=kind, headers=_FRESH)

    async def streams(self, request: Request) -> Response:
        return JSONResponse(self._status(), headers=_FRESH)

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=_FRESH)

    async def metrics(self, request: Request) -> Response:
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(self._metrics.text(), headers={**_FRESH, "Content-Type": kind})

    async def health(self, request: Request) -> Response:
        """200 while every stream is well, 503 with the reasons otherwise."""
        trouble = {name: stream.trouble for name, stream in self._streams.items() if stream.trouble}
        status = "failing" if trouble else "ok"
        return JSONResponse(
            {"status": status, "trouble": trouble}, 503 if trouble else 200, headers=_FRESH
        )

    def _status(self) -> dict[str, Any]:
        return {
            "uptime_s": round(time.monotonic() - self._started, 1),
            "streams": [stream.status() for stream in self._streams.values()],
        }

    async def _events(self) -> AsyncIterator[str]:
        """`prediction` for each new result (of each camera the newest), `status` every second."""
        due = 0.0
        with Subscription(*(stream.results for stream in self._streams.values())) as results:
            while (news := await results.newest(_STATUS_SECONDS)) is not None:
                for result in news:
                    yield _event("prediction", result.to_dict())
                if time.monotonic() >= due:
                    due = time.monotonic() + _STATUS_SECONDS
                    yield _event("status", self._status())


async def _pictures(stream: Stream) -> AsyncIterator[bytes]:
    """The newest picture whenever the viewer has taken the last one."""
    with Subscription(stream.pictures) as pictures:
        stream.show()
        while (news := await pictures.newest(_STATUS_SECONDS)) is not None:
            for picture in news:
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield b"--%b\r\n%b%b\r\n" % (_BOUNDARY.encode(), head.encode(), picture)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
