"""Cameras through a model, for Python programs: results one after the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from edgerun.errors import CameraError, ConfigError
from edgerun.serve.config import CameraConfig, ModelConfig, ServeConfig, name_cameras
from edgerun.serve.dispatch import Dispatcher
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Result, Stream
from edgerun.serve.service import load_crew, make_stream
from edgerun.serve.sources import is_file

_STOP_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_MOST_MISSED = 1000  # events of a camera that wait for a result


class Pipeline:
    """Iterates over the results of cameras, as `edgerun serve` makes them, without a server.

        with edgerun.Pipeline("yolov8n.tflite", ["rtsp://10.0.0.7/cam", "yard.mp4"], track=True) as pipeline:
            for result in pipeline:
                print(result.frame.camera, result.prediction)

    model: a file. cameras: as for `--camera` of `edgerun serve`: 0, "/dev/video0", an address, a video,
    a picture, a folder, "demo". Files are read once, in full, as fast as they are asked for; a live
    camera gives its newest frame, and reconnects when it fails. on_result, on_event: are called for
    each, in the order of a camera's frames, by the thread that iterates (or calls `run`). track, zones
    (a TOML file, for one camera), motion: as on the command line. latency: seconds from capture to
    result that are aimed at; queue: results that wait for the program, beyond which the oldest of live
    cameras go.

    A result has `frame` (image, camera, number, captured_at), `prediction`, `age` in seconds from
    capture, `stages`, `events`, `to_dict()`. Raises ConfigError, CameraError or ModelError for what
    cannot be opened.
    """

    def __init__(
        self,
        model: str | Path,
        cameras: Sequence[str | int] = ("demo",),
        *,
        labels: str | Path | None = None,
        threads: int | None = None,
        threshold: float | None = None,
        backend: Literal["edgerun", "litert", "onnxruntime"] = "edgerun",
        rate: float | None = None,
        track: bool = False,
        zones: str | Path | None = None,
        motion: bool = False,
        latency: float = 0.2,
        queue_size: int = 16,
        on_result: Callable[[Result], object] | None = None,
        on_event: Callable[[dict[str, Any]], object] | None = None,
    ) -> None:
        if isinstance(cameras, str | int):
            raise ConfigError(f"cameras is a list of cameras, got {cameras!r}.")
        specs = [str(camera) for camera in cameras]
        files = [is_file(spec) for spec in specs]
        common: dict[str, Any] = {
            "rate": rate,
            "track": track,
            "motion": motion,
            "latency": latency,
            "loop": False,
        }
        config = ServeConfig(
            cameras=tuple(
                CameraConfig(
                    name=name,
                    source=spec,
                    pace="fast" if file and rate is None else "real",
                    zones=Path(zones) if zones is not None else None,
                    **common,
                )
                for name, spec, file in zip(name_cameras(specs), specs, files, strict=True)
            ),
            model=ModelConfig(
                path=Path(model),
                labels=Path(labels) if labels is not None else None,
                threads=threads,
                threshold=threshold,
                backend=backend,
            ),
        )
        config.check()
        self.on_result, self.on_event = on_result, on_event
        self._metrics = Metrics()
        self._results: queue.Queue[Result] = queue.Queue(queue_size)
        self._missed: dict[str, tuple[dict[str, Any], ...]] = {}
        self._lock = threading.Lock()
        self._waits = all(files)
        self._closed = threading.Event()
        crew, shown = load_crew(config, self._metrics)
        self._dispatcher = Dispatcher(max(crew.shapes))
        self._streams: list[Stream] = []
        try:
            for camera in config.cameras:
                self._streams.append(
                    make_stream(camera, crew, shown, self._dispatcher, self._metrics, [self])
                )
        except BaseException:
            self.close()
            raise
        self._started = False

    def __iter__(self) -> Iterator[Result]:
        """The results until all files are over or it is closed. Raises CameraError once a file
        cannot be read further and nothing else is left."""
        self._start()
        while not self._closed.is_set():
            try:
                result = self._results.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if not self._ended():
                    continue
                try:
                    result = self._results.get_nowait()  # came meanwhile
                except queue.Empty:
                    self._raise_trouble()
                    return
            with self._lock:
                missed = self._missed.pop(result.frame.camera, ())
            result = replace(result, events=(*missed, *result.events))
            if self.on_result is not None:
                self.on_result(result)
            if self.on_event is not None:
                for event in result.events:
                    self.on_event({"camera": result.frame.camera, **event})
            yield result

    def run(self) -> None:
        """Iterates for the callbacks' sake."""
        for _ in self:
            pass

    def status(self) -> list[dict[str, Any]]:
        """State, frames, ages and times by stage of each camera, as /api/streams."""
        return [stream.status() for stream in self._streams]

    def close(self) -> None:
        """Ends cameras and workers. Again: nothing."""
        self._closed.set()
        until = time.monotonic() + _STOP_SECONDS
        for stream in self._streams:
            stream.begin_stop()
        for stream in self._streams:
            stream.stop(max(until - time.monotonic(), 0.0))
        self._dispatcher.stop(max(until - time.monotonic(), 0.1))

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def offer(self, result: Result) -> None:
        """Takes a result of a stream: a file waits for the program, a live camera does not."""
        while not self._closed.is_set():
            try:
                self._results.put(result, timeout=_LOOK_SECONDS if self._waits else 0)
                return
            except queue.Full:
                if not self._waits:
                    self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            old = self._results.get_nowait()
        except queue.Empty:
            return
        # What happened is not lost with the frame on which it was noticed, but for what nobody asks for.
        with self._lock:
            missed = (*self._missed.get(old.frame.camera, ()), *old.events)
            self._missed[old.frame.camera] = missed[-_MOST_MISSED:]

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        self._dispatcher.start()
        for stream in self._streams:
            stream.start()

    def _ended(self) -> bool:
        return all(s.state in ("ended", "failed", "stopped") and s.idle for s in self._streams)

    def _raise_trouble(self) -> None:
        for stream in self._streams:
            if stream.state == "failed":
                raise CameraError(stream.trouble)
