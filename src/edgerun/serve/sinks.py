"""Where results go, besides the browser."""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
from collections import Counter
from io import FileIO

import prometheus_client

from edgerun.errors import ConfigError
from edgerun.serve.config import JsonLinesConfig
from edgerun.serve.metrics import Metrics
from edgerun.serve.pipeline import Result

_log = logging.getLogger(__name__)

_QUEUE_LINES = 1000
_STDOUT = 1


class JsonLines:
    """Results as lines of JSON, written by a thread of its own.

    A reader that is too slow, or a disk that is full, costs lines, which are counted in
    edgerun_events_dropped_total{sink="jsonl"}, never time of the pipeline. Raises ConfigError where
    the file cannot be opened.
    """

    def __init__(self, config: JsonLinesConfig, metrics: Metrics) -> None:
        self._only_changes = config.only == "changes"
        self._path = config.path
        self._file = _open(config.path)
        self._shown: dict[str, object] = {}
        self._lines: queue.Queue[Result | None] = queue.Queue(_QUEUE_LINES)
        self._trouble = ""
        self._dropped = prometheus_client.Counter(
            "edgerun_events_dropped_total",
            "Results that a sink could not take.",
            ["sink"],
            registry=metrics.registry,
        ).labels(sink="jsonl")
        self._thread = threading.Thread(target=self._write, name="jsonl", daemon=True)
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Leaves the result to be written; never waits. One thread for each camera."""
        if self._only_changes:
            # Scores and boxes differ in every frame; what is there, and how often, does not.
            items = result.prediction.items
            shown = Counter(getattr(item, "label", "") for item in items[: _counted(result)])
            if shown == self._shown.get(result.frame.camera):
                return
            self._shown[result.frame.camera] = shown
        try:
            self._lines.put_nowait(result)
        except queue.Full:
            self._dropped.inc()

    def close(self, timeout: float = 0.5) -> None:
        """Writes what was left, as far as that is possible within `timeout` seconds."""
        try:
            self._lines.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write(self) -> None:
        while (result := self._lines.get()) is not None:
            try:
                self._file.write(json.dumps(result.to_dict()).encode() + b"\n")
                self._trouble = ""
            except OSError as error:
                self._dropped.inc()
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    _log.error("Results cannot be written to %s: %s.", self._path, error.strerror)
        self._file.close()


def _counted(result: Result) -> int:
    """How many predictions are compared: of classes only the best, as the others change places."""
    return 1 if result.prediction.task == "classification" else len(result.prediction.items)


def _open(path: str) -> FileIO:
    try:
        # Without a buffer: a line is there at once, and one that fails is not tried again.
        return FileIO(os.dup(_STDOUT) if path == "-" else path, "a")
    except OSError as error:
        raise ConfigError(f"{path}: results cannot be written there: {error.strerror}.") from error
