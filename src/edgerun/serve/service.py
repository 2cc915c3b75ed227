"""Everything that `edgerun serve` runs, from start to stop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import uvicorn

from edgerun.errors import ConfigError
from edgerun.serve.config import CameraConfig, SecondConfig, ServeConfig
from edgerun.serve.crew import Crew
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.http import make_app
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Sink, Stream
from edgerun.serve.scheduler import Rule
from edgerun.serve.second import SecondStage
from edgerun.serve.security import protect
from edgerun.serve.sinks import JsonLines
from edgerun.serve.sources import open_source
from edgerun.session import default_threads
from edgerun.vision.follow import Follower
from edgerun.vision.model import Model, load
from edgerun.vision.motion import MotionGate
from edgerun.vision.tracking import UNSURE, Tracker
from edgerun.vision.zones import ZoneWatch
from edgerun.vision.zones_toml import read_zones

_log = logging.getLogger(__name__)

# What all cameras together may take to end; one that hangs is left behind.
_STOP_SECONDS = 0.5
# An object's crop may wait longer than a frame, and a frame may have several.
_SECOND_SECONDS, _SECOND_DEPTH = 1.0, 8


class Service:
    """Cameras, model and web server of one configuration.

    The constructor binds the port, opens the cameras and loads the model; what fails there raises
    ConfigError, CameraError or ModelError, and nothing is left running. The dashboard is at `url`.
    """

    def __init__(self, config: ServeConfig) -> None:
        config.check()
        self._socket = _bind(config.host, config.port)
        self._metrics = Metrics()
        self._tokens = config.tokens
        self._zone_files = {c.name: c.zones for c in config.cameras if c.zones is not None}
        self._streams: list[Stream] = []
        self._sinks: list[JsonLines] = []
        try:
            crew, shown = load_crew(config, self._metrics)
            self._dispatcher = Dispatcher(max(crew.shapes))
            second = _second_crew(config, max(crew.shapes), self._metrics)
            if config.events is not None:
                self._sinks.append(JsonLines(config.events, self._metrics))
            for camera in config.cameras:
                stage = None
                if config.second is not None and second is not None and camera.follows:
                    stage = _second_stage(camera, config.second, second, self._dispatcher)
                stream = make_stream(
                    camera, crew, shown, self._dispatcher, self._metrics, self._sinks, stage
                )
                self._streams.append(stream)
        except BaseException:
            self._socket.close()
            for sink in self._sinks:
                sink.close()
            raise
        host = f"[{config.host}]" if ":" in config.host else config.host
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT (or stop()); returns when everything has ended."""
        served = make_app(self._streams, self._dispatcher, self._metrics, self._zone_files)
        app = protect(served, self._tokens)
        settings = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._server = _Server(settings, self._streams)
        # Until uvicorn listens to signals, and after: it repeats those that it caught once it is done.
        caught = (signal.SIGTERM, signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        before = [signal.signal(s, lambda *_: self.stop()) for s in caught] if main else []
        self._dispatcher.start()
        for stream in self._streams:
            stream.start()
        names = ", ".join(stream.name for stream in self._streams)
        _log.info("Serving %s on %s", names, self.url)
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        finally:
            until = time.monotonic() + _STOP_SECONDS
            for stream in self._streams:
                stream.begin_stop()
            for stream in self._streams:
                stream.stop(max(until - time.monotonic(), 0.0))
            self._dispatcher.stop(max(until - time.monotonic(), 0.1))
            for sink in self._sinks:
                sink.close()
            self._socket.close()
            for number, handler in zip(caught, before, strict=False):
                signal.signal(number, handler)

    def stop(self) -> None:
        """Asks run() to return; from any thread, once it runs."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Ends the open streams first: uvicorn waits for its connections."""

    def __init__(self, config: uvicorn.Config, streams: Sequence[Stream]) -> None:
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for stream in self._streams:
            stream.begin_stop()
        await super().shutdown(sockets)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of a viewer too slow to hear that the stream has ended."""
    return "timeout graceful shutdown exceeded" not in record.getMessage()


def load_crew(config: ServeConfig, metrics: Metrics) -> tuple[Crew, float]:
    """The model for one core and for all of them, and the lowest score that is shown: where objects are
    followed, it gives boxes below that, too.

    Raises ConfigError where a camera is to follow objects and the model finds none.
    """
    wanted = config.model
    cores = wanted.threads or default_threads()
    backend = cast(Any, wanted.backend)
    model = load(
        wanted.path, labels=wanted.labels, threads=cores, backend=backend, threshold=wanted.threshold
    )
    shown = model.card.threshold
    if follows := [camera.name for camera in config.cameras if camera.follows]:
        if model.card.task != "detection":
            raise ConfigError(
                f"The camera {follows[0]!r} is to follow objects, and {model.name} finds none: it is for "
                f"{model.card.task}."
            )
        model = Model(model.session, replace(model.card, threshold=min(shown, UNSURE)), model.name)
    models = {cores: model}
    if cores > 1:
        models[1] = load(wanted.path, threads=1, backend=backend, card=model.card)
    metrics.add_model(model.name, _sha256(wanted.path))
    return Crew(models, cores), shown


def make_stream(
    camera: CameraConfig,
    crew: Crew,
    shown: float,
    dispatcher: Dispatcher,
    metrics: Metrics,
    sinks: Sequence[Sink],
    second: SecondStage | None = None,
) -> Stream:
    """The camera, opened. shown: the lowest score of a box."""
    return Stream(
        _rule(camera, crew.model.name),
        open_source(camera.source, camera.name, camera.loop, camera.pace, camera.options),
        crew,
        dispatcher,
        metrics,
        rate=camera.rate,
        sinks=sinks,
        follower=_follower(camera, shown) if camera.follows else None,
        threshold=shown,
        gate=MotionGate() if camera.motion else None,
        second=second,
    )


def _second_crew(config: ServeConfig, cores: int, metrics: Metrics) -> Crew | None:
    """The second model on one core each. Raises ConfigError where it is no classifier."""
    wanted = config.second
    if wanted is None:
        return None
    model = load(wanted.path, labels=wanted.labels, threads=1)
    if model.card.task != "classification":
        task = model.card.task
        raise ConfigError(f"The second model must be a classifier, and {model.name} is for {task}.")
    metrics.add_model(model.name, _sha256(wanted.path))
    return Crew({1: model}, cores)


def _second_stage(
    camera: CameraConfig, wanted: SecondConfig, crew: Crew, dispatcher: Dispatcher
) -> SecondStage:
    """Its crops are a stream beside the camera's own."""
    stage = SecondStage(f"{camera.name}/second", wanted.on, dispatcher)
    rule = Rule(stage.name, crew.model.name, _SECOND_SECONDS, camera.priority, "queue", _SECOND_DEPTH)
    dispatcher.add(rule, crew, stage)
    return stage


def _follower(camera: CameraConfig, shown: float) -> Follower:
    """What follows a camera's objects; zones that are not there yet may be drawn on the page."""
    watch = ZoneWatch()
    if camera.zones is not None and camera.zones.exists():
        watch = read_zones(camera.zones)
    return Follower(Tracker(sure=shown), watch)


def _rule(camera: CameraConfig, model: str) -> Rule:
    policy = camera.policy or ("all" if camera.pace == "fast" else "latest")
    depth = 1 if policy == "latest" else camera.depth
    return Rule(camera.name, model, camera.latency, camera.priority, policy, depth)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError with the reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Only listening makes the port ours; whoever comes before run() waits in the queue.
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            f"Port {port} on {host} cannot be used: {reason}. Choose another with --port."
        ) from error
    return listener
