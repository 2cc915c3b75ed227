"""What this process costs: processor time and memory, from the system's own books."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

_STATM = Path("/proc/self/statm")
_SPAN_SECONDS = 2.0


class ProcessUsage:
    """The figures of this process. Safe from any thread; asking often costs little."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since = (time.monotonic(), time.process_time())
        self._percent: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """cpu_percent (100 is one CPU busy) since about two seconds ago or, after a longer silence,
        since the last call; the CPUs that the process may use; resident memory in bytes, None where
        the system does not tell.
        """
        with self._lock:
            then, used = self._since
            now = (time.monotonic(), time.process_time())
            over = now[0] - then >= _SPAN_SECONDS
            if over or self._percent is None:
                self._percent = 100 * (now[1] - used) / max(now[0] - then, 1e-3)
            if over:
                self._since = now
            percent = self._percent
        return {
            "cpu_percent": round(percent, 1),
            "cpus": len(os.sched_getaffinity(0)),
            "memory_bytes": _resident_bytes(),
        }


def _resident_bytes() -> int | None:
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
