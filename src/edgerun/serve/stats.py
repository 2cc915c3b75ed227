"""Counters of a stream and the figures of its last seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Any

from edgerun.serve.metrics import StreamMetrics

_WINDOW_SECONDS = 10.0
_MAX_SAMPLES = 5000


class Stats:
    """Counts frames and drops for ever, and ages and stage times over a sliding window.

    Every figure also goes to the stream's Prometheus metrics. Safe from any thread.
    """

    def __init__(self, metrics: StreamMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._captured = 0
        self._finished = 0
        self._dropped: Counter[str] = Counter()
        # (when it was finished, age, seconds by stage)
        self._samples: deque[tuple[float, float, dict[str, float]]] = deque(maxlen=_MAX_SAMPLES)
        self._last = time.monotonic()

    def captured(self) -> None:
        with self._lock:
            self._captured += 1
        self._metrics.captured.inc()

    def dropped(self, reason: str) -> None:
        with self._lock:
            self._dropped[reason] += 1
        self._metrics.dropped(reason)

    def finished(self, age: float, stages: dict[str, float]) -> None:
        """A result: age in seconds from capture, seconds by stage."""
        now = time.monotonic()
        with self._lock:
            self._finished += 1
            self._last = now
            self._samples.append((now, age, stages))
        self._metrics.age.observe(age)
        for stage, seconds in stages.items():
            self._metrics.stage(stage, seconds)

    def silent_seconds(self) -> float:
        """How long ago the last result was (or the start, before the first)."""
        return time.monotonic() - self._last

    def to_dict(self) -> dict[str, Any]:
        """Counts; and over the window: results per second, age p50 and p99, mean of each stage."""
        now = time.monotonic()
        with self._lock:
            while self._samples and self._samples[0][0] < now - _WINDOW_SECONDS:
                self._samples.popleft()
            samples = list(self._samples)
            counts = {
                "captured": self._captured,
                "processed": self._finished,
                "dropped": dict(self._dropped),
            }
        ages = sorted(age for _, age, _ in samples)
        span = samples[-1][0] - samples[0][0] if len(samples) > 1 else 0.0
        return {
            "frames": counts,
            "fps": round((len(samples) - 1) / span, 2) if span > 0 else 0.0,
            "frame_age_ms": {"p50": _percentile_ms(ages, 0.50), "p99": _percentile_ms(ages, 0.99)},
            "stages_ms": {
                stage: round(sum(s[stage] for _, _, s in samples) / len(samples) * 1e3, 3)
                for stage in (samples[-1][2] if samples else {})
            },
        }


def _percentile_ms(ordered: list[float], share: float) -> float | None:
    """The nearest-rank percentile in milliseconds, None of nothing."""
    if not ordered:
        return None
    rank = max(-(-int(share * 100) * len(ordered) // 100), 1)
    return round(ordered[rank - 1] * 1e3, 3)
