"""A second model on the objects that the first one finds: who is asked about, when again, and live."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from colours import write_colours_model
from edgerun.errors import ConfigError
from edgerun.serve.second import CropFrame, SecondStage
from edgerun.vision.detections import Classification, Classifications, Detection, Detections
from edgerun.vision.frame import Frame
from serve.test_places import Running, serve, until  # noqa: F401 - serve is a fixture

PICTURE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)


class Asked:
    """A dispatcher that keeps what it is offered."""

    def __init__(self) -> None:
        self.crops: list[CropFrame] = []

    def offer(self, stream: str, frame: CropFrame) -> None:
        assert stream == "yard/second"
        self.crops.append(frame)


class Says:
    """A classifier that says always the same."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __call__(self, image: np.ndarray) -> Classifications:
        return Classifications((Classification(self.label, 3, 0.9),))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def stage(asked: Asked) -> SecondStage:
    return SecondStage("yard/second", ["dog"], asked)  # type: ignore[arg-type]


def objects(*boxes: tuple[float, float, float, float], label: str = "dog") -> Detections:
    items = (Detection(label, 0, 0.8, box, track=i) for i, box in enumerate(boxes, 1))
    return Detections(tuple(items), 300, 200)


def look(stage: SecondStage, found: Detections, ended: tuple[int, ...] = ()) -> tuple[Detections, list[dict]]:
    return stage.look(Frame(PICTURE, "yard"), found, ended)


def test_each_object_is_asked_about_once_and_again_when_it_is_seen_better(stage, asked) -> None:
    small = objects((100, 50, 140, 90))
    assert look(stage, small) == (small, [])
    look(stage, small)
    (crop,) = asked.crops
    np.testing.assert_array_equal(crop.image, PICTURE[46:94, 96:144])
    stage.work(crop, Says("pug"))
    known, news = look(stage, small)
    assert known.items[0].second == Classification("pug", 3, 0.9)
    assert known.to_dict()["predictions"][0]["second"]["label"] == "pug"
    assert [(e["event"], e["track"], e["label"]) for e in news] == [("is", 1, "pug")]
    look(stage, objects((100, 50, 145, 95)))
    assert len(asked.crops) == 1
    look(stage, objects((100, 50, 180, 130)))
    assert len(asked.crops) == 2
    stage.work(asked.crops[1], Says("pug"))
    assert look(stage, small)[1] == []  # it is what it was


def test_others_and_what_is_too_small_are_left_alone(stage, asked) -> None:
    look(stage, objects((100, 50, 140, 90), label="cat"))
    look(stage, objects((100, 50, 104, 54)))
    look(stage, Detections((Detection("dog", 0, 0.9, (0, 0, 50, 50)),), 300, 200))
    look(stage, objects((500, 500, 600, 600)))
    assert not asked.crops


def test_what_was_dropped_is_asked_about_again_and_who_has_gone_is_forgotten(stage, asked) -> None:
    here = objects((100, 50, 140, 90))
    look(stage, here)
    stage.dropped(asked.crops[0], "late")
    look(stage, here)
    assert len(asked.crops) == 2
    look(stage, objects(), (1,))
    stage.work(asked.crops[1], Says("pug"))
    known, news = look(stage, here)
    assert known.items[0].second is None and news == []


def test_live_beside_the_detector(serve, tmp_path: Path) -> None:  # noqa: F811
    write_colours_model(tmp_path / "colours.tflite")
    (tmp_path / "colours.txt").write_text("red\ngreen\nblue\n")
    second = '[second]\npath = "colours.tflite"\nlabels = "colours.txt"'
    running: Running = serve('source = "demo"\nname = "yard"\ntrack = true', second)

    def told() -> bool:
        (stream,) = running.ask("/api/streams")[1]["streams"]
        latest = stream["latest"] or {"predictions": []}
        return any(
            p.get("second", {}).get("label") in ("red", "green", "blue") for p in latest["predictions"]
        )

    until(told)
    assert 'edgerun_events_total{camera="yard",event="is",place=""}' in running.text("/metrics")
    time.sleep(0.1)
    shares = {s["name"]: s for s in running.ask("/api/scheduler")[1]["streams"]}
    assert set(shares) == {"yard", "yard/second"}


def test_a_second_model_needs_objects_and_is_a_classifier(serve, tmp_path: Path) -> None:  # noqa: F811
    write_colours_model(tmp_path / "colours.tflite")
    with pytest.raises(ConfigError, match="no camera has track = true"):
        serve('source = "demo"', '[second]\npath = "colours.tflite"')
    from edgerun.vision.models import bundled

    with pytest.raises(ConfigError, match="must be a classifier, and demo is for detection"):
        serve('source = "demo"\ntrack = true', f'[second]\npath = "{bundled("demo")}"')
