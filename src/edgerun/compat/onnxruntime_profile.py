"""The trace that a session with enable_profiling leaves, in the format of chrome://tracing."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from edgerun.report import StepProfile


class Trace:
    """Events since the session began; times in microseconds."""

    def __init__(self, prefix: str) -> None:
        now = datetime.now()
        stamp = now.strftime("%Y-%m-%d_%H-%M-%S") + f"_{now.microsecond // 1000:03d}"
        self._path = Path(f"{prefix}_{stamp}.json")
        self.start_ns = time.monotonic_ns()
        self._events: list[dict[str, Any]] = []

    def add(self, name: str, began_ns: int, ended_ns: int, steps: list[StepProfile] | None = None) -> None:
        """An event of the session, with the steps of a run one after the other below it."""
        self._event("Session", name, self._since(began_ns), (ended_ns - began_ns) // 1000, {})
        at = float(self._since(began_ns))
        for index, step in enumerate(steps or []):
            details = {
                "op_name": step.operator,
                "provider": "CPUExecutionProvider",
                "node_index": str(index),
                "kernel": step.kernel,
            }
            self._event("Node", f"{step.name}_kernel_time", round(at), round(step.time_us), details)
            at += step.time_us

    def _since(self, ns: int) -> int:
        return (ns - self.start_ns) // 1000

    def _event(self, category: str, name: str, ts: int, dur: int, args: dict[str, str]) -> None:
        event = {"cat": category, "pid": os.getpid(), "tid": os.getpid(), "dur": dur, "ts": ts, "ph": "X"}
        self._events.append({**event, "name": name, "args": args})

    def write(self) -> str:
        """Writes the file and returns its name."""
        handle, place = tempfile.mkstemp(dir=self._path.parent, suffix=".json")
        with os.fdopen(handle, "w") as file:
            json.dump(self._events, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(place, self._path)
        return str(self._path)
