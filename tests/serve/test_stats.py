"""Counters, sliding figures and the metrics that mirror them."""

from __future__ import annotations

import time

import pytest

from edgerun.serve.stats import Stats


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_percentiles_rate_and_stage_means(metrics, clock):
    stats = Stats(metrics.of("front"))
    for i in range(1, 101):
        clock[0] += 0.05
        stats.captured()
        stats.finished(i / 1000, {"infer": 0.002 * (i % 2)})
    figures = stats.to_dict()
    assert figures["frame_age_ms"] == {"p50": 50.0, "p99": 99.0}
    assert figures["fps"] == 20.0
    assert figures["stages_ms"] == {"infer": 1.0}
    assert figures["frames"] == {"captured": 100, "processed": 100, "dropped": {}}


def test_old_samples_leave_the_window_and_counts_stay(metrics, clock):
    stats = Stats(metrics.of("front"))
    stats.finished(9.0, {"infer": 1.0})
    clock[0] += 11
    stats.finished(0.004, {"infer": 0.003})
    figures = stats.to_dict()
    assert figures["frame_age_ms"] == {"p50": 4.0, "p99": 4.0}
    assert figures["frames"]["processed"] == 2
    clock[0] += 11
    assert stats.to_dict()["frame_age_ms"] == {"p50": None, "p99": None}
    assert stats.silent_seconds() == 11


def test_drops_are_counted_by_reason(metrics, clock):
    stats = Stats(metrics.of("front"))
    for reason in ("newer_frame", "newer_frame", "error"):
        stats.dropped(reason)
    assert stats.to_dict()["frames"]["dropped"] == {"newer_frame": 2, "error": 1}


def test_prometheus_sees_the_same(metrics, clock):
    stats = Stats(metrics.of("front"))
    stats.captured()
    stats.dropped("error")
    stats.finished(0.25, {"infer": 0.125})
    metrics.add_model("net", "abc")
    value = metrics.registry.get_sample_value
    assert value("edgerun_frames_captured_total", {"camera": "front"}) == 1
    labels = {"camera": "front", "reason": "error"}
    assert value("edgerun_frames_dropped_total", labels) == 1
    assert value("edgerun_frame_age_seconds_sum", {"camera": "front"}) == 0.25
    labels = {"camera": "front", "stage": "infer"}
    assert value("edgerun_stage_duration_seconds_sum", labels) == 0.125
    labels = {"name": "net", "version": "", "sha256": "abc", "signed": "false"}
    assert value("edgerun_model_info", labels) == 1
    assert b"# TYPE edgerun_frame_age_seconds histogram" in metrics.text()
