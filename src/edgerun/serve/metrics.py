"""The Prometheus metrics, in base units."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_STAGE_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_AGE_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """A registry of its own: two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.captured = Counter(
            "edgerun_frames_captured_total",
            "Frames that the camera gave.",
            ["camera"],
            registry=self.registry,
        )
        self.dropped = Counter(
            "edgerun_frames_dropped_total",
            "Frames that got no result, by reason.",
            ["camera", "reason"],
            registry=self.registry,
        )
        self.stage = Histogram(
            "edgerun_stage_duration_seconds",
            "Time that a frame spent in a stage.",
            ["camera", "stage"],
            buckets=_STAGE_BUCKETS,
            registry=self.registry,
        )
        self.age = Histogram(
            "edgerun_frame_age_seconds",
            "Age of a frame when its result was there, from capture.",
            ["camera"],
            buckets=_AGE_BUCKETS,
            registry=self.registry,
        )
        self.missed = Counter(
            "edgerun_deadline_missed_total",
            "Results older than the camera's latency target, and frames dropped as they could not meet it.",
            ["camera"],
            registry=self.registry,
        )
        self.events = Counter(
            "edgerun_events_total",
            "What objects did: enter, leave, dwell, cross, ended.",
            ["camera", "event", "place"],
            registry=self.registry,
        )
        self.model = Gauge(
            "edgerun_model_info",
            "The model that runs; the value is always 1.",
            ["name", "version", "sha256", "signed"],
            registry=self.registry,
        )

    def add_model(self, name: str, sha256: str) -> None:
        self.model.labels(name=name, version="", sha256=sha256, signed="false").set(1)

    def of(self, camera: str) -> StreamMetrics:
        return StreamMetrics(self, camera)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self.registry)


class StreamMetrics:
    """The metrics of one camera."""

    def __init__(self, metrics: Metrics, camera: str) -> None:
        self.captured = metrics.captured.labels(camera=camera)
        self.age = metrics.age.labels(camera=camera)
        self.missed = metrics.missed.labels(camera=camera)
        self._metrics = metrics
        self._camera = camera

    def dropped(self, reason: str) -> None:
        self._metrics.dropped.labels(camera=self._camera, reason=reason).inc()

    def event(self, event: str, place: str) -> None:
        self._metrics.events.labels(camera=self._camera, event=event, place=place).inc()

    def stage(self, stage: str, seconds: float) -> None:
        self._metrics.stage.labels(camera=self._camera, stage=stage).observe(seconds)
