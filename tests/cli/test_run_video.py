"""`edgerun run` on the video of a drawn scene whose truth is known: tracks, events, whole files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click.testing
import cv2
import numpy as np
import pytest

from edgerun.cli import cli
from edgerun.vision.models import bundled
from edgerun.vision.scene import Scene
from metadata_files import classifier

FPS, FRAMES = 10, 60

ZONES = """
[[zone]]
name = "all of it"
points = [[0, 0], [1, 0], [1, 1], [0, 1]]
dwell = 1.0
[[line]]
name = "middle"
start = [0.5, 0.0]
end = [0.5, 1.0]
"""


@pytest.fixture
def run() -> Callable[..., click.testing.Result]:
    """Calls the command line with these words; sessions are real."""

    def call(*words: object) -> click.testing.Result:
        return click.testing.CliRunner().invoke(cli, [str(word) for word in words])

    return call


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the demo camera."""
    path = tmp_path_factory.mktemp("video") / "demo.avi"
    scene, writer = Scene(), None
    for f in range(FRAMES):
        image = scene.render(2 * f)[0]
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, image.shape[1::-1])
        writer.write(image)
    assert writer is not None
    writer.release()
    return path


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_objects_have_numbers_and_events(run, drawn: Path, tmp_path: Path) -> None:
    zones, out, video = tmp_path / "zones.toml", tmp_path / "out.jsonl", tmp_path / "out.mp4"
    zones.write_text(ZONES)
    result = run("run", bundled("demo"), drawn, "--zones", zones, "--jsonl", out, "--save", video)
    assert result.exit_code == 0, result.stderr
    assert "objects" in result.stdout and "enter" in result.stdout
    found = records(out)
    assert [r["frame"] for r in found[:-1]] == list(range(FRAMES))
    assert found[-1]["end"] and all(e["lost"] for e in found[-1]["events"] if e["event"] == "leave")
    seen = {(p["track"], p["label"]) for r in found[:-1] for p in r["predictions"]}
    numbers = [track for track, _ in seen]
    assert len(numbers) == len(set(numbers))  # one label each
    frames = sum(len(r["predictions"]) for r in found[:-1])
    assert len(numbers) <= frames / 8, "numbers do not last"
    events = [e for r in found for e in r.get("events", ())]
    entered = {e["track"] for e in events if e["event"] == "enter"}
    assert entered and entered <= set(numbers)
    assert {e["track"] for e in events if e["event"] == "leave"} == entered
    assert any(e["event"] == "ended" and e["best"]["track"] == e["track"] for e in events)
    written = cv2.VideoCapture(str(video))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    written.release()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl", "out.mp4", "zones.toml"]


def test_still_scenes_are_passed_over(run, tmp_path: Path) -> None:
    path, out = tmp_path / "still.avi", tmp_path / "out.jsonl"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (320, 240))
    for f in range(60):
        picture = np.full((240, 320, 3), 90, np.uint8)
        if f >= 50:
            picture[100:140, 10 * (f - 45) : 10 * (f - 45) + 40] = 220
        writer.write(picture)
    writer.release()
    result = run("run", bundled("demo"), path, "--motion", "--jsonl", out)
    assert result.exit_code == 0
    looked = [r["frame"] for r in records(out)]
    assert set(range(50, 60)) <= set(looked) and not set(range(25, 50)) & set(looked)
    assert f"{60 - len(looked)} still" in result.stdout


@pytest.mark.parametrize("option", ["--track", "--motion", "--jsonl=x.jsonl", "--zones=z.toml"])
def test_what_is_for_videos_is_refused_for_pictures(run, pictures: Path, option: str) -> None:
    result = run("run", bundled("demo"), pictures, option)
    assert result.exit_code == 2
    assert f"{option.split('=')[0]} is for videos" in result.stderr


def test_tracking_needs_a_detector(run, drawn: Path, tmp_path: Path) -> None:
    model = tmp_path / "net.tflite"
    model.write_bytes(classifier())
    result = run("run", model, drawn, "--track")
    assert result.exit_code == 1
    assert "--track needs a model that finds objects, and net is for classification" in result.stderr


def test_a_run_that_fails_leaves_no_half_of_a_file(run, drawn: Path, tmp_path: Path) -> None:
    zones, out = tmp_path / "zones.toml", tmp_path / "out.jsonl"
    zones.write_text("[[zone]]\n")
    out.write_text("what was there\n")
    result = run("run", bundled("demo"), drawn, "--zones", zones, "--jsonl", out)
    assert result.exit_code == 4
    assert "zone 1: name is missing" in result.stderr
    assert out.read_text() == "what was there\n"
    result = run("run", bundled("demo"), drawn, "--jsonl", tmp_path / "no" / "out.jsonl")
    assert result.exit_code == 1 and "cannot be written: No such file" in result.stderr
