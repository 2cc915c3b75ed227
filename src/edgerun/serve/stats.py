"""Counters of a stream and the figures of its last seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Any

from edgerun.serve.metrics import StreamMetrics

POINT_SECONDS = 2.0

_WINDOW_SECONDS = 10.0
_MAX_SAMPLES = 5000
_MAX_POINTS = 150

# When it was finished, age, seconds by stage.
_Sample = tuple[float, float, dict[str, float]]


class Stats:
    """Counts frames and drops for ever, ages and stage times over a sliding window, and keeps a
    point for each two seconds of the last five minutes.

    Every figure also goes to the stream's Prometheus metrics. Safe from any thread.
    """

    def __init__(self, metrics: StreamMetrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._captured = 0
        self._finished = 0
        self._missed = 0
        self._dropped: Counter[str] = Counter()
        self._samples: deque[_Sample] = deque(maxlen=_MAX_SAMPLES)
        self._last = time.monotonic()
        self._point = _point_at(self._last)
        self._first_point = self._point + 1
        self._current: list[_Sample] = []
        self._points: deque[tuple[int, dict[str, float | None]]] = deque(maxlen=_MAX_POINTS)

    def captured(self) -> None:
        with self._lock:
            self._captured += 1
        self._metrics.captured.inc()

    def dropped(self, reason: str) -> None:
        with self._lock:
            self._dropped[reason] += 1
        self._metrics.dropped(reason)

    def event(self, event: str, place: str) -> None:
        """An object did something; place: of which zone or line, "" for none."""
        self._metrics.event(event, place)

    def missed(self) -> None:
        """A result or a frame that did not make its deadline."""
        with self._lock:
            self._missed += 1
        self._metrics.missed.inc()

    def finished(self, age: float, stages: dict[str, float]) -> None:
        """A result: age in seconds from capture, seconds by stage."""
        now = time.monotonic()
        with self._lock:
            self._finished += 1
            self._last = now
            self._turn_point(now)
            self._current.append((now, age, stages))
            self._samples.append((now, age, stages))
        self._metrics.age.observe(age)
        for stage, seconds in stages.items():
            self._metrics.stage(stage, seconds)

    def silent_seconds(self) -> float:
        """How long ago the last result was (or the start, before the first)."""
        return time.monotonic() - self._last

    def history(self, after: int | None = None) -> dict[str, Any]:
        """The points that are complete, oldest first, of the last minutes or later than `after`.

        A point is POINT_SECONDS long. first: the number of the first one, which grows with time.
        fps, age_p50_ms, age_p99_ms, infer_ms: a list each; None where there was no result.
        """
        with self._lock:
            self._turn_point(time.monotonic())
            last = self._point - 1
            points = dict(self._points)
        first = max(last - _MAX_POINTS + 1, self._first_point)
        if after is not None:
            first = max(first, after + 1)
        wanted = [points.get(number, _SILENCE) for number in range(first, last + 1)]
        return {"first": first, **{key: [point[key] for point in wanted] for key in _SILENCE}}

    def _turn_point(self, now: float) -> None:
        """Completes the point that is over."""
        number = _point_at(now)
        if number == self._point:
            return
        if self._current:
            self._points.append((self._point, _summarise(self._current)))
        self._point, self._current = number, []

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
            missed = self._missed
        ages = sorted(age for _, age, _ in samples)
        span = samples[-1][0] - samples[0][0] if len(samples) > 1 else 0.0
        return {
            "frames": counts,
            "deadlines_missed": missed,
            "fps": round((len(samples) - 1) / span, 2) if span > 0 else 0.0,
            "frame_age_ms": {"p50": _percentile_ms(ages, 0.50), "p99": _percentile_ms(ages, 0.99)},
            "stages_ms": {
                stage: round(sum(s[stage] for _, _, s in samples) / len(samples) * 1e3, 3)
                for stage in (samples[-1][2] if samples else {})
            },
        }


_SILENCE: dict[str, float | None] = {
    "fps": 0.0,
    "age_p50_ms": None,
    "age_p99_ms": None,
    "infer_ms": None,
}


def _point_at(now: float) -> int:
    return int(now // POINT_SECONDS)


def _summarise(samples: list[_Sample]) -> dict[str, float | None]:
    ages = sorted(age for _, age, _ in samples)
    infer = [stages["infer"] for _, _, stages in samples if "infer" in stages]
    return {
        "fps": len(samples) / POINT_SECONDS,
        "age_p50_ms": _percentile_ms(ages, 0.50),
        "age_p99_ms": _percentile_ms(ages, 0.99),
        "infer_ms": round(sum(infer) / len(infer) * 1e3, 3) if infer else None,
    }


def _percentile_ms(ordered: list[float], share: float) -> float | None:
    """The nearest-rank percentile in milliseconds, None of nothing."""
    if not ordered:
        return None
    rank = max(-(-int(share * 100) * len(ordered) // 100), 1)
    return round(ordered[rank - 1] * 1e3, 3)
