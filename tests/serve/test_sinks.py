"""Results as lines of JSON."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from edgerun.errors import ConfigError
from edgerun.serve import sinks
from edgerun.serve.config import JsonLinesConfig
from edgerun.serve.pipeline import Result
from edgerun.serve.sinks import JsonLines
from edgerun.vision.detections import Classification, Classifications, Detection, Detections
from edgerun.vision.frame import Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)


def seen(number: int, *labels: str, camera: str = "front") -> Result:
    boxes = tuple(Detection(label, 0, 0.5 + number / 100, (0, 0, 1, 1)) for label in labels)
    return Result(Frame(IMAGE, camera, number), Detections(boxes, 2, 2), 0.01, {})


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def dropped(metrics) -> float:
    return metrics.registry.get_sample_value("edgerun_events_dropped_total", {"sink": "jsonl"})


def test_a_line_for_each_result_after_what_was_there(tmp_path, metrics):
    path = tmp_path / "events.jsonl"
    path.write_text("{}\n")
    sink = JsonLines(JsonLinesConfig(str(path)), metrics)
    results = [seen(i, "cat") for i in range(50)]
    for result in results:
        sink.offer(result)
    sink.close(timeout=20)
    assert lines(path) == [{}, *(result.to_dict() for result in results)]
    assert dropped(metrics) == 0


def test_only_changes_are_those_of_what_is_seen_by_each_camera(tmp_path, metrics):
    path = tmp_path / "events.jsonl"
    sink = JsonLines(JsonLinesConfig(str(path), only="changes"), metrics)
    for result in (
        seen(0),
        seen(1),
        seen(2, "cat", "dog"),
        seen(3, "dog", "cat"),
        seen(4, "dog", "dog", "cat"),
        seen(5, "dog", "dog", "cat", camera="back"),
        seen(6, "dog", "dog", "cat"),
        seen(7),
    ):
        sink.offer(result)
    sink.close(timeout=20)
    assert [(line["camera"], line["frame"]) for line in lines(path)] == [
        ("front", 0),
        ("front", 2),
        ("front", 4),
        ("back", 5),
        ("front", 7),
    ]


def test_of_classes_the_best_counts(tmp_path, metrics):
    path = tmp_path / "events.jsonl"
    sink = JsonLines(JsonLinesConfig(str(path), only="changes"), metrics)
    for number, labels in enumerate((("day", "dusk"), ("day", "night"), ("night", "day"))):
        classes = Classifications(tuple(Classification(label, 0, 0.5) for label in labels))
        sink.offer(Result(Frame(IMAGE, "front", number), classes, 0.01, {}))
    sink.close(timeout=20)
    assert [line["frame"] for line in lines(path)] == [0, 2]


def test_a_reader_that_is_slow_costs_lines_and_never_waits(
    tmp_path, metrics, monkeypatch, eventually
):
    monkeypatch.setattr(sinks, "_QUEUE_LINES", 5)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonLines(JsonLinesConfig(str(path)), metrics)
    for i in range(2000):
        sink.offer(seen(i, *["cat"] * 20))
    lost = dropped(metrics)
    assert lost > 0
    os.set_blocking(reader, True)
    closing = threading.Thread(target=sink.close, args=(20,))
    closing.start()
    with open(reader, encoding="utf-8") as pipe:
        got = [json.loads(line)["frame"] for line in pipe]
    closing.join(20)
    assert got == sorted(got)
    assert len(got) + lost == 2000


def test_a_reader_that_has_gone_is_said_once(tmp_path, metrics, eventually, caplog):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonLines(JsonLinesConfig(str(path)), metrics)
    os.close(reader)
    for i in range(3):
        sink.offer(seen(i))
    eventually(lambda: dropped(metrics) == 3)
    sink.close(timeout=20)
    assert [r.message for r in caplog.records] == [
        f"Results cannot be written to {path}: Broken pipe."
    ]


def test_a_place_that_cannot_be_written(tmp_path, metrics):
    with pytest.raises(ConfigError, match="results cannot be written there: No such file"):
        JsonLines(JsonLinesConfig(str(tmp_path / "none" / "events.jsonl")), metrics)


def test_a_minus_is_stdout(metrics, capfd):
    sink = JsonLines(JsonLinesConfig("-"), metrics)
    sink.offer(seen(0, "cat"))
    sink.close(timeout=20)
    assert json.loads(capfd.readouterr().out)["predictions"][0]["label"] == "cat"
