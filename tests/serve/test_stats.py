"""Counters, sliding figures and the metrics that mirror them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from edgerun.serve.process import ProcessUsage
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


def test_history_has_a_point_for_each_two_seconds(metrics, clock):
    stats = Stats(metrics.of("front"))
    for second in range(100, 108):
        for i in range(1, 6):
            clock[0] = second + i / 10
            if second not in (104, 105):
                stats.finished(0.001 * i, {"infer": 0.002})
    # The first two seconds began before the stream; the last ones are not over.
    history = stats.history()
    assert history == {
        "first": 51,
        "fps": [5.0, 0.0],
        "age_p50_ms": [3.0, None],
        "age_p99_ms": [5.0, None],
        "infer_ms": [2.0, None],
    }
    clock[0] = 108
    assert stats.history(after=52) == {
        "first": 53,
        "fps": [5.0],
        "age_p50_ms": [3.0],
        "age_p99_ms": [5.0],
        "infer_ms": [2.0],
    }
    assert stats.history(after=53)["fps"] == []


def test_history_ends_after_five_minutes(metrics, clock):
    stats = Stats(metrics.of("front"))
    for _ in range(1000):
        clock[0] += 1
        stats.finished(0.001, {})
    history = stats.history()
    assert history["fps"] == [1.0] * 150
    assert history["infer_ms"] == [None] * 150
    assert history["first"] == 1100 // 2 - 150
    clock[0] += 10_000
    assert stats.history()["fps"] == [0.0] * 150


def test_process_usage_is_of_the_last_seconds(clock, monkeypatch):
    busy = [10.0]
    monkeypatch.setattr(time, "process_time", lambda: busy[0])
    usage = ProcessUsage()
    clock[0] += 2
    busy[0] += 1
    assert usage.to_dict()["cpu_percent"] == 50.0
    clock[0] += 4
    busy[0] += 6
    figures = usage.to_dict()
    assert figures["cpu_percent"] == 150.0
    assert figures["cpus"] >= 1
    status = Path("/proc/self/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
    assert figures["memory_bytes"] == pytest.approx(resident, rel=0.1)


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
